"""A ledger may hold any part of a study: what is read from it says what is missing, and never breaks."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from lotterylab.engine.results import Result
from lotterylab.reading.alarms import alarms_of
from lotterylab.reading.rows import Rows
from lotterylab.reading.table import as_json, render
from lotterylab.report.context import ReportContext
from lotterylab.report.page import report
from lotterylab.studies.activations_reading import OUTLINE
from lotterylab.types import Fingerprint
from some_study import some_results, some_study

STUDY = some_study(activations=("sigmoid",), protocols=("as-published", "corrected", "ladder"))
RESULTS = some_results(STUDY)
PARTS = sorted({part for result in RESULTS for part in result.records})


def without(result: Result, parts: set[str]) -> Result:
    kept = {part: record for part, record in result.records.items() if part not in parts}
    return replace(result, records=kept, missing=tuple(part for part in result.nodes if part not in kept))


def page(folder: Path, results: list[Result]) -> str:
    known = Fingerprint(content="ab" * 32, files=())
    context = ReportContext(data_title="digits", data=known, settings={}, facts={}, command="lotterylab report")
    return report(STUDY, results, alarms_of(Rows(results)), folder, context, OUTLINE).read_text(encoding="utf-8")


def read_in_full(results: list[Result]) -> str:
    as_json(STUDY, Rows(results))
    return render("a title", results, alarms_of(Rows(results)))


def test_the_study_has_parts():
    assert {"train", "prune", "distances"} <= set(PARTS)


@pytest.mark.parametrize("kept", PARTS)
def test_the_records_of_one_kind_alone_make_a_table(kept):
    others = set(PARTS) - {kept}
    text = read_in_full([without(result, others) for result in RESULTS])
    done = sum(set(result.nodes) <= {kept} for result in RESULTS)
    assert f"{done} of {len(RESULTS)} rows finished" in text


@pytest.mark.parametrize("lost", PARTS)
def test_without_the_records_of_one_kind_there_is_a_table_and_a_page(lost, tmp_path):
    results = [without(result, {lost}) for result in RESULTS]
    read_in_full(results)
    assert "</html>" in page(tmp_path, results)


@pytest.mark.parametrize("seed", range(2))
def test_any_records_may_be_missing(seed, tmp_path):
    draw = random.Random(seed)
    results = [without(result, set(draw.sample(PARTS, draw.randrange(len(PARTS))))) for result in RESULTS]
    read_in_full(results)
    assert "</html>" in page(tmp_path, results)
