"""Methods against each other: paired differences by SciPy, Holm by hand, and what is said."""

from dataclasses import dataclass, replace

import pytest
import scipy.stats

from lotterylab.data import Digits
from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.differences import adjusted, found_by
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import called
from lotterylab.studies.activations_comparisons import AGAINST_CONTROLS, COMPARISONS
from lotterylab.studies.verdicts_corrected import at_chance
from some_plans import train
from some_study_rows import corrected


@dataclass(frozen=True, kw_only=True)
class WithClasses(Digits):
    """Digits that say they have other classes."""

    many: int

    @property
    def classes(self) -> int:
        return self.many


ACCURACIES = {
    ("magnitude", 0.5): (0.70, 0.72, 0.71, 0.73),
    ("snip", 0.5): (0.701, 0.719, 0.712, 0.729),
    ("random", 0.5): (0.60, 0.63, 0.61, 0.62),
    ("magnitude", 0.9): (0.5, 0.7, 0.4, 0.6),
    ("snip", 0.9): (0.6, 0.5, 0.5, 0.7),
}


def rows():
    for (method, sparsity), values in ACCURACIES.items():
        for seed, accuracy in enumerate(values):
            labels = {
                "protocol": "corrected",
                "activation": "relu",
                "method": method,
                "control": "",
                "sparsity": sparsity,
            }
            record = Record(
                digest=f"{method}{sparsity}{seed}", kind="Train", metrics={"test_accuracy": accuracy}, facts={}
            )
            yield Result(labels={**labels, "seed": seed}, records={"train": record})


NAMES = {called(name): name for name in ("magnitude", "snip", "random")}


def between_methods(results):
    found = adjusted(found_by(COMPARISONS[len(AGAINST_CONTROLS) :], results))
    return {(NAMES[one.comparison.a.name], NAMES[one.comparison.b.name], one.sparsity): one for one in found}


def test_pairs_are_compared_at_the_same_sparsity_and_said_by_holm():
    found = between_methods(Rows(rows()))
    assert set(found) == {
        ("magnitude", "snip", 0.5),
        ("magnitude", "random", 0.5),
        ("snip", "random", 0.5),
        ("magnitude", "snip", 0.9),
    }
    p = {key: scipy.stats.ttest_rel(ACCURACIES[key[0], key[2]], ACCURACIES[key[1], key[2]]).pvalue for key in found}
    for key, value in p.items():
        assert value <= found[key].p_holm <= min(1.0, len(p) * value) + 1e-12
    assert found["magnitude", "random", 0.5].says == "magnitude is better"
    assert found["magnitude", "snip", 0.5].says == "equal within 0.02"
    assert found["magnitude", "snip", 0.9].says == "cannot be said"


def test_one_seed_says_nothing():
    (one,) = between_methods(
        Rows([row for row in rows() if row.labels["seed"] == 0 and row.labels["sparsity"] == 0.9])
    ).values()
    assert one.says == "cannot be said" and one.p_holm == 1


@pytest.mark.parametrize(("classes", "expected"), [(10, True), (100, False)])
def test_chance_is_that_of_the_classes_of_the_data(classes, expected):
    run = train()
    run = replace(run, data=replace(run.data, spec=WithClasses(train=64, validation=20, test=20, many=classes)))
    found = []
    for control, accuracy in (("", 0.19), ("random mask", 0.12)):
        labels = {"protocol": "corrected", "activation": "relu", "method": "magnitude", "control": control}
        record = Record(digest=control, kind="Train", metrics={"test_accuracy": accuracy}, facts={})
        found.append(
            Result(labels={**labels, "sparsity": 0.9, "seed": 0}, records={"train": record}, nodes={"train": run})
        )
    (one,) = found_by(AGAINST_CONTROLS, Rows(found))
    assert one.comparison.b.name == "random mask" and at_chance(one) is expected


def test_nothing_is_said_of_a_method_of_which_a_run_diverged_or_of_two_seeds():
    lost = list(rows())
    for one in lost:
        if one.labels["method"] == "random" and one.labels["seed"] == 3:
            one.records["train"].metrics["diverged_epoch"] = 2
    found = between_methods(Rows(lost))
    pair = found["magnitude", "random", 0.5]
    assert pair.says == "cannot be said" and pair.p_holm == 1 and pair.caveat == "1 of 8 runs diverged (random)."
    whole = between_methods(Rows(rows()))
    key = ("magnitude", "snip", 0.5)
    assert found[key].p_equal >= whole[key].p_equal, "a caveat makes no family smaller"
    two = between_methods(Rows([row for row in rows() if row.labels["seed"] < 2]))
    assert {one.says for one in two.values()} == {"cannot be said"} and {one.p_holm for one in two.values()} == {1}


def test_planned_contrasts_are_a_family_of_their_own() -> None:
    found = adjusted(found_by(AGAINST_CONTROLS, Rows(corrected(dense=0.01, magnitude=0.05, spread=0.004))))
    assert len(found) == 3 * 3 * 3 * 4  # activations, methods, sparsities, controls
    planned = [one for one in found if one.planned]
    assert len(planned) == 3 * 5
    best = next(one for one in planned if (one.comparison.key, one.sparsity) == ("magnitude minus random mask", 0.9))
    assert best.interval.mean == pytest.approx(0.05) and best.p_holm is not None and best.p_holm < 0.05
    assert best.outcome == "more"
    total = next(one for one in found if one.comparison.b.name == "dense, total epochs")
    assert total.interval.mean == pytest.approx(-0.05)
