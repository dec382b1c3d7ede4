"""A plan has rows of nodes, each with labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lotterylab.plan.nodes import Node

Label = str | int | float
WHAT = ("protocol", "activation", "method", "control")  # the labels of an arm but its sparsity
ARM = (*WHAT, "sparsity")
LABELS = (*ARM, "seed")  # every row has them


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a study's table.

    ``labels``: what the row is (protocol, activation, method, sparsity, seed ...).  ``nodes``: where its numbers come
    from, by part ("train", "prune", "distances" ...); the metric ``x`` of part ``p`` is the column ``p.x``.
    """

    labels: Mapping[str, Label]
    nodes: Mapping[str, Node]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What was expected before anything ran.  ``key`` is that of the verdict which answers it."""

    key: str
    claim: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A question, the rows that answer it, and what was predicted.

    ``name``, ``question``: of the study; a plan that a ``Study`` builds gets them from it.
    ``notes``: plain sentences that belong in every title and report (a subset, a reduction).
    """

    title: str
    rows: tuple[Row, ...]
    name: str = ""
    question: str = ""
    predictions: tuple[Prediction, ...] = ()
    notes: tuple[str, ...] = ()

    def targets(self) -> Iterator[Node]:
        """All nodes of all rows, in order."""
        for row in self.rows:
            yield from row.nodes.values()
