"""The differences between two results: their settings, their numbers, their facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.formats.text import shown

Pairs = dict[str, tuple[Any, Any]]
ABSENT = "-"


def differences(a: Record, b: Record, store: Store) -> dict[str, Pairs]:
    """Return, under "settings", "numbers" and "facts", the values of a and b that differ, by dotted name.

    Settings include those of the runs and masks behind the results, as far as the store has them.
    """
    return {
        "settings": _unequal(settings(a, store), settings(b, store)),
        "numbers": _unequal(flat(a.metrics), flat(b.metrics)),
        "facts": _unequal(flat({**a.facts, "seconds": a.seconds}), flat({**b.facts, "seconds": b.seconds})),
    }


def settings(record: Record, store: Store) -> dict[str, Any]:
    """Return the fields of the node and of the nodes inside it, by dotted name."""
    return flat(_opened(record.spec, store))


def lines(a: Record, b: Record, different: Mapping[str, Pairs]) -> Iterator[str]:
    """Yield lines for a person, one for each difference."""
    for name, record in (("a", a), ("b", b)):
        epoch = record.metrics.get("diverged_epoch")
        yield f"{name}: {shown(record.kind)} {record.digest[:12]}" + (f" *: diverged in epoch {epoch}" if epoch else "")
    if not (a.spec and b.spec):
        yield "The settings of one of them were not recorded: it was made by an earlier version."
    for part, pairs in different.items():
        yield ""
        yield f"{part}: {'no difference' if not pairs else ''}".rstrip()
        named = {shown(name): pair for name, pair in pairs.items()}
        wide = max(map(len, named), default=0)
        for name, (of_a, of_b) in named.items():
            yield f"  {name:{wide}}  {_spell(of_a)}  |  {_spell(of_b)}"


def _opened(value: Any, store: Store) -> Any:
    """Return a spec with the specs of the nodes inside it in place of their digests."""
    if isinstance(value, dict):
        if value.keys() == {"node"}:
            inner = store.record(value["node"])
            return _opened(inner.spec, store) if inner and inner.spec else value["node"][:12]
        return {name: _opened(item, store) for name, item in value.items()}
    if isinstance(value, list):
        return [_opened(item, store) for item in value]
    return value


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return nested values by dotted name; a list of plain values stays one value."""
    if isinstance(value, dict):
        return {key: leaf for part, item in value.items() for key, leaf in flat(item, _join(name, part)).items()}
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return {key: leaf for place, item in enumerate(value) for key, leaf in flat(item, _join(name, place)).items()}
    return {name: value}


def _join(name: str, part: Any) -> str:
    return f"{name}.{part}" if name else str(part)


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> Pairs:
    names = dict.fromkeys((*a, *b))
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}


def _spell(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, float):
        return f"{value:.6g}"
    return shown(str(value), most=40)
