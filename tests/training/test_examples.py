"""The examples in docstrings print what they show."""

import doctest
from importlib import import_module

import pytest

MODULES = (
    *(f"training.{name}" for name in ("attach", "recipe", "schedules", "user")),
    *(
        f"auditing.{name}"
        for name in ("alarms", "folder", "kinds", "pairs", "patterns", "reports", "states", "updates")
    ),
    *("formats.names", "report.audit_page"),
    *("errors", "network", "own_code.references", "rng"),
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_show(name):
    result = doctest.testmod(import_module(f"lotterylab.{name}"))
    assert result.attempted and not result.failed
