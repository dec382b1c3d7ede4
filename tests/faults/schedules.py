"""A fault schedule: what was tried, what survived, what was found; one row of the table in docs/reliability.md."""

from __future__ import annotations

import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest

T = TypeVar("T")

RESULTS = "LOTTERYLAB_FAULTS"  # folder of the results file; default: this one
ONLY = "LOTTERYLAB_FAULTS_ONLY"  # "12,40": only the trials of these numbers
SECONDS = "LOTTERYLAB_FUZZ_SECONDS"  # how long the long form of fuzzing takes
NAME = "last-run.jsonl"
SHOWN = 12

# every schedule has a short form, for `make test`, and a long one
FORMS = pytest.mark.parametrize("form", ["short", pytest.param("long", marks=pytest.mark.nightly)])


def forms_of(name: str, short: Iterable[str], long: Iterable[str]) -> pytest.MarkDecorator:
    """As ``FORMS``, where only some values of a parameter have a short form."""
    nightly = [pytest.param(value, "long", marks=pytest.mark.nightly) for value in long]
    return pytest.mark.parametrize((name, "form"), [*((value, "short") for value in short), *nightly])


def results_file() -> Path:
    """Where rows are appended."""
    return Path(os.environ.get(RESULTS) or Path(__file__).parent) / NAME


def machine() -> str:
    """The machine, as far as a fault cares."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run of a schedule."""

    name: str
    form: str
    tried: int
    survived: int
    found: tuple[str, ...]
    seconds: float
    notes: str
    machine: str
    command: str


@dataclass(kw_only=True)
class Schedule:
    """Collects the trials of one schedule; at its end it prints and appends a row, and fails if anything was found."""

    name: str
    form: str
    command: str
    tried: int = 0
    found: list[str] = field(default_factory=list)
    broken: int = 0
    notes: str = ""
    seed: int = 0

    def __enter__(self) -> Schedule:
        self.began = time.perf_counter()
        return self

    def some(self, trials: Sequence[T], short: int, long: int | None = None) -> Iterable[tuple[int, T]]:
        """The trials with their numbers: ``short`` of them in the short form, ``long`` (all) in the long one."""
        numbers, most = list(range(len(trials))), short if self.form == "short" else long
        if most is not None and len(numbers) > most:
            numbers = sorted(random.Random(self.seed).sample(numbers, most))
        if only := os.environ.get(ONLY):
            numbers = [int(number) for number in only.split(",")]
        for number in numbers:
            yield number, trials[number]

    def trial(self, name: str, problems: Iterable[str]) -> None:
        """One trial and what is wrong with how it ended."""
        problems = list(problems)
        self.tried += 1
        self.broken += bool(problems)
        self.found += [f"{name}: {problem}" for problem in problems]

    def guarded(self, name: str, check: Callable[[], Iterable[str]]) -> None:
        """A trial whose own checks may fail: that, too, is a finding."""
        try:
            problems = list(check())
        except Exception as error:
            problems = [f"the check itself failed: {type(error).__name__}: {error}"]
        self.trial(name, problems)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            return
        row = Row(
            name=self.name,
            form=self.form,
            tried=self.tried,
            survived=self.tried - self.broken,
            found=tuple(self.found),
            seconds=round(time.perf_counter() - self.began, 1),
            notes=self.notes,
            machine=machine(),
            command=self.command,
        )
        print(
            f"{row.name} ({row.form}): tried {row.tried}, survived {row.survived}, found {self.broken}, {row.seconds} s"
        )
        file = results_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a") as out:
            out.write(json.dumps(asdict(row)) + "\n")
        assert self.tried, "nothing was tried"
        more = f"\n... and {len(self.found) - SHOWN} more" if len(self.found) > SHOWN else ""
        if self.found:
            text = "\n".join((f"{self.broken} of {self.tried} trials:", *self.found[:SHOWN]))
            pytest.fail(text + more, pytrace=False)


def schedule(name: str, form: str, file: str) -> Schedule:
    """A schedule of a test file."""
    return Schedule(name=name, form=form, command=f"python -m pytest tests/faults/{Path(file).name} -k {form}")
