"""Losses of a training, as values: ``loss(logits (B, K), targets (B,), net, parameters) -> scalar``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.network import Network


class Loss(Protocol):
    """A frozen dataclass that makes one number of a batch, through which torch can differentiate."""

    def __call__(self, logits: Tensor, targets: Tensor, net: Network, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        ...


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """The mean cross-entropy of a batch.

    Examples:
        >>> import torch
        >>> round(CrossEntropy()(torch.zeros(2, 4), torch.tensor([0, 3]), None, {}).item(), 4)  # log 4
        1.3863
    """

    version: ClassVar[int] = 1

    def __call__(self, logits: Tensor, targets: Tensor, net: Any, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the mean over the batch."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits, targets)


@dataclass(frozen=True, kw_only=True)
class LabelSmoothing:
    """The mean cross-entropy with a share of each target spread evenly over all K classes, its own among them.
    [szegedy2016rethinking, section 7]

    Args:
        share: in [0, 1).

    Raises:
        UsageError: the share is out of range.

    Examples:
        >>> import torch
        >>> logits, targets = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
        >>> round(LabelSmoothing(share=0.5)(logits, targets, None, {}).item(), 4)  # 0.1269 + 0.5 * 2 / 2
        0.6269
    """

    version: ClassVar[int] = 1
    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise UsageError(f"LabelSmoothing: share={self.share}. Give a share from 0 to below 1.")

    def __call__(self, logits: Tensor, targets: Tensor, net: Any, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the mean over the batch."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits, targets, label_smoothing=self.share)


@dataclass(frozen=True, kw_only=True)
class MeanSquaredError:
    """The mean over batch and classes of ``(logit - 1[class is the target])^2``.

    Examples:
        >>> import torch
        >>> MeanSquaredError()(torch.tensor([[1.0, 2.0]]), torch.tensor([0]), None, {}).item()
        2.0
    """

    version: ClassVar[int] = 1

    def __call__(self, logits: Tensor, targets: Tensor, net: Any, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the mean over batch and classes."""
        from torch.nn.functional import mse_loss, one_hot

        return mse_loss(logits, one_hot(targets, logits.shape[1]).to(logits.dtype))


@dataclass(frozen=True, kw_only=True)
class ScalesL1:
    """Another loss plus ``weight * sum |gamma|`` over the scales of all batch norms.   [liu2017learning, eq. 1]

    Early-Bird tickets are drawn from networks trained with it.   [you2020drawing, section 3]

    Args:
        weight: the coefficient; 1e-4 in both papers.
        loss: the loss that it is added to.

    Raises:
        UsageError: the coefficient is negative; when called, the network has no batch norm with scales.

    Examples:
        >>> import torch, lotterylab as ll
        >>> module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        >>> net, parameters = ll.network.network(module), dict(module.named_parameters())
        >>> logits, targets = torch.zeros(2, 2), torch.tensor([0, 1])
        >>> penalty = ScalesL1(weight=0.5)(logits, targets, net, parameters) - CrossEntropy()(logits, targets, net, {})
        >>> penalty.item()  # the scales of a new norm are 1
        1.0
    """

    version: ClassVar[int] = 1
    weight: float = 1e-4
    loss: Loss = CrossEntropy()

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise UsageError(f"ScalesL1: weight={self.weight}. Give a coefficient of at least 0.")

    def __call__(self, logits: Tensor, targets: Tensor, net: Network, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of both terms."""
        if not net.scales:
            raise UsageError("ScalesL1: the network has no batch norm with scales. Use another loss.")
        penalty = sum(parameters[name].abs().sum() for name in net.scales)
        return self.loss(logits, targets, net, parameters) + self.weight * penalty
