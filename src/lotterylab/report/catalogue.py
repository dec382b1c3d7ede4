"""Lists of everything that has a name: its docstring, its paper and an example, from the tables themselves."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from lotterylab.report.citations import KEY, keys_in, keys_of_kind

Entry = Mapping[str, str]  # name, says, paper (keys of references.bib), example


def methods() -> list[Entry]:
    """Return the pruning methods of a study."""
    from lotterylab.asking.methods import METHODS

    named = [
        {
            "name": name,
            "says": f"{_first_sentence(method.criterion)} (scores the {method.scores} network{_rounds(method.rounds)})",
            "paper": method.paper,
            "example": f"lotterylab run activations --methods {name}",
        }
        for name, method in METHODS.items()
    ]
    example = "lotterylab run activations --methods my_criteria:Taylor"
    return [*named, _by_reference("Class", "Your own criterion", example)]


def interventions() -> list[Entry]:
    """Return the interventions, each with the settings that it needs: in a study, or in a recipe with a sparse mask."""
    from lotterylab.interventions import ALL

    def asked(name: str, kind: Any) -> str:
        if kind.needs_sparse:
            return f"Recipe(during=({kind.__name__}(),), ...)"
        fields = [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
        settings = "".join(f" --during.{field.replace('_', '-')} ..." for field in fields)
        return f"lotterylab run lth-conv --during {name}{settings}{WITHOUT_NORMS.get(name, '')}"

    named = [_entry(name, kind, asked(name, kind)) for name, kind in ALL.items()]
    return [*named, _by_reference("Class", "Your own intervention", "lotterylab run lth-conv --during mine:Brush")]


def gates() -> list[Entry]:
    """Return the gates, each as a recipe has it."""
    from lotterylab.gates import ALL

    return [_entry(name, kind, f"Recipe(gate={kind.__name__}(), ...)") for name, kind in ALL.items()]


def models() -> list[Entry]:
    """Return the models."""
    from lotterylab.models import SPECS

    return [
        _entry(
            name,
            named.spec,
            f"lotterylab run activations --model {name}",
            "; ".join(filter(None, (_set_by_name(named.fixed), named.note))),
        )
        for name, named in SPECS.items()
    ]


def data() -> list[Entry]:
    """Return the data sets."""
    from lotterylab.data import SPECS

    return [
        *(
            _entry(name, kind, f"lotterylab run activations --data {name}{MODEL_OF.get(name, '')}")
            for name, kind in SPECS.items()
        ),
        {
            "name": "folder:PATH",
            "says": "PNG and JPEG images in a folder for each class.",
            "paper": "",
            "example": "lotterylab run activations --data folder:my-images",
        },
        {
            "name": "package.module:function",
            "says": "Your own function that gives images and labels (docs/data.md).",
            "paper": "",
            "example": "lotterylab run activations --data my_data:load",
        },
    ]


def activations() -> list[Entry]:
    """Return the activation functions."""
    from lotterylab.models.activations import ACTIVATIONS

    return [
        {
            "name": name,
            "says": f"{'Monotone' if activation.monotone else 'Not monotone'}.",
            "paper": ", ".join(activation.papers),
            "example": f"lotterylab run activations --activations {name}",
        }
        for name, activation in ACTIVATIONS.items()
    ]


def inits() -> list[Entry]:
    """Return the initialisations."""
    from lotterylab.models.inits import INITS

    return [
        {
            "name": name,
            "says": f"Weights {DRAWN[init.draw.__name__]} {init.scale(100, 50):.3g} for 100 inputs and 50 outputs; "
            f"biases {f'uniform to {init.bias(100, 50):.3g}' if init.bias(100, 50) else '0'}.",
            "paper": ", ".join(init.papers),
            "example": f"lotterylab run activations --init {name}",
        }
        for name, init in INITS.items()
    ]


def studies() -> list[Entry]:
    """Return the studies."""
    from lotterylab.asking.catalogue import STUDIES

    example = {"activations": "--preset small"}
    named = [
        {
            "name": name,
            "says": f"{says[0].upper()}{says[1:]}.",
            "paper": ", ".join(keys_in(import_module(f"lotterylab.studies.{home.partition(':')[0]}").__doc__ or "")),
            "example": f"lotterylab run {name} {example.get(name, '--size quick')}",
        }
        for name, (home, says) in STUDIES.items()
    ]
    return [*named, _by_reference("NAME", "Your own study", "lotterylab run my_package.my_study:STUDY")]


def _by_reference(name: str, what: str, example: str) -> Entry:
    """Return the entry for something that a user names by a reference."""
    says = f"{what} (docs/extending.md)."
    return {"name": f"package.module:{name}", "says": says, "paper": "", "example": example}


IN_BRACKETS = re.compile(rf"\s*\[[^\]]*{KEY.pattern}[^\]]*\]")  # the works, which the entry lists apart
WITHOUT_NORMS = {"early-bird": " --during.scores filters"}  # what it needs in the networks of the studies
MODEL_OF = {"cubist-spiral": " --model mlp"}  # data that are no images for the study's own model
DRAWN = {"uniform": "uniform to", "normal": "normal, standard deviation", "orthogonal": "orthogonal, gain"}
LISTS: dict[str, Callable[[], list[Entry]]] = {
    "methods": methods,
    "interventions": interventions,
    "gates": gates,
    "models": models,
    "data": data,
    "studies": studies,
    "activations": activations,
    "inits": inits,
}


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield lines for a person: the name, its description and an example, as wide as the terminal."""
    width = min(get_terminal_size((100, 24)).columns, 120)
    for entry in entries:
        paper = f"  [{entry['paper']}]" if entry["paper"] else ""
        yield f"{entry['name']}{paper}"
        yield fill(entry["says"], width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
        yield f"    {entry['example']}"


def _rounds(rounds: int) -> str:
    return f" in {rounds} rounds" if rounds > 1 else ""


def _set_by_name(fixed: Mapping[str, Any]) -> str:
    """Return the fields that a model's name sets: "depth 16, batch norm"."""
    return ", ".join(
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {value}"
        for name, value in fixed.items()
        if value is not False
    )


def _entry(name: str, thing: Any, example: str, note: str = "") -> Entry:
    says = IN_BRACKETS.sub("", _first_sentence(thing))
    says = f"{says} ({note})" if note else says
    return {"name": name, "says": says, "paper": ", ".join(keys_of_kind(thing)), "example": example}


def _first_sentence(thing: Any) -> str:
    """Return the first paragraph of its docstring, in one line, without the marks of code."""
    text = inspect.getdoc(thing if isinstance(thing, type) or inspect.ismodule(thing) else type(thing)) or ""
    return " ".join(text.partition("\n\n")[0].replace("``", "").split())
