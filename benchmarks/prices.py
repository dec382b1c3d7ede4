"""How far the price of a study is from the time that it takes: five kinds of study, shortened.

    python benchmarks/prices.py [--data FOLDER] [--only WORD]

Each study is priced in an empty store, as ``lotterylab plan`` does, and then run by two workers.  A line of JSON
a study gives the seconds that were said, those that it took, and their ratio.  The machine must be idle.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from lotterylab.asking.catalogue import study_named
from lotterylab.engine import local
from lotterylab.engine.facts import processor
from lotterylab.engine.store import Store
from lotterylab.report.pace import pace_of
from lotterylab.report.price import missing, seconds, trainings

WORKERS = 2
STUDIES: dict[str, dict[str, Any]] = {
    "lth-mnist": {"size": "quick"},
    "rewind-rounds": {"size": "quick", "seeds": 1},
    "rewind-rounds-norm": {"size": "quick", "seeds": 1},
    "early-bird": {"size": "quick", "seeds": 1},
    "sparse-training": {"size": "quick", "seeds": 1},
}


def measured(name: str, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Price a study, run it, and return both times."""
    study = study_named(name)
    os.environ["LOTTERYLAB_DATA"] = str(folder)
    resolved = study.resolve(study.options(**options))
    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place) / "store").create()
        targets = list(resolved.plan.targets())
        todo = missing(resolved.plan, store)
        began = time.perf_counter()
        pace, how = pace_of(todo, targets, store, folder)
        asked = time.perf_counter() - began
        said = seconds(todo, pace, WORKERS)
        began = time.perf_counter()
        local.run(targets, store, data_dir=folder, workers=WORKERS, listen=lambda event: None)
        took = time.perf_counter() - began
    return {
        "study": name,
        "runs": len(trainings(todo)),
        "said": round(said or 0.0, 1),
        "took": round(took, 1),
        "ratio": round((said or 0.0) / took, 2),
        "seconds to price": round(asked, 1),
        "how": how,
        "processor": processor(),
    }


def main() -> None:
    """Print a line for each study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LOTTERYLAB_DATA", "."))
    parser.add_argument("--only", default="", help="the studies whose name has this word")
    given = parser.parse_args()
    for name, options in STUDIES.items():
        if given.only in name:
            print(json.dumps(measured(name, options, given.data)), flush=True)


if __name__ == "__main__":
    main()
