from __future__ import annotations

import pytest

from lotterylab.reading.rows import Rows
from lotterylab.studies.published import published_comparison, published_values
from some_results import pruned, row

PUBLISHED = "as-published"


def test_the_published_values_are_those_of_the_figures() -> None:
    values = published_values()
    assert len(values) == 3 * 18 + 9
    assert {one.figure: one.reading_error for one in values} == {
        "accuracy-vs-sparsity": 0.003,
        "mask-sparsity": 0.005,
        "stability-vs-sparsity": 0.04,
        "training-curves": 0.004,
    }
    assert [one.value for one in values if one.activation == "sigmoid" and one.quantity == "last_epoch_val_acc"] == [
        0.158, 0.102, 0.1, 0.385, 0.395, 0.347,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at_42", "others", "within", "within_seed42"),
    [(0.439, 0.439, True, True), (0.442, 0.46, True, True), (0.46, 0.442, True, False), (0.46, 0.46, False, False)],
)
def test_a_published_value_is_compared_with_the_mean_and_with_its_own_seed(at_42, others, within, within_seed42):
    def make(activation, method, sparsity, seed):
        prune = {"removed": 109_018, "parameters": 545_098}
        return {"train": {"test_accuracy": at_42 if seed == 42 else others}, "prune": prune}

    rows = pruned(PUBLISHED, make, activations=("relu",), methods=("magnitude",))
    found = {(one.target, one.quantity): one for one in published_comparison(Rows(rows)) if one.n}
    accuracy = found[0.5, "last_epoch_val_acc"]
    assert (accuracy.published, accuracy.within, accuracy.within_seed42, accuracy.n) == (
        0.439,
        within,
        within_seed42,
        5,
    )
    assert accuracy.ours_mean == pytest.approx((at_42 + 4 * others) / 5) and accuracy.seed42 == at_42
    sparsity = found[0.8, "mask_sparsity"]
    assert (sparsity.within, sparsity.ours_sd, sparsity.seed42) == (True, 0.0, pytest.approx(0.2, abs=1e-5))
    assert {quantity for _, quantity in found} == {"last_epoch_val_acc", "mask_sparsity"}


def test_one_seed_is_compared_by_itself_alone() -> None:
    rows = [row(PUBLISHED, "tanh", "dense", 43, train={"train_accuracy": 0.453})]
    (found,) = [one for one in published_comparison(Rows(rows)) if one.n]
    assert (found.method, found.ours_mean, found.ours_sd) == ("dense", 0.453, None)
    assert (found.within, found.seed42, found.within_seed42) == (None, None, None)
