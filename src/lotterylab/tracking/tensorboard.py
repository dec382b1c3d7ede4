"""TensorBoard: one folder of events for each run."""

from __future__ import annotations

import re
from pathlib import Path

from lotterylab.tracking.runs import TrackedRun, needed


class TensorBoard:
    """A tracker that ``tensorboard --logdir FOLDER`` shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        needed("tensorboard", "tensorboard")
        self.writer = needed("torch.utils.tensorboard", "tensorboard").SummaryWriter

    def write(self, run: TrackedRun) -> None:
        """Write curves by epoch (from 1), numbers under "summary/" and settings as a table of text."""
        name = re.sub(r"[^\w.,=+-]+", "_", run.name)
        with self.writer(log_dir=str(self.folder / f"{name}-{run.digest[:8]}")) as events:
            for curve, values in run.curves.items():
                for epoch, value in enumerate(values, start=1):
                    if value is not None:
                        events.add_scalar(curve, value, epoch)
            for number, value in run.summary.items():
                events.add_scalar(f"summary/{number}", value, 0)
            rows = [f"|{setting}|{value}|" for setting, value in {**run.settings, "digest": run.digest}.items()]
            events.add_text("settings", "\n".join(["|setting|value|", "|---|---|", *rows]))
