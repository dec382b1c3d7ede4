"""Bugs that other implementations of these methods are known for, each as a thing that does not happen here."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import lotterylab
from lotterylab import masks
from lotterylab.criteria import Magnitude
from lotterylab.data import Digits
from lotterylab.data.loader import Loader
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.masks.counts import Rate
from lotterylab.masks.select import select
from lotterylab.network import network
from lotterylab.plan.nodes import Train
from lotterylab.procedures import iterative
from lotterylab.training.watch import evaluate
from lotterylab.weights import prunable_names
from some_plans import RECIPE, RUN, compute

pytestmark = pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # masks by hand, with ties
SOURCES = sorted(Path(lotterylab.__file__).parent.rglob("*.py"))
WEIGHTS = {"a": torch.tensor([[3.0, -4.0, 0.5, -0.1], [-2.0, 1.0, -0.2, 0.3]])}


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    """Two rounds of a rate with half of it at the output, and a context to look at them."""
    store = Store(tmp_path_factory.mktemp("rounds") / "store").create()
    found = iterative(RUN, [Rate(share=0.4, output=0.2)] * 2, criterion=Magnitude(), scope="layerwise", seed=0)
    compute([ticket.run for ticket in found], store)
    return found, Context(store=store)


# one popular repository, issue by issue


def test_negative_weights_are_pruned_by_their_size_and_train_on(rounds):
    """A threshold without an absolute value froze every negative weight."""
    kept = select({"a": WEIGHTS["a"].abs()}, 0.5)  # type: ignore[arg-type]
    flipped = select({"a": (-WEIGHTS["a"]).abs()}, 0.5)  # type: ignore[arg-type]
    assert torch.equal(kept["a"], flipped["a"]) and bool(kept["a"][0, 1]), "-4 is the largest"
    (_, ticket), context = rounds
    start, end, mask = context.state(ticket.run.at("start")), context.state(ticket.run.final), context.mask(ticket.mask)
    for name, one in mask.items():
        negative = one & (start[name] < 0)
        assert bool((start[name][negative] != end[name][negative]).any())


def test_what_is_alive_is_said_by_the_mask_and_not_by_zeros():
    """A kept weight that happens to be 0 was taken for a pruned one, and never trained again."""
    module = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        module.weight.zero_()
    mask = {"weight": torch.tensor([[True, True, False, False], [True, False, False, True]])}
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    with lotterylab.attach(module, optimizer, mask):  # type: ignore[arg-type]
        (1 - module(torch.ones(1, 4))).sum().backward()
        optimizer.step()
    assert torch.equal(module.weight != 0, mask["weight"])
    again = lotterylab.prune(module, Magnitude(), 0.625, mask=mask)  # type: ignore[arg-type]
    assert int(again["weight"].sum()) == 3, "of 8, 4 of which are kept"


def test_the_output_layer_has_its_own_rate(rounds):
    """It was pruned at the full rate."""
    found, context = rounds
    for number, ticket in enumerate(found, start=1):
        mask = context.mask(ticket.mask)
        last = prunable_names(RUN.model.build())[-1]
        assert masks.sparsity({last: mask[last]}) == pytest.approx(1 - 0.8**number, abs=0.02)  # type: ignore[arg-type]
        assert masks.sparsity({n: one for n, one in mask.items() if n != last}) == pytest.approx(  # type: ignore[arg-type]
            1 - 0.6**number, abs=0.02
        )


def test_every_test_image_counts_once_whatever_the_batch():
    """The last images were dropped, and the sum was divided by all of them."""
    data = Digits(train=20, validation=10, test=33).load(None)
    loader = Loader(data, augment=RECIPE.augment, stream=RECIPE.stream, seed=0, batch_size=16)
    assert sum(len(batch.targets) for batch in loader.evaluation_batches("test", size=16)) == 33
    model = RUN.model
    module, state = model.build(), model.initial(0, "init", "named")
    state[[name for name in state if name.endswith("bias")][-1]][int(data.test.labels[-1])] = 100.0  # the last is right
    module.load_state_dict(state)
    batches = list(loader.evaluation_batches("test", size=16))
    right = [(module.eval()(batch.inputs).argmax(1) == batch.targets).sum().item() for batch in batches]
    assert len(batches) == 3 and sum(right) != sum(right[:2]), "the last images are among the right ones"
    assert evaluate(network(model.build()), state, loader, "test").accuracy == sum(right) / 33


def test_every_round_has_the_optimizer_of_the_first(rounds):
    """The first round trained at another learning rate than the later ones."""
    found, _ = rounds
    runs = [RUN, *(ticket.run for ticket in found)]
    assert len({run.recipe.optimizer for run in runs}) == 1 and all(isinstance(run, Train) for run in runs)


def test_the_reported_accuracy_is_the_last_epoch_s_and_never_the_best_on_the_test_set(rounds):
    found, context = rounds
    record = context.record(found[0].run)
    assert record.metrics["test_reads"] == 1 and record.metrics["picked"] != "test"
    loader = context.loader(RUN.data, RECIPE, 0)
    last = evaluate(network(RUN.model.build()), context.state(found[0].run.final), loader, "test")
    assert record.metrics["test_accuracy"] == last.accuracy


# masks


def test_holding_a_mask_again_and_again_changes_nothing():
    """Masks were multiplied into themselves at every call, until they were empty."""
    mask = select({"a": WEIGHTS["a"].abs()}, 0.5)  # type: ignore[arg-type]
    before = masks.digest(mask)
    state = masks.masked(WEIGHTS, mask)
    for _ in range(3):
        state = masks.masked(state, mask)
    assert masks.digest(mask) == before and torch.equal(state["a"] != 0, mask["a"])


@pytest.mark.parametrize("n", [7, 10, 99, 1000])
def test_asking_twice_for_the_same_sparsity_gives_the_same_mask(n):
    """Two ways of rounding in one code base gave a pruned weight back."""
    scores = {"a": torch.rand(n, generator=torch.Generator().manual_seed(n))}
    for tenths in range(10):
        mask = select(scores, tenths / 10)  # type: ignore[arg-type]
        assert torch.equal(select(scores, tenths / 10, mask=mask)["a"], mask["a"])  # type: ignore[arg-type]


def test_the_next_round_counts_what_is_left(rounds):
    """Masks were made anew from weights that were pruned already, whose zeros filled the quota."""
    (first, second), context = rounds
    before, after = context.mask(first.mask), context.mask(second.mask)
    for name, kept in before.items():
        rate = 0.2 if name == list(before)[-1] else 0.4
        left = int(kept.sum())
        assert int(after[name].sum()) == left - int(rate * left + 0.5)
        assert bool((kept >= after[name]).all())


def test_shuffling_shuffles():
    """A shuffled mask was assigned to a local name, and thrown away."""
    mask = select({"a": torch.rand(400, generator=torch.Generator().manual_seed(0))}, 0.5)  # type: ignore[arg-type]
    shuffled = masks.shuffle(mask, 0)
    assert not torch.equal(shuffled["a"], mask["a"]) and int(shuffled["a"].sum()) == int(mask["a"].sum())


def test_scores_in_any_memory_layout_give_the_same_mask():
    """A mask was written through a flattened copy, so that with channels_last the scores came back instead."""
    scores = torch.rand(8, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    plain = select({"a": scores}, 0.7)["a"]  # type: ignore[arg-type]
    other = select({"a": scores.contiguous(memory_format=torch.channels_last)}, 0.7)["a"]  # type: ignore[arg-type]
    assert other.dtype == torch.bool and torch.equal(plain, other)


# state that leaks, and chance that nobody seeded


def test_no_function_has_a_default_that_it_could_change():
    """A list as a default grew from call to call."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                defaults = [*node.args.defaults, *(one for one in node.args.kw_defaults if one)]
                assert not any(isinstance(one, ast.List | ast.Dict | ast.Set) for one in defaults), source


