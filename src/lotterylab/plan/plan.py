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
    """One line of a plan's table.

    Args:
        labels: the labels of the row (arm, method, sparsity, seed ...).
        nodes: the nodes of its numbers, by part ("train", "prune", "distances" ...); the metric ``x`` of part ``p``
            is read as ``p.x``.

    Examples:
        >>> import lotterylab as ll
        >>> row = Row(labels={"seed": 0}, nodes={"mask": ll.plan.Dense(model=ll.models.LeNet300100())})
        >>> list(row.nodes)
        ['mask']
    """

    labels: Mapping[str, Label]
    nodes: Mapping[str, Node]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A ``Prediction`` is an expectation from before anything ran.

    Args:
        key: the key of the verdict that answers it.
        claim: the sentence that is predicted.
        expected: what the verdict should say.

    Examples:
        >>> Prediction(key="1", claim="Tickets beat random masks.", expected="yes").expected
        'yes'
    """

    key: str
    claim: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A ``Plan`` is a question, the rows that answer it, and the predictions.

    Args:
        name: the name of the study, which gives name and question to its plan.
        title: the line above its table.
        question: the question that the rows answer.
        rows: the table.
        predictions: the expectations from before anything ran.
        notes: plain sentences that belong in every title and report (a subset, a reduction).

    Examples:
        >>> import lotterylab as ll
        >>> row = Row(labels={"seed": 0}, nodes={"mask": ll.plan.Dense(model=ll.models.LeNet300100())})
        >>> len(list(Plan(name="one mask", rows=(row,)).targets()))
        1
    """

    title: str = ""
    rows: tuple[Row, ...]
    name: str = ""
    question: str = ""
    predictions: tuple[Prediction, ...] = ()
    notes: tuple[str, ...] = ()

    def targets(self) -> Iterator[Node]:
        """Yield all nodes of all rows, in order."""
        for row in self.rows:
            yield from row.nodes.values()
