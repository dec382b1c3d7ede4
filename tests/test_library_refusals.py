"""Calls from Python with what cannot be: said in words, before anything runs."""

import copy

import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.errors import LotteryWarning, UsageError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sparsity": [0.5]}, "Did you mean 'sparsities'"),
        ({"seeds": "2"}, "seeds = '2' was found; it takes a whole number"),
        ({"sparsities": "half"}, "sparsities = 'half' was found; it takes a list, each a number"),
        ({"methods": "snpi"}, "no method is named 'snpi'. Did you mean 'snip'"),
        ({"preset": "tiny"}, "preset = 'tiny' was found; it takes one of full, small"),
        ({"preset": "smal"}, "preset = 'smal' was found; it takes one of full, small. Did you mean 'small'?"),
        ({"workers": -1}, "-1 workers were asked for: at least 1 is needed"),
    ],
)
def test_wrong_options_from_python_are_refused_as_the_command_refuses_them(options, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        ll.run_study("activations", store=tmp_path, **options)


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        ("snip", r"criteria.Snip\(\)"),
        ("magnitde", "Magnitude"),
        (ll.criteria.Grasp, r"criteria.Grasp\(\)"),
        (3, "is 3"),
    ],
)
def test_a_name_or_a_class_in_the_place_of_a_criterion_is_told_what_to_write(criterion, said):
    with pytest.raises(UsageError, match=said):
        ll.prune(nn.Linear(3, 2), criterion, 0.9)


def test_an_initial_state_that_is_the_module_s_own_is_refused():
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with pytest.raises(UsageError, match=r"initial\['0.weight'\] is the module's own tensor.*deepcopy"):
        ll.prune(module, ll.criteria.Movement(), 0.5, initial=module.state_dict())
    with pytest.warns(LotteryWarning, match=r"6 of 6 scores \(100 %\) are exactly 0"):  # nothing has moved yet
        ll.prune(module, ll.criteria.Movement(), 0.5, initial=copy.deepcopy(module.state_dict()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"granularity": None}, "granularity is None; it is one of the words weight"),
        ({"rounds": 2.5}, "rounds=2.5: a whole number"),
        ({"scope": None}, "None is not the name of a scope. Known: balanced, erk"),
        ({"ties": 3}, "3 is not the name of a"),
        ({"schedule": None}, "None is not the name of a schedule"),
        ({"params": None}, "params is None; it must be 'weights'"),
        ({"mask": 3}, "the mask is 3; give a dict"),
        ({"mask": {"weight": [True]}}, "the mask is a dict with list under 'weight'; give a dict from names to bool"),
    ],
    ids=str,
)
def test_something_else_in_the_place_of_a_word_is_told_what_it_takes(options, said):
    with pytest.raises(UsageError, match=said):
        ll.prune(nn.Linear(4, 4), ll.criteria.Magnitude(), 0.5, **options)


def test_a_tied_parameter_is_set_under_each_of_its_names():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    gone = {"1.weight": torch.zeros(4, 4, dtype=torch.bool)}
    assert not ll.apply(module, gone)[0].weight.any()
