"""Weights & Biases, offline unless the user sets WANDB_MODE; ``wandb sync`` uploads the runs later."""

from __future__ import annotations

import os
from pathlib import Path

from lotterylab.tracking.runs import TrackedRun, needed


class WeightsAndBiases:
    """A tracker that writes one offline run each into ``FOLDER/wandb``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ.setdefault("WANDB_MODE", "offline")
        self.wandb = needed("wandb", "wandb")

    def write(self, run: TrackedRun) -> None:
        """Write curves by epoch, numbers as summary and settings as configuration; the id begins the digest."""
        opened = self.wandb.init(
            project=f"lotterylab-{run.group}",
            name=run.name,
            id=run.digest[:32],
            config={**run.settings, "digest": run.digest},
            dir=str(self.folder),
            reinit="finish_previous",
            settings=self.wandb.Settings(silent=True, console="off"),
        )
        for epoch in range(max(map(len, run.curves.values()), default=0)):
            values = {name: curve[epoch] for name, curve in run.curves.items() if epoch < len(curve)}
            opened.log({name: value for name, value in values.items() if value is not None}, step=epoch + 1)
        for name, value in run.summary.items():
            opened.summary[name] = value
        opened.finish()
