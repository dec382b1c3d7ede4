"""Calls from Python with what cannot be: said in words, before anything runs."""

import copy

import pytest
from torch import nn

import lotterylab as ll
from lotterylab.errors import UsageError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sparsity": [0.5]}, "Did you mean 'sparsities'"),
        ({"seeds": "2"}, "seeds='2' was given to 'activations', a str"),
        ({"sparsities": 0.5}, "sparsities=0.5 was given"),
        ({"methods": "snip"}, "methods='snip' was given"),
        ({"preset": "tiny"}, "preset='tiny' was given"),
        ({"workers": -1}, "-1 workers: at least 1 is needed"),
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
    ll.prune(module, ll.criteria.Movement(), 0.5, initial=copy.deepcopy(module.state_dict()))
