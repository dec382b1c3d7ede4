"""Gates in anybody's own module and training loop, by ``torch.nn.utils.parametrize``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lotterylab.candidates import candidates, left_out
from lotterylab.errors import UsageError, warn
from lotterylab.gates.base import GATE, HEAT, Gate
from lotterylab.gates.network import learned_entries, uniform, weight_under, with_gates
from lotterylab.network import network, state_of
from lotterylab.readable import check_scorable, check_unpacked
from lotterylab.rng import stream
from lotterylab.types import Mask, State
from lotterylab.views import Change, View
from lotterylab.weights import layers_of_weights

Fresh: TypeAlias = Callable[..., State]


class GatedWeight(nn.Module):
    """A ``GatedWeight`` is the parametrization of one weight: in training the gate's weight, else the learned one.

    Args:
        gate: a spec of ``lotterylab.gates``.
        leaf: the gate's first tensor, of the weight's shape.
        name: of the weight in the module.
        heat: the temperature, which all gates of a module share.
    """

    def __init__(self, gate: Gate, leaf: Tensor, name: str, heat: Tensor) -> None:
        super().__init__()
        self.gate, self.name, self.heat = gate, name, heat
        self.leaf = nn.Parameter(leaf, requires_grad=gate.trains != "weights")

    def forward(self, theta: Tensor) -> Tensor:
        """Return the weight that the network uses, of the shape of ``theta``."""
        if not self.training:
            return weight_under(learned_entries(self.gate, self.leaf, self.name), self.gate, theta)
        seed = int(torch.randint(2**63 - 1, ()))  # of torch's generator, which the loop may have seeded
        return self.gate.weight(theta, self.leaf, self.heat.to(theta), uniform(theta, seed))


class Installed:
    """An ``Installed`` is a module with gates: ``install`` makes it.

    Attributes:
        parameters: what the optimizer shall train: gates, weights or both.
    """

    def __init__(
        self, module: nn.Module, gate: Gate, seed: int, steps: tuple[int | None, int | None], fresh: Fresh | None
    ) -> None:
        check_scorable(module)
        check_unpacked(module)
        net, state = network(module), state_of(module)
        self.module, self.gate, self._seed, self._step = module, gate, seed, 0
        self._net, self._initial, (self._per_epoch, self._total), self._fresh = net, state, steps, fresh
        self._names = candidates(net, "weights", otherwise="Install gates on the parts that have them, one by one.")
        if sentence := left_out(net, "weights"):
            warn(sentence)
        layers = layers_of_weights(module)
        if tied := [name for name, of in layers.items() if len(of) > 1]:
            raise gate.refuse(f"the weight '{tied[0]}' is shared by several layers. Give each layer its own.")
        opened = with_gates(net, gate, state, seed)
        self._heat = opened.get(HEAT, torch.tensor(1.0))
        self._gates = {name: GatedWeight(gate, opened[GATE + name], name, self._heat) for name in self._names}
        self._layers = {name: layers[name][0] for name in self._names}
        for intervention in gate.during:
            intervention.begin(self._view())  # it may refuse, before anything is changed
        trained = [one for one in module.parameters() if one.requires_grad]
        if gate.trains == "gates":
            for one in trained:
                one.requires_grad_(False)
            trained = []
        for name, layer in self._layers.items():
            parametrize.register_parametrization(layer, "weight", self._gates[name].train(layer.training))
        leaves = [one.leaf for one in self._gates.values()] if gate.trains != "weights" else []
        self.parameters: list[nn.Parameter] = [*trained, *leaves]

    def added_loss(self) -> Tensor | float:
        """Return what the gate adds to the loss: a penalty, or 0."""
        return self.gate.added_loss([one.leaf for one in self._gates.values()], self._heat)

    def after_step(self) -> None:
        """Tell that the optimizer has made a step: a temperature grows, or weights are drawn anew."""
        self._step += 1
        for intervention in self.gate.during:
            with torch.no_grad():
                self._put(intervention(self._view(), {}))

    def mask(self) -> Mask:
        """Return the learned mask, bool tensors by the name of the weight, True = kept."""
        return cast(Mask, {name: learned_entries(self.gate, one.leaf, name) for name, one in self._gates.items()})

    def remove(self) -> Mask:
        """Leave the module with the learned weights, +0.0 where they are removed, and return the learned mask."""
        mask = self.mask()
        for layer in self._layers.values():
            was = layer.training
            layer.eval()
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
            layer.train(was)
        return mask

    def _theta(self) -> Iterator[tuple[str, Tensor]]:
        for name, layer in self._layers.items():
            yield name, layer.parametrizations.weight.original  # type: ignore[union-attr]

    def _view(self) -> View:
        leaves = {GATE + name: one.leaf.detach() for name, one in self._gates.items()}
        weights = {name: theta.detach() for name, theta in self._theta()} if self._step else {}
        state = {**self._initial, **weights, **leaves, HEAT: self._heat}
        return View(
            net=self._net,
            loss=nn.functional.cross_entropy,
            state=state,  # type: ignore[arg-type]
            names=self._names,
            batch=None,
            stream=lambda *names: stream(self._seed, "gates", self._step, *names),
            step=self._step,
            steps_per_epoch=self._per_epoch,
            total_steps=self._total,
            fresh=self._drawn_anew,
        )

    def _put(self, change: Change) -> None:
        thetas = dict(self._theta())
        for name, tensor in change.state.items():
            if name == HEAT:
                self._heat.copy_(tensor)
            elif name.startswith(GATE):
                self._gates[name.removeprefix(GATE)].leaf.copy_(tensor)
            else:
                thetas[name].copy_(tensor)

    def _drawn_anew(self, *names: object) -> State:
        if self._fresh is None:
            raise self.gate.refuse("nothing says how weights are drawn anew. Give install(..., fresh=...).")
        return cast(State, self._fresh("gates", self._step, *names))


def install(
    module: nn.Module,
    gate: Gate,
    *,
    seed: int = 0,
    steps_per_epoch: int | None = None,
    total_steps: int | None = None,
    fresh: Fresh | None = None,
) -> Installed:
    """Put a gate at each weight of the module's Conv and Linear layers, for a training loop of your own.

    Train ``installed.parameters``, add ``installed.added_loss()`` to the loss if the gate has a penalty, and call
    ``installed.after_step()`` after each ``optimizer.step()`` if the method acts between steps.  In evaluation mode the
    module uses the learned mask; ``installed.remove()`` leaves it without gates, under that mask.

    Differs from a plan: a supermask's draws follow torch's global generator.

    Args:
        module: its parameters stop requiring gradients if the gate trains gates only.
        gate: a spec of ``lotterylab.gates``.
        seed: of gates that are drawn.
        steps_per_epoch, total_steps: of the training, for ``ContinuousSparsification``.
        fresh: ``fresh(*names)`` draws an initial state anew, tensors by the names of the weights, for ``IteRand``.

    Raises:
        UsageError: there is nothing to put a gate at, a weight is computed or shared by layers, other layers hold more
            than 1 % of the weights, or the method needs numbers of steps that are not given.

    Examples:
        >>> import torch, lotterylab as ll
        >>> module = torch.nn.Linear(4, 2)
        >>> installed = ll.gates.install(module, ll.gates.EdgePopup(keep=0.5))
        >>> optimizer = torch.optim.SGD(installed.parameters, lr=0.1)
        >>> module(torch.ones(3, 4)).sum().backward()
        >>> optimizer.step()
        >>> mask = installed.remove()
        >>> int(mask["weight"].sum()), int((module.weight != 0).sum())
        (4, 4)
    """
    if not isinstance(gate, Gate):
        raise UsageError(f"gate={gate!r}: give an object that holds its options, such as lotterylab.gates.EdgePopup().")
    return Installed(module, gate, seed, (steps_per_epoch, total_steps), fresh)
