"""The rows of a study by arm, for the figures and the page."""

from __future__ import annotations

from typing import NamedTuple

from lotterylab.plan.plan import ARM
from lotterylab.reading.rows import Rows


class Arm(NamedTuple):
    """An ``Arm`` holds the labels that rows of different seeds share."""

    protocol: str
    activation: str
    method: str
    control: str = ""
    sparsity: float = 0.0


class Arms:
    """``Arms`` are the rows of a study by arm, for the arms of which a part is finished.

    Numbers are read from the ``Rows`` of an arm, so that a bar has the n of the verdict below it.
    """

    def __init__(self, rows: Rows) -> None:
        by_arm = {Arm(*labels): of_arm for labels, of_arm in rows.by(*ARM).items()}
        self._rows = {arm: of_arm for arm, of_arm in by_arm.items() if any(row.records for row in of_arm)}

    def where(self, **labels: str | float) -> list[Arm]:
        """Return the arms with these labels, in the study's order."""
        return [arm for arm in self._rows if all(getattr(arm, name) == value for name, value in labels.items())]

    def labels(self, name: str, **labels: str | float) -> list[str]:
        """Return the different values of the label ``name`` among the arms with ``labels``, in the study's order."""
        return list(dict.fromkeys(getattr(arm, name) for arm in self.where(**labels)))

    def targets(self, **labels: str | float) -> list[float]:
        """Return the sparsities of the pruned arms, smallest first."""
        return sorted({arm.sparsity for arm in self.where(**labels) if arm.sparsity})

    def rows(self, arm: Arm) -> Rows:
        """Return the rows of an arm; none for an unknown arm."""
        return self._rows.get(arm, Rows())

    def curves(self, arm: Arm, curve: str) -> dict[int, list[float | None]]:
        """Return one curve for each seed; the curve of a run that diverged ends early."""
        curves = {}
        for row in self.rows(arm):
            values = (row.metric("train.curves") or {}).get(curve)
            if isinstance(values, list):
                curves[int(row.labels["seed"])] = values
        return curves

    def curve_names(self, protocol: str) -> list[str]:
        """Return the names of the curves of a protocol's arms."""
        rows = (row for arm in self.where(protocol=protocol) for row in self._rows[arm])
        return list(dict.fromkeys(name for row in rows for name in row.metric("train.curves") or {}))


def middle(targets: list[float], wanted: float = 0.8) -> float:
    """Return the target nearest to ``wanted``, by default the target whose curves the published study shows."""
    return min(targets, key=lambda target: (round(abs(target - wanted), 9), target))
