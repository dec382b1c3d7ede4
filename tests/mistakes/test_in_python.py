"""Mistakes of newcomers in Python: the call, and what its error says.  None is an error of torch or of Python."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.errors import LotteryError


def init_fn(seed):
    torch.manual_seed(seed)
    return nn.Linear(2, 2)


def train_fn(module, run):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with run.hold(optimizer):
        for _ in run.steps:
            module(torch.ones(1, 2)).sum().backward()
            optimizer.step()


def eval_fn(module):
    return 0.5


def names() -> dict[str, Any]:
    """What a newcomer has at hand."""
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    data = ll.plan.pinned(ll.data.Digits())
    recipe, model = ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=0.1)), ll.models.Mlp(shape=(1, 8, 8))
    magnitude = ll.criteria.Magnitude()
    return {
        **{"ll": ll, "nn": nn, "torch": torch, "copy": copy, "net": net, "M": magnitude, "S": ll.criteria.Snip()},
        **{"other": nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))},
        **{"x": torch.randn(20, 8), "y": torch.randint(0, 4, (20,)), "opt": torch.optim.SGD(net.parameters(), lr=0.1)},
        **{"mask": ll.prune(net, magnitude, 0.5), "data": data, "recipe": recipe, "model": model},
        **{"dense": ll.plan.dense_run(model, data, recipe, seed=0)},
        **{"each": nn.CrossEntropyLoss(reduction="none"), "by_kind": ll.plan.Rate(share=0.2, output=0.1)},
        **{"init_fn": init_fn, "train_fn": train_fn, "eval_fn": eval_fn},
        **{"T": {"steps": 2, "sparsities": [0.5], "store": "store", "seeds": 1}},
    }


OF_TICKETS = (  # what follows ``tickets(init_fn, train_fn, eval_fn,``, and the pattern of the message
    ("steps=2, sparsities=[0.5])", r"tickets\(\) also needs store=\."),
    ("**T | {'steps': '10'})", r"steps='10': a whole number of at least 1 is needed\."),
    ("**T | {'steps': 2.5})", r"steps=2.5: a whole number of at least 1 is needed\."),
    ("**T | {'sparsities': [0.9, 0.5]})", r"each round removes more than the one before, so they have to rise"),
    ("**T | {'steps': None})", r"steps=None: a whole number of at least 1 is needed\."),
    ("**T | {'seeds': 0.5})", r"seeds hold 0.5: give their number, seeds=3"),
    ("**T | {'seeds': None})", r"takes a whole number or a list as seeds; None was given\."),
    ("**T | {'seeds': '3'})", r"seeds hold '3': give their number, seeds=3"),
    ("**T, controls='random')", r"no control is named 'random'. Did you mean 'random-mask'\?"),
    ("**T, procedure='one_shot')", r"no procedure is named 'one_shot'. Did you mean 'one-shot'\?"),
    ("**T, rewind_to=5)", r"step 5 was asked of a run that goes from step 0 to 2. Give a step in this range"),
    ("**T, criterion=S)", r"Snip scores on data, which only your functions see. Make its mask with"),
    ("**T, during='rigl')", r"such as lotterylab.interventions.RigL\(\.\.\.\)"),
)
MISTAKES = (  # the call, and the pattern of the message
    *((f"ll.tickets(init_fn, train_fn, eval_fn, {rest}", pattern) for rest, pattern in OF_TICKETS),
    # a word
    ("ll.Magnitude()", r"Did you mean lotterylab.criteria.Magnitude\?"),
    ("ll.criteria.SNIP()", r"Did you mean lotterylab.criteria.Snip\?"),
    ("ll.prune_model(net)", r"module 'lotterylab' has no attribute 'prune_model'. Did you mean lotterylab.prune"),
    ("ll.audit(initial={})", r"audit\(\) takes no argument 'initial'. Did you mean init=\?"),
    ("ll.prune(net, M, sparcity=0.9)", r"takes no argument 'sparcity'. Did you mean sparsity=\?"),
    ("ll.prune(net, M, amount=0.9)", r"takes no argument 'amount'. It takes: module, criterion, sparsity"),
    ("ll.prune(net, 0.9)", r"prune\(\) also needs sparsity\."),
    ("ll.criteria.Grasp(200.0)", r"takes its arguments by name: Grasp\(temperature=\.\.\.\)"),
    ("ll.plan.Recipe(epoch=3, optimizer=None)", r"takes no argument 'epoch'. Did you mean epochs=\?"),
    ("ll.prune(net, M, 0.5, scope='layer')", r"no scope is named 'layer'. Did you mean 'layerwise'\?"),
    ("ll.prune(net, M, 0.5, params=['0.wieght'])", r"which is not a parameter .* Did you mean '0.weight'\?"),
    ("ll.prune(net, M, 0.5, params=[net[0].weight])", r"params holds a Parameter; give names of parameters"),
    ("ll.run_study('activation', store='store')", r"no study is named 'activation'. Did you mean 'activations'\?"),
    ("ll.run_study('activations', store='store', sede=1)", r"is named 'sede'. Did you mean 'seeds'\?"),
    ("ll.models.Mlp(activation='ReLU')", r"no activation is named 'ReLU'. Did you mean 'relu'\?"),
    ("ll.models.Mlp(init='kaiming')", r"Kaiming's is he\."),
    # a batch
    ("ll.prune(net, S, 0.5, batch=iter([(x, y)]))", r"give \(inputs, targets\), such as next\(iter\(loader\)\)\."),
    ("ll.prune(net, S, 0.5, batch={'x': x, 'y': y})", r"\(inputs, targets\); the inputs may be a dict of tensors\."),
    ("ll.prune(net, M, 0.5, rounds=True)", r"rounds=True: a whole number, at least 1, is needed\."),
    # a number out of its range
    ("ll.criteria.Grasp(temperature=0)", r"temperature is 0; give a finite number above 0\."),
    ("ll.criteria.Grasp(temperature='200')", r"temperature is '200'; give a finite number above 0\."),
    (
        "ll.criteria.WeightSquaredGradient(loss_divisor=float('nan'))",
        r"loss_divisor is nan; give a finite number above 0",
    ),
    ("ll.criteria.Obd(draws='3')", r"draws='3': give at least 1, or None for the exact diagonal\."),
    ("ll.plan.dense_run(model, data, recipe, seed='0')", r"seed is '0'; give a whole number of Python's type int\."),
    ("ll.plan.Init(model=model, seed=0.5)", r"seed is 0.5; give a whole number of Python's type int\."),
    # a thing of another kind
    ("ll.prune(net.state_dict(), M, 0.5)", r"takes a torch.nn.Module as module; an OrderedDict was given\."),
    ("ll.prune(M, net, 0.5)", r"takes a torch.nn.Module as module; a Magnitude was given|criterion is"),
    ("ll.prune(nn.Linear, M, 0.5)", r"takes a torch.nn.Module as module; the class Linear was given\."),
    ("ll.prune(net, ll.criteria.Magnitude, 0.5)", r"criterion is the class Magnitude; .* lotterylab.criteria.Mag"),
    ("ll.prune(net, 'magnitude', 0.5)", r"criterion is 'magnitude'; .* lotterylab.criteria.Magnitude\(\)"),
    ("ll.prune(net, torch.abs, 0.5)", r"takes a criterion, an object such as lotterylab.criteria.Magnitude\(\), as"),
    ("ll.apply(mask, net)", r"apply\(\) takes a torch.nn.Module as module; a ShownMask was given\."),
    ("ll.apply(net, {'0.weight': torch.rand(16, 8)})", r"a mask is bool, True = kept\."),
    ("ll.sparsity(net)", r"sparsity\(\) takes a mask, a dict from names to bool tensors .*; a Sequential was given\."),
    ("ll.attach(net, opt, 0.5)", r"attach\(\) takes a mask, .* as mask; 0.5 was given\."),
    ("ll.attach(opt, net, mask)", r"Sequential is not a torch.optim.Optimizer"),
    ("ll.attach(net, torch.optim.SGD(other.parameters(), lr=0.1), mask)", r"is in no parameter group of SGD. Give it"),
    ("ll.select(net, 0.5)", r"select\(\) takes scores, .* such as lotterylab.score returns, as scores; a Sequential"),
    ("ll.save_mask(net, 'mask.safetensors')", r"save_mask\(\) takes a mask, .*; a Sequential was given\."),
    ("ll.audit(end=net)", r"end is a Sequential; it must be a dict of tensors: module.state_dict\(\)\."),
    # a number
    ("ll.prune(net, M, 90)", r"it is the fraction removed, from 0 to 1 but below 1. Did you mean 0.9\?"),
    ("ll.prune(net, M, 1.0)", r"as 1 would keep nothing. Did you mean 0.9 or 0.99\?"),
    ("ll.prune(net, M, 0.3, mask=mask)", r"the mask already removes 96, and none comes back. Ask for 1/2 or more"),
    ("ll.prune(net, M, 0.5, rounds=0)", r"rounds=0: a whole number, at least 1, is needed\."),
    ("ll.prune(net, M, {'0.weight': 0.5})", r"says nothing about '2.weight' \(1 missing\). Name every tensor\."),
    ("ll.prune(net, M, 0.5, exclude=[net[0]])", r"exclude holds a Linear, which is not a candidate .* There are: 0"),
    ("ll.apply(net, {'x': torch.ones(2).bool()})", r"the mask names 'x', which is not there. There are: 0.weight"),
    ("ll.apply(other, mask)", r"of '2.weight' has shape \(4, 16\), the tensor \(5, 16\). Make one for this module"),
    ("ll.sparsity({'a': 0.5})", r"as mask; a dict with float under 'a' was given\."),
    ("ll.select({'a': 3}, 0.5)", r"as scores; a dict with int under 'a' was given\."),
    # a batch, a loss, a shape, a file
    ("ll.prune(net, S, 0.5)", r"Snip scores by gradients and needs data: pass batch=\(inputs, targets\)\."),
    ("ll.prune(net, S, 0.5, batch=x)", r"batch is a Tensor; give \(inputs, targets\)\."),
    ("ll.prune(net, S, 0.5, batch=(x[:, :3], y))", r"the module fails on inputs of shape \(20, 3\): .* Give batch="),
    ("ll.prune(net, S, 0.5, batch=(x, y[:3]))", r"and targets of shape \(3,\) is not defined: "),
    ("ll.prune(net, S, 0.5, batch=(x, y), loss='mse')", r"loss is 'mse'; give a function, or an object such as"),
    ("ll.prune(net, S, 0.5, batch=(x, y), loss=nn.CrossEntropyLoss)", r"loss is the class CrossEntropyLoss; give a"),
    ("ll.prune(net, S, 0.5, batch=(x, y), loss=each)", r"the loss of the batch is of shape \(20,\); .* Take the mean"),
    ("ll.prune(net, S, 0.5, batch=(x, y), loss=lambda out: out.sum())", r"the loss fails on outputs .* Give the loss"),
    ("ll.prune(net, S, 0.5, batch=(x, y), loss=nn.MSELoss())", r"of shape \(20, 4\), targets of shape \(20,\): .*Give"),
    ("ll.prune(net, ll.criteria.SynFlow(), 0.5, input_shape='8')", r"input_shape is \('8',\); give whole numbers"),
    ("ll.prune(net, ll.criteria.SynFlow(), 0.5)", r"pass input_shape=\(C, H, W\), or a batch\."),
    ("ll.prune(net, ll.criteria.SynFlow(), 0.5, input_shape=(3, 32, 32))", r"the module fails on .* Give input_shape="),
    ("ll.prune(net, ll.criteria.Movement(), 0.5)", r"pass initial=, a copy of the state_dict from then"),
    ("ll.prune(net, ll.criteria.Movement(), 0.5, initial=net.state_dict())", r"Take copy.deepcopy\(module.state_dict"),
    ("ll.prune(nn.ReLU(), M, 0.5)", r"there is nothing to prune: the module has no Conv or Linear layer\."),
    ("ll.load_mask('mask.pt')", r"there is no file mask.pt. Name another file\."),
    ("ll.save_mask(mask, 'no/mask.pt')", r"there is no folder no, in which mask.pt was to be written. Make it first\."),
    # tickets
    ("ll.tickets(net, train_fn, eval_fn, **T)", r"tickets\(\) takes a function as init_fn; a Sequential was given\."),
    ("ll.tickets(init_fn, lambda m, run: None, eval_fn, **T)", r"a lambda has no name.* Define the function with def"),
    # plans and statistics
    ("ll.plan.pinned('digits')", r"pinned\(\) takes a data set, an object such as lotterylab.data.Digits\(\), as spec"),
    ("ll.plan.dense_run(model, ll.data.Digits(), recipe, seed=0)", r"data is a Digits; .* pass lotterylab.plan.pinned"),
    ("ll.plan.Recipe(epochs=1, optimizer='sgd')", r"optimizer is 'sgd'; give lotterylab.plan.Sgd\(lr=\.\.\.\)"),
    ("ll.plan.Recipe(epochs=1, optimizer=torch.optim.SGD)", r"optimizer is the class SGD; give lotterylab.plan.Sgd"),
    ("ll.plan.Recipe(epochs=1, optimizer=opt)", r"optimizer is a SGD; give lotterylab.plan.Sgd\(lr=\.\.\.\)"),
    ("ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=1), loss='ce')", r"loss is 'ce'; give a loss of lotterylab"),
    ("ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=1), batch_size=0)", r"batch_size=0: at least 1 is needed\."),
    ("ll.plan.dense_run(net, data, recipe, seed=0)", r"model is a Sequential; give a model of a plan, such as"),
    ("ll.plan.iterative(dense, [0.5], criterion=M, seed=0, rewind_to=5)", r"takes a function from the round .*; 5 was"),
    ("ll.plan.comparison('x', {'dense': {0: net}})", r"is a Sequential; give a Train, such as"),
    ("ll.plan.Sgd(lr='0.1')", r"lr is '0.1'; give a number\."),
    ("ll.plan.iterative(dense, [0.5], criterion=M)", r"Prune\(\) also needs seed=\."),
    (
        "ll.plan.Prune(criterion=M, of=dense, sparsity=0.5, seed=0)",
        r"was given a training as of=.* Give a state, such as",
    ),
    ("ll.plan.Shuffle(mask=dense.final, seed=0)", r"was given a state or a number as mask=.* Give a mask, such as"),
    ("ll.data.Folder(path=3)", r"path is an int: give the folder's path, a text\."),
    ("ll.plan.iterative(dense, [0.5], criterion='magnitude', seed=0)", r"criterion is 'magnitude'; give an object"),
    ("ll.plan.iterative(model, [0.5], criterion=M, seed=0)", r"takes a Train, such as lotterylab.plan.dense_run makes"),
    (
        "ll.plan.one_shot(dense, by_kind, criterion=M, seed=0)",
        r"rates for kinds of layers: ask for scope='layerwise', not",
    ),
    ("ll.plan.comparison('x', {'dense': dense})", r"the arm 'dense' is a Train; give its runs by seed"),
    ("ll.plan.run(dense, 'store')", r"run\(\) takes a Plan, such as lotterylab.plan.comparison makes, as plan; a"),
    ("ll.models.ResNet(depth=18)", r"the depth is 6n \+ 2: 8, 14, 20"),
    ("ll.models.Mlp(shape=64)", r"Mlp\(\) takes several values, .* as shape; 64 was given\.|\(channels, height"),
    ("ll.data.Digits(train=5000)", r"digits has 1797 images; .* Ask for 1797 or fewer in all\."),
    ("ll.statistics.t_interval([])", r"no values: a mean needs at least one. Have the runs finished\?"),
    ("ll.statistics.paired({0: 0.5}, {1: 0.5})", r"no seed is on both sides, .* give two dicts from seeds to numbers"),
    ("ll.statistics.t_interval(['a'])", r"\['a'\] was given; give numbers, one for each seed\."),
    ("ll.statistics.t_interval([0.5, 0.6], level=95)", r"a level lies between 0 and 1, commonly 0.95\."),
    ("ll.statistics.holm({'a': None})", r"p value of 'a' is None; .* Leave that test out\."),
    ("ll.statistics.holm([0.01, 0.02])", r"holm\(\) takes a dict as p_values; a list was given\."),
)


@pytest.fixture(scope="module")
def at_hand():
    return names()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("call", "pattern"), MISTAKES, ids=[call for call, _ in MISTAKES])
def test_a_mistake_is_answered_by_a_sentence_that_says_what_to_do(call, pattern, at_hand, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception) as refused:
        eval(call, dict(at_hand))
    assert isinstance(refused.value, LotteryError | AttributeError)
    assert re.search(pattern, str(refused.value)), str(refused.value)
    assert getattr(refused.value, "exit_code", 2) == 2
    assert list(tmp_path.iterdir()) == [], "nothing was started"


def test_there_are_sixty_of_them():
    assert len({call for call, _ in MISTAKES}) == len(MISTAKES) >= 60


@pytest.mark.filterwarnings("ignore")
def test_a_parameter_with_the_name_of_a_word_does_not_change_the_word():
    class Named(nn.Linear):
        def __init__(self) -> None:
            super().__init__(2, 2)
            self.all = nn.Parameter(torch.ones(3))

    assert set(ll.prune(Named(), ll.criteria.Magnitude(), 0.5, params="all")) == {"all", "weight", "bias"}
    assert set(ll.prune(Named(), ll.criteria.Magnitude(), 0.5, params="bias")) == {"bias"}


def test_an_error_of_a_call_with_right_arguments_stays_what_it_is():
    class Broken(nn.Linear):
        def named_parameters(self, *rest: Any, **more: Any):
            raise KeyError("of the module")

    with pytest.raises(KeyError, match="of the module"):
        ll.prune(Broken(2, 2), ll.criteria.Magnitude(), 0.5)
