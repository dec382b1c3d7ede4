"""Outlines: comparisons paired by seed, judges of claims, and what is said of them.  The oracle is SciPy."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scipy.stats

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.caveats import BEST_STEP
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison
from lotterylab.reading.judging import above, equal, gains_more, less, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import diverged_text
from lotterylab.studies.init_tickets import settled
from some_outline import DENSE, RANDOM, READ, TICKET, VALUES, differences_of, outline, rows, versus
from some_plans import RUN


def test_comparisons_are_paired_at_each_level_and_against_what_has_no_level():
    found = differences_of(outline(versus(RANDOM), versus(DENSE)), Rows(rows()))
    assert [(one.comparison.b.name, one.sparsity) for one in found] == [
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
    p = {}
    for number, (a, b) in enumerate(sides):
        apart = [x - y for x, y in zip(VALUES[a], VALUES[b], strict=True)]
        p[number, "p_holm"] = scipy.stats.ttest_1samp(apart, 0).pvalue
        p[number, "p_equal"] = max(
            scipy.stats.ttest_1samp(apart, -0.005, alternative="greater").pvalue,
            scipy.stats.ttest_1samp(apart, 0.005, alternative="less").pvalue,
        )
    running = 0.0
    for rank, (number, name) in enumerate(sorted(p, key=p.__getitem__)):  # of each pair only one can be true
        running = max(running, min(1.0, min(4, 8 - rank) * p[number, name]))
        assert getattr(found[number], name) == pytest.approx(running)
    says = [one.says for one in found]
    assert says == ["ticket is better", "cannot be said", "ticket is better", "equal within 0.005"]


def test_means_beside_a_difference_are_those_of_the_seeds_that_both_sides_have():
    unfinished = Rows(row for row in rows() if row.labels["method"] == "dense" or row.labels["seed"] != 1)
    ticket, dense = ([VALUES[key][seed] for seed in (0, 2, 3)] for key in (("iterative", "", 0.5), ("dense", "", 0.0)))
    said = more(TICKET, DENSE, READ, 0.5)(unfinished)
    assert said.n == 3 and f"ticket {sum(ticket) / 3:.4f}, dense {sum(dense) / 3:.4f}" in said.measured
    gained = gains_more((TICKET, DENSE), (RANDOM, DENSE), READ, 0.5)
    lacking = Rows(row for row in rows() if (row.labels["control"], row.labels["seed"]) != ("random mask", 1))
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
    assert one.p_holm == 1 and one.says == "cannot be said"


def test_what_was_not_planned_costs_the_planned_comparisons_nothing():
    planned = versus(RANDOM, planned=(0.5,))
    found = differences_of(outline(planned, versus(DENSE, planned=())), Rows(rows()))
    p = scipy.stats.ttest_rel(VALUES["iterative", "", 0.5], VALUES["iterative", "random mask", 0.5]).pvalue
    assert [one.planned for one in found] == [True, False, False, False]
    assert found[0].p_holm == pytest.approx(p), "a family of one"
    alone = differences_of(outline(versus(RANDOM, planned=()), versus(DENSE, planned=())), rows())
    assert [one.p_holm for one in alone[2:]] != [one.p_holm for one in found[2:]], "a family of four, and of three"
    apart = (versus(RANDOM, planned=(), family="controls"), versus(DENSE, planned=(), family="dense"))
    own = differences_of(apart, rows())
    assert [one.p_holm for one in own[:2]] != [one.p_holm for one in alone[:2]], "two families of two"


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
    across = Comparison(
        **{"key": "k", "read": READ, "what": "accuracy", "margin": 0.005, **dict(zip("ab", sides, strict=True))}
    )
    assert [(one.panel, one.sparsity, one.interval.mean) for one in differences_of(outline(across), Rows(results))] == [
        ("relu", 0.5, 0.0),
        ("relu", 0.9, 0.0),
    ]
    within = differences_of(outline(versus(RANDOM)), Rows(results))
    assert [one.panel for one in within] == ["net, relu", "other, relu", "net, relu", "other, relu"]


def test_of_runs_that_ended_too_early_nothing_is_said_about_when():
    def with_steps(best: int) -> Rows:
        return Rows(
            [
                Result(labels=one.labels, records={"train": replace(one.records["train"], metrics=metrics)})
                for number, one in enumerate(rows())
                for metrics in [{"steps": 1000, "best_step": best if one.labels["method"] == "dense" else 200 + number}]
            ]
        )

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


def with_metrics(results: Rows, where: dict, **metrics) -> Rows:
    """The same rows; those with these labels know more of their training."""

    def changed(one: Result) -> Result:
        if any(one.labels[name] != value for name, value in where.items()):
            return one
        record = one.records["train"]
        return replace(one, records={"train": replace(record, metrics={**record.metrics, **metrics})})

    return Rows(changed(one) for one in results)


def test_of_a_comparison_with_a_run_that_diverged_nothing_is_said():
    lost = with_metrics(rows(), {"control": "random mask", "seed": 2}, diverged_epoch=3)
    first, *_ = differences_of(outline(versus(RANDOM)), Rows(lost))
    assert first.says == "cannot be said" and first.p_holm == first.p_equal == 1
    assert first.caveat == "1 of 8 runs diverged (random)."
    judged_one = more(TICKET, RANDOM, READ, 0.5)(lost)
    assert judged_one.word == "cannot be said" and judged_one.measured.endswith("1 of 8 runs diverged (random).")
    assert more(TICKET, DENSE, READ, 0.5)(lost).word == "confirmed", "the others are as they were"
    assert "random (2)" not in diverged_text(Rows(lost)) and diverged_text(Rows(rows())) == ""
    assert diverged_text(Rows(lost)).startswith(
        "2 of 20 runs diverged: net, relu, iterative, random mask, 0.5 (1); net"
    )


def test_two_sides_that_are_at_chance_are_neither_equal_nor_apart():
    low = Rows(
        replace(
            one,
            nodes={"train": RUN},
            records={"train": replace(record, metrics={"test_accuracy": record.metrics["test_accuracy"] - by})},
        )
        for one in rows()
        for record in [one.records["train"]]
        for by in [0.8 if one.labels["method"] == "iterative" else 0.7]
    )
    against_random, against_dense = (differences_of(outline(versus(b)), Rows(low))[0] for b in (RANDOM, DENSE))
    assert against_random.says == "cannot be said"
    assert against_random.caveat == "Not above 0.2, twice chance: ticket, random."
    assert against_dense.says == "dense is better", "a side that has not left chance is worse than one that has"
    assert more(TICKET, RANDOM, READ, 0.5)(low).word == "cannot be said"


def test_when_a_run_was_best_is_not_said_of_runs_that_ended_before():
    ended = with_metrics(rows(), {"method": "iterative"}, best_step=100, steps=100)
    ended = with_metrics(ended, {"method": "dense"}, best_step=50, steps=100)
    first, *_ = differences_of(outline(versus(DENSE, read=BEST_STEP, more_is="worse")), Rows(ended))
    assert first.says == "cannot be said" and first.caveat.startswith("4 of 8 runs ended while it was still falling")


def test_differences_that_are_all_the_same_have_no_p_value():
    same = with_metrics(with_metrics(rows(), {"method": "iterative"}, coarse=5), {"method": "dense"}, coarse=6)
    first, *_ = differences_of(outline(versus(DENSE, read="train.coarse")), Rows(same))
    assert first.says == "cannot be said" and "no spread" in first.caveat and first.p_holm == 1


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