def test_nothing_draws_from_a_generator_that_is_not_named():
    """Python's own ``random`` was never seeded, so that controls could not be repeated.

    One function seeds the global generators, for a user's own code; it draws nothing.
    """
    for source in SOURCES:
        seeds = source.name == "rng.py"
        tree = ast.parse(source.read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert "random" not in imported or seeds, source
        called = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        legacy = ("np.random.", "numpy.random.")
        allowed = ("numpy.random.Generator", "numpy.random.Philox", "np.random.RandomState")  # each with its own seed
        kept = ("numpy.random.get_state", "numpy.random.set_state", "random.getstate", "random.setstate")
        allowed = (*allowed, *kept) if seeds else allowed
        global_draws = [name for name in called if not name.startswith("numpy.random.Generator(")]
        drawn = {name for name in global_draws if name.startswith((*legacy, "random.")) and name not in allowed}
        assert drawn == ({"numpy.random.seed", "random.seed"} if seeds else set()), source


def test_streams_are_the_same_in_every_process():
    """Seeds were made with ``hash`` of a name, which Python salts anew in each process."""
    script = "from lotterylab import rng; print(rng.key(3, 'order', 'conv1.weight', 7))"
    package = str(Path(lotterylab.__file__).parents[1])
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": package},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(said) == 1
    for source in SOURCES:
        calls = [node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        hashed = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "hash"]
        assert not hashed or source.name == "node.py", f"{source}: hash() is for dicts alone"


def test_recipes_cannot_be_changed_by_a_run():
    assert inspect.isclass(type(RECIPE)) and replace(RECIPE) == RECIPE
    with pytest.raises(AttributeError):
        RECIPE.epochs = 5  # type: ignore[misc]
