"""Optimal Brain Damage prunes by the second derivative of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from lotterylab.criteria.gradients import batch_of, hessian_times, leaves, loss_at, pruned, slopes
from lotterylab.errors import UsageError
from lotterylab.types import Scores
from lotterylab.views import View

if TYPE_CHECKING:
    from torch import Tensor

MOST_EXACT = 20_000  # weights, each of which costs one product with the Hessian


@dataclass(frozen=True, kw_only=True)
class Obd:
    """``score = h_kk w_k^2 / 2``: the increase of the loss when w_k is removed from a trained network.

    [lecun1990optimal, eq. 5]  h_kk is the diagonal of the Hessian of the mean loss over the batch.  The increase is
    exact if the loss is quadratic in w_k and the network is at a minimum; the criterion is meant for trained weights.

    With ``draws``, the diagonal is Hutchinson's estimate, the mean of z * (H z) over random signs z = +-1.  It is
    unbiased, and the variance of one draw is the sum of h_kj^2 over j != k.  An estimate, or a network that is not at a
    minimum, can have h_kk < 0; these weights go first.

    Differs from the paper: it back-propagates an approximation of h_kk (Levenberg-Marquardt, without off-diagonal
    terms), which is neither exact nor unbiased.

    Args:
        draws: the number of random sign vectors; None computes the diagonal exactly, by one product with the Hessian
            for each weight.

    Raises:
        UsageError: no draw is asked for.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
        >>> inputs, targets = torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0], [2.0]])
        >>> squared = lambda outputs, targets: (outputs - targets).square().mean()
        >>> ll.score(layer, Obd(draws=None), batch=(inputs, targets), loss=squared)["weight"].tolist()
        [[4.5, 2.0]]
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    draws: int | None = 100

    def __post_init__(self) -> None:
        if self.draws is not None and (not isinstance(self.draws, int) or self.draws < 1):
            raise UsageError(f"draws={self.draws!r}: give at least 1, or None for the exact diagonal.", option="draws")

    @property
    def passes(self) -> int | None:
        """Return the forward passes that scoring costs as much as: a gradient is 3, a product with the Hessian 6."""
        return None if self.draws is None else 3 + 6 * self.draws

    def __call__(self, view: View) -> Scores:
        """h_kk w_k^2 / 2 for each named parameter, in float32 or better; 0 where the loss does not depend on it."""
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        batch = batch_of(view, self)
        state, theta = leaves(view)
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels of attention have no second derivative
            loss = loss_at(view, state, batch)
        g = slopes(loss, theta, create_graph=True)
        diagonal = self._exact(g, theta) if self.draws is None else self._estimate(view, g, theta, self.draws)
        with torch.no_grad():
            scores = (h * t * t / 2 for h, t in zip(diagonal, theta, strict=True))
            return cast(Scores, pruned(view, dict(zip(view.names, scores, strict=True))))

    def _exact(self, g: list[Tensor], theta: list[Tensor]) -> list[Tensor]:
        """Return the diagonal, entry by entry.

        Raises:
            UsageError: there are too many entries.
        """
        import torch

        entries = sum(t.numel() for t in theta)
        if entries > MOST_EXACT:
            raise UsageError(
                f"Obd(draws=None) takes a product with the Hessian for each of {entries:,} weights, and {MOST_EXACT:,} "
                "are the limit. Give a number of draws: Obd(draws=100)."
            )
        diagonal = [torch.zeros_like(t) for t in theta]
        for number, whole in enumerate(diagonal):
            for k in range(whole.numel()):
                unit = torch.zeros_like(whole)
                unit.view(-1)[k] = 1.0
                (column,) = hessian_times([g[number]], [theta[number]], [unit], retain_graph=True)
                whole.view(-1)[k] = column.reshape(-1)[k]
        return diagonal

    def _estimate(self, view: View, g: list[Tensor], theta: list[Tensor], draws: int) -> list[Tensor]:
        """Return the mean of z * (H z) over ``draws`` vectors of signs; each tensor has a stream of its own."""
        import torch

        streams = [view.stream("obd", name) for name in view.names]
        total = [torch.zeros_like(t) for t in theta]
        for _ in range(draws):
            signs = [
                torch.from_numpy(stream.integers(0, 2, tuple(t.shape)) * 2.0 - 1.0).to(t)
                for stream, t in zip(streams, theta, strict=True)
            ]
            products = hessian_times(g, theta, signs, retain_graph=True)
            for whole, z, hz in zip(total, signs, products, strict=True):
                whole += z * hz
        return [whole / draws for whole in total]
