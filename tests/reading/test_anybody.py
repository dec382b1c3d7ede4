"""Anybody's tables are read by their columns, or refused with what to do; the command prints what was corrected."""

from __future__ import annotations

import csv
import io
import json

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotterylab.commands.main import main
from lotterylab.errors import UsageError
from lotterylab.statistics import t_interval
from some_tables import compared, wide, written


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.randoms(use_true_random=False), separator=st.sampled_from(",;\t|"), mark=st.booleans(), long=st.booleans()
)
def test_order_separator_and_form_of_a_table_change_nothing(tmp_path, order, separator, mark, long):
    generator = numpy.random.default_rng(3)
    values = {
        (arm, seed, data): generator.normal() for arm in "ab" for seed in range(5) for data in ("digits", "mnist")
    }
    columns = ["method", "seed", "data", *(["metric", "value"] if long else ["accuracy", "loss"])]
    records = []
    for (arm, seed, data), value in values.items():
        base = {"method": arm, "seed": seed, "data": data}
        both = {"accuracy": repr(float(value)), "loss": repr(float(-value))}
        records += [{**base, "metric": n, "value": v} for n, v in both.items()] if long else [{**base, **both}]
    order.shuffle(columns)
    order.shuffle(records)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=separator)
    writer.writeheader()
    writer.writerows(records)
    (tmp_path / "x.csv").write_bytes((b"\xef\xbb\xbf" if mark else b"") + out.getvalue().encode())
    found = {each.place: each for each in compared(tmp_path / "x.csv", metric="accuracy", against="b")}
    for data in ("digits", "mnist"):
        expected = t_interval([values["a", seed, data] - values["b", seed, data] for seed in range(5)])
        assert found[data].interval.mean == pytest.approx(expected.mean) and found[data].interval.n == 5


def test_a_decimal_comma_is_read_where_semicolons_separate(tmp_path):
    rows = [f"{arm};{seed};0,{seed + shift}" for arm, shift in (("a", 3), ("b", 1)) for seed in range(4)]
    (found,) = compared(written(tmp_path / "x.csv", "arm;seed;accuracy", *rows))
    assert found.interval.mean == pytest.approx(-0.2)


def test_an_arm_without_sparsity_is_compared_at_each(tmp_path):
    rows = [f"dense,{seed},0,{0.9 + 0.01 * seed}" for seed in range(3)]
    rows += [f"ticket,{seed},{s},{0.9 + 0.02 * seed - s / 10}" for seed in range(3) for s in (0.5, 0.9)]
    found = compared(written(tmp_path / "x.csv", "method,seed,sparsity,accuracy", *rows), against="dense")
    assert [(each.place, each.a) for each in found] == [("sparsity 0.5", "ticket"), ("sparsity 0.9", "ticket")]
    assert found[0].interval.mean == pytest.approx(0.01 - 0.05)


def test_a_run_without_a_number_leaves_its_comparison_undecided(tmp_path):
    arms = {"a": [0.9, 0.91, 0.92, 0.93, 0.94], "b": [0.1, 0.12, 0.11, 0.13, 0.14]}
    path = wide(tmp_path / "x.csv", arms)
    assert compared(path)[0].outcome == "less"
    path.write_text(path.read_text().replace("0.14", "nan"))
    (found,) = compared(path)
    assert found.outcome == "open" and found.interval.n == 4 and found.p_holm == 1.0
    assert found.caveat == "No number for seed 4 of b: the runs may have diverged."


def test_equal_differences_and_two_seeds_decide_nothing(tmp_path):
    (same,) = compared(wide(tmp_path / "x.csv", {"a": [0.5, 0.6, 0.7], "b": [0.75, 0.85, 0.95]}))
    assert same.outcome == "open" or same.interval.sd != 0
    (few,) = compared(wide(tmp_path / "y.csv", {"a": [0.5, 0.6], "b": [0.9, 0.95]}))
    assert few.outcome == "open" and few.interval.n == 2


def test_digests_and_truths_do_not_part_the_rows(tmp_path):
    places = [(arm, seed, data) for arm in "ab" for seed in range(4) for data in ("digits", "mnist")]
    numbers = {place: 0.5 + 0.1 * place[1] + 0.2 * (place[0] == "b") for place in places}
    rows = [f"{a},{s},{numbers[a, s, data]},{a}{s}{data},{s == 3},{data}" for a, s, data in places]
    found = compared(written(tmp_path / "x.csv", "method,seed,accuracy,digest,diverged,data", *rows))
    assert [(each.place, each.interval.n) for each in found] == [("digits", 4), ("mnist", 4)]


def test_seeds_that_one_side_has_are_counted(tmp_path):
    (found,) = compared(wide(tmp_path / "x.csv", {"a": [0.5, 0.6, 0.8], "b": [0.9, 0.95, 0.9, 0.99]}))
    assert (found.interval.n, found.unpaired) == (3, 1)


