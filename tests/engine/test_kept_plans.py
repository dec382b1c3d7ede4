"""Plans of a user's own loop in a store: read without the loop, and damaged or hostile files are only noted."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from faults.plans import USER, USER_TICKET
from lotterylab.engine.files import sealed, unsealed
from lotterylab.engine.kept_plans import keep, kept
from lotterylab.engine.store import Store
from lotterylab.engine.upkeep import collect
from lotterylab.engine.verify import repair, verify
from lotterylab.errors import LotteryError
from lotterylab.plan.plan import Plan, Row


def plan_of(title: str = "Tickets of loop") -> Plan:
    labels = {"protocol": "loop", "activation": "", "control": "", "seed": 0}
    rows = (
        Row(labels={**labels, "method": "dense", "sparsity": 0.0}, nodes={"train": USER}),
        Row(labels={**labels, "method": "iterative", "sparsity": 0.5}, nodes={"train": USER_TICKET}),
    )
    return Plan(name="tickets", title=title, question="Does it?", rows=rows)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


def test_a_plan_comes_back_with_its_rows_and_the_latest_is_first(store: Store) -> None:
    first = keep(plan_of(), "loop", store)
    second = keep(plan_of("Tickets of another"), "another", store)
    for age, name in enumerate((second, first)):
        os.utime(store.path / "plans" / name, (1000.0 - age, 1000.0 - age))
    found = list(kept(store))
    assert [(plan.name, plan.of) for plan in found] == [(second, "another"), (first, "loop")]
    (_, again), expected = found, plan_of()
    assert (again.plan.title, again.plan.question) == (expected.title, expected.question)
    assert [dict(row.labels) for row in again.plan.rows] == [dict(row.labels) for row in expected.rows]
    assert [dict(row.nodes) for row in again.plan.rows] == [dict(row.nodes) for row in expected.rows]
    assert keep(plan_of(), "loop", store) == first and len(list(kept(store))) == 2, "one plan has one name"
    assert list(verify(store)) == []
    with store.lock():
        collect(store)
    assert len(list(kept(store))) == 2


def test_a_store_without_plans_has_none(store: Store) -> None:
    assert list(kept(store)) == [] and not (store.path / "plans").exists()


def damaged(data: bytes, how: str) -> bytes:
    fields = unsealed(data)
    assert fields is not None
    if how == "cut":
        return data[:-9]
    if how == "a bit":
        return data.replace(b"iterative", b"iteratife", 1)
    if how == "no rows":
        fields["rows"] = []
    if how == "no training":
        fields["rows"][0]["nodes"] = {}
    if how == "no label":
        del fields["rows"][0]["labels"]["seed"]
    if how == "another node":
        fields["rows"][0]["nodes"]["train"] = "0" * 64
    if how == "a changed node":
        fields["nodes"][fields["rows"][0]["nodes"]["train"]]["order_seed"] = 5
    if how == "not rows":
        fields["rows"] = 7
    if how == "labels of other kinds":
        fields["rows"][0]["labels"] = ["seed"]
    if how == "another name":
        fields["plan"] = "0" * 64
    if how in LABELS_OF_OTHER_KINDS:
        name, value = LABELS_OF_OTHER_KINDS[how]
        fields["rows"][0]["labels"][name] = value
    if how in FIELDS_OF_OTHER_KINDS:
        for row in fields["rows"]:
            node = fields["nodes"][row["nodes"]["train"]] | FIELDS_OF_OTHER_KINDS[how]
            digest = sha256(json.dumps(node, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
            fields["nodes"][digest], row["nodes"]["train"] = node, digest
    return sealed(fields)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


LABELS_OF_OTHER_KINDS: dict[str, tuple[str, Any]] = {
    "a seed of words": ("seed", "0"),
    "no number as a sparsity": ("sparsity", None),
    "true as a sparsity": ("sparsity", True),
    "a sparsity without end": ("sparsity", float("inf")),
    "a sparsity of words": ("sparsity", "0.5"),
    "a method of numbers": ("method", 3),
    "a control of lists": ("control", []),
}
FIELDS_OF_OTHER_KINDS: dict[str, dict[str, Any]] = {  # the digests are right: the whole text comes from elsewhere
    "an order of words": {"order_seed": "0"},
    "no start": {"start": None},
    "a mask of text": {"mask": "dense"},
    "a recipe without steps": {"recipe": {"is": "UserTraining", "version": 1}},
    "steps of text": {"recipe": {"is": "UserTraining", "version": 1, "steps": "9"}},
    "no recipe": {"recipe": []},
    "a fraction of nothing": {"recipe": {"fraction": "1/0"}},
    "a map of lists": {"recipe": {"map": [[[], 1]]}},
    "another kind of run": {"is": "Dense"},
    "a deep recipe": {"recipe": nested(600)},
}


WAYS = ("cut", "a bit", "no rows", "no training", "no label", "another node", "a changed node", "not rows")
WAYS += ("labels of other kinds", "another name", *LABELS_OF_OTHER_KINDS, *FIELDS_OF_OTHER_KINDS)


@pytest.mark.parametrize("how", WAYS)
def test_a_damaged_plan_is_noted_and_left_out(store: Store, how: str) -> None:
    name, other = keep(plan_of(), "loop", store), keep(plan_of("Tickets of another"), "another", store)
    path = store.path / "plans" / name
    path.write_bytes(damaged(path.read_bytes(), how))
    assert [plan.name for plan in kept(store)] == [other]
    assert path in store.damage


def test_verify_finds_damage_and_repair_sets_it_aside(store: Store) -> None:
    path = store.path / "plans" / keep(plan_of(), "loop", store)
    path.write_bytes(path.read_bytes()[:-5])
    (damage,) = verify(store)
    assert damage.path == path
    with store.lock():
        repair(store, [damage])
    assert not path.exists() and list(verify(store)) == [] and list(kept(store)) == []


def test_links_and_strangers_are_not_read(store: Store, tmp_path: Path) -> None:
    name = keep(plan_of(), "loop", store)
    (store.path / "plans" / "notes.txt").write_text("mine")
    (store.path / "plans" / ("f" * 64)).mkdir()
    assert [plan.name for plan in kept(store)] == [name]
    (store.path / "plans").rename(tmp_path / "elsewhere")
    (store.path / "plans").symlink_to(tmp_path / "elsewhere")
    assert list(kept(store)) == []
    assert "not a folder" in str(next(iter(verify(store))))
    before = sorted(path.name for path in (tmp_path / "elsewhere").iterdir())
    with pytest.raises((OSError, LotteryError)):
        keep(plan_of("Tickets of another"), "another", store)
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == before


def test_hostile_words_in_a_plan_are_only_text(store: Store) -> None:
    name = keep(plan_of("\x1b[2J evil"), "loop\x1b]0;", store)
    (plan,) = kept(store)
    assert plan.name == name and plan.plan.title == "\x1b[2J evil"
    assert json.loads((store.path / "plans" / name).read_text())["title"] == "\x1b[2J evil"
