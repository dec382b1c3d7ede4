"""Anybody's numbers are compared as a study's are: paired by seed, with SciPy and plain formulas as oracles."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from lotterylab.commands.reports import rows_of
from lotterylab.formats.csv_files import read_table
from lotterylab.reading.anybody import read_arms
from lotterylab.reading.contrasts import contrasts
from lotterylab.reading.differences import found_by
from lotterylab.report import tidy
from lotterylab.studies import glorot, rewinding
from some_tables import compared, wide

ROOT = Path(__file__).parents[2]


# a committed study


def long_form(numbers: list[tidy.Number], path: Path) -> None:
    """A row for each number."""
    tidy.write(path, numbers, tidy.Number._fields)


def wide_form(numbers: list[tidy.Number], path: Path) -> None:
    """A row for each run, a column for each number, and a word where an arm has no control."""
    runs: dict[tuple, dict[str, object]] = {}
    for *labels, part, metric, value in numbers:
        runs.setdefault(tuple(labels), {})[f"{part}.{metric}"] = value
    columns = list(dict.fromkeys(name for run in runs.values() for name in run))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*tidy.Number._fields[:6], *columns])
        writer.writerows([*(label if label != "" else "none" for label in labels), *map(run.get, columns)]
                         for labels, run in runs.items())  # fmt: skip


@pytest.mark.parametrize("form", [long_form, wide_form])
@pytest.mark.parametrize(
    ("study", "outline", "against"),
    [("glorot", glorot.STUDY.outline, "glorot-heuristic"), ("rewinding", rewinding.STUDY.outline, "rewind to 0")],
)
def test_the_intervals_of_a_committed_study_come_out_of_its_csv(tmp_path, study, outline, against, form):
    rows = rows_of(ROOT / "results", study)
    assert rows is not None
    path = tmp_path / "results.csv"
    form(tidy.numbers(rows), path)
    comparisons = [each for each in outline.comparisons if each.read == "train.test_accuracy"]
    of_study = {}
    for difference in found_by(comparisons, rows):
        a, b = difference.comparison.a.labels, difference.comparison.b.labels
        if b["method"] == against and not any(side.get("control") for side in (a, b)):
            panel = {str(a["protocol"]) if "protocol" in a else "", *difference.panel.split(", ")} - {""}
            of_study[str(a["method"]), frozenset(panel), round(difference.sparsity, 6)] = difference
    assert len(of_study) >= 6
    table = read_table(path)
    reading = read_arms(table, metric="test_accuracy", by=("protocol", "activation", "sparsity"))
    found = {}
    for contrast in contrasts(reading, against=against):
        parts = contrast.place.split(", ")
        (sparsity,) = [float(part.removeprefix("sparsity ")) for part in parts if part.startswith("sparsity ")]
        found[contrast.a, frozenset(parts[:2]), round(sparsity, 6)] = contrast
    for key, difference in of_study.items():
        assert found[key].interval == difference.interval, key
        assert sorted(found[key].values) == sorted(difference.values)


# oracles

NUMBERS = st.lists(st.floats(-1, 1, allow_subnormal=False, width=32), min_size=6, max_size=6)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=NUMBERS, b=NUMBERS, margin=st.sampled_from([0.01, 0.2, 1.0]), looks=st.integers(1, 4))
def test_one_contrast_is_scipy_s_paired_t_test(tmp_path, a, b, margin, looks):
    (found,) = compared(wide(tmp_path / "x.csv", {"b": b, "a": a}), margin=margin, looks=looks)
    values = numpy.array(a) - numpy.array(b)
    assert (found.a, found.b, found.interval.n) == ("a", "b", 6)
    if len(set(values.tolist())) < 2 or values.std() < 1e-9:
        return
    low, high = stats.t.interval(1 - 0.05 / looks, 5, values.mean(), stats.sem(values))
    assert found.interval.low == pytest.approx(low, abs=1e-9) and found.interval.high == pytest.approx(high, abs=1e-9)
    plain = stats.ttest_rel(a, b).pvalue
    assert found.p == pytest.approx(min(1.0, looks * plain), abs=1e-9)
    lower = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    upper = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert found.p_holm == pytest.approx(min(1.0, looks * plain), abs=1e-9), "one of the two can be true at once"
    assert found.p_equal == pytest.approx(min(1.0, looks * max(lower, upper)), abs=1e-9)
    shift = margin / values.std(ddof=1) * math.sqrt(6)
    chance = 1 - stats.nct.cdf(stats.t.ppf(1 - 0.025 / looks, 5), 5, shift)
    assert found.power == pytest.approx(chance, abs=1e-6)


def test_p_values_are_corrected_for_all_comparisons_together(tmp_path):
    generator = numpy.random.default_rng(0)
    arms = {
        name: (generator.normal(shift, 0.01, 8)).tolist()
        for name, shift in zip("abcd", (0, 0.01, 0.03, 0), strict=True)
    }
    found = compared(wide(tmp_path / "x.csv", arms), against="a")
    raw = {each.a: stats.ttest_rel(arms[each.a], arms["a"]).pvalue for each in found}
    ordered, largest = sorted(raw, key=raw.__getitem__), 0.0
    for rank, name in enumerate(ordered):  # Holm, step by step
        largest = max(largest, min(1.0, (len(raw) - rank) * raw[name]))
        assert next(each for each in found if each.a == name).p_holm == pytest.approx(largest)


def test_more_looks_never_make_more_certain(tmp_path):
    generator = numpy.random.default_rng(1)
    path = wide(tmp_path / "x.csv", {"a": generator.normal(0, 1, 9).tolist(), "b": generator.normal(1, 1, 9).tolist()})
    found = [compared(path, looks=looks)[0] for looks in (1, 2, 5)]
    widths = [each.interval.high - each.interval.low for each in found]  # type: ignore[operator]
    assert widths == sorted(widths) and [each.p for each in found] == sorted(each.p for each in found)  # type: ignore
    assert [each.interval.level for each in found] == pytest.approx([0.95, 0.975, 0.99])
