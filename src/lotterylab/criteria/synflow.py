"""SynFlow prunes by synaptic flow, without any data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.calling.failures import outputs_on
from lotterylab.calling.logits import logits_of
from lotterylab.calling.precision import at_least
from lotterylab.criteria.gradients import pruned, shape_of, slopes
from lotterylab.errors import UsageError
from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class SynFlow:
    """``score = |theta * dR/dtheta|``, R the sum of outputs for ones.   [tanaka2020pruning, eq. 2, algorithm 1]

    Every parameter has its absolute value in R, so that no data are needed.

    The paper repeats score and cut 100 times with the density falling exponentially; that is ``rounds=100`` of
    ``prune``, not of the criterion.  With one round whole layers go.  With 100, no layer of a chain goes before every
    layer is down to its last weights (the paper's "maximal critical compression").  Measured: layers that a shortcut
    goes round do go, 8 of the 22 of ResNet-20 at 99.9 %, while each of the 14 of VGG-16 keeps a weight.

    Differs from the authors' code: float64 throughout (in float32 the products over a deep network overflow), buffers
    as they are (theirs takes absolute values of running means too), counts and ties by ``select`` (theirs removes all
    scores up to the one at the cut, and accepts a mask that is 5 weights off).  The network is in evaluation mode
    whatever the view says: batch statistics of a single input mean nothing.  The conservation law behind the method
    holds for homogeneous activations (ReLU, leaky ReLU, none); others are scored all the same.

    Raises:
        UsageError: when it scores, if the logits among the outputs are not known, or the products leave float64.

    Examples:
        >>> import torch, lotterylab as ll
        >>> module = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
        >>> mask = ll.prune(module, SynFlow(), 0.9, input_shape=(8,), rounds=100)
        >>> {name: bool(kept.any()) for name, kept in mask.items()}
        {'0.weight': True, '2.weight': True}
    """

    version: ClassVar[int] = 2  # 1: signed scores, where a norm or an activation falls
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = True
    needs_initial: ClassVar[bool] = False
    passes: ClassVar[int] = 3  # forward passes of each image: a gradient is one, and backward twice as much

    def __call__(self, view: View) -> Scores:
        """|theta * dR/dtheta| of each named parameter, float64."""
        import torch

        shape = shape_of(view, self)
        state = pruned(view, {name: tensor.detach() for name, tensor in view.state.items()})
        state = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        state |= {name: state[name].abs() for name in view.net.parameters}
        theta = [state[name].requires_grad_() for name in view.names]
        ones = torch.ones(1, *shape, dtype=torch.float64, device=theta[0].device)
        with at_least("float64"):
            outputs = outputs_on(view.net.forward, state, ones, False, "Give input_shape=, the shape of one input.")
        flow = logits_of(outputs, "SynFlow sums them: wrap the module in one that returns one tensor.").sum()
        scores = [(weight * slope).detach().abs() for weight, slope in zip(theta, slopes(flow, theta), strict=True)]
        if not all(bool(score.isfinite().all()) for score in scores):
            raise UsageError(
                f"SynFlow's sum of the outputs is {float(flow.detach()):g}, or its slopes are not finite: the products "
                "over the layers overflow float64. Scale the weights down, or choose another criterion."
            )
        return cast(Scores, dict(zip(view.names, scores, strict=True)))
