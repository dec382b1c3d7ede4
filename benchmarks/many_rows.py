"""How long the commands that only look take on a study of 10,000 rows.

    python benchmarks/many_rows.py [--rounds 3] [--folder FOLDER] [--ledger-records 10000]

The study is ``activations`` on the digits: 2 activations, 11 sparsities, 40 seeds, both protocols with their controls,
which are 10,000 rows and about 41,000 records.  Nothing is trained.  The records have the shape of real ones (those of
``results/activations/ledger.jsonl``) with other numbers; every 400th run has diverged.

Each case is a whole process, Python's start included.  A line of JSON a case says the seconds of the processor (user
and system, the median over the rounds, with the least and the most), those of the clock, and the bytes printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lotterylab.engine.facts import facts
from lotterylab.engine.records import Record
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.store import Store
from lotterylab.plan.digest import canonical
from lotterylab.plan.nodes import Choose, Measure, Node, Prune, Train
from lotterylab.studies.activations import STUDY

REAL = Path(__file__).parents[1] / "results" / "activations" / "ledger.jsonl"
OPTIONS = STUDY.options(
    activations=("relu", "tanh"), sparsities=tuple(round(0.1 + 0.08 * step, 2) for step in range(11)), seeds=40
)
CASES: dict[str, tuple[str, ...]] = {
    "plan": ("plan",),
    "status": ("status",),
    "status --json": ("status", "--json"),
    "table": ("table",),
    "table --json": ("table", "--json"),
    "report": ("report",),
}
DIVERGED_EVERY = 400


def options() -> list[str]:
    """``OPTIONS`` as words of the command line."""
    sparsities = [f"{sparsity:g}" for sparsity in OPTIONS.sparsities or ()]
    seeds = ["--seeds", str(OPTIONS.seeds)]
    return ["activations", "--activations", *(OPTIONS.activations or ()), "--sparsities", *sparsities, *seeds]


def records(nodes: list[Node]) -> Iterator[Record]:
    """A plausible record for each node, the same in every call."""
    draw = random.Random(0)
    templates = _templates()
    here = facts()
    for number, node in enumerate(nodes):
        template = templates.get(_kind(node))
        metrics = _varied(template.metrics, draw) if template else {}
        if isinstance(node, Train):
            metrics |= _training(node, draw, diverged=number % DIVERGED_EVERY == 0)
        elif isinstance(node, Prune):
            metrics |= _pruning(node, metrics)
        elif isinstance(node, Choose):
            metrics |= _choice(node, draw)
        if "mask_digest" in metrics:
            metrics["mask_digest"] = _name(f"mask {node.digest}")
        yield Record(
            digest=node.digest,
            kind=type(node).__name__,
            metrics=metrics,
            facts={**here, **({"path": "fast", "earlier_seconds": 0.0} if isinstance(node, Train) else {})},
            blobs={part: _name(f"{part} {node.digest}") for part in (template.blobs if template else ())},
            inputs={str(place): part.digest for place, part in enumerate(node.inputs())},
            spec=canonical(node),
            seconds=round(draw.uniform(1, 30), 3),
        )


def _kind(node: Node) -> tuple[str, str]:
    return type(node).__name__, type(node.quantity).__name__ if isinstance(node, Measure) else ""


def _templates() -> dict[tuple[str, str], Record]:
    """A real record of each kind; those of measures are told by their quantity."""
    templates: dict[tuple[str, str], Record] = {}
    for line in REAL.read_text().splitlines():
        record = Record.parse(line)
        quantity = record.spec.get("quantity", {}).get("is", "") if record.kind == "Measure" else ""
        if record.spec and "diverged_epoch" not in record.metrics:
            templates.setdefault((record.kind, quantity), record)
    return templates


def _varied(value: Any, draw: random.Random) -> Any:
    """The same shape with other numbers: each float times 0.9 to 1.1, rounded nowhere."""
    if isinstance(value, dict):
        return {name: _varied(item, draw) for name, item in value.items()}
    if isinstance(value, list):
        return [_varied(item, draw) for item in value]
    return value * draw.uniform(0.9, 1.1) if isinstance(value, float) else value


def _training(node: Train, draw: random.Random, *, diverged: bool) -> dict[str, Any]:
    epochs = node.recipe.epochs
    level = draw.uniform(0.6, 0.9)
    watched = [f"{split}_accuracy" for split in node.recipe.watch]
    curves: dict[str, Any] = {
        name: [round(level * (1 - 0.8 ** (epoch + 1)) * draw.uniform(0.98, 1.02), 4) for epoch in range(epochs)]
        for name in ("train_accuracy", *watched)
    }
    curves["train_loss"] = [2.3 * 0.9**epoch * draw.uniform(0.98, 1.02) for epoch in range(epochs)]
    last: dict[str, Any] = {name: values[-1] for name, values in curves.items()}
    metrics = {
        **last,
        "best_epoch": epochs,
        "curves": {**curves, "best_epoch": epochs},
        "epochs": epochs,
        "picked": node.recipe.pick,
        "test_accuracy": round(level * draw.uniform(0.9, 1.0), 4),
        "test_accuracy_exact": round(level * draw.uniform(0.9, 1.0), 4),
        "test_loss": draw.uniform(0.3, 1.0),
        "test_reads": 1,
    }
    if diverged:
        metrics |= {"diverged_epoch": epochs, "train_loss": None, "test_loss": None}
        metrics["curves"] |= {"diverged_epoch": epochs, "train_loss": [*curves["train_loss"][:-1], None]}
    return metrics


def _pruning(node: Prune, metrics: dict[str, Any]) -> dict[str, Any]:
    assert isinstance(node.sparsity, float)
    entries = metrics["entries"]
    removed = round(entries * node.sparsity)
    kept = entries - removed
    return {
        "requested": node.sparsity,
        "requested_removed": removed,
        "removed": removed,
        "reached": removed / entries,
        "weights_removed": removed,
        "weights_entries": entries,
        "kept_positive": kept // 2,
        "kept_negative": kept - kept // 2,
        "removed_positive": removed // 2,
        "removed_negative": removed - removed // 2,
        "layers": dict.fromkeys(metrics["layers"], removed / entries),
    }


def _choice(node: Choose, draw: random.Random) -> dict[str, Any]:
    values = [value for value, _ in node.candidates]
    each = [[draw.uniform(0.3, 0.8) for _ in runs] for _, runs in node.candidates]
    means = [statistics.mean(several) for several in each]
    return {
        "by": node.by,
        "each": each,
        "means": means,
        "value": values[means.index(max(means))],
        "values": values,
    }


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fill(folder: Path) -> tuple[int, int]:
    """A store and a ledger of the study below ``folder``; returns how many rows and how many records."""
    study = STUDY.resolve(OPTIONS).plan
    lines = {record.digest: record for record in records(list(all_tasks(study.targets()).values()))}
    file = folder / "ledger.jsonl"
    if not file.exists():
        store = Store(folder / "store").create()
        with store.lock():
            for record in lines.values():
                store.commit(record)
        file.write_text("".join(f"{lines[digest].line()}\n" for digest in sorted(lines)))
    return len(study.rows), len(lines)


def first_lines(folder: Path, count: int) -> Path:
    """A ledger of the first records of the whole one."""
    path = folder / f"ledger-{count}.jsonl"
    with open(folder / "ledger.jsonl") as whole:
        path.write_text("".join(line for _, line in zip(range(count), whole, strict=False)))
    return path


def timed(words: list[str], output: Path) -> dict[str, float]:
    """Seconds of one process and the bytes that it printed."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(output.with_name("bytecode"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its byte code
    with open(output, "wb") as file:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "lotterylab", *words], stdout=file, check=True, env=environment)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"seconds": seconds, "wall": wall, "bytes": output.stat().st_size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the store is made, and kept; default: a temporary folder")
    parser.add_argument("--ledger-records", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", default=None, help="cases, by name")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows, count = fill(folder)
        short = first_lines(folder, given.ledger_records)
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        print(json.dumps({"machine": machine, "rows": rows, "records": count, "rounds": given.rounds}), flush=True)
        cases = {
            name: [words[0], *options(), *words[1:], "--store", str(folder / "store")] for name, words in CASES.items()
        }
        cases["report"] += ["--out", str(folder / "report")]
        for command in ("plan", "status"):
            cases[f"{command}, no results"] = [command, *options(), "--store", str(folder / "no-store")]
        for number, path in {given.ledger_records: short, count: folder / "ledger.jsonl"}.items():
            empty = str(folder / f"no-store-{number}")
            for command in ("status", "table"):
                words = [command, *options(), "--store", empty, "--known", str(path)]
                cases[f"{command}, {number} records of a ledger"] = words
        for name, words in cases.items():
            if given.only is None or name in given.only:
                runs = []
                for _ in range(given.rounds):
                    shutil.rmtree(folder / "report", ignore_errors=True)  # a figure that has not changed stays
                    runs.append(timed(words, folder / "output.txt"))
                seconds, wall = ([run[what] for run in runs] for what in ("seconds", "wall"))
                case = {
                    "case": name,
                    "cpu_seconds": round(statistics.median(seconds), 2),
                    "least": round(min(seconds), 2),
                    "most": round(max(seconds), 2),
                    "wall_seconds": round(statistics.median(wall), 2),
                    "bytes": int(runs[-1]["bytes"]),
                }
                print(json.dumps(case), flush=True)


if __name__ == "__main__":
    main()
