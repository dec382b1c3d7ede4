"""The accuracy of a state as it is, trained or not, under a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.analysis.connectivity import error_and_loss
from lotterylab.masks import algebra

SPLITS = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """``Accuracy`` measures the network ``mask * state`` without training it.   [zhou2019deconstructing, section 5]

    An ``Init`` under the mask of a trained network is an untrained supermask.  The state "state" is a dict of tensors
    by name.  The mask "mask" is a dict of bool tensors by name, of the shapes of the weights; without one the state is
    measured whole.  The network is in evaluation mode, and images are not augmented.

    - ``validation_accuracy``, ``test_accuracy``: fractions of the images of a split; None of a split without images.
    - ``validation_loss``, ``test_loss``: the mean cross-entropies.

    Differs from the paper: nothing is drawn in the test, since this mask has no probabilities.

    Raises:
        UsageError: the mask does not fit the state.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec, data = ll.models.Mlp(shape=(1, 8, 8), widths=()), ll.data.Digits(test=50).load(None)
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> nothing = {name: state[name] != state[name] for name in net.prunable}
        >>> found = Accuracy()({"state": state, "mask": nothing}, {"state": net}, data)
        >>> of_first_class = (data.test.labels == 0).double().mean().item()  # equal logits name the first class
        >>> round(found["test_accuracy"], 4), of_first_class
        (0.1, 0.1)
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above."""
        state = algebra.masked(values["state"], values["mask"]) if "mask" in values else values["state"]
        numbers: dict[str, Any] = {}
        for name in SPLITS:
            split = getattr(dataset, name)
            error, loss = error_and_loss(models["state"], state, split, dataset) if len(split) else (None, None)
            numbers |= {f"{name}_accuracy": None if error is None else 1 - error, f"{name}_loss": loss}
        return numbers
