"""Pruning any ``nn.Module`` from Python: scores and masks, with nothing of the module changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lotterylab.auditing.own_masks import of_selection, told
from lotterylab.calling.logits import check_loss, cross_entropy_of
from lotterylab.calling.nested import cloned, each_tensor
from lotterylab.calling.precision import at_least, at_least_float32, gradients_in_full_precision, is_low
from lotterylab.calling.unchanged import Calls, unchanged
from lotterylab.candidates import candidates, excluded, left_out
from lotterylab.criteria import check_criterion
from lotterylab.criteria.rounds import in_rounds, scored
from lotterylab.errors import UsageError, a_type, warn
from lotterylab.formats.checkpoints import state_in
from lotterylab.masks import algebra
from lotterylab.masks.counts import Sparsity, check_targets
from lotterylab.masks.select import Rule
from lotterylab.masks.shown import shown_mask
from lotterylab.network import modes_kept, network, state_of
from lotterylab.readable import check_ordered, check_scorable, check_unpacked
from lotterylab.rng import stream
from lotterylab.structure.outputs import outputs_of
from lotterylab.types import Batch, Inputs, Mask, Scores, State
from lotterylab.views import Criterion, View
from lotterylab.weights import is_packed

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss = Callable[[Any, Any], "Tensor"]
Forward = Callable[[State, Inputs, bool | None], "tuple[Tensor, State]"]


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
    """Return a score for each weight of the module's Conv and Linear layers; higher = keep.

    A weight that no path uses scores 0 by a criterion that looks at gradients.  A module that draws from the global
    generators of torch, NumPy or Python (``nn.Dropout`` in train mode) draws by ``seed``.  Scores are computed in
    float32 or better, also inside ``torch.autocast`` and where a module of half precision casts by itself; what the
    module computes inside an autocast of its own stays as it is.  Activation checkpointing is switched off: the scores
    are those of the same module that keeps its activations.

    Nothing of the module, its gradients and attributes, the batch and the generators is changed.

    Args:
        module: each layer in the mode (train or eval) it should be scored in; nothing of it is changed.
        criterion: such as ``criteria.Magnitude()`` or ``criteria.Grasp(temperature=200.0)``.
        batch: (inputs, targets), on the module's device, for criteria that look at gradients.  Inputs that are a tuple
            are the module's arguments (a data loader gives several as a list: pass ``tuple(inputs)``), a dict its
            arguments by name; targets are whatever ``loss`` takes.
        loss: ``loss(outputs, targets) -> scalar``, the mean over the batch; by default the cross-entropy of the logits:
            of the output, its field or key "logits", or the first tensor (B, K) of a tuple.
        initial: a copy of the ``state_dict()`` before training, or a checkpoint with it, for criteria that compare with
            it (Movement).
        input_shape: the shape of one input, (C, H, W) or (features,), for SynFlow; by default that of the batch.
        params: "weights" (of Conv and Linear layers and their subclasses, a tied one once, under its first name),
            "matrices" (these, and what else may hold weights: recurrent layers, Bilinear, experts, a layer's own
            matrix), "all" parameters, or the names of those to be scored.  ``out_proj`` of ``nn.MultiheadAttention`` is
            a Linear layer; ``in_proj_weight`` is not one, and embeddings are not unless tied to one: name them.
        mask: an earlier mask; the network is scored as pruned by it.
        seed: the seed of criteria that draw random numbers.

    Raises:
        UsageError: a criterion that needs a batch, a shape or an initial state has none; an unknown name; a mask or an
            initial state that does not fit, or one that is the module's own tensors; outputs whose logits are not known
            and no ``loss``; a module that computes layers again during the backward pass; a word for ``params`` that
            would leave out more than 1 % of the weights (less is a ``LotteryWarning``); weights without values (lazy,
            meta), sharded, packed, compiled by torch.jit, or complex.

    Examples:
        >>> import torch
        >>> from lotterylab import criteria
        >>> layer = torch.nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, -4.0]]))
        >>> score(layer, criteria.Magnitude())["weight"].tolist()
        [[3.0, 4.0]]
    """
    with _viewed(module, criterion, batch, loss, initial, input_shape, params, mask, seed) as (view, scores_of):
        return scored(view, scores_of, seed)


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
    exclude: str | Iterable[str] | None = None,
    scope: str = "global",
    granularity: str = "weight",
    rounds: int = 1,
    schedule: str = "exponential",
    ties: str = "index",
    mask: Mask | None = None,
    seed: int = 0,
) -> Mask:
    """Return the mask that keeps the highest-scored ``1 - sparsity`` of the prunable weights.

    The module is not changed: ``apply(module, mask)`` sets the pruned weights to zero, and ``attach(module, optimizer,
    mask)`` holds them there while you train.  One ``LotteryWarning`` names what is wrong with a mask at once: scores of
    0, ties at the cut, layers without a weight, outputs without one.

    Args:
        module, criterion, batch, loss, initial, input_shape, params: those of ``score``.
        sparsity: the fraction removed, what an earlier ``mask`` removed included; see ``select``.  It counts the
            weights, filters or blocks of the layers that are not excluded.
        exclude: names of weights or of layers that stay as they are; the mask has them too.  By default these are the
            output layers for granularity "filter", whose filters are the classes, and none otherwise.  A pass of the
            batch or of ``input_shape`` finds them; without either, or if it fails, the last Conv or Linear layer in the
            module's order stands for them.  ``exclude=()`` leaves none out.
        scope, granularity, ties: those of ``select``.
        rounds: the number of times that the remaining weights are scored and cut; ``SynFlow`` is meant with 100.
        schedule: "exponential", density^(k/n) after round k of n, or "linear"; both run from what ``mask`` keeps.
        mask: an earlier mask; what it removes stays removed.
        seed: the seed of criteria that draw random numbers, and of random ties.

    Raises:
        UsageError: ``score`` or ``select`` refuses an argument, ``exclude`` names nothing or everything, or the rounds
            are not possible.

    Examples:
        >>> import torch
        >>> from lotterylab import criteria
        >>> layer = torch.nn.Linear(4, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, -4.0, 1.0, -2.0]]))
        >>> prune(layer, criteria.Magnitude(), 0.5)["weight"].tolist()
        [[True, True, False, False]]
    """
    check_targets(sparsity)
    rule = Rule(scope=scope, granularity=granularity, ties=ties, seed=seed, rounds=rounds, schedule=schedule)
    with _viewed(module, criterion, batch, loss, initial, input_shape, params, mask, seed) as (view, scores_of):
        by_filters = rule.granularity == "filter" and not isinstance(sparsity, Mapping)
        outputs = outputs_of(module, view, seed) if by_filters and exclude is None else view.net.prunable[-1:]
        whole = excluded(view.names, exclude, outputs if by_filters else ())
        names = tuple(name for name in view.names if name not in whole)
        selection, _ = in_rounds(replace(view, names=names), scores_of, sparsity, rule, whole)
        left = {**algebra.ones(view.state, whole), **(mask or {})}
        made = Mask({name: left[name].clone() if name in whole else selection.mask[name] for name in view.names})
        told(
            of_selection(selection, made, rule, outputs),
            f"the mask by {type(criterion).__name__} at sparsity {sparsity}",
        )
        return shown_mask(made)


def effective_sparsity(module: nn.Module, mask: Mask, input_shape: tuple[int, ...]) -> dict[str, Any]:
    """Return how sparse a network really is: a kept weight on no path from input to output is as good as pruned.

    [vysogorets2023connectivity, section 3]  ``analysis.EffectiveSparsity`` says how paths are counted, and in which
    networks they cannot be.

    Args:
        module: the network, whose paths can be counted; it is not changed.
        mask: bool tensors, True = kept.
        input_shape: the shape of one input of floating-point numbers, (C, H, W) or (features,).

    Returns:
        "sparsity", removed over all entries; "effective", removed or on no path; "idle", kept and cut off from every
        path by the mask; "idle_by_layer".

    Raises:
        UsageError: a mask that does not fit, paths that cannot be counted, or a module that ``score`` refuses.

    Examples:
        >>> import torch
        >>> module = torch.nn.Sequential(torch.nn.Linear(1, 2, bias=False), torch.nn.Linear(2, 1, bias=False))
        >>> mask = {"0.weight": torch.tensor([[True], [False]]), "1.weight": torch.tensor([[True, True]])}
        >>> shares = effective_sparsity(module, mask, (1,))
        >>> shares["sparsity"], shares["effective"]
        (0.25, 0.5)
    """
    from lotterylab.analysis.effective import effective

    check_scorable(module)
    check_unpacked(module)
    check_ordered((name, one) for name, one in module.named_parameters() if one.is_complex() or is_packed(one))
    state = {name: tensor.cpu() for name, tensor in state_of(module).items()}
    here = Mask({name: kept.cpu() for name, kept in mask.items()})
    algebra.check(here, state)
    with unchanged(module), gradients_in_full_precision(module):  # looked through in evaluation mode
        return effective(network(module), state, here, input_shape)


@contextmanager
def _viewed(
    module: nn.Module,
    criterion: Criterion,
    batch: Batch | Sequence[Any] | None,
    loss: Loss | None,
    initial: Mapping[str, Tensor] | None,
    input_shape: tuple[int, ...] | None,
    params: str | Iterable[str],
    mask: Mask | None,
    seed: int,
) -> Iterator[tuple[View, Callable[[View], Scores]]]:
    """Yield the view of the module, which is unchanged afterwards, and the criterion as a function of it."""
    check_criterion(criterion)
    check_scorable(module)
    before = None if initial is None else state_in(initial, state_of(module), where="initial")
    _check_copy(module, before or {})
    calls = Calls()
    with gradients_in_full_precision(module), unchanged(module), calls.alone(module):
        net = network(module)
        if isinstance(params, str):
            check_unpacked(module)
        names = candidates(net, params)
        check_ordered((name, module.get_parameter(name)) for name in names)
        if sentence := left_out(net, params):
            warn(sentence)
        state = state_of(module)
        low = any(map(is_low, state.values()))
        view = View(
            net=replace(
                net,
                forward=calls(_raised(net.forward) if low else net.forward),
                layer_calls=calls(net.layer_calls),
            ),
            loss=cross_entropy_of if loss is None else calls(_of_copies(loss)),
            state=State({name: at_least_float32(tensor) for name, tensor in state.items()}),
            names=names,
            batch=_batch(batch),
            stream=lambda *purpose: stream(seed, "prune", *purpose),
            mask=mask,
            initial=State(before) if before is not None else None,
            shape=input_shape,
            train=None,
        )
        if mask is not None:
            algebra.check(mask, view.state)
        yield view, _in_own_modes(module, criterion)


def _in_own_modes(module: nn.Module, criterion: Criterion) -> Callable[[View], Scores]:
    """Return the criterion as a function that leaves the module's modes as they are for the next round."""

    def scores_of(view: View) -> Scores:
        with modes_kept(module):  # SynFlow scores in evaluation mode whatever the module's is
            return criterion(view)

    return scores_of


