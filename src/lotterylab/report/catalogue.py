"""What can be asked for by name, from the tables themselves: what the docstring says, its paper, an example."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lotterylab.report.citations import KEY

Entry = Mapping[str, str]  # name, says, paper, example


def methods() -> list[Entry]:
    """The pruning methods of a study."""
    from lotterylab.studies.methods import METHODS

    return [
        {
            "name": name,
            "says": f"{_first_sentence(method.criterion)} (scores the {method.scores} network)",
            "paper": method.paper,
            "example": f"lotterylab run activations --methods {name}",
        }
        for name, method in METHODS.items()
    ]


def models() -> list[Entry]:
    """The models."""
    from lotterylab.models import SPECS

    return [
        _entry(name, named.spec, f"lotterylab run activations --model {name}", named.note)
        for name, named in SPECS.items()
    ]


def data() -> list[Entry]:
    """The data sets."""
    from lotterylab.data import SPECS

    return [_entry(name, kind, f"lotterylab run activations --data {name}") for name, kind in SPECS.items()]


def studies() -> list[Entry]:
    """The studies."""
    from lotterylab.studies.catalogue import HOMES

    example = {"activations": "--preset small"}
    return [
        {
            "name": name,
            "says": f"{says[0].upper()}{says[1:]}.",
            "paper": "",
            "example": f"lotterylab run {name} {example.get(name, '--size quick')}",
        }
        for name, (_, _, says) in HOMES.items()
    ]


LISTS: dict[str, Callable[[], list[Entry]]] = {"methods": methods, "models": models, "data": data, "studies": studies}


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """For a person: the name, what it is and the example below it."""
    for entry in entries:
        paper = f"  [{entry['paper']}]" if entry["paper"] else ""
        yield f"{entry['name']}{paper}"
        yield f"    {entry['says']}"
        yield f"    {entry['example']}"


def _entry(name: str, thing: Any, example: str, note: str = "") -> Entry:
    says = _first_sentence(thing)
    paper = KEY.search(says)
    says = f"{says} ({note})" if note else says
    return {"name": name, "says": says, "paper": paper.group(1) if paper else "", "example": example}


def _first_sentence(thing: Any) -> str:
    """The first paragraph of its docstring, in one line, without the marks of code."""
    text = inspect.getdoc(thing if isinstance(thing, type) or inspect.ismodule(thing) else type(thing)) or ""
    return " ".join(text.partition("\n\n")[0].replace("``", "").split())
