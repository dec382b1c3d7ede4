"""The tensors that interventions and gates leave in the record of a run, by the names of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from lotterylab.engine.context import mask_part
from lotterylab.gates import LEARNED, learned_mask, under
from lotterylab.masks import algebra
from lotterylab.types import Checkpoint, Mask, State


def on_cpu(state: Mapping[str, Tensor]) -> State:
    """Return the tensors on the CPU, where they can be stored."""
    return cast(State, {name: tensor.cpu() for name, tensor in state.items()})


def made_by_interventions(last: Checkpoint) -> dict[str, Mapping[str, Tensor]]:
    """Return the masks and the carry of a checkpoint, by the names of a record's parts."""
    made: dict[str, Mapping[str, Tensor]] = {mask_part(name): on_cpu(mask) for name, mask in last.masks.items()}
    return made | ({"carry": on_cpu(last.carry)} if last.carry else {})


def made_by_gates(trained: Any) -> dict[str, Mapping[str, Tensor]]:
    """Return the learned mask and the state under it, by the names of a record's parts; {} without a gate.

    Args:
        trained: the run's end, or a step of it (``trainings.Trained``).
    """
    gate, net, state = trained.recipe.gate, trained.net, trained.whole.state
    if gate is None:
        return {}
    mask = learned_mask(net, gate, state)
    return {mask_part(LEARNED): on_cpu(mask), LEARNED: on_cpu(under(mask, gate, state))}


def density(learned: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the share of weights that a learned mask keeps, "learned_density", and "learned_layers"; {} for none."""
    if not learned:
        return {}
    kept, entries = algebra.kept(cast(Mask, learned)), algebra.entries(cast(Mask, learned))
    layers = {name: int(mask.sum()) / mask.numel() for name, mask in learned.items()}
    return {"learned_density": kept / entries, "learned_layers": layers}
