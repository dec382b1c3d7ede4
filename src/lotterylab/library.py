"""Pruning any ``nn.Module`` from Python: scores and masks, with nothing of the module changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from lotterylab.criteria import check_criterion
from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.masks.counts import Sparsity
from lotterylab.masks.rounds import in_rounds, ladder
from lotterylab.masks.select import select
from lotterylab.network import candidates, modes_kept, network, state_of
from lotterylab.rng import stream, torch_draws
from lotterylab.types import Batch, Mask, Scores, State
from lotterylab.views import Criterion, View

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss = Callable[[Any, Any], "Tensor"]


def score(
    module: nn.Module,
    criterion: Criterion,
    *,
    batch: Batch | Sequence[Any] | None = None,
    loss: Loss | None = None,
    initial: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] | None = None,
    params: str | Iterable[str] = "weights",
    mask: Mask | None = None,
    seed: int = 0,
) -> Scores:
    """A score for each weight of the module's Conv and Linear layers; higher = keep.

    A weight that no path uses scores 0 by a criterion that looks at gradients.  A module that draws from torch's global
    generators (``nn.Dropout`` in train mode) draws by ``seed``; the generators are left as they were.  Scores are
    computed in float32 or better, also inside ``torch.autocast``; what the module itself casts stays cast.

    Args:
        module: each layer in the mode (train or eval) it should be scored in; nothing of it is changed.
        criterion: such as ``criteria.Magnitude()`` or ``criteria.Grasp(temperature=200.0)``.
        batch: (inputs, targets), on the module's device, for criteria that look at gradients.  Inputs that are a tuple
            are the module's arguments (a data loader gives several as a list: pass ``tuple(inputs)``), a dict its
            arguments by name; targets are whatever ``loss`` takes.
        loss: ``loss(outputs, targets) -> scalar``, the mean over the batch; cross-entropy by default.
        initial: a copy of the ``state_dict()`` before training, for criteria that compare with it (Movement).
        input_shape: of one input, (C, H, W) or (features,), for SynFlow; else that of the batch.
        params: "weights" (of Conv and Linear layers and their subclasses, a tied one once, under its first name),
            "all" parameters, or the names of those to be scored.  Of ``nn.MultiheadAttention`` the weight of
            ``out_proj`` is a Linear layer's; ``in_proj_weight`` is not, and embeddings are not unless tied to one:
            name them.
        mask: an earlier mask; the network is scored as pruned by it.
        seed: of criteria that draw.

    Raises:
        UsageError: a criterion that needs a batch, a shape or an initial state has none; an unknown name; a mask or an
            initial state that does not fit, or one that is the module's own tensors.
    """
    from torch.nn.functional import cross_entropy

    check_criterion(criterion)
    _check_copy(module, initial or {})
    with _gradients_in_full_precision(module):
        net = network(module)
        view = View(
            net=net,
            loss=loss or cross_entropy,
            state=state_of(module),
            names=candidates(net, params),
            batch=_batch(batch),
            stream=lambda *purpose: stream(seed, "prune", *purpose),
            mask=mask,
            initial=State(dict(initial)) if initial is not None else None,
            shape=input_shape,
            train=None,
        )
        if mask is not None:
            algebra.check(mask, view.state)
        draws = torch_draws(seed, "prune", "forward", devices={tensor.device for tensor in view.state.values()})
        with modes_kept(module), draws:  # SynFlow scores in evaluation mode whatever the module's is
            return criterion(view)


def _check_copy(module: nn.Module, initial: Mapping[str, Tensor]) -> None:
    """A ``state_dict()`` that is kept without a copy moves with the weights: nothing would have changed since."""
    live = {one.data_ptr() for one in module.parameters() if one.numel() and one.device.type != "meta"}
    for name, tensor in initial.items():
        if tensor.numel() and tensor.data_ptr() in live:
            raise UsageError(
                f"initial['{name}'] is the module's own tensor, which training has moved with it: it says nothing of "
                "the time before. Take copy.deepcopy(module.state_dict()) before training."
            )


@contextmanager
def _gradients_in_full_precision(module: nn.Module) -> Iterator[None]:
    """The caller may have switched gradients off, or autocast on, in which GraSP's would underflow."""
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in sorted({parameter.device.type for parameter in module.parameters()}):
            if torch.amp.is_autocast_available(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def prune(
    module: nn.Module,
    criterion: Criterion,
    sparsity: Sparsity,
    *,
    batch: Batch | Sequence[Any] | None = None,
    loss: Loss | None = None,
    initial: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] | None = None,
    params: str | Iterable[str] = "weights",
    scope: str = "global",
    granularity: str = "weight",
    rounds: int = 1,
    schedule: str = "exponential",
    ties: str = "index",
    mask: Mask | None = None,
    seed: int = 0,
) -> Mask:
    """The mask that keeps the highest-scored ``1 - sparsity`` of the prunable weights.

    The module is not changed: ``apply(module, mask)`` sets the pruned weights to zero, ``attach(module, optimizer,
    mask)`` holds them there while you train.  ``sparsity`` counts what an earlier ``mask`` removed; see ``select`` for
    it, ``scope``, ``granularity`` and ``ties``, and ``score`` for the rest.

    ``rounds``: score and cut that many times, each time what is left; ``SynFlow`` is meant with 100.  ``schedule``:
    "exponential", density^(k/n) after round k of n, or "linear".  Both run from what ``mask`` keeps.

    Raises:
        UsageError: what ``score``, ``select`` and ``rounds.ladder`` refuse.
    """
    rule = {"scope": scope, "granularity": granularity}

    def scores(earlier: Mask | None) -> Scores:
        return score(
            module,
            criterion,
            batch=batch,
            loss=loss,
            initial=initial,
            input_shape=input_shape,
            params=params,
            mask=earlier,
            seed=seed,
        )

    def cut(found: Scores, target: Sparsity, earlier: Mask | None) -> Mask:
        return select(found, target, mask=earlier, ties=ties, seed=seed, **rule)

    return in_rounds(scores, cut, ladder(sparsity, mask, rounds=rounds, schedule=schedule, **rule), mask)[0]


def effective_sparsity(module: nn.Module, mask: Mask, input_shape: tuple[int, ...]) -> dict[str, Any]:
    """How sparse a network really is: a kept weight on no path from input to output is as good as pruned.

    ``input_shape``: of one input, (C, H, W) or (features,).  Gives "sparsity", removed over all entries; "effective",
    removed or on no path; "idle", kept and on no path; "idle_by_layer".  How paths are counted, and where they cannot
    be: ``analysis.EffectiveSparsity``.   [vysogorets2023connectivity, section 3]

    Raises:
        UsageError: a mask that does not fit, or paths that cannot be counted.
    """
    from lotterylab.analysis.effective import effective

    state = {name: tensor.cpu() for name, tensor in state_of(module).items()}
    here = Mask({name: kept.cpu() for name, kept in mask.items()})
    algebra.check(here, state)
    copy = deepcopy(module).cpu()  # looked through in evaluation mode
    return effective(network(copy), state, here, input_shape)


def _batch(given: Batch | Sequence[Any] | None) -> Batch | None:
    """(inputs, targets) as data loaders give them: a tuple or a list."""
    if given is None or isinstance(given, Batch):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UsageError(f"batch is a {type(given).__name__}; give (inputs, targets).")
    return Batch(inputs=given[0], targets=given[1])
