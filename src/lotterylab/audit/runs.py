"""``run.json``: what a folder of checkpoints says of its run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError, unknown

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
    "method": TEXT,
    "name": TEXT,
    "scored_on": TEXT,  # "init" or "trained"
    "diverged_epoch": COUNT,
}


def read_run(path: Path) -> dict[str, Any]:
    """The facts in the file, checked; none where there is no file.  A null is a fact that is not known."""
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_bytes())
    except ValueError as error:
        raise UsageError(f"{path} is not JSON ({error}).") from error
    if not isinstance(facts, dict):
        raise UsageError(f"{path} holds a {type(facts).__name__}, not an object with some of: {', '.join(KEYS)}.")
    for key, value in facts.items():
        if key not in KEYS:
            raise unknown(f"key of {path}", key, KEYS)
        if value is not None and (isinstance(value, bool) or not isinstance(value, KEYS[key])):
            kinds = " or ".join(kind.__name__ for kind in KEYS[key])
            raise UsageError(f"{path}: '{key}' is {value!r}; it has to be {kinds}.")
    facts = {key: value for key, value in facts.items() if value is not None}
    if facts.get("scored_on", "init") not in ("init", "trained"):
        raise unknown("state that is scored", facts["scored_on"], ("init", "trained"))
    return facts
