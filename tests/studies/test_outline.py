"""Outlines: comparisons paired by seed, judges of claims, and what is said of them.  The oracle is SciPy."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scipy.stats

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.studies.init_tickets import settled
from lotterylab.studies.judging import equal, gains_more, less, more
from lotterylab.studies.outline import Chart, Claim, Line, Outline, Versus, differences_of

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
    found = differences_of(outline(versus(RANDOM), versus(DENSE)), rows())
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
    first = differences_of(outline(versus(RANDOM, more_is="worse")), rows())[0]
    assert first.says == "random is better"


def test_judges_read_the_interval_of_the_paired_differences():
    claims = {
        "confirmed": more(TICKET, DENSE, READ, 0.5),
        "refuted": less(TICKET, DENSE, READ, 0.5),
        "cannot be said": more(TICKET, RANDOM, READ, 0.9),
        "not run": more(TICKET, DENSE, READ, 0.7),
    }
    assert {word: judge(rows()).word for word, judge in claims.items()} == {word: word for word in claims}
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
    (one, *_) = differences_of(outline(versus(RANDOM)), rows(seeds=2))
    assert one.p_holm is None and one.says == "unresolved"


def test_what_was_not_planned_costs_the_planned_comparisons_nothing():
    planned = versus(RANDOM, planned=(0.5,))
    found = differences_of(outline(planned, versus(DENSE, planned=())), rows())
    p = scipy.stats.ttest_rel(VALUES["iterative", "", 0.5], VALUES["iterative", "random mask", 0.5]).pvalue
    assert [one.planned for one in found] == [True, False, False, False]
    assert found[0].p_holm == pytest.approx(p), "a family of one"
    alone = differences_of(outline(versus(RANDOM, planned=()), versus(DENSE, planned=())), rows())
    assert [one.p_holm for one in alone[2:]] != [one.p_holm for one in found[2:]], "a family of four, and of three"


def test_a_run_is_not_compared_with_itself():
    same = Line(name="the same", labels=TICKET.labels)
    assert differences_of(outline(versus(same)), rows()) == []


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
    assert [(one.panel, one.sparsity, one.interval.mean) for one in differences_of(outline(across), results)] == [
        ("relu", 0.5, 0.0),
        ("relu", 0.9, 0.0),
    ]
    within = differences_of(outline(versus(RANDOM)), results)
    assert [one.panel for one in within] == ["net, relu", "other, relu", "net, relu", "other, relu"]


def test_of_runs_that_ended_too_early_nothing_is_said_about_when():
    def with_steps(best: int) -> list[Result]:
        return [
            Result(labels=one.labels, records={"train": replace(one.records["train"], metrics=metrics)})
            for number, one in enumerate(rows())
            for metrics in [{"steps": 1000, "best_step": best if one.labels["method"] == "dense" else 200 + number}]
        ]

    judge = less(TICKET, DENSE, "train.best_step", 0.5, digits=0)
    assert judge(with_steps(900)).word == "confirmed"
    cut = judge(with_steps(1000))
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
