"""The examples in the docstrings of masks and of pruning from Python run, and print what they say."""

import doctest
import importlib

import pytest

MODULES = ("algebra", "controls", "counts", "files", "granularity", "pools", "profiles", "scopes", "select")


@pytest.mark.parametrize("name", [*(f"masks.{name}" for name in MODULES), "criteria.rounds", "library"])
def test_the_examples_of_a_module_run(name):
    ran = doctest.testmod(importlib.import_module(f"lotterylab.{name}"), raise_on_error=False)
    assert ran.failed == 0
