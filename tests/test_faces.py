"""The faces of the package offer what they say, and import nothing before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lotterylab
import lotterylab.plan
from lotterylab.homes import offered

FACES = {"lotterylab": lotterylab, "lotterylab.plan": lotterylab.plan}


@pytest.mark.parametrize("face", FACES)
def test_every_name_of_a_face_is_found_in_its_home(face):
    for name in dir(FACES[face]):
        assert getattr(FACES[face], name) is not None
    assert sorted(dir(FACES[face])) == list(dir(FACES[face]))


@pytest.mark.parametrize("face", FACES)
def test_an_unknown_name_is_an_attribute_error_that_names_the_face(face):
    with pytest.raises(AttributeError, match=f"module '{face}' has no attribute 'nothing'"):
        _ = FACES[face].nothing


def test_a_face_offers_names_of_modules_and_its_own_rooms():
    find, names = offered("email", {"math": ("pi",)}, rooms=("message",))
    assert names == ["message", "pi"]
    assert find("pi") == __import__("math").pi
    assert find("message").__name__ == "email.message"


def test_a_plan_is_built_and_named_without_torch():
    code = """
import sys
import lotterylab as ll
data = ll.plan.pinned(ll.data.Digits())
recipe = ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=0.1))
run = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
tickets = ll.plan.iterative(run, [ll.plan.Rate(share=0.2)] * 3, criterion=ll.criteria.Magnitude(), seed=0)
plan = ll.plan.comparison("x", {"ticket": {0: tickets[-1].run}})
assert len(ll.plan.cite(plan)) and next(plan.targets()).digest
print([name for name in ("torch", "scipy", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_face_imports_none_of_its_homes():
    code = "import sys, lotterylab.plan; print(sorted(name for name in sys.modules if name.startswith('lotterylab')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['lotterylab', 'lotterylab.homes', 'lotterylab.plan', 'lotterylab.version']\n"