REFUSED = {
    "no file": (None, {}, "no file "),
    "no seeds": ("method,accuracy\na,1\nb,2", {}, "no column 'seed', which pairs the runs. Name it: --seed COLUMN"),
    "no arms": ("x,seed,accuracy\n1,1,1", {}, r"no column that names the arms \(arm, method"),
    "a wrong column": ("method,seed,accuracy\na,1,1", {"by": ("epcoh",)}, "no column of .* named 'epcoh'|epcoh"),
    "a wrong metric": ("method,seed,accuracy\na,1,1", {"metric": "acuracy"}, "Did you mean 'accuracy'"),
    "several metrics": ("method,seed,f1,f2\na,1,1,2", {}, "several numbers and no usual name. Name one: --metric NAME"),
    "a metric of text": ("method,seed,acc\na,1,good\nb,1,bad", {"metric": "acc"}, "does not hold numbers alone"),
    "no number": ("metric,value,method,seed\nacc,good,a,1\nacc,bad,b,1", {}, "'good' is not a number"),
    "one arm": ("method,seed,accuracy\na,1,1\na,2,1", {}, "no two arms have a common seed"),
    "no common seed": ("method,seed,accuracy\na,1,1\nb,2,1", {}, "no two arms have a common seed"),
    "rows for each epoch": ("method,seed,epoch,accuracy\na,1,1,1\na,1,2,1\nb,1,1,1", {},
                            "'a' has several rows for seed 1; they differ in epoch. Choose rows"),
    "rows twice": ("method,seed,accuracy\na,1,1\na,1,1", {}, "several rows for seed 1; they are alike"),
    "no such row": ("method,seed,accuracy\na,1,1", {"where": {"method": "x"}}, "no row with method=x"),
    "an unknown arm": ("method,seed,accuracy\na,1,1\nb,1,2", {"against": "c"}, "unknown arm|no arm"),
    "a short row": ("method,seed,accuracy\na,1\n", {}, "line 2: 2 cells, but the head has 3 columns"),
    "a name twice": ("method,seed,accuracy,seed\na,1,1,2", {}, "two columns 'seed'"),
    "a head alone": ("method,seed,accuracy", {}, "has no rows below its head"),
    "nothing": ("", {}, "has no rows below its head"),
    "a margin of 0": ("method,seed,accuracy\na,1,1\nb,1,2", {"margin": 0.0}, "margin is 0; it must be above 0"),
    "no looks": ("method,seed,accuracy\na,1,1\nb,1,2", {"looks": 0}, "looks is 0; this look counts"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_refused_with_what_to_do(tmp_path, name):
    content, options, words = REFUSED[name]
    if content is not None:
        (tmp_path / "x.csv").write_text(content)
    with pytest.raises(UsageError, match=words):
        compared(tmp_path / "x.csv", **options)


def test_too_many_pairs_ask_for_the_arm_to_compare_with(tmp_path):
    path = wide(tmp_path / "x.csv", {f"arm {number}": [0.1 * number, 0.2, 0.3] for number in range(13)})
    with pytest.raises(UsageError, match=r"13 arms and so 78 pairs\. Name the arm to compare with: --against ARM"):
        compared(path)
    assert len(compared(path, against="arm 0")) == 12


@pytest.mark.parametrize("data", [b"\xff\xfe\x00m", b"a,b\n\x00,1\n", b'"a\n' + b"x" * 200_000, bytes(2000)])
def test_what_is_no_csv_is_refused_in_one_line(tmp_path, data, capsys):
    (tmp_path / "x.csv").write_bytes(data)
    assert main(["compare", str(tmp_path / "x.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lotterylab: ") and "x.csv" in line


# the command


def test_the_command_prints_a_line_for_each_comparison_and_what_was_corrected(tmp_path, capsys):
    generator = numpy.random.default_rng(2)
    arms = {
        "dense": generator.normal(0.9, 0.002, 5),
        "ticket": generator.normal(0.9, 0.002, 5),
        "random": generator.normal(0.8, 0.002, 5),
    }
    path = wide(tmp_path / "x.csv", {name: values.tolist() for name, values in arms.items()})
    assert main(["compare", str(path), "--against", "dense", "--margin", "0.02"]) == 0
    out = capsys.readouterr().out
    head, ticket, random, _, *notes = out.splitlines()
    assert head.split()[:2] == ["difference", "of"] and head.split()[-1] == "says"
    assert ticket.startswith("ticket minus dense") and ticket.endswith("equal within 0.02")
    assert random.startswith("random minus dense") and random.endswith("dense is higher")
    assert notes[0] == "accuracy: arms by method; paired by seed."
    assert notes[1] == "t intervals of 95 %; p Holm: corrected for 2 comparisons and their tests of equivalence."
    assert "declare it: --looks N" in notes[2] and notes[3].startswith("Margin 0.02. Power: ")
    assert main(["compare", str(path), "--looks", "3"]) == 0
    out = capsys.readouterr().out
    assert "t intervals of 98.33 %" in out and "Looks: 3. Each p value is multiplied by 3" in out
    assert "No margin: nothing can be called equal" in out


def test_json_is_one_document(tmp_path, capsys):
    path = wide(tmp_path / "x.csv", {"a": [0.5, 0.6, 0.7], "b": [0.9, 0.95, 0.9]}, data="digits")
    assert main(["compare", str(path), "--json", "--where", "data=digits", "--average"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["metric"], told["arms"], told["looks"]) == ("accuracy", ["method"], 1)
    (contrast,) = told["contrasts"]
    assert contrast["interval"]["n"] == 3 and contrast["says"] and len(contrast["values"]) == 3
    assert main(["compare", str(path), "--where", "digits"]) == 2
    assert "Write COLUMN=TEXT" in capsys.readouterr().err


def test_a_hostile_name_of_an_arm_cannot_forge_a_line(tmp_path, capsys):
    (tmp_path / "x.csv").write_text('method,seed,accuracy\n"a\x1b[2J\nOK",1,1\nb,1,2\n')
    assert main(["compare", str(tmp_path / "x.csv")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and not any(line.startswith("OK") for line in out.splitlines())
