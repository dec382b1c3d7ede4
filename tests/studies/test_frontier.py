"""The study of total costs: equal budgets, the law's mean number of weights, and its judges on rows by hand."""

from __future__ import annotations

import random
from typing import Any

import numpy
import pytest
import scipy.stats

from lotterylab.asking.catalogue import study_named
from lotterylab.data import Digits
from lotterylab.engine.results import Result, results
from lotterylab.engine.store import Store
from lotterylab.interventions import RigL, Set
from lotterylab.plan.nodes import Data, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.reading.claims import read
from lotterylab.reading.costs import trainings
from lotterylab.reading.differences import Comparison, adjusted, found_by
from lotterylab.reading.joint import alike, none_above
from lotterylab.reading.lines import Line, Ranked
from lotterylab.reading.rows import Rows
from lotterylab.statistics import holm
from lotterylab.studies.frontier_claims import ARMS, SPARSITY, above_dense_curve, mean_weights
from lotterylab.studies.frontier_reading import front_of
from lotterylab.weights import prunable_names
from some_plans import compute
from some_results import row

STUDY = study_named("frontier")
SPEC = Digits(train=64, validation=20, test=20)
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)
WHOLE = Data(spec=Digits(), content="0" * 64)
READ = "train.test_accuracy"
LINES = {arm: Line(name=arm, labels={"method": arm, "control": ""}) for arm in ("dense", "a", "b", "c")}


def by_arm(plan: Plan) -> dict[tuple[str, str], Row]:
    return {
        (str(row.labels["protocol"]), str(row.labels["method"])): row for row in plan.rows if not row.labels["seed"]
    }


def test_every_arm_spends_its_whole_budget_and_the_trials_that_of_the_middle():
    plan = STUDY.plan(STUDY.options(), WHOLE)
    for (protocol, method), one in by_arm(plan).items():
        budget, runs = int(protocol.split()[0]), trainings(one.nodes["train"])
        assert sum(steps / run.steps_per_epoch for run, steps in runs.items()) == budget, (protocol, method)
        assert len({run.recipe.epochs for run in runs}) == 1, "split evenly"
        assert len(runs) == {"one-shot": 2, "iterative": 5}.get(method, 1)
        for _, (trial,) in one.nodes["rate"].candidates:
            assert sum(steps / run.steps_per_epoch for run, steps in trainings(trial).items()) == 60
            assert trial.order_seed == 1000
    assert {one.labels["method"] for one in plan.rows} == set(ARMS)


def test_each_seed_has_its_own_training_images_and_so_have_the_trials():
    plan = STUDY.plan(STUDY.options(seeds=2, images=100), WHOLE)
    for one in plan.rows:
        runs = [*trainings(one.nodes["train"]), *trainings(one.nodes["rate"].candidates[0][1][0])]
        parts = {(run.data.spec.seed, run.order_seed, run.data.spec.train, run.data.spec.first) for run in runs}
        assert parts == {(one.labels["seed"], one.labels["seed"], 100, 0), (1000, 1000, 100, 0)}
        scored = getattr(one.nodes.get("prune"), "data", None)
        assert scored is None or scored == one.nodes["train"].data
    assert "Each seed draws its own 100 training images" in plan.notes[0]


def test_what_moves_a_mask_or_scores_it_is_the_methods_own():
    rows = by_arm(STUDY.plan(STUDY.options(), WHOLE))
    during = {arm: rows["60 epochs", arm].nodes["train"].recipe.during for arm in ARMS}
    assert isinstance(during["rigl"][0], RigL) and type(during["set"][0]) is Set
    assert [arm for arm in ARMS if during[arm]] == ["gradual", "set", "rigl"]
    masks = {arm: rows["60 epochs", arm].nodes["train"].mask for arm in ("snip", "grasp", "synflow", "random")}
    assert [type(mask.criterion).__name__ for mask in masks.values()] == ["Snip", "Grasp", "SynFlow", "Random"]
    assert masks["synflow"].rounds == 100 and masks["random"].scope == "erk"
    assert all(mask.batch.images(10) == 100 for arm, mask in masks.items() if arm in ("snip", "grasp"))


