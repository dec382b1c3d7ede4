"""In what two results differ: the settings they were made with, their numbers, their facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.formats.text import shown

Pairs = dict[str, tuple[Any, Any]]
ABSENT = "-"


def differences(a: Record, b: Record, store: Store) -> dict[str, Pairs]:
    """ "settings", "numbers" and "facts": by dotted name, the values of a and b where they are not the same.

    Settings are those of the whole history: of the runs and masks that the result was made from too, as far as the
    store knows them.
    """
    return {
        "settings": _unequal(settings(a, store), settings(b, store)),
        "numbers": _unequal(flat(a.metrics), flat(b.metrics)),
        "facts": _unequal(flat({**a.facts, "seconds": a.seconds}), flat({**b.facts, "seconds": b.seconds})),
    }


def settings(record: Record, store: Store) -> dict[str, Any]:
    """The fields of the node and of those inside it, by dotted name."""
    return flat(_opened(record.spec, store))


def lines(a: Record, b: Record, found: Mapping[str, Pairs]) -> Iterator[str]:
    """For a person: one line a difference."""
    for name, record in (("a", a), ("b", b)):
        epoch = record.metrics.get("diverged_epoch")
        yield f"{name}: {shown(record.kind)} {record.digest[:12]}" + (f" *: diverged in epoch {epoch}" if epoch else "")
    if not (a.spec and b.spec):
        yield "The settings of one of them were not recorded: it was made by an earlier version."
    for part, pairs in found.items():
        yield ""
        yield f"{part}: {'no difference' if not pairs else ''}".rstrip()
        named = {shown(name): pair for name, pair in pairs.items()}
        wide = max(map(len, named), default=0)
        for name, (one, other) in named.items():
            yield f"  {name:{wide}}  {_spell(one)}  |  {_spell(other)}"


def _opened(value: Any, store: Store) -> Any:
    """A spec with the specs of the nodes inside it in place of their digests."""
    if isinstance(value, dict):
        if value.keys() == {"node"}:
            inner = store.record(value["node"])
            return _opened(inner.spec, store) if inner and inner.spec else value["node"][:12]
        return {name: _opened(one, store) for name, one in value.items()}
    if isinstance(value, list):
        return [_opened(one, store) for one in value]
    return value


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested values by dotted name; a list of plain values stays one value."""
    if isinstance(value, dict):
        return {key: one for part, inner in value.items() for key, one in flat(inner, _join(name, part)).items()}
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return {key: one for number, inner in enumerate(value) for key, one in flat(inner, _join(name, number)).items()}
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
