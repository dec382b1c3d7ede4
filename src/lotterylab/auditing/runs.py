"""What is known of a run besides its tensors, and ``run.json``, which says it in a folder of checkpoints."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError, unknown
from lotterylab.formats.foreign import content
from lotterylab.formats.text import shown

SPLITS = ("train", "validation", "test")
MOST_BYTES = 1 << 20  # of run.json; ours have some hundred
LARGEST = 2**53  # up to which JSON's numbers are whole numbers everywhere
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
    "granularity": TEXT,  # what was removed as one piece, "weight" where nothing is said
    "method": TEXT,
    "name": TEXT,
    "scored_on": TEXT,  # "init" or "trained"
    "diverged_epoch": COUNT,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """The facts that are judged; the arguments of ``audit`` of the same names.  None: not known."""

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
                raise UsageError(f"{name} is a fraction from 0 to 1, not {value}. Divide a percentage by 100.")
        for name, count, least in (("classes", self.classes, 2), ("test_images", self.test_images, 1)):
            if count is not None and count < least:
                raise UsageError(f"{name} is at least {least}, not {count}.")
        if self.picked and self.picked not in SPLITS:
            raise unknown("split", self.picked, SPLITS)

    def known(self) -> tuple[str, ...]:
        """The names of the facts that are known."""
        return tuple(field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None)


def read_run(path: Path) -> dict[str, Any]:
    """The facts in the file, checked; none where there is no file.  A null is a fact that is not known."""
    if not os.path.lexists(path):
        return {}
    data = content(path, most=MOST_BYTES)
    try:
        facts = json.loads(data)
    except RecursionError as error:
        raise UsageError(f"{path} is not JSON that can be read (lists or objects are nested too deeply).") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON ({error}).") from error
    if not isinstance(facts, dict):
        raise UsageError(f"{path} holds a {type(facts).__name__}, not an object with some of: {', '.join(KEYS)}.")
    for key, value in facts.items():
        if key not in KEYS:
            raise unknown(f"key of {path}", key, KEYS)
        if value is not None and (isinstance(value, bool) or not isinstance(value, KEYS[key])):
            kinds = " or ".join(kind.__name__ for kind in KEYS[key])
            spelled = f"a {type(value).__name__}" if isinstance(value, list | dict) else shown(repr(value), most=80)
            raise UsageError(f"{path}: '{key}' is {spelled}; it has to be {kinds}.")
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise UsageError(f"{path}: '{key}' is {shown(str(value), most=40)}; it has to be from 0 to {LARGEST:,}.")
    facts = {key: value for key, value in facts.items() if value is not None}
    if facts.get("scored_on", "init") not in ("init", "trained"):
        raise unknown(f"'scored_on' of {path}", facts["scored_on"], ("init", "trained"))
    return facts