def test_the_mean_number_of_weights_is_that_of_the_masks_that_were_trained(tmp_path):
    """The plan's number against each layer's own density over the steps, weighted by the layer's size."""
    options = STUDY.options(budgets=(5,), rates=(0.03,), scoring_images=2, seeds=1)
    plan, store = STUDY.plan(options, DATA), Store(tmp_path / "store").create()
    compute(plan.targets(), store)
    rows = {str(one.labels["method"]): one for one in results(plan, store)}
    module = rows["dense"].nodes["train"].model.build()
    sizes = {name: dict(module.named_parameters())[name].numel() for name in prunable_names(module)}
    whole = sum(sizes.values())
    for arm in ("gradual", "set", "rigl"):
        kept = rows[arm].metric("train.mean_kept")
        measured = sum(kept[name] * size for name, size in sizes.items()) / whole
        assert mean_weights(rows[arm]) == pytest.approx(measured, abs=2 / whole), arm
    assert mean_weights(rows["dense"]) == 1
    for arm in ("snip", "grasp", "synflow", "random", "small dense"):
        assert mean_weights(rows[arm]) == pytest.approx(0.1)
    assert rows["grasp"].metric("prune.reached") == pytest.approx(SPARSITY, abs=1 / whole)
    assert mean_weights(rows["one-shot"]) == pytest.approx((1 + 0.1) / 2)
    assert mean_weights(rows["iterative"]) == pytest.approx((1 + 0.56 + 0.32 + 0.18 + 0.1) / 5)
    small = rows["small dense"].nodes["train"]
    assert isinstance(small, Train)
    weights = sum(tensor.numel() for name, tensor in small.model.build().named_parameters() if name.endswith("weight"))
    assert weights == pytest.approx(0.1 * whole, rel=0.15)


def some_rows(values: dict[str, tuple[float, ...]], budget: int = 30, **cost: dict[str, float]) -> Rows:
    return Rows(
        row(
            f"{budget} epochs",
            *("relu", arm, seed),
            sparsity=0.0 if arm == "dense" else SPARSITY,
            train={"test_accuracy": accuracy},
            cost={"sparse_macs": cost.get(arm, {}).get("macs", 1.0)},
        )
        for arm, several in values.items()
        for seed, accuracy in enumerate(several)
    )


VALUES = {
    "dense": (0.700, 0.703, 0.699, 0.702, 0.701),
    "a": (0.690, 0.694, 0.688, 0.693, 0.692),
    "b": (0.711, 0.716, 0.710, 0.714, 0.713),
    "c": (0.688, 0.693, 0.690, 0.691, 0.690),
}


def less(a: str, b: str, minus: float = 0.0) -> list[float]:
    return [x - y - minus for x, y in zip(VALUES[a], VALUES[b], strict=True)]


def test_the_ranks_are_those_of_the_means_over_common_seeds_and_the_best_meets_the_second_whatever_its_sparsity():
    among = tuple(LINES.values())
    labels = {"protocol": "30 epochs", "method": "", "control": ""}
    first, second = (Ranked(name=str(rank), labels=labels, among=among, read=READ, rank=rank) for rank in (1, 2))
    found = some_rows(VALUES)
    assert first.chosen(found) == LINES["b"] and second.chosen(found) == LINES["dense"]
    assert first.chosen(Rows()) is None and not second.rows(Rows())
    partly = Rows(one for one in found if one.labels["seed"] == 3 or one.labels["method"] != "c")
    assert Ranked(name="", labels=labels, among=among, read=READ, rank=4).chosen(partly) == LINES["c"]
    for a, b in ((first, second), (second, first)):
        (lead,) = found_by([Comparison(key="k", a=a, b=b, read=READ, what="accuracy", margin=0.01)], found)
        sign = 1 if a is first else -1
        assert lead.values == pytest.approx([sign * value for value in less("b", "dense")])
        assert (
            lead.sparsity == SPARSITY
            and [set(side.labels("method")) for _, side in lead.rows] == ([{"b"}, {"dense"}][::sign])
        )
    (lead,) = adjusted(found_by([Comparison(key="k", a=first, b=second, read=READ, what="x", margin=0.01)], found))
    assert lead.better == first
    assert lead.p_holm == pytest.approx(scipy.stats.ttest_rel(VALUES["b"], VALUES["dense"]).pvalue)


def test_the_choice_of_the_two_best_does_not_raise_the_rate_of_false_leads():
    """Eleven equal arms, a thousand times: the first against the second is resolved in at most 5 % of them."""
    draw = numpy.random.default_rng(1)
    resolved = 0
    for _ in range(1000):
        arms = draw.normal(size=(11, 5))
        second, first = arms[numpy.argsort(arms.mean(1))[-2:]]
        resolved += scipy.stats.ttest_rel(first, second).pvalue < 0.05
    assert resolved <= 50


@pytest.mark.parametrize(
    ("arms", "than", "word"),
    [
        ("ac", 0.005, "confirmed"),
        ("abc", 0.005, "refuted"),
        ("abc", 0.012, "cannot be said"),
        ("abc", 0.02, "confirmed"),
    ],
)
def test_none_above_is_refuted_by_one_line_and_confirmed_by_all(arms, than, word):
    judged = none_above([LINES[arm] for arm in arms], LINES["dense"], READ, SPARSITY, than=than)(some_rows(VALUES))
    p = {arm: scipy.stats.ttest_1samp(less(arm, "dense"), than).pvalue for arm in arms}
    wanted = holm(p)["b"] if word == "refuted" else max(p.values())
    assert judged.word == word and judged.p == pytest.approx(wanted) and judged.n == 5
    highest = "b" if "b" in arms else max(arms, key=lambda arm: sum(VALUES[arm]))
    assert judged.measured.startswith(f"Highest: {highest} minus dense")


