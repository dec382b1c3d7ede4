"""The watch of the file system: no command and no public function changes a file outside of its own places.

Own places are the store for those that compute, the report's folder, and output files that the caller names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

import lotterylab
from faults import hostile_folders, hostile_ledgers, hostile_stores
from faults.places import Place
from faults.schedules import FORMS, schedule
from faults.studies import STUDY
from lotterylab.commands.table import COMMANDS

STORE, KNOWN, CONFIG = ("--store", "store"), ("--known", "shared.jsonl"), ("--config", "study.toml")

# every command, with hostile inputs: ledger shared.jsonl, parameters study.toml, folder, archive; the store as it is
LINES: dict[str, list[tuple[str, ...]]] = {
    "plan": [("plan", *STUDY, *STORE, *KNOWN), ("plan", STUDY[0], *CONFIG, *STORE)],
    "run": [("run", *STUDY, *STORE, *KNOWN, "--workers", "1"), ("run", *STUDY, *CONFIG, *STORE, "--workers", "1")],
    "status": [("status", *STUDY, *STORE, *KNOWN), ("status", *STUDY, *STORE, "--ledger", "shared.jsonl")],
    "table": [("table", *STUDY, *STORE, *KNOWN), ("table", *STUDY, *STORE, "--json", *KNOWN)],
    "report": [("report", *STUDY, *STORE, *KNOWN, "--out", "page")],
    "checkpoints": [("checkpoints", *STUDY, *STORE, *KNOWN, "--out", "weights")],
    "cite": [("cite", STUDY[0], *CONFIG)],
    "diff": [("diff", "{a}", "{b}", *STORE, *KNOWN)],
    "again": [
        ("again", "{a}", "--ledger", "shared.jsonl", "--study-file", "study.toml", *STORE, "--workers", "1"),
    ],
    "compare": [("compare", "shared.jsonl"), ("compare", "study.toml", "--json")],
    "audit": [
        ("audit", "folder", "--html", "audit.html"),
        ("audit", "folder", "folder"),
        ("audit", "folder", "--json"),
    ],
    "verify": [("verify", *STORE), ("verify", *STORE, "--repair")],
    "store": [
        ("store", "import", "archive", *STORE),
        ("store", "gc", *STORE),
        ("store", "reindex", *STORE),
        ("store", "export", *STUDY, *STORE, *KNOWN, "--out", "bundle.tar"),
    ],
    "data": [("data", "fetch", "../victim", "--into", "folder")],
    "list": [("list", "methods"), ("list", "data")],
    "explain": [("explain", "ticket"), ("explain", "moved")],
    "completion": [("completion", "bash")],
}
# what a command may write, beside standard output
OUTPUTS: dict[str, tuple[str, ...]] = {
    "run": ("store",),
    "again": ("store",),
    "report": ("page",),
    "audit": ("audit.html",),
    "checkpoints": ("weights",),
    "store": ("store", "bundle.tar"),
    "data": ("folder",),
}
WRITERS = ("again", "run", "store")
# every public name: what it writes, or None if it only reads or computes
PUBLIC: dict[str, str | None] = {
    "__version__": None,
    "analysis": None,
    "apply": None,
    "attach": None,
    "audit": None,
    "combining": None,
    "criteria": None,
    "data": None,
    "effective_sparsity": None,
    "gates": None,
    "interventions": None,
    "load_mask": None,
    "masks": "the file that save_mask names",
    "models": None,
    "plan": "the store that its run names",
    "prune": None,
    "run_study": "its store",
    "save_mask": "the file that is named",
    "score": None,
    "select": None,
    "sparsity": None,
    "statistics": None,
    "structure": None,
    "tickets": "its store",
}


@pytest.fixture(scope="module")
def place(lab, shelf) -> Place:
    return Place.make(lab, shelf)


def test_every_command_and_every_public_name_is_watched():
    assert set(COMMANDS) <= set(LINES), "a new command has to be entered here, with what it may write"
    assert set(lotterylab.__all__) <= set(PUBLIC), "a new public name has to be entered here, with what it writes"


@pytest.fixture(scope="module")
def inputs(place) -> list[tuple[str, dict]]:
    return hostile_inputs(place)


def hostile_inputs(place: Place) -> list[tuple[str, dict]]:
    """Combinations: ledger by ledger, and with each some store, parameters, folder and archive."""
    ledgers = hostile_ledgers.cases(place.book, place.victim)
    traps = [None, *hostile_stores.traps()]
    tomls, folders = list(hostile_folders.toml_files()), list(hostile_folders.audit_folders())
    archives = list(hostile_folders.archives())
    found = []
    for number in range(max(map(len, (ledgers, traps, tomls, folders, archives)))):
        parts = {
            "ledger": ledgers[number % len(ledgers)],
            "trap": traps[number % len(traps)],
            "toml": tomls[number % len(tomls)],
            "folder": folders[number % len(folders)],
            "archive": archives[number % len(archives)],
        }
        found.append((", ".join(f"{key} {getattr(part, 'name', '-')}" for key, part in parts.items()), parts))
    return found


def lay_out(place: Place, parts: dict, words: Iterable[str]) -> None:
    """The hostile inputs that a command line names."""
    place.fresh()
    for part, name in (
        ("ledger", "shared.jsonl"),
        ("toml", "study.toml"),
        ("folder", "folder"),
        ("archive", "archive"),
    ):
        if name in words:
            path = place.root / name
            parts[part].make(path) if part == "ledger" else parts[part].make(path, place.victim)
    if parts["trap"]:
        parts["trap"].set(place.store, place.victim)


@FORMS
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_changes_nothing_outside_of_its_places(lab, place, inputs, form, command):
    a, b, *_ = (hostile_ledgers.fields_of(text)["digest"][:12] for text in place.book.decode().splitlines())
    tries = [(line, name, parts) for name, parts in inputs for line in LINES[command]]
    few, some = {"report": (1, 10), "run": (2, 60), "store": (4, 300)}.get(command, (1, 100))
    with schedule(f"watched: {command}", form, __file__) as trials:
        trials.notes = "hostile ledger, store, TOML, folder and archive at once"
        for number, (line, name, parts) in trials.some(tries, short=few, long=some):

            def check(line: tuple[str, ...] = line, parts: dict = parts) -> Iterator[str]:
                lay_out(place, parts, line)
                words = [word.replace("{a}", a).replace("{b}", b) for word in line]
                may = [place.root / output for output in OUTPUTS.get(command, ())]
                may += [place.store] if "--repair" in words else []
                megabytes = max(300, parts["ledger"].megabytes)
                yield from place.watched(lab, "command", *words, may=tuple(may), megabytes=megabytes)[1]

            trials.guarded(f"[{number}] {' '.join(line[:2])}, {name}", check)


@FORMS
@pytest.mark.parametrize("function", [name for name, writes in PUBLIC.items() if writes])
def test_a_public_function_changes_nothing_outside_of_its_places(lab, place, inputs, form, function):
    with schedule(f"watched: lotterylab.{function}", form, __file__) as trials:
        for number, (name, parts) in trials.some(inputs, short=1, long=60):

            def check(parts: dict = parts) -> Iterator[str]:
                lay_out(place, parts, ())
                may = (place.root / "mask.safetensors",) if "mask" in function else (place.store,)
                yield from place.watched(lab, "public", function, may=may, megabytes=400)[1]

            trials.guarded(f"[{number}] {function}, {name}", check)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in WRITERS and name != "completion"])
def test_a_command_that_reads_leaves_a_true_store_as_it_is(lab, place, command):
    """The store of a finished study and its own ledger: nothing hostile, and nothing written."""
    a, b, *_ = (hostile_ledgers.fields_of(text)["digest"][:12] for text in place.book.decode().splitlines())
    place.fresh()
    (place.root / "shared.jsonl").write_bytes(place.book)
    (place.root / "study.toml").write_text('data = "digits"\n')
    (place.root / "folder").mkdir()
    for line in LINES[command]:
        words = [word.replace("{a}", a).replace("{b}", b) for word in line if word != "--repair"]
        may = tuple(place.root / output for output in OUTPUTS.get(command, ()))
        ending, problems = place.watched(lab, "command", *words, may=may)
        assert not problems, f"{' '.join(words[:2])}: {problems}"
        assert ending.value == 0 or command in ("data", "audit", "compare"), str(ending)
