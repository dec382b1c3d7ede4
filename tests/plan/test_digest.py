"""Digests are pinned, do not depend on order or process, and refuse values without a fixed spelling."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.analysis import DeadUnits, Distances, Overlap
from lotterylab.criteria import Grasp, Magnitude, Random, RandomOfSign, WeightSquaredGradient
from lotterylab.data import Augment, Cifar10, Digits, NamedStream, TorchGlobalStream
from lotterylab.data.scoring import FirstOfStream, PerClass
from lotterylab.errors import UsageError
from lotterylab.models import ShallowCnn
from lotterylab.plan.digest import ADDED_LATER, OLDER, canonical, digest, encode
from lotterylab.plan.nodes import Choose, Data, Dense, Init, Measure, Prune, Shuffle, Train
from lotterylab.training.losses import CrossEntropy
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant, EpochDrops, FractionDrops
from lotterylab.words import PLACE

MODEL = ShallowCnn(activation="relu")
DATA = Data(spec=Cifar10(train=5000, validation=1000, test=5000), content="ab" * 32)
AUGMENT = Augment(crop_padding=4, flip=True)
SHARED = TorchGlobalStream(drawn_before=MODEL.parameters, scoring_batch=64, evaluations_per_epoch=1)
RECIPE = Recipe(
    epochs=20,
    optimizer=Sgd(lr=0.1, momentum=0.9, weight_decay=5e-4),
    schedule=EpochDrops(at=(10, 15)),
    augment=AUGMENT,
    stream=SHARED,
    hold=False,
    watch=("test",),
    pick="test",
)
INIT = Init(model=MODEL, seed=42, draw="torch-global")
TRAIN = Train(start=INIT, mask=Dense(model=MODEL), data=DATA, recipe=RECIPE, order_seed=42)
PRUNE = Prune(criterion=Grasp(), of=INIT, sparsity=0.9, seed=42, data=DATA, batch=PerClass())
PUBLISHED = Prune(
    criterion=WeightSquaredGradient(),
    of=TRAIN.best,
    sparsity=0.9,
    seed=42,
    data=DATA,
    batch=FirstOfStream(size=64, stream=SHARED, augment=AUGMENT),
    params="all",
    ties="activation-study",
    mode="eval",
)
OTHER = replace(
    RECIPE, optimizer=Adam(lr=1e-3), schedule=FractionDrops(at=(0.5, 0.75)), stream=NamedStream(), hold=True
)
DISTANCES = Measure(quantity=Distances(), of={"dense": TRAIN.best, "ticket": TRAIN.final, "mask": PRUNE})
OF_ALL = replace(DISTANCES, quantity=Distances(tensors="all"))  # the name from before there was a choice
DEAD = Measure(quantity=DeadUnits(batch=PerClass(), seed=42), of={"state": TRAIN.final}, data=DATA)
OVERLAP = Measure(quantity=Overlap(), of={"a": PRUNE, "b": PUBLISHED})
CHOOSE = Choose(candidates=((0.1, (TRAIN,)), (0.2, (TRAIN,))), by="validation_accuracy")

# A change here gives every stored result of the kind another name.  Was it meant?  Then raise that kind's ``version``.
PINNED: dict[str, tuple[Any, str]] = {
    "model": (MODEL, "c408fd702147c08b59771e0bd5f70f5b046859c7be1b4e0b7729433f71224c9d"),
    "init": (INIT, "a7b291933b54adbdd43ccd30129bdd93c9905e7eedfac899ab8df73ec56920a3"),
    "dense mask": (Dense(model=MODEL), "359e4999bea6ce7aa715ee51162cea830224412ec92dcddedc969729e11a43bf"),
    "train": (TRAIN, "037c040b748a5d54b30d299953187d963742968d1c63bc465e8a953c6a5f8e1e"),
    "best": (TRAIN.best, "f23b47cb2485d9c7e12639553bfcd461131c7448f1ee551af6960a6b5bbd3e61"),
    "prune at initialisation": (PRUNE, "d1768166be65abec2fa8690eea33b3091651e64fb5358839a1a3525a8e4cf712"),
    "prune as published": (PUBLISHED, "c16528ac8fe847527cf63373cbdb6f8fbce5413ece26a9c9e5734639bb03c025"),
    "control": (Shuffle(mask=PRUNE, seed=42), "ad601121273feb7c3407ca9270e69e11139432f30b923ef1902ed4e93becd487"),
    "choice": (CHOOSE, "c7391d100f0b4d9f3e94d2d43cdcfe047a8637df1c81d8ad9093e08bc046646d"),
    "distances": (DISTANCES, "b98920f97429d13d2873222708c31c454ea5160d1da7bb6144370f6187b111d3"),
    "distances of all tensors": (OF_ALL, "619aeca2d07fa117ff969db6b3ca1f210723e0e577120ec07c6c968aea5b8f4e"),
    "dead units": (DEAD, "d8ebeed82dcfd3c8403dfc5c888308e105c3c17ab12ebf88bc60fd185c97188b"),
    "overlap": (OVERLAP, "a5f19a6660af5ca108698c63bc6f483f8126eff4c5821aac143f323891f0561c"),
    "recipe": (RECIPE, "2dd13075ce4611e993bb6e355579786a618f6db5036aa27ab7d1dbb41f527cee"),
    "other recipe": (OTHER, "e938775dbef6e8ae57e597872bdb2572c8d6a0a5b4582c9943e9c3a1d0c5d542"),
    "digits": (Digits(), "44249565f59cea2673b0905e667d91a0d6b8dd1935b985c48f46ade3330551fb"),
    "magnitude": (Magnitude(), "e6a0c758e760a0c5c74bcd43edf2cf6e9010c51f050680f8fc5d903897da6e98"),
    "random": (Random(), "8db9cb49278bc304fc0dc584976b8173d255424d9675210ec4bd449ca756aca7"),
    "random of sign": (RandomOfSign(), "1e3c1d123a52820fe3538b9a7bd65f3093668c9dbed233c93580f0b5065c704a"),
    "constant": (Constant(), "96b92b3b8e49cd50e09721b8d773b52f7dd2addb6865efde3759508181fc3cfe"),
}


@pytest.mark.parametrize("name", PINNED)
def test_a_digest_is_the_one_that_stored_results_are_named_by(name):
    spec, expected = PINNED[name]
    assert digest(spec) == expected


def test_the_text_that_is_digested_can_be_read():
    assert encode(Augment()) == '{"crop_padding":0,"flip":false,"is":"Augment","version":1}'
    assert encode(Dense(model=MODEL)) == (
        '{"is":"Dense","model":{"activation":"relu","classes":10,"init":"pytorch","is":"ShallowCnn",'
        '"shape":[3,32,32],"version":1,"widths":[32,64,128]},"version":1}'
    )


def test_inside_a_node_another_node_stands_as_its_digest():
    assert f'"start":{{"node":"{INIT.digest}"}}' in encode(TRAIN) and '"seed"' not in encode(TRAIN)


# what makes no difference


def test_the_order_of_a_dict_makes_no_difference_and_the_kind_of_sequence_neither():
    one = Measure(quantity=Distances(), of={"dense": INIT, "ticket": TRAIN.final})
    other = Measure(quantity=Distances(), of={"ticket": TRAIN.final, "dense": INIT})
    assert one == other
    assert digest(replace(MODEL, widths=[32, 64, 128])) == digest(MODEL)  # type: ignore[arg-type]


def test_the_process_makes_no_difference():
    code = "import sys; sys.path[:] = sys.argv[1:]; import test_digest as t; print(t.TRAIN.digest, t.PRUNE.digest)"
    command = [sys.executable, "-c", code, str(Path(__file__).parent), *sys.path]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.split() == [TRAIN.digest, PRUNE.digest]


# a field that was added later


@dataclass(frozen=True, kw_only=True)
class Old:
    rate: float


@dataclass(frozen=True, kw_only=True)
class New:
    rate: float
    warmup: int = field(default=0, metadata=ADDED_LATER)
    cooldown: int = 0


New.__qualname__ = "Old"  # the same class, a release later


def test_a_field_added_later_is_left_out_at_its_default_and_another_new_field_is_not():
    assert '"warmup"' not in encode(New(rate=0.1)) and '"cooldown":0' in encode(New(rate=0.1))
    assert encode(New(rate=0.1)).replace('"cooldown":0,', "") == encode(Old(rate=0.1))
    assert digest(New(rate=0.1)) == digest(New(rate=0.1, warmup=0)) != digest(New(rate=0.1, warmup=1))


@dataclass(frozen=True, kw_only=True)
class Mended:
    rate: float
    norms: str = field(default="exact", metadata={**ADDED_LATER, OLDER: "as found"})


def test_a_field_whose_default_is_not_what_older_results_have_is_left_out_at_their_value():
    older = Mended(rate=0.1, norms="as found")
    assert encode(older) == text_of_canonical(older) == encode(Mended(rate=0.1)).replace('"norms":"exact",', "")


# where a thing is, not what it is


@dataclass(frozen=True, kw_only=True)
class Placed:
    rate: float
    path: str = field(metadata=PLACE)


def test_a_field_that_says_where_a_thing_is_makes_no_difference():
    here, there = Placed(rate=0.1, path="/here"), Placed(rate=0.1, path="/there")
    assert "path" not in encode(here) and "here" not in encode(here)
    assert digest(here) == digest(there) != digest(Placed(rate=0.2, path="/here"))
    within = (Data(spec=here, content="ab"), Data(spec=there, content="ab"), Data(spec=there, content="cd"))
    assert digest(within[0]) == digest(within[1]) != digest(within[2])
    assert digest(replace(here, path=Path("/here"))) == digest(here)  # a place need not have a fixed spelling


@dataclass(frozen=True, kw_only=True)
class Versioned:
    version = 1


def test_a_raised_version_and_another_home_give_other_names(monkeypatch):
    before = digest(Versioned())
    monkeypatch.setattr(Versioned, "version", 2)
    assert digest(Versioned()) != before
    assert encode(Old(rate=0.1)).startswith('{"is":"') and ":Old" in encode(Old(rate=0.1))  # with its module, not ours


# what has no name


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda step: 100 * step, "it is a function"),
        (print, "it is a builtin_function_or_method"),
        (object(), "it is an object"),
        (ShallowCnn, "it is a type"),
        ({1, 2}, "it is a set"),
        (b"bytes", "it is a bytes"),
        (math.nan, "cannot name nan"),
        (math.inf, "cannot name inf"),
    ],
)
def test_what_has_no_fixed_spelling_is_refused_with_what_to_do(value, said):
    for spec in (value, replace(RECIPE, stream=value), {"deep": [value]}):
        with pytest.raises(UsageError, match=said):
            digest(spec)


# the encoding tells values apart

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(values, values)
@settings(max_examples=100, deadline=None)
def test_two_values_have_one_digest_only_if_they_are_written_alike(one, other):
    assert (digest(one) == digest(other)) == (spelled(one) == spelled(other))


def spelled(value: Any) -> str:
    """Python's own spelling, a dict in the order of its keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{spelled(value[key])}" for key in sorted(value)) + "}"
    return f"({','.join(map(spelled, value))})" if isinstance(value, tuple) else repr(value)


