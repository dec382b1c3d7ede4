"""The page of related work: its numbers are those of the ledgers, and each row has a source and a study that exists."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.commands.reports import RELATED, rows_of
from lotterylab.errors import UsageError
from lotterylab.reading.rows import Rows
from lotterylab.report.bibliography import references, short
from lotterylab.report.related_work import page
from lotterylab.studies.related_work import SENTENCES, others_least, saturated
from lotterylab.studies.unlucky_seeds_claims import LOW
from some_results import row

RESULTS = Path(__file__).parents[2] / "results"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
MEASURED = [sentence for sentence in SENTENCES if sentence.study]
UNLUCKY = next(sentence for sentence in SENTENCES if sentence.study == "unlucky-seeds")


def test_the_page_that_is_kept_is_made_from_the_ledgers_that_are_kept():
    """If it fails after a change of results or claims: lotterylab report --all."""
    assert (RESULTS / RELATED).read_text(encoding="utf-8") == page(partial(rows_of, RESULTS))


def test_each_sentence_has_a_source_and_its_study_and_claim_exist():
    assert len({sentence.text for sentence in SENTENCES}) == len(SENTENCES) >= 18
    for sentence in SENTENCES:
        assert references([sentence.source])
        assert bool(sentence.study) == bool(sentence.by) != (sentence.word in ("confirmed", "refuted"))
        assert not sentence.study or sentence.study in STUDIES
        if isinstance(sentence.by, str) and sentence.study:
            assert sentence.by in {claim.key for claim in study_named(sentence.study).outline.claims}


@pytest.mark.parametrize("sentence", MEASURED, ids=lambda sentence: sentence.text[:30])
def test_no_number_of_a_measured_sentence_is_typed(sentence):
    """Levels may be named as the claim names them; everything else is filled from the ledger."""
    claims = {claim.key: claim.text for claim in study_named(sentence.study).outline.claims}
    known = NUMBER.findall(claims[sentence.by]) if isinstance(sentence.by, str) else []
    typed = NUMBER.findall(sentence.found.format(interval="", n=""))
    assert set(typed) <= set(known) and "{interval}" in sentence.found and "{n}" in sentence.found


def test_years_and_names_are_those_of_the_bibliography():
    assert short("frankle2019lottery") == "Frankle & Carbin 2019" and short("you2020drawing") == "You et al. 2020"
    for sentence in SENTENCES:
        if not sentence.study and (years := re.findall(r"\b20\d\d\b", sentence.found)):
            assert years[0] == short(sentence.source)[-4:]
    with pytest.raises(UsageError, match="no reference"):
        short("frankle2109lottery")


def unlucky(lucky: int) -> Rows:
    """Thirty seeds, of which so many have a ticket."""
    rows = []
    for seed in range(30):
        random = 0.9 if seed < lucky else 0.95
        for control, accuracy in (("", 0.94), ("random mask", random)):
            for name in (control, f"{control}, other order".removeprefix(", ")):
                train = {"test_accuracy": accuracy + 0.001 * (seed % 3)}
                rows.append(row("p", "relu", "iterative", seed, sparsity=LOW, control=name, train=train))
    return Rows(rows)


def last_row(rows: Rows | None, **changes: object) -> str:
    return page(lambda study: rows, [replace(UNLUCKY, **changes)]).splitlines()[-1]


def test_a_row_has_the_number_of_its_rows_and_the_verdict_on_the_sentence_itself():
    assert "is 0.97 [0.83, 1.00] (n = 30). [unlucky-seeds](unlucky-seeds/README.md)" in last_row(unlucky(29))
    assert last_row(unlucky(29)).endswith("| **refuted**, claim u3 |")
    assert last_row(unlucky(29), opposite=False).endswith("| **confirmed**, claim u3 |")
    assert last_row(unlucky(10)).endswith("| **confirmed**, claim u3 |")
    assert last_row(unlucky(25)).endswith("| **cannot be said**, claim u3 |")


@pytest.mark.parametrize("rows", [None, Rows()])
def test_a_study_without_runs_is_named_with_its_command(rows):
    assert last_row(rows).endswith("| Not run yet: `lotterylab run unlucky-seeds` | **not run** |")


def test_layers_are_read_as_the_rows_say():
    layers: dict[str, Any] = {
        "early_units": {"mean": {"a": 0.5, "b": 0.6, "last": 0.01}},
        "end_units": {"saturated": {"a": 0.2, "b": 0.4}},
    }
    made = row("p", "sigmoid", "m", 0, **layers)
    assert others_least(made) == 0.5 and saturated(made) == pytest.approx(0.3)
    assert others_least(row("p", "sigmoid", "m", 0)) is saturated(row("p", "sigmoid", "m", 0)) is None


def test_a_verdict_without_an_interval_says_what_was_measured():
    """No seed fails with or without RandomOut: nothing to divide by, but the study has run."""
    line = next(line for line in (RESULTS / RELATED).read_text("utf-8").splitlines() if "fewer networks fail" in line)
    assert "Failed: 0 of 20" in line and "**cannot be said**, claim r1" in line and "Not run" not in line
