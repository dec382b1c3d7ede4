"""A page says in one sentence that the claims were changed after the runs, and is silent where they were not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lotterylab.engine.results import Result
from lotterylab.plan.plan import Prediction
from lotterylab.reading.outline import Outline
from lotterylab.reading.registered import changed_since, claims_digest
from lotterylab.reading.rows import Rows
from lotterylab.report.context import ReportContext
from lotterylab.report.page import report
from lotterylab.studies.activation_tickets import STUDY as TICKETS
from lotterylab.studies.activations_reading import OUTLINE
from lotterylab.types import Fingerprint
from some_outline import DENSE, RANDOM, outline, rows, versus
from some_study import some_results, some_study

STUDY = some_study(activations=("sigmoid",), protocols=("corrected",), sparsities=(0.5,))
NOW = claims_digest(OUTLINE, STUDY.predictions)
THEN, EARLIER = "0123456789abcdef", "fedcba9876543210"


def noted(results: list[Result], digest: str, study: str = STUDY.name, times: int = 10_000) -> list[Result]:
    """The results, the first ``times`` rows of which were made for a study under claims of this digest."""
    facts = {"study": study, "claims": digest, "started": "2026-01-01T00:00:00Z"}
    return [
        replace(
            result,
            records={
                part: replace(record, facts={**record.facts, **(facts if number < times else {})})
                for part, record in result.records.items()
            },
        )
        for number, result in enumerate(results)
    ]


def test_a_page_of_runs_under_other_claims_says_so_and_when_they_were_started(tmp_path):
    results = noted(some_results(STUDY), THEN)
    train = results[0].records["train"]
    late = replace(train, facts={**train.facts, "started": "2026-02-02T00:00:00Z"})
    results[0] = replace(results[0], records={**results[0].records, "train": late})
    known = Fingerprint(content="ab" * 32, files=())
    context = ReportContext(
        data_title="digits", data=known, settings={}, facts={}, command="lotterylab run activations"
    )
    page = report(STUDY, results, (), tmp_path, context, OUTLINE).read_text(encoding="utf-8")
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    sentence = re.search(r"The claims were changed after these runs: .*, and now they are \w+\.", readme)
    assert sentence and sentence[0] in page
    runs = len({row.nodes["train"].digest for row in STUDY.rows})
    assert sentence[0].endswith(f": {runs} of {runs} under {THEN}, and now they are {NOW}.")
    assert "2026-01-01T00:00:00Z to 2026-02-02T00:00:00Z" in page


@pytest.mark.parametrize(
    "results",
    [rows(), noted(list(rows()), NOW), noted(list(rows()), THEN, study="another-study")],
    ids=["an older version", "the same claims", "runs of another study"],
)
def test_otherwise_there_is_no_such_sentence(results):
    assert changed_since(Rows(results), STUDY.name, NOW) == ""


def test_each_set_of_claims_is_counted():
    mixed = [noted(list(rows()), digest)[number] for number, digest in enumerate([THEN, THEN, EARLIER, NOW] * 5)]
    assert changed_since(Rows(mixed), STUDY.name, NOW) == (
        f"The claims were changed after these runs: 10 of 20 under {THEN}, 5 of 20 under {EARLIER}, "
        f"and now they are {NOW}."
    )


@pytest.mark.parametrize("claims", [None, 1, ["a"], {"a": 1}, "<b>", "AB" * 8, THEN + "\n", THEN * 2])
def test_a_foreign_ledger_that_notes_anything_else_is_passed_over(claims):
    assert changed_since(Rows(noted(list(rows()), claims)), STUDY.name, NOW) == ""


def test_the_digest_is_that_of_the_words_and_numbers():
    claims, compared = TICKETS.outline.claims, outline(versus(RANDOM), versus(DENSE, planned=()))
    told = Outline(claims=claims, comparisons=compared)
    digest = claims_digest(told)
    assert re.fullmatch("[0-9a-f]{16}", digest)
    same = [
        Outline(claims=claims[::-1], comparisons=compared[::-1], would_change="More seeds."),
        Outline(claims=claims, comparisons=compared[:1]),  # a comparison that was not planned is no claim
        Outline(claims=tuple(replace(claim, judge=lambda rows: None) for claim in claims), comparisons=compared),
    ]
    assert {claims_digest(other) for other in same} == {digest}
    other = [
        Outline(claims=claims[1:], comparisons=compared),
        Outline(claims=(replace(claims[0], text="Otherwise."), *claims[1:]), comparisons=compared),
        Outline(claims=claims, comparisons=(versus(RANDOM, margin=0.006),)),
        Outline(claims=claims, comparisons=(versus(RANDOM, planned=(0.9,)),)),
        Outline(claims=claims),
    ]
    assert len({digest, *map(claims_digest, other)}) == 6
    assert claims_digest(told, [Prediction(key="1", claim="Tickets win.", expected="yes")]) != digest


def test_the_digest_reads_a_user_s_own_numbers_and_labels():
    """Labels and margins may be any type that compares, such as a Path or a number of NumPy."""
    odd = versus(RANDOM, what=Path("accuracy"))
    assert claims_digest(Outline(comparisons=(odd,))) == claims_digest(Outline(comparisons=(versus(RANDOM),)))
    with pytest.raises(TypeError):
        json.dumps(odd.what)
