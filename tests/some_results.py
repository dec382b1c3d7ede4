"""Results made by hand for the tests of verdicts: rows with labels and metrics, no run behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result

SEEDS = (42, 43, 44, 45, 46)
SPARSITIES = (0.5, 0.8, 0.9)
ACTIVATIONS = ("relu", "tanh", "sigmoid")
NOISE = {42: 0.0, 43: 1.0, 44: -1.0, 45: 0.5, 46: -0.5}  # of mean 0 and standard deviation 0.79


def record(metrics: dict[str, Any]) -> Record:
    return Record(digest="0" * 64, kind="by hand", metrics=metrics, facts={})


def row(
    protocol: str, activation: str, method: str, seed: int, *, sparsity: float = 0.0, control: str = "", **parts: Any
) -> Result:
    labels = {
        "protocol": protocol,
        "activation": activation,
        "method": method,
        "control": control,
        "sparsity": sparsity,
        "seed": seed,
    }
    name = " ".join(map(str, labels.values()))
    records = {part: replace(record(metrics), digest=f"{part} {name}") for part, metrics in parts.items()}
    return Result(labels=labels, records=records)


def accuracies(
    protocol: str,
    mean: float,
    *,
    activations: Iterable[str] = ("sigmoid",),
    methods: Iterable[str] = ("magnitude",),
    sparsities: Iterable[float] = SPARSITIES,
    control: str = "",
    spread: float = 0.0,
    seeds: Sequence[int] = SEEDS,
) -> list[Result]:
    """Rows whose test accuracy is ``mean``, and ``spread`` times the seed's noise."""
    return [
        row(
            protocol,
            activation,
            method,
            seed,
            sparsity=sparsity,
            control=control,
            train={"test_accuracy": mean + spread * NOISE[seed]},
        )
        for seed in seeds
        for activation in activations
        for method in methods
        for sparsity in sparsities
    ]


def pruned(
    protocol: str,
    make: Callable[[str, str, float, int], dict[str, Any]],
    *,
    activations: Iterable[str] = ACTIVATIONS,
    methods: Iterable[str] = ("magnitude", "first-order"),
    sparsities: Iterable[float] = SPARSITIES,
    seeds: Sequence[int] = SEEDS,
) -> list[Result]:
    """Pruned rows whose parts are what ``make(activation, method, sparsity, seed)`` says."""
    return [
        row(protocol, activation, method, seed, sparsity=sparsity, **make(activation, method, sparsity, seed))
        for seed in seeds
        for activation in activations
        for method in methods
        for sparsity in sparsities
    ]
