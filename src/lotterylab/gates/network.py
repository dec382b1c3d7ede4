"""A network whose weights have gates is another network, with gates in its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from lotterylab.gates.base import GATE, HEAT, Draw, Gate
from lotterylab.network import Network
from lotterylab.rng import key, stream
from lotterylab.types import Inputs, Mask, State

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.network import LookAtCall


def gated(net: Network, gate: Gate) -> Network:
    """Return the network in which a gate stands at each prunable weight.

    Its state has the tensors of ``net``, ``gate/NAME`` for each prunable weight and, if the gate has a temperature,
    ``gates/heat``.  What gates draw in training is a function of the seed of torch's global generator, which the
    training loop sets before each step; the draws of dropout stay as they are.  Every evaluation uses the learned mask.

    Args:
        net: the network without gates.
        gate: a spec of ``lotterylab.gates``.

    Raises:
        UsageError: there is no weight to put a gate at.

    Examples:
        >>> import torch, lotterylab as ll
        >>> module = torch.nn.Linear(4, 2)
        >>> net, gate = ll.network.network(module), ll.gates.EdgePopup(keep=0.5)
        >>> state = with_gates(net, gate, ll.network.state_of(module), seed=0)
        >>> gated(net, gate).trainable
        ('gate/weight',)
        >>> int(learned_mask(net, gate, state)["weight"].sum())
        4
    """
    if not net.prunable:
        raise gate.refuse("the network has no Conv or Linear layer whose weights could have gates.")
    gates = tuple(GATE + name for name in net.prunable)
    trainable = {"gates": gates, "weights": net.trainable, "both": (*net.trainable, *gates)}[gate.trains]

    def forward(state: State, inputs: Inputs, train: bool | None) -> tuple[Tensor, State]:
        seen = _trained(net, gate, state) if train else learned(net, gate, state)
        logits, after = net.forward(seen, inputs, train)
        weights = {name: state[name] for name in net.prunable}
        return logits, cast(State, {**state, **after, **weights})

    def layer_outputs(
        state: State, inputs: Tensor, names: tuple[str, ...], look: Callable[[str, Tensor], None]
    ) -> None:
        net.layer_outputs(learned(net, gate, state), inputs, names, look)

    def layer_calls(state: State, inputs: Tensor, names: tuple[str, ...], look: LookAtCall) -> Tensor:
        return net.layer_calls(learned(net, gate, state), inputs, names, look)

    return replace(
        net,
        forward=forward,
        layer_outputs=layer_outputs,
        layer_calls=layer_calls,
        parameters=(*net.parameters, *gates),
        trainable=trainable,
    )


def with_gates(net: Network, gate: Gate, state: Mapping[str, Tensor], seed: int) -> State:
    """Return a state with the gates of its prunable weights as they begin; gates that it has already stay.

    Args:
        net: the network without gates.
        gate: a spec of ``lotterylab.gates``.
        state: of ``net``, with or without gates.
        seed: of gates that are drawn.

    Raises:
        UsageError: the gate's tensor has another shape than its weight, or a number that is not finite.
    """
    import torch

    begun: dict[str, Tensor] = {}
    for name in net.prunable:
        first = gate.begin(state[name], stream(seed, "gate", name))
        if first.shape != state[name].shape or not bool(first.isfinite().all()):
            raise gate.refuse(
                f"the gate of '{name}' begins with the shape {tuple(first.shape)} or a number that is not finite. "
                f"Return finite numbers of the shape {tuple(state[name].shape)}."
            )
        begun[GATE + name] = first
    if gate.heats:
        begun[HEAT] = torch.tensor(1.0)
    return cast(State, {**begun, **state})


def without_gates(state: Mapping[str, Tensor]) -> State:
    """Return a state without its gates: the weights as they are, whatever the gates make of them.

    Examples:
        >>> list(without_gates({"weight": 1, "gate/weight": 2, "gates/heat": 3}))
        ['weight']
    """
    return cast(State, {name: tensor for name, tensor in state.items() if not name.startswith(GATE) and name != HEAT})


def learned_mask(net: Network, gate: Gate, state: Mapping[str, Tensor]) -> Mask:
    """Return the mask that the gates of a state have learned, bool tensors of the weights' shapes, True = kept."""
    return cast(Mask, {name: learned_entries(gate, state[GATE + name], name) for name in net.prunable})


def learned_entries(gate: Gate, leaf: Tensor, name: str) -> Tensor:
    """Return the learned mask of one weight; what is drawn is the same at every evaluation.

    Args:
        gate: a spec of ``lotterylab.gates``.
        leaf: the gate's tensor.
        name: of the weight, which names its draws.
    """
    return gate.kept(leaf.detach(), uniform(leaf, key(0, "learned", name)))


def learned(net: Network, gate: Gate, state: Mapping[str, Tensor]) -> State:
    """Return the state of ``net`` that evaluations use: weights under the learned mask, +0.0 where it removes them."""
    return under(learned_mask(net, gate, state), gate, state)


def under(mask: Mask, gate: Gate, state: Mapping[str, Tensor]) -> State:
    """Return a state without its gates, its weights under the mask that they have learned."""
    plain = without_gates(state)
    return cast(State, {**plain, **{name: weight_under(kept, gate, plain[name]) for name, kept in mask.items()}})


def weight_under(kept: Tensor, gate: Gate, theta: Tensor) -> Tensor:
    """Return one weight under the mask that its gate has learned, +0.0 where the mask removes it."""
    return (theta * gate.factor(kept)).where(kept, 0.0)


def _trained(net: Network, gate: Gate, state: Mapping[str, Tensor]) -> State:
    """Return the state of ``net`` that a step of the training uses, a differentiable function of weights and gates."""
    import torch

    heat: Any = state.get(HEAT, 1.0)
    device = next(iter(state.values())).device
    seed = torch.cuda.initial_seed() if device.type == "cuda" else torch.initial_seed()
    draws = {name: uniform(state[name], key(seed, "gate", name)) for name in net.prunable}
    weights = {name: gate.weight(state[name], state[GATE + name], heat, draw) for name, draw in draws.items()}
    return cast(State, {**without_gates(state), **weights})


def uniform(of: Tensor, seed: int) -> Draw:
    """Return uniform draws by a seed, on the device of a tensor.

    Args:
        of: the tensor.
        seed: any whole number; its last 63 bits count.
    """
    import torch

    generator = torch.Generator(of.device).manual_seed(seed & (2**63 - 1))
    return lambda like: torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
