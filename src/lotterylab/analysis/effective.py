"""Effective sparsity counts weights on no path from input to output as pruned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lotterylab.analysis.paths import Paths
from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.network import Network


@dataclass(frozen=True, kw_only=True)
class EffectiveSparsity:
    """``EffectiveSparsity`` counts weights on no path as pruned: mask "mask", state "state", data for the image size.

    A kept weight is *effective* when a path of kept weights leads from an input through it to an output: when the
    output's derivative by the weight depends on the input.  The derivatives are those of a network of the same layers,
    with positive random numbers for kept weights and inputs and 0 for biases.  Activations, norms and limits are left
    out (or become lines, as sigmoids do), and maxima become means or sums.  Gates, attention, differences and products
    stay.  The paper sets all weights to 1, so that paths of opposite signs cancel.   [vysogorets2023connectivity,
    section 3]

    Each measurement checks the count on the whole network.  If its output depends on a weight through which no path was
    found, the measurement is refused, and names the function that hides the paths.  Weights that no path of the whole
    network reaches (entries of a kernel that only meet padding, layers that are not called) are not idle, because no
    mask cut them off; ``effective`` counts them as pruned.  A bias is used if the output depends on it.

    - ``sparsity``: removed over all entries of the masked tensors.
    - ``effective``: removed or on no path, over all.
    - ``idle``: kept and cut off from every path by the mask, over all; ``idle_by_layer``: over the entries of each
      layer.

    Raises:
        UsageError: when it measures, if the paths of the network cannot be counted.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> mask = ll.masks.ones(state, net.prunable)
        >>> mask["fc.0.weight"][:5] = False  # five hidden units have no input left
        >>> found = EffectiveSparsity()({"state": state, "mask": mask}, {"mask": net}, ll.data.Digits().load(None))
        >>> found["idle_by_layer"]
        {'fc.0.weight': 0.0, 'fc.1.weight': 0.25}
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The shares above.

        Raises:
            UsageError: the paths of the network cannot be counted.
        """
        shape = tuple(dataset.train.images.shape[1:])
        return effective(models["mask"], values["state"], values["mask"], shape)


def effective(net: Network, state: Mapping[str, Tensor], mask: Mask, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the shares that ``EffectiveSparsity`` gives, for an input of ``shape``.

    Raises:
        UsageError: the paths of the network cannot be counted.
    """
    paths = Paths(net=net, state=state, shape=shape, names=tuple(mask))
    if unseen := paths.hidden():
        name, entries = max(unseen.items(), key=lambda item: float(item[1].double().mean()))
        function = paths.hiding()
        culprit, share = repr(function) if function else "an operation", float(entries.double().mean())
        raise UsageError(
            f"the paths of this network cannot be counted: {culprit} hides those "
            f"through {share:.0%} of '{name}', although nothing is pruned. Replace it by a function that "
            "analysis.EffectiveSparsity knows, or count a network without that part."
        )
    used = paths.used(mask)
    idle = {name: int((mask[name] & paths.possible[name] & ~used[name]).sum()) for name in mask}
    entries = {name: kept.numel() for name, kept in mask.items()}
    return {
        "sparsity": algebra.sparsity(mask),
        "effective": algebra.sparsity(cast(Any, used)),
        "idle": sum(idle.values()) / sum(entries.values()),
        "idle_by_layer": {name: idle[name] / entries[name] for name in mask},
    }
