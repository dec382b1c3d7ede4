"""Records that are decoded late: equal to plain ones, whatever is asked of them and in whatever order."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotterylab.engine.files import checksum
from lotterylab.engine.lines import LineRecord, line_record
from lotterylab.engine.records import Record
from lotterylab.engine.results import Snapshot
from lotterylab.engine.store import Store
from lotterylab.errors import DamageError

NAMES = st.text("0123456789abcdef", min_size=64, max_size=64)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text() | st.sampled_from(["same_as", "metrics", "digest", '},"same_as":"']), VALUES)
RECORDS = st.builds(
    Record,
    digest=NAMES,
    kind=st.sampled_from(["Train", "Prune", "a kind"]),
    metrics=OBJECTS,
    facts=OBJECTS,
    blobs=st.dictionaries(st.text(), NAMES, max_size=2),
    inputs=st.dictionaries(st.text(), NAMES, max_size=2),
    spec=OBJECTS,
    seconds=st.floats(0, 1e300) | st.integers(0, 10**6),
    same_as=st.just("") | NAMES,
    key=st.just("") | NAMES,
)
PLAIN = Record(
    digest="a" * 64, kind="Train", metrics={"loss": 1.5}, facts={"threads": 1}, blobs={"best": "b" * 64}, seconds=2.0
)


def late(record: Record) -> LineRecord:
    found = line_record(record.line().encode(), record.digest)
    assert found is not None
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(RECORDS, st.permutations(list(asdict(PLAIN))))
def test_a_late_record_is_what_parsing_its_line_gives_in_any_order(record, names):
    data = record.line().encode()
    found, parsed = line_record(data, record.digest), Record.parse(data)
    if found is not None:
        assert [getattr(found, name) for name in names] == [getattr(parsed, name) for name in names]
        assert [type(getattr(found, name)) for name in names] == [type(getattr(parsed, name)) for name in names]


def test_the_records_of_a_run_are_decoded_late():
    spec = {"is": "Train", "start": {"node": "c" * 64}, "recipe": {"is": "Recipe", "decay": [1, {"a": {}}]}}
    record = replace(PLAIN, metrics={"curves": {"loss": [1.0, None]}, "picked": "best"}, spec=spec, key="d" * 64)
    assert late(record) == record == late(record)
    assert record == late(record)
    assert late(record) != replace(record, seconds=3.0)
    assert late(record) != "a record"


def test_a_late_record_can_be_changed_copied_pickled_and_spelled():
    found = late(PLAIN)
    assert replace(found, seconds=5.0) == replace(PLAIN, seconds=5.0)
    assert asdict(found) == asdict(PLAIN)
    assert found.line() == PLAIN.line()
    assert copy.deepcopy(late(PLAIN)) == copy.copy(late(PLAIN)) == PLAIN
    restored = pickle.loads(pickle.dumps(late(PLAIN)))
    assert restored == PLAIN
    assert type(restored) is Record
    assert repr(found).endswith(repr(PLAIN).removeprefix("Record"))
    with pytest.raises(AttributeError, match="no 'colour'"):
        _ = found.colour
    with pytest.raises(TypeError):
        hash(found)


def sealed_line(text: str) -> bytes:
    return f"{checksum(text.encode())} {text}".encode()


@pytest.mark.parametrize("nonsense", ['{"loss":NaN}', '{"loss":}', '{"loss":[[}', '{"loss":"\udcff"}', "[" * 5000])
def test_a_whole_line_that_holds_nonsense_is_damage_when_the_nonsense_is_asked_for(nonsense):
    text = PLAIN.line().partition(" ")[2].replace('{"loss":1.5}', "{" + nonsense + "}")
    data = text.encode(errors="surrogateescape")
    found = line_record(f"{checksum(data)} ".encode() + data, PLAIN.digest)
    assert found is not None
    assert found.facts == PLAIN.facts
    for _ in range(2):
        with pytest.raises(DamageError, match=r"aaaaaaaaaaaa.* its metrics cannot be read"):
            _ = found.metrics


@pytest.mark.parametrize(
    "change",
    [
        lambda values: {**values, "seconds": -1.0},
        lambda values: {**values, "same_as": "../x"},
        lambda values: {**values, "key": "x"},
        lambda values: {**values, "metrics": []},
        lambda values: {**values, "newer": 1},
        lambda values: {name: value for name, value in values.items() if name != "facts"},
        lambda values: {**values, "metrics": {"a": {"b": {}, "same_as": "", "seconds": 1}}},
        lambda values: {name: values[name] for name in reversed(values)},
    ],
)
def test_a_line_that_the_program_would_not_write_is_left_to_the_parser(change):
    values = json.loads(PLAIN.line().partition(" ")[2])
    assert line_record(sealed_line(json.dumps(change(values), separators=(",", ":"))), PLAIN.digest) is None


def test_a_line_of_another_name_or_with_a_wrong_checksum_is_none():
    assert line_record(PLAIN.line().encode(), "b" * 64) is None
    assert line_record(PLAIN.line().replace("1.5", "1.6").encode(), PLAIN.digest) is None
    nested = replace(PLAIN, digest="c" * 64, spec={"digest": "a" * 64})
    assert line_record(nested.line().encode(), "a" * 64) is None


def test_a_snapshot_decodes_late_and_a_store_at_once(tmp_path):
    store = Store(tmp_path).create()
    with store.lock():
        store.commit(PLAIN)
    assert type(store.record(PLAIN.digest)) is Record
    assert type(Snapshot(store).record(PLAIN.digest)) is LineRecord
    assert Snapshot(store).record(PLAIN.digest) == PLAIN
    assert Snapshot(store).record("b" * 64) is None


def test_a_snapshot_notes_a_damaged_manifest_as_a_store_does(tmp_path):
    store = Store(tmp_path).create()
    with store.lock():
        store.commit(PLAIN)
    path = tmp_path / "runs" / PLAIN.digest / "manifest"
    path.write_bytes(path.read_bytes()[:-3])
    snapshot = Snapshot(store)
    assert snapshot.record(PLAIN.digest) is None
    assert list(snapshot.damage) == [path]
