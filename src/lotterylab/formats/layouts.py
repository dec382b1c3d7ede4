"""States of pruning libraries, which keep a pruned weight as several tensors, by the plain names of the weights.

| library | the weight | its mask |
|---|---|---|
| torch.nn.utils.prune | ``fc.weight_orig`` | ``fc.weight_mask`` |
| torch.ao.pruning | ``fc.parametrizations.weight.original`` | ``fc.parametrizations.weight.0.mask`` |
| NNCF 3 (``nncf.prune``) | ``fc.weight`` | ``__nncf_hooks.post_hooks.fc:weight__0.0.binary_mask``; a logit: ``.mask`` |
| NNCF 2 | ``fc.weight`` | ``fc.pre_ops.0.op._binary_mask``, ``...op.weight_ctx._binary_mask`` |
| NNI 3 | ``fc._nni_wrapper.weight`` | ``fc._nni_wrapper.weight_mask`` |
| NNI 1, 2 | ``fc.weight``, or ``fc.module.weight`` | ``fc.weight_mask`` |
| masked layers of many papers | ``fc.weight`` | ``fc.weight_mask``, ``fc.mask`` of the weight's shape |
| PEFT, not merged | ``fc.base_layer.weight`` | none; ``fc.lora_A.*`` and ``fc.lora_B.*`` are not the network's |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError
from lotterylab.formats.text import shown
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

HOOK = re.compile(r"^(.*?)__nncf_hooks\.post_hooks\.([^.]+)__\d+\.\d+\.(binary_mask|mask)$")
PRE_OP = re.compile(
    r"^(.+)\.pre_ops\.\d+\.op\.(?:(weight|bias)_ctx\.)?(_binary_mask|_binary_filter_pruning_mask|_mask)$"
)
PARAMETRIZED = re.compile(r"^(.+\.)?parametrizations\.([^.]+)\.\d+\.mask$")
LORA = re.compile(r"^(.+)\.lora_([AB])(?:\.[^.]+)?(?:\.weight)?$")
HELPERS = re.compile(
    r"(^|\.)(__nncf_hooks|pre_ops|_nncf|post_ops)(\.|$)|\.lora_(A|B|embedding_A|embedding_B|magnitude)"
)


@dataclass(frozen=True, kw_only=True)
class Folded:
    """A ``Folded`` state has plain names.

    Args:
        state: the tensors, with each mask applied to its weight.
        mask: the masks by the names of their weights, or None.
        helpers: tensors of the library that are neither weights nor masks.
        adapters: the product B A of each low-rank adapter that is not merged, by the name of the weight it belongs to.
    """

    state: dict[str, Tensor]
    mask: Mask | None = None
    helpers: tuple[str, ...] = ()
    adapters: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """The names in a state that make up one pruned weight."""

    name: str
    weight: str
    mask: str
    logit: bool = False
    others: tuple[str, ...] = ()


def folded(state: Mapping[str, Tensor]) -> Folded:
    """Return the state with plain names, each mask applied to its weight, and the masks.

    A mask of a tensor of one dimension that keeps everything, as NNI writes for each bias, is dropped.

    Raises:
        UsageError: a mask has values other than 0 and 1 or another shape than its weight, or the state holds a
            low-rank adapter alone.
    """
    pairs = {pair.name: pair for pair in _pairs(state)}
    parts = {name for pair in pairs.values() for name in (pair.weight, pair.mask, *pair.others)}
    helpers = tuple(name for name in state if name not in parts and HELPERS.search(name))
    plain = {name: tensor for name, tensor in state.items() if name not in parts and name not in helpers}
    plain = _without_base_layers(plain)
    adapters = _adapters(state, plain)
    if helpers and not plain and not pairs:
        raise UsageError(
            f"it holds only {len(helpers)} tensors of an adapter ('{shown(helpers[0])}'), not the network. Merge the "
            "adapter into its base (merge_and_unload) and save that, or audit the base."
        )
    weights, mask = {}, {}
    for name, pair in pairs.items():
        kept = _kept(state[pair.weight], state[pair.mask], pair)
        weights[name] = state[pair.weight].masked_fill(~kept, 0.0)
        if kept.dim() > 1 or not bool(kept.all()):
            mask[name] = kept
    every = {_plain_name(name): tensor for name, tensor in plain.items()} | weights
    return Folded(state=every, mask=Mask(mask) if mask else None, helpers=helpers, adapters=adapters)


def _pairs(state: Mapping[str, Tensor]) -> Iterator[_Pair]:
    for name in state:
        for pair in (_hooked(name, state), _parametrized(name), _suffixed(name, state)):
            if pair is not None and pair.weight in state:
                yield pair
                break


def _hooked(name: str, state: Mapping[str, Tensor]) -> _Pair | None:
    """Return the pair of a mask that NNCF keeps beside the network."""
    if hook := HOOK.match(name):
        weight = hook[1] + hook[2].replace(":", ".")
        return _Pair(name=weight, weight=weight, mask=name, logit=hook[3] == "mask")
    if hook := PRE_OP.match(name):
        weight = f"{hook[1]}.{hook[2] or 'weight'}"
        return _Pair(name=weight, weight=weight, mask=name, logit=hook[3] == "_mask")
    return None


def _parametrized(name: str) -> _Pair | None:
    found = PARAMETRIZED.match(name)
    if found is None:
        return None
    before, weight = found[1] or "", found[2]
    original = f"{before}parametrizations.{weight}.original"
    return _Pair(name=before + weight, weight=original, mask=name)


def _suffixed(name: str, state: Mapping[str, Tensor]) -> _Pair | None:
    """Return the pair of a mask that has the name of its weight and "_mask", or is the buffer "mask" of its layer."""
    layer, _, last = name.rpartition(".")
    inside = f"{layer}." if layer else ""
    if last == "mask" and f"{inside}weight" in state and state[f"{inside}weight"].shape == state[name].shape:
        return _Pair(name=f"{inside}weight", weight=f"{inside}weight", mask=name)
    if not last.endswith("_mask"):
        return None
    weight = last.removesuffix("_mask")
    plain = inside.removesuffix("_nni_wrapper.") + weight
    places = (f"{inside}{weight}_orig", f"{inside}{weight}", plain, f"{inside}module.{weight}")
    found = [place for place in dict.fromkeys(places) if place in state]
    return _Pair(name=plain, weight=found[0], mask=name, others=tuple(found[1:])) if found else None


def _kept(weight: Tensor, mask: Tensor, pair: _Pair) -> Tensor:
    """Return the mask as bool in the weight's shape; a filter mask has one value for each filter."""
    if mask.dim() == 1 and weight.dim() > 1 and len(mask) == len(weight):
        mask = mask.view(-1, *[1] * (weight.dim() - 1)).expand(weight.shape)
    if mask.shape != weight.shape:
        raise UsageError(
            f"the mask '{shown(pair.mask)}' has shape {tuple(mask.shape)}, but its weight '{shown(pair.weight)}' has "
            f"{tuple(weight.shape)}. Save both of the same network."
        )
    if pair.logit:
        return mask > 0
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise UsageError(f"'{shown(pair.mask)}' has values other than 0 and 1, so it is not a mask.")
    return mask != 0


def _plain_name(name: str) -> str:
    """Return the name of a parametrized weight as the module shows it."""
    return re.sub(r"(^|\.)parametrizations\.([^.]+)\.original$", r"\1\2", name)


def _without_base_layers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace(".base_layer.", "."): tensor for name, tensor in state.items()}


def _adapters(state: Mapping[str, Tensor], plain: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the product of each pair of low-rank matrices that fits a weight of two dimensions."""
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if (found := LORA.match(name)) and tensor.dim() == 2:
            sides.setdefault(found[1], {})[found[2]] = tensor
    products = {}
    for layer, both in sides.items():
        weight = plain.get(f"{layer}.weight")
        if weight is None or both.keys() != {"A", "B"}:
            continue
        down, up = both["A"].float(), both["B"].float()
        if (up.shape[0], down.shape[1]) == tuple(weight.shape) and up.shape[1] == down.shape[0]:
            products[f"{layer}.weight"] = up @ down
    return products
