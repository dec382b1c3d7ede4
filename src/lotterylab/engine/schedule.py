"""Which nodes have to be computed, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from lotterylab.engine.store import Store
from lotterylab.plan.nodes import At, Choose, Node


def tasks_behind(node: Node) -> Iterator[Node]:
    """The nodes that must be in the store before ``node`` can be used.

    A point of a run stands for the run; but its beginning is there before the run, and a step of it is a task of its
    own.
    """
    if not isinstance(node, At) or is_task(node):
        yield node
    elif node.begins:
        yield from tasks_behind(node.run.start)
        yield from tasks_behind(node.run.mask)
    else:
        yield node.run


def is_task(node: At) -> bool:
    """Whether a point has to be trained for: a step behind the run's first."""
    return node.step is not None and not node.begins


def task_inputs(node: Node) -> Iterator[Node]:
    """The tasks whose results a task needs; a step of a run needs what the run needs."""
    for one in (node.run if isinstance(node, At) else node).inputs():
        yield from tasks_behind(one)


def all_tasks(targets: Iterable[Node]) -> dict[str, Node]:
    """Every task that the targets rest on, whatever a store has of them, by digest."""
    found: dict[str, Node] = {}
    left = [task for target in targets for task in tasks_behind(target)]
    while left:
        task = left.pop()
        if task.digest not in found:
            found[task.digest] = task
            left += task_inputs(task)
    return found


def steps_within(targets: Iterable[Node]) -> dict[str, list[At]]:
    """The steps that are tasks, by their run's digest, in the order of training, wherever in the plan they stand."""
    seen: set[str] = set()
    steps: dict[str, dict[int, At]] = {}
    left = list(targets)
    while left:
        node = left.pop()
        if node.digest in seen:
            continue
        seen.add(node.digest)
        if isinstance(node, At) and is_task(node):
            steps.setdefault(node.run.digest, {})[node.step or 0] = node
        left += node.inputs()
    return {digest: [found[step] for step in sorted(found)] for digest, found in steps.items()}


class Schedule:
    """The tasks that are missing from a store, handed out in the order of the targets.

    A finished task whose blobs are not here (it came from a ledger) is computed again only when a missing task needs
    its tensors; its metrics are enough for a choice, a table or a page.  The steps of a run that are wanted come before
    the run, in their order, so that each goes on from the one before.
    """

    def __init__(self, targets: Iterable[Node], store: Store) -> None:
        self.store = store
        self.waiting: dict[str, Node] = {}  # in the order in which they were first wanted
        self.running: dict[str, Node] = {}
        self.failed: dict[str, Node] = {}
        self.skipped: dict[str, Node] = {}
        self._needs: dict[str, set[str]] = {}
        targets = list(targets)
        self._targets = targets
        for target in targets:
            for task in tasks_behind(target):
                self._want(task, blobs=False)

    def _want(self, task: Node, *, blobs: bool) -> None:
        if task.digest in self.waiting or task.digest in self.running or self._is_here(task, blobs=blobs):
            return
        inputs, before = list(task_inputs(task)), self._before(task)
        for one in inputs:
            self._want(one, blobs=not isinstance(task, Choose))
        for one in before:
            self._want(one, blobs=False)
        self._needs[task.digest] = {one.digest for one in (*inputs, *before)} & {*self.waiting, *self.running}
        self.waiting[task.digest] = task  # after its inputs, so that the order is a valid one

    @cached_property
    def _steps(self) -> dict[str, list[At]]:
        return steps_within(self._targets)

    def _before(self, task: Node) -> list[At]:
        """The steps of a run that are trained before it, or before a later one of them."""
        if isinstance(task, At):
            return [one for one in self._steps[task.run.digest] if (one.step or 0) < (task.step or 0)]
        return self._steps.get(task.digest, [])

    def _is_here(self, task: Node, *, blobs: bool) -> bool:
        if not blobs:
            return task.digest in self.store
        record = self.store.record(task.digest)
        return record is not None and self.store.has_blobs_of(record)

    def next(self) -> Node | None:
        """The first task whose inputs are all there; None if all others wait for running ones, or none is left."""
        for digest, task in self.waiting.items():
            if not self._needs[digest]:
                del self.waiting[digest]
                self.running[digest] = task
                return task
        return None

    def done(self, digest: str) -> None:
        """A running task has been committed."""
        del self.running[digest]
        for needs in self._needs.values():
            needs.discard(digest)

    def give_back(self, digest: str) -> None:
        """A running task was not finished (its worker died); it is handed out again, first."""
        self.waiting = {digest: self.running.pop(digest), **self.waiting}

    def again(self, digest: str) -> None:
        """A running task found an input damaged or lost; it is handed out again, after what that input takes."""
        self._want(self.running.pop(digest), blobs=False)

    def fail(self, digest: str) -> None:
        """A running task failed; all that need it are skipped."""
        self.failed[digest] = self.running.pop(digest)
        lost = {digest}
        for waiting in list(self.waiting):  # inputs come before those that need them
            if self._needs[waiting] & lost:
                lost.add(waiting)
                self.skipped[waiting] = self.waiting.pop(waiting)

    def __bool__(self) -> bool:
        """Whether anything is left to do."""
        return bool(self.waiting or self.running)
