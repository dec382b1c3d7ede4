"""Finished results that are not reused because the code of a user's functions has changed, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lotterylab.engine.facts import STARTED
from lotterylab.engine.records import Record
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.engine.tasks import specs_of_own_code
from lotterylab.formats.text import shown, shown_path
from lotterylab.plan.nodes import Node

MOST_NAMES = 5  # changed functions that are named


def not_reused(targets: Iterable[Node], store: Store) -> list[str]:
    """Return a sentence for each of the user's functions whose finished results in a store have other code.

    Nothing is said if every target is finished, or if the plan has no code of the user's.

    Args:
        targets: the nodes that are wanted.
        store: the store; it is only read.
    """
    targets = list(targets)
    walked: set[str] = set()
    specs = [spec for target in targets for spec in specs_of_own_code(target, walked)]
    codes = dict(pair for spec in specs for pair in _named(vars(spec)))
    if not codes or not Schedule(targets, store):
        return []
    earlier: dict[str, list[Record]] = {}
    latest: dict[str, tuple[str, str]] = {}  # name -> when it was started, code
    for record in store.records():
        for name, code in _codes_of(record.spec):
            if codes.get(name, code) != code:
                earlier.setdefault(name, []).append(record)
                latest[name] = max(latest.get(name, ("", "")), (str(record.facts.get(STARTED, "")), code))
    return [
        f"the code of '{name}' has changed{_difference(latest[name][1], codes[name])}: {_counted(records)} under other "
        f"code in {shown_path(store.path)} {'is' if len(records) == 1 else 'are'} kept, and not reused."
        for name, records in earlier.items()
    ]


def _codes_of(spec: Any) -> set[tuple[str, str]]:
    """Return (name, code) for the specs of a user's code in a spec as JSON, which may be foreign."""
    found: set[tuple[str, str]] = set()
    waiting = [spec]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.update(_named(value))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _named(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, code = fields.get("source", fields.get("label")), fields.get("code")
    if isinstance(name, str) and isinstance(code, str):
        yield name, code


def _counted(records: Iterable[Record]) -> str:
    kinds = [record.kind for record in records]
    trainings = sum(kind in ("Train", "UserTrain") for kind in kinds)
    count, noun = (trainings, "training") if trainings else (len(kinds), "result")
    return f"{count} finished {noun}{'s' * (count != 1)}"


def _difference(old: str, new: str) -> str:
    """Return in brackets the functions whose code differs, if both codes list their functions."""
    before, after = (dict(word.split("=", 1) for word in code.split()[1:] if "=" in word) for code in (old, new))
    if not before or not after:
        return " (it was named by another version of lotterylab)" if bool(before) != bool(after) else ""
    changed = [name for name in after if name in before and before[name] != after[name]]
    names = [*changed, *(f"{name} is new" for name in after.keys() - before.keys())]
    names += [f"{name} is gone" for name in before.keys() - after.keys()]
    if "version" in names:
        names.remove("version")
        names.append(f"version={after['version']}, was {before['version']}")
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return f" ({shown(', '.join([*names[:MOST_NAMES], *more]))})" if names else ""
