"""Rows of the activation study, one builder for each question; its arguments are what may turn the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lotterylab.engine.results import Result
from lotterylab.studies.protocols import ladder
from some_results import ACTIVATIONS, NOISE, SEEDS, SPARSITIES, accuracies, pruned, row

WEIGHTS = 544_864
RUNGS = [protocol.name for protocol in ladder()]
OWN, OTHER = "own stream", "other stream"
PUBLISHED = "as-published"
TWO = (42, 43)


def removals(share: Callable[[float], float], off: int = -1, seeds=SEEDS) -> list[Result]:
    """Row 1: int(share(s) * weights) + off removed, of so many asked for."""

    def make(activation, method, sparsity, seed):
        removed = int(share(sparsity) * WEIGHTS) + off
        return {"prune": {"removed": removed, "entries": WEIGHTS, "requested": sparsity, "reached": removed / WEIGHTS}}

    return pruned(PUBLISHED, make, seeds=seeds)


def regrown(share: float, tanh: float | None = None) -> list[Result]:
    def make(activation, method, sparsity, seed):
        value = tanh if tanh is not None and activation == "tanh" else share
        return {"distances": {"regrown": value + 0.01 * NOISE[seed]}}

    return pruned(PUBLISHED, make)


def zeros(explained: float, expected: float = 0.3, masks: str = "same", spread: float = 0.01) -> list[Result]:
    """Row 3: explained shares of the dense network; masks of the three targets."""
    shares = {seed: {"explained_share": explained + spread * NOISE[seed], "expected_share": expected} for seed in SEEDS}
    dense = [row(PUBLISHED, "relu", "dense", seed, dead_units=shares[seed]) for seed in SEEDS]

    def make(activation, method, sparsity, seed):
        name = f"{seed}" if masks == "same" else f"{seed} {sparsity}"
        return {"prune": {"mask_digest": name, "reached": 0.05, "zero_gradients": 0.9}}

    return dense + pruned(PUBLISHED, make, activations=("relu",), methods=("first-order",))


def against_grasp(kappa: float, tanh: float | None = None, negative: float = 0.0, left: int = 5) -> list[Result]:
    def make(activation, method, sparsity, seed):
        value = tanh if tanh is not None and activation == "tanh" else kappa
        signs = {"removed": 1000, "removed_negative": int(1000 * negative), "kept_positive": left}
        return {"overlap_grasp": {"kappa": value + 0.005 * NOISE[seed]}, "prune": signs}

    return pruned("corrected", make, methods=("first-order",))


def against_initial(kappa: float, sigmoid: float | None = None, spread: float = 0.01) -> list[Result]:
    def make(activation, method, sparsity, seed):
        value = sigmoid if sigmoid is not None and activation == "sigmoid" else kappa
        return {"overlap_initial": {"kappa": value + spread * NOISE[seed]}}

    return pruned(PUBLISHED, make, methods=("first-order",))


def selection(change: float, spread: float = 0.005, above_last: float = 0.02, seeds=SEEDS) -> list[Result]:
    """Row 6: rung 4 above rung 5 by ``change``; as published the best epoch above the last one."""
    arms: dict[str, Any] = {"activations": ACTIVATIONS, "methods": ("magnitude", "first-order"), "seeds": seeds}
    curves = {"curves": {"test_accuracy": [0.1, 0.4 + above_last, 0.4]}}
    return [
        *accuracies(RUNGS[3], 0.5 + change, spread=spread, **arms),
        *accuracies(RUNGS[4], 0.5, **arms),
        *pruned(PUBLISHED, lambda *_: {"train": curves}, activations=("relu", "tanh")),
    ]


def ratios(bias: float, weight: float = 1.0) -> list[Result]:
    """Row 7A: the ratio of each bias and of each weight."""

    def make(activation, method, sparsity, seed):
        each = {f"{layer}.bias": bias + 0.01 * NOISE[seed] for layer in "abcd"} | {
            f"{layer}.weight": weight for layer in "abcd"
        }
        return {"distances": {"by_tensor": each}}

    return pruned(PUBLISHED, make)


def norms(distance: float, to_ticket: float, tanh_norm: float, at_target=lambda sparsity: 0.0) -> list[Result]:
    """Rows 7B and 12: sigmoid's D over its own norms of 1, over the ticket's, and the norms of the tanh network."""

    def make(activation, method, sparsity, seed):
        d = distance + at_target(sparsity) + 0.1 * NOISE[seed]
        norm = tanh_norm if activation == "tanh" else 1.0
        return {
            "distances": {
                "mean_relative_distance": d,
                "relative_to_ticket": to_ticket + 0.05 * NOISE[seed],
                "by_tensor": {"a.weight": d, "a.bias": d},
                "dense_norms": {"a.weight": norm, "a.bias": norm},
            }
        }

    return pruned(PUBLISHED, make, methods=("first-order",))


def streams(own: float, other: float, first_own: float = 0.4, first_other: float = 0.4, seeds=SEEDS) -> list[Result]:
    """Row 8A: magnitude with both streams, and first-order with both."""
    more: dict[str, Any] = {"spread": 0.005, "seeds": seeds}
    return [
        *accuracies(PUBLISHED, own, **more),
        *accuracies("probes", other, control=OTHER, **more),
        *accuracies("probes", first_own, methods=("first-order",), control=OWN, **more),
        *accuracies(PUBLISHED, first_other, methods=("first-order",), **more),
    ]


def signs(one: tuple[float, float], both: tuple[float, float], spread: float = 0.005) -> list[Result]:
    """Row 8B: random masks of one sign and of both, (dense run's stream, the other)."""
    return [
        found
        for method, means in (("random of one sign", one), ("random", both))
        for control, mean in zip((OWN, OTHER), means, strict=True)
        for found in accuracies("probes", mean, methods=(method,), control=control, spread=spread)
    ]


def at_chosen_rate(
    arms: float, *, dense: float = 0.1, rung: float | None = 0.1, grasp: float = 0.5, spread: float = 0.0
) -> list[Result]:
    """Row 8C: the corrected arms, of which grasp has the spread; the published dense run; and rung 6."""
    one: dict[str, Any] = {"methods": ("dense",), "sparsities": (0.0,)}
    return [
        *accuracies("corrected", arms, methods=("magnitude", "first-order")),
        *accuracies("corrected", grasp, methods=("grasp",), spread=spread),
        *accuracies("corrected", arms, **one),
        *accuracies(PUBLISHED, dense, **one),
        *(accuracies(RUNGS[5], rung, **one) if rung is not None else []),
    ]


def leads(magnitude: float, first_order: float, spread: float = 0.002, sparsity: float = 0.8) -> list[Result]:
    """Row 9: training accuracies of ReLU at epoch 10, above the dense run's 0.3."""
    found = []
    for seed in SEEDS:
        for method, lead in (("dense", 0.0), ("magnitude", magnitude), ("first-order", first_order)):
            noise = 0.0 if method == "dense" else spread * NOISE[seed]
            curve = [0.1] * 9 + [0.3 + lead + noise] + [0.9] * 10
            target = 0.0 if method == "dense" else sparsity
            curves = {"curves": {"train_accuracy": curve}}
            found.append(row(PUBLISHED, "relu", method, seed, sparsity=target, train=curves))
    return found


def steps(published: float, gone: float, moved: float, epochs: int = 50, seeds=SEEDS) -> list[Result]:
    """Row 10: dense tanh curves of one step after epoch 10, and of two, after epoch 10 and after half the epochs."""
    found = []
    for seed in seeds:
        noise, half = 0.002 * NOISE[seed], epochs // 2
        first = [0.3] * 10 + [0.3 + published + noise] * (epochs - 10)
        second = [0.3] * 10 + [0.3 + gone + noise] * (half - 10) + [0.3 + gone + moved + 2 * noise] * (epochs - half)
        for protocol, curve in ((PUBLISHED, first), (RUNGS[5], second)):
            found.append(row(protocol, "tanh", "dense", seed, train={"curves": {"train_accuracy": curve}}))
    return found


def tanh_minus_relu(change: float, spread: float, dense: float | None = -0.04, at_09: float = 0.0) -> list[Result]:
    """Row 11: tanh minus ReLU as published, more at 0.9, and dense at the chosen rates."""
    both: dict[str, Any] = {"methods": ("magnitude", "first-order")}
    rows = accuracies(PUBLISHED, 0.45, activations=("relu",), spread=spread, **both)
    rows += accuracies(PUBLISHED, 0.45 + change, activations=("tanh",), sparsities=(0.5, 0.8), **both)
    rows += accuracies(PUBLISHED, 0.45 + change + at_09, activations=("tanh",), sparsities=(0.9,), **both)
    one: dict[str, Any] = {"methods": ("dense",), "sparsities": (0.0,)}
    if dense is not None:
        rows += accuracies("corrected", 0.6, activations=("relu",), **one)
        rows += accuracies("corrected", 0.6 + dense, activations=("tanh",), spread=0.001, **one)
    return rows


def spike(height: float, sparsities=SPARSITIES) -> list[Result]:
    rows = norms(4.0, 1.0, 5.0, at_target=lambda sparsity: height if sparsity == 0.8 else 0.0)
    return [one for one in rows if one.labels["sparsity"] in sparsities]


def corrected(
    dense: float = 0.0, magnitude: float = 0.05, grasp: tuple[float, float] = (0.05, 0.0), first_order: float = -0.05,
    fresh: tuple[float, float] = (0.02, 0.0), spread: float = 0.004, seeds=SEEDS,
) -> list[Result]:  # fmt: skip
    """Tickets at 0.5, with a spread over seeds, minus their controls; ``grasp`` and ``fresh``: of (ReLU, sigmoid)."""
    rows: list[Result] = []
    for activation in ACTIVATIONS:
        second = 1 if activation == "sigmoid" else 0
        apart = {"magnitude": magnitude, "grasp": grasp[second], "first-order": first_order}
        for method, difference in apart.items():
            own: dict[str, Any] = {"seeds": seeds, "activations": (activation,), "methods": (method,)}
            rows += accuracies("corrected", 0.5, spread=spread, **own)
            rows += accuracies("corrected", 0.5 - difference, control="random mask", **own)
            rows += accuracies("corrected", 0.5 - fresh[second], control="reinitialised", **own)
        one: dict[str, Any] = {
            "seeds": seeds,
            "activations": (activation,),
            "methods": ("dense",),
            "sparsities": (0.0,),
        }
        rows += accuracies("corrected", 0.5 - dense, control="pruned epochs", **one)
        rows += accuracies("corrected", 0.55, control="total epochs", **one)
    return rows
