"""The expected shapes of the metrics of a record from elsewhere, so that its readers can rely on them.

Other metrics may be any JSON: only a program that names them reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# metrics that readers rely on, by the kind of the node
NEEDED = {
    "Train": ("curves", "epochs", "picked", "test_accuracy", "test_reads", "train_accuracy"),
    "Prune": ("entries", "layers", "mask_digest", "reached", "removed"),
    "Choose": ("by", "each", "means", "value", "values"),
}
EARLY_BIRD = "early-bird-"  # the metric of a rule begins so
NUMBERS_OF_JSON = frozenset({int, float, type(None)})  # a number that is not finite is null
NUMBER, TEXT, NUMBERS, TEXTS, TABLE = "a number", "text", "a list of numbers", "a list of texts", "lists of numbers"
BY_NAME, CURVES = "numbers by name", "numbers, or lists of them, by name"
BY_KIND: Mapping[str, Mapping[str, str]] = {
    "Train": {
        **dict.fromkeys(("epochs", "test_accuracy", "test_accuracy_exact", "test_loss", "test_reads"), NUMBER),
        **dict.fromkeys(("train_accuracy", "train_loss", "validation_accuracy", "best_test_accuracy"), NUMBER),
        **dict.fromkeys(("diverged_epoch", "best_epoch", "best_step", "from_step", "steps", "stopped_step"), NUMBER),
        **dict.fromkeys(("trained_share", "mean_kept", "kept_at"), BY_NAME),
        "curves": CURVES,
        "picked": TEXT,
    },
    "UserTrain": {
        **dict.fromkeys(("test_accuracy", "steps", "from_step", "test_reads", "stopped_step"), NUMBER),
        **dict.fromkeys(("mean_kept", "kept_at"), BY_NAME),
        "picked": TEXT,
        "broken_promises": TEXTS,
    },
    "Prune": {
        **dict.fromkeys(("candidates", "entries", "exact_zero_scores", "kept_negative", "kept_positive"), NUMBER),
        **dict.fromkeys(("parameters", "reached", "removed", "removed_negative", "removed_positive"), NUMBER),
        **dict.fromkeys(("requested", "requested_removed", "ties_at_cut", "weights_entries"), NUMBER),
        **dict.fromkeys(("weights_removed", "zero_gradients"), NUMBER),
        **dict.fromkeys(("layers", "zero_gradients_by_layer"), BY_NAME),
        "emptied": TEXTS,
        "mask_digest": TEXT,
    },
    "Channels": {
        **dict.fromkeys(("channels", "layers"), BY_NAME),
        **dict.fromkeys(("entries", "removed"), NUMBER),
        "emptied": TEXTS,
        "mask_digest": TEXT,
    },
    "CombineMask": {**dict.fromkeys(("entries", "removed"), NUMBER), "layers": BY_NAME, "mask_digest": TEXT},
    "Shuffle": {"mask_digest": TEXT},
    "Choose": {"by": TEXT, "value": NUMBER, "values": NUMBERS, "means": NUMBERS, "each": TABLE},
    "At": {"step": NUMBER},
    "Measure": {
        **dict.fromkeys(("floor", "masked_angle", "masked_l2", "mean_relative_distance", "regrown"), NUMBER),
        **dict.fromkeys(("relative_to_ticket", "whole_relative_distance", "barrier", "instability"), NUMBER),
        **dict.fromkeys(("loss_barrier", "loss_instability", "effective", "idle", "sparsity", "total"), NUMBER),
        **dict.fromkeys(("hamming", "iou", "kappa", "dead_share", "expected_share", "explained_share"), NUMBER),
        **dict.fromkeys(("test_accuracy", "test_loss", "validation_accuracy", "validation_loss"), NUMBER),
        **dict.fromkeys(("zero_gradient_share", "average", "log10_ratio", "pruned", "ratio", "whole"), NUMBER),
        **dict.fromkeys(("neighbours", "over_pixels", "over_places", "spread", "spread_over_pixels", "units"), NUMBER),
        **dict.fromkeys(("by_tensor", "dense_norms", "idle_by_layer", "dead_by_layer", "dense", "high"), BY_NAME),
        **dict.fromkeys(("low", "mean", "percentile_2", "percentile_98", "saturated", "std", "largest"), BY_NAME),
        **dict.fromkeys(("backward_variance", "forward_variance", "weight_gradient_variance"), BY_NAME),
        **dict.fromkeys(("alphas", "errors", "losses"), NUMBERS),
        "histogram": CURVES,
        "differing": TABLE,
    },
}


def check_metrics(kind: str, metrics: Mapping[str, Any]) -> None:
    """Compare the metrics of a record with the shapes that its readers expect.

    Raises:
        ValueError: a needed metric is missing, or a metric has another shape.
    """
    if missing := [name for name in NEEDED.get(kind, ()) if name not in metrics]:
        raise ValueError(f"it lacks the metric '{missing[0]}', which every {kind} has")
    for name, shape in BY_KIND.get(kind, {}).items():
        if name in metrics and not _has_shape(metrics[name], shape):
            raise ValueError(f"its metric '{name}' is not {shape}")
    for name, rule in metrics.items() if kind in ("Train", "UserTrain") else ():
        known = isinstance(rule, dict) and all(type(rule.get(part)) in (int, float) for part in ("limit", "chance"))
        if name.startswith(EARLY_BIRD) and not known:
            raise ValueError(f"its metric '{name}' has no numbers 'limit' and 'chance'")


def _has_shape(value: Any, shape: str) -> bool:
    match shape:
        case "a number":
            return _is_number(value)
        case "text":
            return isinstance(value, str)
        case "a list of numbers":
            return isinstance(value, list) and all(map(_is_number, value))
        case "a list of texts":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "lists of numbers":
            return isinstance(value, list) and all(_has_shape(item, NUMBERS) for item in value)
        case "numbers by name":
            return isinstance(value, dict) and all(map(_is_number, value.values()))
        case _:
            return isinstance(value, dict) and all(
                _is_number(item) or _has_shape(item, NUMBERS) for item in value.values()
            )


def _is_number(value: Any) -> bool:
    return type(value) in NUMBERS_OF_JSON
