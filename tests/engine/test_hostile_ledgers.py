"""Ledgers from strangers: a name is not trusted because it arrived, and reading writes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.commands.main import main
from lotterylab.engine.ledger import bring_in, read
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError, UsageError
from lotterylab.plan.digest import canonical
from some_plans import INIT, RUN

NAMES = ["", "..", ".", "../../victim", "/nowhere/victim", "runs", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"]
NAMES += ["é" * 64, "a" * 63 + "\0", "%2e%2e", "~", "$HOME", "C:\\victim", "a/" * 32, "١" * 64]
SPEC = canonical(INIT)
GOOD: dict[str, Any] = {
    "digest": INIT.digest,
    "kind": "Init",
    "metrics": {},
    "facts": {},
    "blobs": {"state": "0" * 64},
    "inputs": {},
    "spec": SPEC,
    "seconds": 1.0,
    "same_as": "",
}


def line(values: object) -> str:
    text = values if isinstance(values, str) else json.dumps(values, sort_keys=True, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}"


def refused(tmp_path: Path, text: str) -> str:
    """The message of the refusal, on one line, after which no store is there."""
    path, store = tmp_path / "ledger.jsonl", Store(tmp_path / "store")
    path.write_text(text + "\n")
    with pytest.raises(UsageError, match=r"ledger\.jsonl, line 1, is damaged") as error:
        bring_in(path, store)
    assert sorted(tmp_path.iterdir()) == [path]
    return str(error.value)


def test_what_is_changed_below_is_right_without_the_change(tmp_path):
    (tmp_path / "ledger.jsonl").write_text(line(GOOD) + "\n")
    assert [record.digest for record in read(tmp_path / "ledger.jsonl")] == [INIT.digest]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["digest", "same_as", "key", "blobs", "inputs"])
def test_a_name_that_is_not_a_sha_256_is_refused(tmp_path, place, name):
    if not name and place in ("same_as", "key"):
        return  # empty: there is none
    changed = {"0": name} if place in ("blobs", "inputs") else name
    refused(tmp_path, line({**GOOD, "spec": {}, place: changed}))


@pytest.mark.parametrize("name", NAMES)
def test_no_path_is_made_of_such_a_name(tmp_path, name):
    store = Store(tmp_path / "store").create()
    before = sorted(tmp_path.rglob("*"))
    record = Record(digest=name, kind="Init", metrics={}, facts={})
    calls: list[Callable[[], object]] = [
        lambda: store.commit(record),
        lambda: store.blob_path(name),
        lambda: store.get(name),
        lambda: store.save_partial(name, {}, {}),
        lambda: store.load_partial(name),
        lambda: store.drop_partial(name),
        lambda: store.remember_failure(name, "", ""),
        lambda: store.remember_same(name, RUN.digest),
        lambda: store.remember_same("0" * 64, name) or store.same("0" * 64),
        lambda: store.same(name),
        lambda: store.forget(name),
    ]
    for call in calls:
        try:
            assert call() is None
        except UsageError as error:
            assert "cannot name a result" in str(error)
    assert store.record(name) is None and name not in store and not store.has_blob(name)
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "0" * 64] == before


SPECS: dict[str, Any] = {
    "of another node": canonical(RUN),
    "with one more field": {**SPEC, "more": 1},
    "of another version": {**SPEC, "version": 99},
    "of another kind": {**SPEC, "is": "Train"},
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_digest_that_is_not_that_of_its_spec_is_refused(tmp_path, spec):
    assert "not the SHA-256 of its spec" in refused(tmp_path, line({**GOOD, "spec": spec}))


def test_a_kind_that_is_not_that_of_its_spec_is_refused(tmp_path):
    assert "its spec has another kind" in refused(tmp_path, line({**GOOD, "kind": "Dense"}))


TEXTS = {
    "nothing": "null",
    "a list": "[]",
    "a number": "1",
    "text": '"digest"',
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep metrics": json.dumps(GOOD)[:-1] + ',"facts":' + '{"a":' * 50_000 + "1" + "}" * 50_001,
    "a huge number": json.dumps({**GOOD, "seconds": 0}).replace('"seconds": 0', '"seconds": 1' + "0" * 5000),
    "not a number": json.dumps({**GOOD, "seconds": float("nan")}),
    "endless": json.dumps({**GOOD, "seconds": 0}).replace('"seconds": 0', '"seconds": 1e999'),
    "beyond any float": json.dumps({**GOOD, "seconds": 10**400}),
    "negative": json.dumps({**GOOD, "seconds": -1.0}),
    "true": json.dumps({**GOOD, "seconds": True}),
    "no digest": json.dumps({key: value for key, value in GOOD.items() if key != "digest"}),
    "no JSON": "{'digest': 1}",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_line_that_is_no_record_is_refused(tmp_path, text):
    refused(tmp_path, line(text))


wrong = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=3
)


@given(field=st.sampled_from(sorted(GOOD)), value=wrong)
@settings(max_examples=150, deadline=None)
def test_any_value_in_any_field_is_a_record_or_refused_in_one_sentence(field, value):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        path.write_text(line({**GOOD, field: value}))
        try:
            read(path)
        except LotteryError as error:
            assert "ledger.jsonl, line 1" in str(error) and "\n" not in str(error)


def test_a_ledger_of_holes_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.touch()
    os.truncate(path, 2**29)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UsageError, match="line 1, is damaged"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18, "kilobytes"


METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "text for a number": ("Train", {"test_accuracy": "0.99"}),
    "a list for a number": ("Train", {"test_accuracy": [0.99]}),
    "no accuracy": ("Train", {}),
    "curves that are a list": ("Train", {"curves": [1]}),
    "curves of text": ("Train", {"curves": {"train_loss": ["a"]}}),
    "a stop of text": ("Train", {"stopped_step": "soon"}),
    "densities of text": ("Train", {"mean_kept": {"conv1.weight": "half"}}),
    "kept states that are a list": ("Train", {"kept_at": [3]}),
    "a rule that is a number": ("Train", {"early-bird-0.5": 0.1}),
    "a rule without chance": ("Train", {"early-bird-0.5": {"limit": 0.1}}),
    "layers of text": ("Prune", {"layers": {"conv": "all"}}),
    "a choice of text": ("Choose", {"value": "rm"}),
    "distances of text": ("Measure", {"floor": "x"}),
}
WHOLE: dict[str, dict[str, Any]] = {
    "Train": {"curves": {}, "epochs": 1, "picked": "", "test_accuracy": 0.5, "test_reads": 1, "train_accuracy": 0.5},
    "Prune": {"entries": 1, "layers": {}, "mask_digest": "", "reached": 0.5, "removed": 1},
    "Choose": {"by": "", "each": [], "means": [], "value": 0.1, "values": []},
    "Measure": {},
}


@pytest.mark.parametrize(("kind", "metrics"), METRICS.values(), ids=METRICS)
def test_metrics_of_another_shape_than_their_readers_expect_are_refused(tmp_path, kind, metrics):
    values = {**GOOD, "kind": kind, "spec": {}, "metrics": {**WHOLE[kind], **metrics} if metrics else {}}
    assert "metric" in refused(tmp_path, line(values))


def test_a_line_of_a_newer_version_is_refused_as_that_and_not_as_damage(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text(line({**GOOD, "from_the_future": 1}) + "\n")
    with pytest.raises(LotteryError, match=r"line 1: it was written by a newer version") as error:
        read(path)
    assert error.value.exit_code == 6


TINY = ["--data", "digits", "--preset", "small", "--seeds", "1", "--activations", "relu", "--methods", "magnitude"]


@pytest.mark.parametrize("command", ["status", "plan", "table", "report"])
def test_commands_that_read_write_nothing_into_the_store(tmp_path, command, capsys):
    path, store = tmp_path / "ledger.jsonl", tmp_path / "store"
    path.write_text(line(GOOD) + "\n")
    where = ["--store", str(store), "--known", str(path)] + (
        ["--out", str(tmp_path / "out")] if command == "report" else []
    )
    assert main([command, "activations", *TINY, *where]) == 0, capsys.readouterr().err
    assert not store.exists()