def _raised(forward: Forward) -> Forward:
    """Return the forward pass of a module of half precision in float32, also where it casts by itself."""

    def in_float32(state: State, inputs: Inputs, train: bool | None) -> tuple[Tensor, State]:
        with at_least("float32"):
            return forward(state, inputs, train)

    return in_float32


def _of_copies(loss: Loss) -> Loss:
    """Return the caller's loss as a function that cannot write into the caller's targets."""
    check_loss(loss)
    return lambda outputs, targets: loss(outputs, cloned(targets))


def _check_copy(module: nn.Module, initial: Mapping[str, Tensor]) -> None:
    """Refuse a ``state_dict()`` that was kept without a copy: it moves with the weights, so it shows no change."""
    weights = (weight for weight in module.parameters() if weight.numel() and weight.device.type != "meta")
    live = {weight.data_ptr() for weight in weights}
    for name, tensor in initial.items():
        if tensor.numel() and tensor.data_ptr() in live:
            raise UsageError(
                f"initial['{name}'] is the module's own tensor, which training changes, so it does not hold "
                "the initial weights. Take copy.deepcopy(module.state_dict()) before training."
            )


def _batch(given: Batch | Sequence[Any] | None) -> Batch | None:
    """Return (inputs, targets) as a ``Batch`` in float32 or better; data loaders give a tuple or a list."""
    if given is None:
        return None
    if not isinstance(given, Batch) and (not isinstance(given, tuple | list) or len(given) != 2):
        hint = ", such as next(iter(loader))" if hasattr(given, "__next__") or hasattr(given, "dataset") else ""
        hint += "; the inputs may be a dict of tensors" if isinstance(given, Mapping) else ""
        raise UsageError(f"batch is {a_type(given)}; give (inputs, targets){hint}.")
    inputs, targets = (given.inputs, given.targets) if isinstance(given, Batch) else given
    return Batch(inputs=each_tensor(at_least_float32, inputs), targets=each_tensor(at_least_float32, targets))
