"""Facts of a run beside its tensors are read from ``run.json`` in a folder of checkpoints."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError, a_type, unknown
from lotterylab.formats.foreign import content
from lotterylab.formats.text import shown

SPLITS = ("train", "validation", "test")
MOST_BYTES = 1 << 20  # of run.json; this package's files have a few hundred
LARGEST = 2**53  # above, a JSON number may lose its last digit
NUMBER, COUNT, TEXT = (int, float), (int,), (str,)
KEYS: dict[str, tuple[type, ...]] = {
    "requested": NUMBER,
    "accuracy": NUMBER,
    "train_accuracy": NUMBER,
    "classes": COUNT,
    "test_images": COUNT,
    "picked": TEXT,  # the split that picked the epoch: "validation", "test", or "" for none
    "test_reads": COUNT,
    "order": TEXT,  # a fingerprint of the data order
    "granularity": TEXT,  # the piece that was removed at once, "weight" by default
    "method": TEXT,
    "name": TEXT,
    "scored_on": TEXT,  # "init" or "trained"
    "diverged_epoch": COUNT,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A ``Run`` holds the facts that the audit checks, under the names of its arguments; None means unknown."""

    accuracy: float | None = None
    train_accuracy: float | None = None
    classes: int | None = None
    test_images: int | None = None
    picked: str | None = None
    test_reads: int | None = None
    diverged_epoch: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("accuracy", self.accuracy), ("train_accuracy", self.train_accuracy)):
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{name} must be a fraction from 0 to 1, not {value}. Divide a percentage by 100.")
        for name, count, least in (("classes", self.classes, 2), ("test_images", self.test_images, 1)):
            if count is not None and count < least:
                raise UsageError(f"{name} must be at least {least}, not {count}.")
        if self.picked and self.picked not in SPLITS:
            raise unknown("split", self.picked, SPLITS)

    def known(self) -> tuple[str, ...]:
        """Return the names of the known facts."""
        return tuple(field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None)


def read_run(path: Path) -> dict[str, Any]:
    """Return the checked facts in the file, or {} without a file; a null is an unknown fact.

    Raises:
        UsageError: the file is not JSON, has an unknown key, or a value of another type or out of range.
    """
    if not os.path.lexists(path):
        return {}
    data = content(path, most=MOST_BYTES)
    try:
        facts = json.loads(data)
    except RecursionError as error:
        raise UsageError(f"{path} cannot be read as JSON (lists or objects are nested too deeply).") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON ({error}).") from error
    if not isinstance(facts, dict):
        raise UsageError(f"{path} holds {a_type(facts)}, not an object with some of: {', '.join(KEYS)}.")
    for key, value in facts.items():
        if key not in KEYS:
            raise unknown(f"key of {path}", key, KEYS)
        if value is not None and (isinstance(value, bool) or not isinstance(value, KEYS[key])):
            kinds = " or ".join(kind.__name__ for kind in KEYS[key])
            spelled = f"{a_type(value)}" if isinstance(value, list | dict) else shown(repr(value), most=80)
            raise UsageError(f"{path}: '{key}' is {spelled}; it must be {kinds}.")
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise UsageError(f"{path}: '{key}' is {shown(str(value), most=40)}; it must be from 0 to {LARGEST:,}.")
    facts = {key: value for key, value in facts.items() if value is not None}
    if facts.get("scored_on", "init") not in ("init", "trained"):
        raise unknown(f"'scored_on' of {path}", facts["scored_on"], ("init", "trained"))
    return facts
