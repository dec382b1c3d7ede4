"""Linear connectivity is the error along the straight line between two networks.   [frankle2020linear, section 2]"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from lotterylab.calling.exact_norms import exact_norms
from lotterylab.errors import UsageError
from lotterylab.rng import draws
from lotterylab.types import State
from lotterylab.words import ADDED_LATER, OLDER, check_words

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Barrier:
    """``Barrier`` measures the error on the straight line between the states "a" and "b".   [frankle2020linear, sec. 2]

        E_alpha = E((1 - alpha) W_a + alpha W_b)
        instability = max over alpha of E_alpha - (E_0 + E_1) / 2
        barrier     = max over alpha of E_alpha - ((1 - alpha) E_0 + alpha E_1)

    States are dicts of tensors by name, of the same shapes.

    - ``errors``, ``losses``: at each of ``alphas``; error is a fraction of images, loss the mean cross-entropy.
    - ``instability``, ``loss_instability``: the paper's, with a and b two trainings of one state in two data orders; a
      network is called stable below 0.02.  If the ends differ, it is above 0 even without a rise between them.
    - ``barrier``, ``loss_barrier``: above the straight line between the ends, so that it is 0 without a rise, as in
      every convex problem.  If the ends are equal, the two are the same.

    Differs from the paper: its 30 points never hold alpha = 1/2, where the error of a symmetric pair is highest.

    Args:
        points: evenly spaced alpha with both ends, an odd number.
        split: the split of the error and the loss.
        statistics: of batch norms between the ends: "interpolated" as the weights are, or "estimated" anew on the
            training images (means of the batches' own statistics).  The choice changes the barrier.
        at: the points at which statistics are estimated anew: "between" the ends, which keep those of their training,
            or "everywhere", as in results from before the choice.  It has no effect on interpolated statistics.

    Raises:
        UsageError: a word that is not known, or a number of points that is even or below 3.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec, data = ll.models.Mlp(shape=(1, 8, 8), widths=()), ll.data.Digits(test=50).load(None)
        >>> a, b = (spec.initial(seed, "init", "named") for seed in (0, 1))
        >>> found = Barrier(points=3)({"a": a, "b": b}, {"a": network(spec.build())}, data)
        >>> found["alphas"], found["loss_barrier"]  # logistic regression is convex
        ([0.0, 0.5, 1.0], 0.0)
    """

    version: ClassVar[int] = 1
    points: int = 31
    split: Literal["train", "validation", "test"] = "test"
    statistics: Literal["interpolated", "estimated"] = "interpolated"
    at: Literal["between", "everywhere"] = field(default="between", metadata={**ADDED_LATER, OLDER: "everywhere"})

    def __post_init__(self) -> None:
        check_words(self)
        if self.points < 3 or self.points % 2 == 0:
            raise UsageError(
                f"points={self.points}: an odd number of at least 3 is needed, so that alpha = 1/2 is a point."
            )

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above."""
        net, errors, losses = models["a"], [], []
        alphas = [number / (self.points - 1) for number in range(self.points)]
        with draws(0, "barrier"):  # for a network that draws when it is evaluated
            for alpha in alphas:
                state = interpolate(values["a"], values["b"], alpha)
                if self.statistics == "estimated" and (0 < alpha < 1 or self.at == "everywhere"):
                    state = estimated(net, state, dataset)
                error, loss = error_and_loss(net, state, getattr(dataset, self.split), dataset)
                errors.append(error)
                losses.append(loss)
        return {
            "alphas": alphas,
            "errors": errors,
            "losses": losses,
            "instability": _over_the_mean(errors),
            "loss_instability": _over_the_mean(losses),
            "barrier": _over_the_line(errors, alphas),
            "loss_barrier": _over_the_line(losses, alphas),
        }


def interpolate(a: Mapping[str, Tensor], b: Mapping[str, Tensor], alpha: float) -> State:
    """Return (1 - alpha) a + alpha b, computed in float64 and in the type of a; integers are taken from a.

    At 0 and 1 the result is a and b, bit for bit.
    """
    if alpha in (0.0, 1.0):
        return cast(State, dict(b if alpha else a))
    between = {}
    for name, tensor in a.items():
        mixed = (1 - alpha) * tensor.double() + alpha * b[name].double() if tensor.is_floating_point() else tensor
        between[name] = mixed.to(tensor.dtype)
    return cast(State, between)


def estimated(net: Any, state: State, dataset: Any) -> State:
    """Return the state with running statistics of batch norms replaced by the means over the training batches.

    A forward pass in training mode moves statistics s to (1 - m) s + m * batch, for a momentum m that the state does
    not show.  From s = 0 the pass gives m * batch; from s = 1 it gives 1 - m more, which reveals m.  Dropout draws the
    same each time, and the global generators stay where they were.
    """
    import torch

    names = [name for name in state if name.endswith(("running_mean", "running_var"))]
    if not names:
        return state
    zeros, ones = ({name: torch.full_like(state[name], value) for name in names} for value in (0.0, 1.0))
    sums: dict[str, Tensor] = {}
    with torch.no_grad(), exact_norms(), draws(0, "statistics"):
        batches = list(_batches(dataset.train, dataset))
        for inputs, _ in batches:
            _, after = net.forward(cast(State, {**state, **zeros}), inputs, True)
            sums = {name: sums.get(name, 0.0) + after[name].double() for name in names}
    with torch.no_grad(), exact_norms(), draws(0, "momentum"):
        _, low = net.forward(cast(State, {**state, **zeros}), batches[0][0], True)
    with torch.no_grad(), exact_norms(), draws(0, "momentum"):
        _, high = net.forward(cast(State, {**state, **ones}), batches[0][0], True)
    momentum = {name: 1 - (high[name].double() - low[name].double()).mean() for name in names}
    means = {name: (sums[name] / len(batches) / momentum[name]).to(state[name].dtype) for name in names}
    return cast(State, {**state, **means})


def error_and_loss(net: Any, state: State, split: Any, dataset: Any) -> tuple[float, float]:
    """Return the share of a split's images that are misclassified, and the mean cross-entropy, in evaluation mode."""
    import torch
    from torch.nn.functional import cross_entropy

    wrong, loss = 0, 0.0
    with torch.no_grad():
        for inputs, targets in _batches(split, dataset):
            logits, _ = net.forward(state, inputs, False)
            wrong += int((logits.argmax(1) != targets).sum())
            loss += float(cross_entropy(logits.double(), targets, reduction="sum"))
    return wrong / len(split), loss / len(split)


def _batches(split: Any, dataset: Any) -> Iterator[tuple[Tensor, Tensor]]:
    from lotterylab.data.normalise import Normalise

    normalise = Normalise.of(dataset)
    for images, labels in zip(split.images.split(BATCH), split.labels.split(BATCH), strict=True):
        yield normalise(images.permute(0, 2, 3, 1)), labels


def _over_the_mean(values: list[float]) -> float:
    return max(values) - (values[0] + values[-1]) / 2


def _over_the_line(values: list[float], alphas: list[float]) -> float:
    line = ((1 - alpha) * values[0] + alpha * values[-1] for alpha in alphas)
    return max(value - chord for value, chord in zip(values, line, strict=True))