# the text, which is written in one pass, is that of the canonical values


def text_of_canonical(spec: Any) -> str:
    return json.dumps(canonical(spec), sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Holding:
    zebra: Any
    alpha: Any = None
    later: Any = field(default=None, metadata=ADDED_LATER)


odd = st.sampled_from([np.float64(0.5), Fraction(1, 3), TRAIN, TRAIN.final, DATA, RECIPE, CHOOSE, PUBLISHED])


@given(values | odd, values | odd, values | odd)
@settings(max_examples=200, deadline=None)
def test_the_text_of_any_spec_is_that_of_its_canonical_values(one, other, third):
    spec = Holding(zebra=one, alpha=(other, {"deep": [third]}), later=third)
    for value in (one, [one, other], {"é": other}, spec, Data(spec=spec, content="ü")):
        assert encode(value) == text_of_canonical(value)


@pytest.mark.parametrize("name", PINNED)
def test_a_spec_keeps_its_text_and_gives_the_same_one_again(name):
    spec = PINNED[name][0]
    assert encode(spec) == encode(spec) == encode(replace(spec)) == text_of_canonical(spec)


def test_a_recipe_keeps_its_text_also_if_it_leaves_out_a_spec_that_has_its_default():
    recipe = replace(RECIPE, loss=CrossEntropy())
    assert '"loss"' not in encode(recipe)
    assert encode(recipe) is encode(recipe)


@dataclass
class Changing:
    rate: float


def test_a_text_is_not_kept_where_something_inside_can_change():
    schedule, table = Changing(rate=0.1), {"rate": 0.1}
    recipe, data = replace(RECIPE, schedule=schedule), Data(spec=Holding(zebra=table), content="ab")
    before = digest(recipe), digest(data)
    schedule.rate = table["rate"] = 0.2
    assert digest(recipe) == hashlib.sha256(text_of_canonical(recipe).encode()).hexdigest() != before[0]
    assert digest(data) == hashlib.sha256(text_of_canonical(data).encode()).hexdigest() != before[1]


def test_equal_values_of_unequal_types_have_texts_of_their_own():
    whole, broken = Augment(crop_padding=1), Augment(crop_padding=1.0)  # type: ignore[arg-type]
    assert whole == broken and encode(whole) != encode(broken)


def test_a_fraction_is_not_its_float():
    assert digest(Fraction(1, 2)) != digest(0.5) != digest("1/2")