def test_alike_is_two_one_sided_tests_of_each_pair():
    def p_equal(a: str, b: str, margin: float) -> float:
        low = scipy.stats.ttest_1samp(less(a, b), -margin, alternative="greater").pvalue
        return max(low, scipy.stats.ttest_1samp(less(a, b), margin, alternative="less").pvalue)

    found = some_rows(VALUES)
    near = alike([LINES["a"], LINES["c"]], READ, SPARSITY, margin=0.005)(found)
    assert near.word == "confirmed" and near.p == pytest.approx(p_equal("a", "c", 0.005))
    pairs = (("a", "b"), ("a", "c"), ("b", "c"))
    wide = alike([LINES[arm] for arm in "abc"], READ, SPARSITY, margin=0.03)(found)
    assert wide.word == "confirmed" and wide.p == pytest.approx(max(p_equal(*pair, 0.03) for pair in pairs))
    far = alike([LINES[arm] for arm in "abc"], READ, SPARSITY, margin=0.005)(found)
    assert far.word == "refuted" and far.measured.startswith("Furthest apart: ")
    assert (
        alike([LINES[arm] for arm in "abc"], READ, SPARSITY, margin=0.02)(some_rows({"a": VALUES["a"]})).word
        == "not run"
    )


def test_a_joint_claim_of_two_seeds_or_of_a_run_that_diverged_is_open():
    judge = none_above([LINES["a"]], LINES["dense"], READ, SPARSITY, than=0.005)
    assert judge(some_rows({arm: values[:2] for arm, values in VALUES.items()})).word == "cannot be said"
    lost: list[Result] = list(some_rows(VALUES))
    lost[0].records["train"].metrics["diverged_epoch"] = 3  # type: ignore[index]
    assert judge(Rows(lost)).word == "cannot be said" and "diverged" in judge(Rows(lost)).measured


def test_the_dense_curve_is_read_off_on_a_logarithmic_axis_and_never_below_its_first_budget():
    dense = {30: (0.60, 0.61, 0.62), 60: (0.64, 0.65, 0.67), 150: (0.70, 0.71, 0.72)}
    macs = {30: 30e9, 60: 60e9, 150: 150e9}
    rows: list[Result] = []
    for budget, several in dense.items():
        rows += some_rows({"dense": several}, budget, dense={"macs": macs[budget]})
    for cost in (10e9, 45e9, 100e9, 300e9):
        gradual = some_rows({"gradual": (0.66, 0.68, 0.67)}, 150, gradual={"macs": cost})
        judged = above_dense_curve("gradual", 150)(Rows((*rows, *gradual)))
        curve = [
            numpy.interp(numpy.log(cost), numpy.log([*macs.values()]), each)
            for each in zip(*dense.values(), strict=True)
        ]
        assert judged.interval is not None
        assert judged.interval.mean == pytest.approx(0.67 - numpy.mean(curve))
    assert above_dense_curve("gradual", 150)(Rows()).word == "not run"


def answer(leads: dict[int, float], seeds: int = 5) -> str:
    """The first sentence where gradual pruning leads every other arm by so much at each budget."""
    draw = random.Random(0)
    rows: list[Any] = []
    for budget, lead in leads.items():
        values = {
            arm: [0.6 - place / 100 + draw.gauss(0, 0.002) for _ in range(seeds)] for place, arm in enumerate(ARMS)
        }
        values["gradual"] = [value + lead + draw.gauss(0, 0.001) for value in values["dense"]]
        rows += some_rows(values, budget)  # type: ignore[arg-type]
    outline = STUDY.outline
    _, differences = read((), outline.comparisons, Rows(rows))
    assert outline.headline is not None
    return outline.headline(Rows(rows), differences)


def test_the_first_sentence_names_the_best_at_each_budget_and_says_whether_it_is_resolved():
    said = answer({30: -0.03, 60: 0.0, 150: 0.03})
    assert said.startswith("Most accurate: dense at 30 epochs (") and "gradual pruning at 150 epochs (+0.0" in said
    assert said.count("not resolved") == 1 and "on dense" in said and said.endswith("; n = 5.")
    assert len(said.split()) <= 30, said
    assert answer({30: 0.05, 60: 0.05, 150: 0.05}, seeds=2).count("not resolved") == 3
    assert answer({30: -0.1, 60: 0.05}).count(" at ") == 2, "a budget that has not run"


def test_the_front_has_every_arm_that_no_other_beats_at_less_cost():
    rows = some_rows({"dense": (0.7,), "rigl": (0.6,), "set": (0.59,)}, 30, dense={"macs": 9.0}, rigl={"macs": 2.0})
    rows = Rows((*rows, *some_rows({"set": (0.65,)}, 60, set={"macs": 3.0})))
    cheap = some_rows({"gradual": (0.61,)}, 30, gradual={"macs": 1.5})
    assert front_of(rows) == ["SET of 30 epochs", "RigL of 30 epochs", "SET of 60 epochs", "dense of 30 epochs"]
    assert "RigL of 30 epochs" not in front_of(Rows((*rows, *cheap)))
