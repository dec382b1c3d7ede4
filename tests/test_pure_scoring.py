"""Scoring changes nothing of the caller's, and what a module does beside computing changes no score."""

from __future__ import annotations

import copy
import random
import threading
from typing import Any

import numpy
import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import lotterylab as ll
from lotterylab.calling.whole_graphs import whole_graphs
from lotterylab.errors import UsageError
from some_modules import (
    HALF,
    OUTPUTS,
    UNKNOWN,
    Checkpointed,
    Reversible,
    Small,
    batch,
    counting,
    drawing,
    half,
)

# small masks at a high sparsity: that prune warns of them is tested elsewhere
pytestmark = pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")

CRITERIA = {name: kind() for name, kind in ll.criteria.ALL.items()} | {
    "grasp at 1": ll.criteria.Grasp(temperature=1.0),
    "obd, exact": ll.criteria.Obd(draws=None),
}
INITIAL = Small().state_dict()
BY_GRADIENTS = {name: criterion for name, criterion in CRITERIA.items() if criterion.needs_batch}


def prune(module: nn.Module, criterion: Any, **options: Any) -> Any:
    options = {"batch": batch(), "initial": INITIAL, "rounds": 3, **options}
    return ll.prune(module, criterion, 0.8, **options)


def equal(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def seen(value: Any) -> Any:
    """Everything that a module holds, as values that can be compared."""
    if isinstance(value, Tensor):
        return (value.dtype, value.requires_grad, value.tolist(), None if value.grad is None else value.grad.tolist())
    if isinstance(value, nn.Module):
        return {name: seen(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {name: seen(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [seen(item) for item in value]
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, numpy.random.RandomState):
        return str(value.get_state(legacy=False))
    if isinstance(value, random.Random):
        return value.getstate()
    return {name: seen(item) for name, item in vars(value).items()} if type(value).__name__ == "Meter" else value


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("make", [counting, drawing])
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_nothing_of_a_module_that_writes_into_itself_is_changed(name, make, train):
    module = make().train(train)
    module.norm.eval()
    module(batch()[0]).sum().backward()
    module.hidden.weight.requires_grad_(False)
    before, identity = seen(module), {key: id(value) for key, value in vars(module).items()}
    initial = copy.deepcopy(module.state_dict())
    kept = prune(module, CRITERIA[name], initial=initial)
    assert seen(module) == before
    assert {key: id(value) for key, value in vars(module).items()} == identity
    assert ll.sparsity(kept) == pytest.approx(0.8, abs=0.01)
    assert equal(kept, prune(module, CRITERIA[name], initial=initial)), "the same call gives the same mask"


@pytest.mark.parametrize("name", CRITERIA)
def test_the_global_generators_are_left_where_they_were_and_draws_depend_on_the_seed_alone(name):
    module = drawing()
    torch.manual_seed(4)
    random.seed(4)
    numpy.random.seed(4)
    before = torch.get_rng_state(), random.getstate(), str(numpy.random.get_state(legacy=False))
    once = prune(module, CRITERIA[name])
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    assert str(numpy.random.get_state(legacy=False)) == before[2]
    assert torch.rand(1) + random.random() + numpy.random.rand() > 0
    assert equal(once, prune(module, CRITERIA[name]))


IN_PLACE = {
    "tensor": (lambda _, x: x.sub_(0.5).div_(0.25), lambda _, x: (x - 0.5) / 0.25, lambda x: x),
    "view": (lambda _, x: x.T.mul_(2).T, lambda _, x: x * 2, lambda x: x),
    "dict": (lambda _, data: data["x"].mul_(2), lambda _, data: data["x"] * 2, lambda x: ({"x": x},)),
    "list": (lambda _, data: data[0].mul_(2), lambda _, data: data[0] * 2, lambda x: [x]),
    "nested": (lambda _, data: data["a"][0].mul_(2), lambda _, data: data["a"][0] * 2, lambda x: ({"a": (x, 1)},)),
}


@pytest.mark.parametrize("kind", IN_PLACE)
@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_a_module_that_writes_into_its_input_is_scored_on_the_caller_s_batch_in_every_round(name, kind):
    writes, reads, packed = IN_PLACE[kind]
    inputs, targets = batch()
    given = inputs.clone()
    got = prune(Small(writes), BY_GRADIENTS[name], batch=(packed(given), targets))
    assert torch.equal(given, inputs)
    assert equal(got, prune(Small(reads), BY_GRADIENTS[name], batch=(packed(inputs), targets)))


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_a_loss_that_writes_into_the_targets_sees_the_caller_s_each_time(name):
    inputs, targets = batch()
    shifted = targets + 1
    given = shifted.clone()
    got = prune(Small(), BY_GRADIENTS[name], batch=(inputs, given), loss=lambda z, t: cross_entropy(z, t.sub_(1)))
    assert torch.equal(given, shifted)
    assert equal(got, prune(Small(), BY_GRADIENTS[name], batch=(inputs, targets)))


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "pruned already"])
@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("first", [False, True], ids=["middle", "from the first layer on"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("how", ["reentrant", "not reentrant", "sequential", "composable"])
def test_scores_with_activation_checkpointing_are_those_without(how, first, name, masked):
    mask = ll.prune(Checkpointed(), ll.criteria.Random(), 0.5) if masked else None
    options = {"batch": batch(), "initial": Checkpointed().state_dict(), "mask": mask, "seed": 2}
    want = ll.score(Checkpointed(first=first), CRITERIA[name], **options)
    assert equal(want, ll.score(Checkpointed(how, first=first), CRITERIA[name], **options))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_layers_that_are_computed_again_in_a_way_that_cannot_be_switched_off_are_refused(name):
    module = Reversible().eval()
    before = seen(module)
    with pytest.raises(UsageError, match=r"computes a \w+ again during the backward pass .* Switch that off"):
        ll.score(module, BY_GRADIENTS[name], batch=batch(), mask=ll.prune(module, ll.criteria.Random(), 0.5))
    assert seen(module) == before


def test_checkpointing_works_again_after_scoring_and_blocks_of_threads_may_overlap():
    home = torch.utils.checkpoint
    before = home.CheckpointFunction, home._checkpoint_without_reentrant_generator
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with whole_graphs():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    with whole_graphs():
        thread.start()
        assert inside.wait(10)
    assert home.CheckpointFunction is not before[0], "the other thread's block is open"
    leave.set()
    thread.join()
    with pytest.raises(ZeroDivisionError), whole_graphs():
        _ = 1 / 0
    assert (home.CheckpointFunction, home._checkpoint_without_reentrant_generator) == before
    module = Checkpointed("reentrant")
    module(batch()[0]).sum().backward()
    with pytest.raises(RuntimeError, match="use_reentrant=True"):
        torch.autograd.grad(module(batch()[0]).sum(), list(module.parameters()))


def test_what_is_taken_from_torch_within_a_block_checkpoints_outside_of_it():
    """As the names of a module that is first imported in a forward pass."""
    x = torch.ones(3, requires_grad=True)
    with whole_graphs():
        function = torch.utils.checkpoint.CheckpointFunction
        generator = torch.utils.checkpoint._checkpoint_without_reentrant_generator
        assert type(function.apply(torch.tanh, True, x).grad_fn).__name__ == "TanhBackward0"
        assert next(generator(torch.tanh)) is None
    assert type(function.apply(torch.tanh, True, x).grad_fn).__name__ == "CheckpointFunctionBackward"
    runs = []

    def counted(x: Tensor) -> Tensor:
        runs.append(1)
        return torch.tanh(x).sin()

    steps = generator(counted, True, torch.utils.checkpoint.noop_context_fn, "default", False, True, x)
    next(steps)
    out = counted(x)
    with pytest.raises(StopIteration):
        next(steps)
    out.sum().backward()
    assert len(runs) == 2, "once more in the backward pass"


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("way", HALF)
@pytest.mark.parametrize("name", CRITERIA)
def test_a_module_of_half_precision_is_scored_as_its_copy_in_float32(name, way, kind):
    low, initial = half(way).to(kind), Small().to(kind)
    low.plain = low.plain.to(kind)
    wide = copy.deepcopy(low).float()
    wide.plain = wide.plain.float()
    wide.before = {"casts to float32": HALF["casts to float32"], "multiplies by a plain tensor": HALF[way]}.get(way)
    inputs, targets = batch()
    low_batch = (inputs.to(kind), targets)
    got = ll.score(low, CRITERIA[name], batch=low_batch, initial=initial.state_dict())
    same_inputs = (inputs.to(kind).float(), targets)
    want = ll.score(wide, CRITERIA[name], batch=same_inputs, initial=initial.float().state_dict())
    for key, scores in want.items():
        assert got[key].dtype == scores.dtype and scores.dtype in (torch.float32, torch.float64)
        torch.testing.assert_close(got[key], scores, rtol=1e-6, atol=1e-12)
    assert {parameter.dtype for parameter in low.parameters()} == {kind}


@pytest.mark.parametrize("way", ["casts to bfloat16", "casts to float16", "casts to float32"])
def test_synflow_is_computed_in_float64_also_where_the_module_casts(way):
    module, plain = Small(HALF[way]), Small(HALF["plain"] if way != "casts to float32" else lambda _, x: x * 2)
    got = ll.score(module, ll.criteria.SynFlow(), input_shape=(6,))
    assert equal(got, ll.score(plain, ll.criteria.SynFlow(), input_shape=(6,)))


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("name", [*BY_GRADIENTS, "synflow"])
def test_the_logits_of_an_object_a_dict_or_a_tuple_are_found(name, kind):
    want = prune(Small(), CRITERIA[name])
    assert equal(want, prune(Small(after=OUTPUTS[kind]), CRITERIA[name]))


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_outputs_whose_logits_are_not_known_are_refused_with_what_to_give(name, kind):
    with pytest.raises(UsageError, match=r"the module returns|is not defined") as refused:
        prune(Small(after=UNKNOWN[kind]), BY_GRADIENTS[name])
    assert "Give the loss of a batch: loss=lambda outputs, targets" in str(refused.value)


def test_a_loss_of_ones_own_sees_the_outputs_as_they_are():
    own = prune(
        Small(after=OUTPUTS["dict"]), ll.criteria.Snip(), loss=lambda outputs, t: cross_entropy(outputs["logits"], t)
    )
    assert equal(own, prune(Small(), ll.criteria.Snip()))
    with pytest.raises(UsageError, match="divided by a temperature of 200, but the module returns a dict"):
        prune(Small(after=OUTPUTS["dict"]), ll.criteria.Grasp(), loss=lambda outputs, t: outputs["logits"].mean())


def test_synflow_says_how_to_return_one_tensor():
    with pytest.raises(UsageError, match=r"returns outputs of type dict.*SynFlow sums them: wrap the module"):
        prune(Small(after=UNKNOWN["dict of two"]), ll.criteria.SynFlow())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointing"])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_transformer_is_scored_by_the_logits_of_its_output_as_it_is_trained(kind, checkpointing):
    transformers = pytest.importorskip("transformers", reason="needs the extra: pip install 'lotterylab[huggingface]'")
    sizes = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.BertConfig(**sizes, intermediate_size=24, max_position_embeddings=8, num_labels=3)
    torch.manual_seed(0)
    module = transformers.BertForSequenceClassification(config).train().to(kind)
    plain = copy.deepcopy(module).float()
    if checkpointing:
        module.gradient_checkpointing_enable()
    ids = torch.randint(20, (6, 5))
    data = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, torch.randint(3, (6,))
    for criterion in (ll.criteria.Snip(), ll.criteria.Grasp()):
        got = ll.prune(module, criterion, 0.9, batch=data, rounds=2)
        assert equal(got, ll.prune(plain, criterion, 0.9, batch=data, rounds=2))
