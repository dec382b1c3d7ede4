"""The nodes that have to be computed, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from lotterylab.engine.store import Store
from lotterylab.plan.nodes import At, Choose, MaskOf, Node, ResetsOf


def tasks_behind(node: Node) -> tuple[Node, ...]:
    """Return the nodes that must be in the store before ``node`` can be used.

    A point of a run needs the run, and so does a mask that it made.  Exceptions are the run's beginning, which exists
    before the run, and a step, which is a task of its own.
    """
    if isinstance(node, MaskOf):
        return tasks_behind(node.of)
    if isinstance(node, ResetsOf):
        return (node.run,)
    if not isinstance(node, At) or is_task(node):
        return (node,)
    if node.begins:
        return (*tasks_behind(node.run.start), *tasks_behind(node.run.mask))
    return (node.run,)


def is_task(node: At) -> bool:
    """Return whether a point needs training: a step after the run's first."""
    return node.step is not None and not node.begins


def task_inputs(node: Node) -> Iterator[Node]:
    """Yield the tasks whose results a task needs; a step of a run needs the inputs of the run."""
    for earlier in (node.run if isinstance(node, At) else node).inputs():
        yield from tasks_behind(earlier)


def all_tasks(targets: Iterable[Node]) -> dict[str, Node]:
    """Return every task on which the targets depend, by digest, whether or not a store has it."""
    tasks: dict[str, Node] = {}
    left = [task for target in targets for task in tasks_behind(target)]
    while left:
        task = left.pop()
        if task.digest not in tasks:
            tasks[task.digest] = task
            left += task_inputs(task)
    return tasks


def steps_within(targets: Iterable[Node]) -> dict[str, list[At]]:
    """Return the steps that are tasks, anywhere in the plan, by their run's digest and in the order of training."""
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
    return {digest: [run_steps[step] for step in sorted(run_steps)] for digest, run_steps in steps.items()}


class Schedule:
    """The tasks that are missing from a store, handed out in the order of the targets.

    A finished task without tensors in the store (from a ledger) is computed again only if a missing task needs its
    tensors; its metrics are enough for a choice, a table or a page.  The wanted steps of a run come before the run, in
    their order, so that each resumes from the step before.
    """

    def __init__(self, targets: Iterable[Node], store: Store) -> None:
        self.store = store
        self.waiting: dict[str, Node] = {}  # in the order in which they were first wanted
        self.running: dict[str, Node] = {}
        self.failed: dict[str, Node] = {}
        self.skipped: dict[str, Node] = {}
        self._needs: dict[str, set[str]] = {}  # of each task, those that are not done
        self._needed_by: dict[str, list[str]] = {}  # of each task that is not done
        targets = list(targets)
        self._targets = targets
        for target in targets:
            for task in tasks_behind(target):
                self._want(task, blobs=False)

    def _want(self, task: Node, *, blobs: bool) -> None:
        if task.digest in self.waiting or task.digest in self.running or self._is_here(task, blobs=blobs):
            return
        inputs, before = list(task_inputs(task)), self._before(task)
        for earlier in inputs:
            self._want(earlier, blobs=not isinstance(task, Choose))
        for step in before:
            self._want(step, blobs=False)
        needs = {other.digest for other in (*inputs, *before)}
        self._needs[task.digest] = {digest for digest in needs if digest in self.waiting or digest in self.running}
        for digest in self._needs[task.digest]:
            self._needed_by.setdefault(digest, []).append(task.digest)
        self.waiting[task.digest] = task  # after its inputs, so that the order is valid

    @cached_property
    def _steps(self) -> dict[str, list[At]]:
        return steps_within(self._targets)

    def _before(self, task: Node) -> list[At]:
        """Return the steps of a run that are trained before it, or before a later step."""
        if isinstance(task, At):
            return [step for step in self._steps[task.run.digest] if (step.step or 0) < (task.step or 0)]
        return self._steps.get(task.digest, [])

    def _is_here(self, task: Node, *, blobs: bool) -> bool:
        if not blobs:
            return task.digest in self.store
        record = self.store.record(task.digest)
        return record is not None and self.store.has_blobs_of(record)

    def next(self) -> Node | None:
        """Return the first task whose inputs are ready; None if all others wait for running tasks, or none is left."""
        for digest, task in self.waiting.items():
            if not self._needs[digest]:
                del self.waiting[digest]
                self.running[digest] = task
                return task
        return None

    def done(self, digest: str) -> None:
        """Note that a running task was committed."""
        del self.running[digest]
        for task in self._needed_by.pop(digest, ()):
            self._needs[task].discard(digest)

    def give_back(self, digest: str) -> None:
        """Hand an unfinished task out again first, because its worker died."""
        self.waiting = {digest: self.running.pop(digest), **self.waiting}

    def again(self, digest: str) -> None:
        """Hand a running task out again, after the tasks that restore its damaged or lost input."""
        self._want(self.running.pop(digest), blobs=False)

    def fail(self, digest: str) -> None:
        """Note that a running task failed, and skip all tasks that need it."""
        self.failed[digest] = self.running.pop(digest)
        lost = {digest}
        for waiting in list(self.waiting):  # inputs come before the tasks that need them
            if self._needs[waiting] & lost:
                lost.add(waiting)
                self.skipped[waiting] = self.waiting.pop(waiting)

    def __bool__(self) -> bool:
        """Return whether any task is left."""
        return bool(self.waiting or self.running)
