"""Outlines: comparisons paired by seed, judges of claims, and what is said of them.  The oracle is SciPy."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scipy.stats

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.caveats import BEST_STEP
from lotterylab.reading.judging import above, equal, gains_more, less, level_reached, more, nothing, percent
from lotterylab.reading.outline import Chart, Claim, Line, Outline, Versus, differences_of, judged
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import diverged_text
from lotterylab.report.sections.answers import OURS, counted
from lotterylab.statistics import holm
from lotterylab.studies.init_tickets import settled
from some_plans import RUN

TICKET = Line(name="ticket", labels={"method": "iterative", "control": ""})
RANDOM = Line(name="random", labels={"method": "iterative", "control": "random mask"})
DENSE = Line(name="dense", labels={"method": "dense"})
READ = "train.test_accuracy"
VALUES = {
    ("dense", "", 0.0): (0.900, 0.902, 0.901, 0.899),
    ("iterative", "", 0.5): (0.910, 0.913, 0.911, 0.909),
    ("iterative", "random mask", 0.5): (0.80, 0.83, 0.81, 0.80),
    ("iterative", "", 0.9): (0.9002, 0.9019, 0.9008, 0.8993),
    ("iterative", "random mask", 0.9): (0.90, 0.80, 0.95, 0.93),
}


def rows(seeds: int = 4) -> list[Result]:
    found = []
    for (method, control, sparsity), values in VALUES.items():
        for seed, accuracy in enumerate(values[:seeds]):
            labels = {
                "protocol": "net",
                "activation": "relu",
                "method": method,
                "control": control,
                "sparsity": sparsity,
                "seed": seed,
            }
            digest = f"{method}{control}{sparsity}{seed}"
            record = Record(digest=digest, kind="Train", metrics={"test_accuracy": accuracy}, facts={})
            found.append(Result(labels=labels, records={"train": record}))
    return found


def versus(b: Line, **changes) -> Versus:
    fields = {"key": b.name, "a": TICKET, "b": b, "read": READ, "what": "accuracy", "margin": 0.005}
    return Versus(**{**fields, **changes})


def outline(*of: Versus) -> Outline:
    return Outline(charts=(), versus=of, claims=(), conclude=lambda results, found: "", would_change="", doubts=())


def test_comparisons_are_paired_at_each_level_and_against_what_has_no_level():
    found = differences_of(outline(versus(RANDOM), versus(DENSE)), Rows(rows()))
    assert [(one.versus.b.name, one.sparsity) for one in found] == [
        ("random", 0.5),
        ("random", 0.9),
        ("dense", 0.5),
        ("dense", 0.9),
    ]
    sides = [
        (("iterative", "", s), (m, c, t))
        for m, c, t, s in (
            ("iterative", "random mask", 0.5, 0.5),
            ("iterative", "random mask", 0.9, 0.9),
            ("dense", "", 0.0, 0.5),
            ("dense", "", 0.0, 0.9),
        )
    ]
    p = [scipy.stats.ttest_rel(VALUES[a], VALUES[b]).pvalue for a, b in sides]
    order, running, adjusted = sorted(range(4), key=p.__getitem__), 0.0, {}
    for rank, number in enumerate(order):
        running = max(running, min(1.0, (4 - rank) * p[number]))
        adjusted[number] = running
    assert [one.p_holm for one in found] == pytest.approx([adjusted[number] for number in range(4)])
    says = [one.says for one in found]
    assert says == ["ticket is better", "unresolved", "ticket is better", "equal within 0.005"]


def test_means_beside_a_difference_are_those_of_the_seeds_that_both_sides_have():
    unfinished = [row for row in rows() if row.labels["method"] == "dense" or row.labels["seed"] != 1]
    ticket, dense = ([VALUES[key][seed] for seed in (0, 2, 3)] for key in (("iterative", "", 0.5), ("dense", "", 0.0)))
    said = more(TICKET, DENSE, READ, 0.5)(unfinished)
    assert said.n == 3 and f"ticket {sum(ticket) / 3:.4f}, dense {sum(dense) / 3:.4f}" in said.measured
    gained = gains_more((TICKET, DENSE), (RANDOM, DENSE), READ, 0.5)
    lacking = [row for row in rows() if (row.labels["control"], row.labels["seed"]) != ("random mask", 1)]
    gain = sum(VALUES["iterative", "", 0.5][seed] - VALUES["dense", "", 0.0][seed] for seed in (0, 2, 3)) / 3
    assert gained(lacking).n == 3 and f"ticket {gain:+.4f}" in gained(lacking).measured


def test_where_less_is_better_the_other_side_wins():
    first = differences_of(outline(versus(RANDOM, more_is="worse")), Rows(rows()))[0]
    assert first.says == "random is better"


def test_judges_read_the_interval_of_the_paired_differences():
    claims = {
        "confirmed": more(TICKET, DENSE, READ, 0.5),
        "refuted": less(TICKET, DENSE, READ, 0.5),
        "cannot be said": more(TICKET, RANDOM, READ, 0.9),
        "not run": more(TICKET, DENSE, READ, 0.7),
    }
    assert {word: judge(Rows(rows())).word for word, judge in claims.items()} == {word: word for word in claims}
    assert equal(TICKET, DENSE, READ, 0.9, margin=0.005)(rows()).word == "confirmed"
    one = more(TICKET, DENSE, READ, 0.5)(rows())
    low, high = scipy.stats.ttest_rel(VALUES["iterative", "", 0.5], VALUES["dense", "", 0.0]).confidence_interval(0.95)
    assert one.interval is not None and (one.interval.low, one.interval.high) == pytest.approx((low, high))
    assert one.measured.startswith("ticket 0.9107, dense 0.9005: difference 0.0103 [")


def test_two_seeds_are_too_few_for_a_verdict():
    judged = more(TICKET, DENSE, READ, 0.5)(rows(seeds=2))
    assert judged.word == "cannot be said" and judged.n == 2


def test_a_claim_without_a_source_is_our_own():
    assert Claim(key="a", text="", judge=more(TICKET, DENSE, READ, 0.5)).source == ""
    assert Chart(name="c", title="", lines=(TICKET,), y=READ, y_axis="").x == "kept"


def test_two_seeds_resolve_nothing_however_alike_they_are():
    (one, *_) = differences_of(outline(versus(RANDOM)), Rows(rows(seeds=2)))
    assert one.p_holm is None and one.says == "unresolved"


def test_what_was_not_planned_costs_the_planned_comparisons_nothing():
    planned = versus(RANDOM, planned=(0.5,))
    found = differences_of(outline(planned, versus(DENSE, planned=())), Rows(rows()))
    p = scipy.stats.ttest_rel(VALUES["iterative", "", 0.5], VALUES["iterative", "random mask", 0.5]).pvalue
    assert [one.planned for one in found] == [True, False, False, False]
    assert found[0].p_holm == pytest.approx(p), "a family of one"
    alone = differences_of(outline(versus(RANDOM, planned=()), versus(DENSE, planned=())), Rows(rows()))
    assert [one.p_holm for one in alone[2:]] != [one.p_holm for one in found[2:]], "a family of four, and of three"


def test_a_run_is_not_compared_with_itself():
    same = Line(name="the same", labels=TICKET.labels)
    assert differences_of(outline(versus(same)), Rows(rows())) == []


def test_a_label_that_both_lines_have_is_what_is_compared():
    results = [
        Result(
            labels={**one.labels, "protocol": panel}, records={"train": replace(record, digest=panel + record.digest)}
        )
        for one in rows()
        for panel in ("net", "other")
        for record in [one.records["train"]]
    ]
    sides = (Line(name=name, labels={**TICKET.labels, "protocol": name}) for name in ("net", "other"))
    across = Versus(
        **{"key": "k", "read": READ, "what": "accuracy", "margin": 0.005, **dict(zip("ab", sides, strict=True))}
    )
    assert [(one.panel, one.sparsity, one.interval.mean) for one in differences_of(outline(across), Rows(results))] == [
        ("relu", 0.5, 0.0),
        ("relu", 0.9, 0.0),
    ]
    within = differences_of(outline(versus(RANDOM)), Rows(results))
    assert [one.panel for one in within] == ["net, relu", "other, relu", "net, relu", "other, relu"]


def test_of_runs_that_ended_too_early_nothing_is_said_about_when():
    def with_steps(best: int) -> list[Result]:
        return [
            Result(labels=one.labels, records={"train": replace(one.records["train"], metrics=metrics)})
            for number, one in enumerate(rows())
            for metrics in [{"steps": 1000, "best_step": best if one.labels["method"] == "dense" else 200 + number}]
        ]

    judge = less(TICKET, DENSE, "train.best_step", 0.5, digits=0)
    assert judge(Rows(with_steps(900))).word == "confirmed"
    cut = judge(Rows(with_steps(1000)))
    assert cut.word == "cannot be said" and cut.measured.endswith(
        "4 of 8 runs ended while it was still falling (dense)."
    )


def test_where_a_side_has_not_left_chance_nothing_is_said():
    """Of 0.90 and 0.91 the one below a floor of 0.905."""
    judged = more(TICKET, DENSE, READ, 0.5, floor=0.905)(rows())
    assert judged.word == "cannot be said" and judged.measured.endswith("Below 0.905: dense.")
    assert more(TICKET, DENSE, READ, 0.5, floor=0.5)(rows()).word == "confirmed"


def test_the_way_of_a_mask_begins_with_the_untrained_one():
    parts = {"after_0_percent": 0.6, "after_20_percent": 0.9}
    records = {name: Record(digest=name, kind="Measure", metrics={"kappa": k}, facts={}) for name, k in parts.items()}
    labels = {"protocol": "p", "activation": "a", "method": "dense", "control": "", "sparsity": 0.0, "seed": 0}
    row = Result(labels=labels, records=records)
    assert settled(0.2)(row) == pytest.approx(0.75)
    assert settled(0.2)(Result(labels=labels, records={})) is None


def with_metrics(results: list[Result], where: dict, **metrics) -> list[Result]:
    """The same rows; those with these labels know more of their training."""

    def changed(one: Result) -> Result:
        if any(one.labels[name] != value for name, value in where.items()):
            return one
        record = one.records["train"]
        return replace(one, records={"train": replace(record, metrics={**record.metrics, **metrics})})

    return [changed(one) for one in results]


def test_of_a_comparison_with_a_run_that_diverged_nothing_is_said():
    lost = with_metrics(rows(), {"control": "random mask", "seed": 2}, diverged_epoch=3)
    first, *_ = differences_of(outline(versus(RANDOM)), Rows(lost))
    assert first.says == "unresolved" and first.p_holm is None
    assert first.caveat == "1 of 8 runs diverged (random)."
    judged_one = more(TICKET, RANDOM, READ, 0.5)(lost)
    assert judged_one.word == "cannot be said" and judged_one.measured.endswith("1 of 8 runs diverged (random).")
    assert more(TICKET, DENSE, READ, 0.5)(lost).word == "confirmed", "the others are as they were"
    assert "random (2)" not in diverged_text(Rows(lost)) and diverged_text(Rows(rows())) == ""
    assert diverged_text(Rows(lost)).startswith(
        "2 of 20 runs diverged: net, relu, iterative, random mask, 0.5 (1); net"
    )


def test_two_sides_that_are_at_chance_are_neither_equal_nor_apart():
    low = [
        replace(
            one,
            nodes={"train": RUN},
            records={"train": replace(record, metrics={"test_accuracy": record.metrics["test_accuracy"] - by})},
        )
        for one in rows()
        for record in [one.records["train"]]
        for by in [0.8 if one.labels["method"] == "iterative" else 0.7]
    ]
    against_random, against_dense = (differences_of(outline(versus(b)), Rows(low))[0] for b in (RANDOM, DENSE))
    assert against_random.says == "unresolved"
    assert against_random.caveat == "Not above 0.2, twice chance: ticket, random."
    assert against_dense.says == "dense is better", "a side that has not left chance is worse than one that has"
    assert more(TICKET, RANDOM, READ, 0.5)(low).word == "cannot be said"


def test_when_a_run_was_best_is_not_said_of_runs_that_ended_before():
    ended = with_metrics(rows(), {"method": "iterative"}, best_step=100, steps=100)
    ended = with_metrics(ended, {"method": "dense"}, best_step=50, steps=100)
    first, *_ = differences_of(outline(versus(DENSE, read=BEST_STEP, more_is="worse")), Rows(ended))
    assert first.says == "unresolved" and first.caveat.startswith("4 of 8 runs ended while it was still falling")


def test_differences_that_are_all_the_same_have_no_p_value():
    same = with_metrics(with_metrics(rows(), {"method": "iterative"}, coarse=5), {"method": "dense"}, coarse=6)
    first, *_ = differences_of(outline(versus(DENSE, read="train.coarse")), Rows(same))
    assert first.says == "unresolved" and "no spread" in first.caveat and first.p_holm is None


def test_claims_are_corrected_for_how_many_could_be_judged():
    claims = [
        Claim(key="a", text="", judge=more(TICKET, DENSE, READ, 0.5)),
        Claim(key="b", text="", judge=more(TICKET, RANDOM, READ, 0.9)),
        Claim(key="c", text="", judge=equal(TICKET, DENSE, READ, 0.9, margin=0.005)),
        Claim(key="d", text="", judge=more(TICKET, DENSE, READ, 0.7)),
    ]
    found = judged(claims, Rows(rows()))
    ticket, dense = (VALUES[key] for key in (("iterative", "", 0.5), ("dense", "", 0.0)))
    assert found[0][1].p == pytest.approx(scipy.stats.ttest_rel(ticket, dense).pvalue)
    family = {number: one.p for number, (_, one) in enumerate(found[:3])}
    assert None not in family.values() and {n: one.p_holm for n, (_, one) in enumerate(found[:3])} == holm(family)
    assert found[3][1].p_holm is None
    assert counted(found, OURS) == (
        "2 as predicted, 1 cannot be said, 1 not run. Each is judged on its own, at 5 %; corrected for their number "
        "(Holm), 2 of the 2 that are said stand."
    )


def test_what_lies_wholly_outside_the_margin_has_the_p_value_of_its_edge():
    apart = equal(TICKET, RANDOM, READ, 0.5, margin=0.05)(rows())
    values = [a - b for a, b in zip(VALUES["iterative", "", 0.5], VALUES["iterative", "random mask", 0.5], strict=True)]
    assert apart.word == "refuted" and apart.p == pytest.approx(scipy.stats.ttest_1samp(values, 0.05).pvalue)


def test_a_mean_above_a_number_leads_to_its_runs():
    found = above(TICKET, READ, 0.5, than=0.9)(rows())
    ((name, behind),) = found.rows
    assert found.word == "confirmed" and name == "ticket" and [row.labels["seed"] for row in behind] == [0, 1, 2, 3]


def test_a_run_that_does_not_go_so_far_speaks_of_its_sparsest_level():
    assert level_reached(rows(), 0.5) == 0.5 and level_reached(rows(), 0.9375) == 0.9 and level_reached([], 0.7) == 0.7
    assert percent(0.9375) == "6.25 %" and percent(0.75) == "25 %"
    assert nothing(rows()).startswith("Nothing can be said: no finished seed") and nothing([]).endswith("is finished.")
