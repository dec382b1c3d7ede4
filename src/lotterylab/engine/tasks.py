"""The computation of one task in a clean state, whatever ran before it in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lotterylab.engine.exact import exact
from lotterylab.errors import UsageError
from lotterylab.own_code.references import find
from lotterylab.plan.nodes import Node

if TYPE_CHECKING:
    from lotterylab.engine.context import Context
    from lotterylab.engine.records import Record


def compute(node: Node, context: Context) -> Record:
    """Compute a node whose inputs are in the store, and commit its record.

    A user's modules that the node names are imported first.  A module that sets a switch while it is imported would
    otherwise change only the task that happens to be first.
    """
    from lotterylab.engine.rules import execute

    for reference in references(node, context.walked):
        with exact("cpu"), suppress(UsageError):  # the task itself reports a missing reference
            find(reference)
    with exact(context.loop_device_of(node)):
        return execute(node, context)


def references(node: Node, walked: set[str]) -> Iterator[str]:
    """Yield the references to a user's code in a node and in the nodes that it needs, except nodes walked before.

    Args:
        node: the node to begin with.
        walked: digests of walked nodes, to which this call adds.
    """
    for spec in specs_of_own_code(node, walked):
        if isinstance(reference := getattr(spec, "source", None), str):
            yield reference


def specs_of_own_code(node: Node, walked: set[str]) -> Iterator[Any]:
    """Yield the specs with the code of a user, in a node and in the nodes that it needs, except nodes walked before.

    Args:
        node: the node to begin with.
        walked: digests of walked nodes, to which this call adds.
    """
    waiting: list[Any] = [node]
    while waiting:
        spec = waiting.pop()
        if isinstance(spec, Node):
            if spec.digest in walked:
                continue
            walked.add(spec.digest)
        if isinstance(spec, Mapping):
            waiting += spec.values()
        elif isinstance(spec, list | tuple):
            waiting += spec
        elif dataclasses.is_dataclass(spec) and not isinstance(spec, type):
            waiting += [getattr(spec, field.name) for field in dataclasses.fields(spec)]
            if hasattr(spec, "code"):
                yield spec
