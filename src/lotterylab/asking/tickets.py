"""Lottery tickets around a training loop of one's own: the plans of ``procedures``, with the user's functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lotterylab.analysis import Distances
from lotterylab.asking.options import MOST_SEEDS
from lotterylab.auditing.alarms import Alarm, one, ordered
from lotterylab.criteria import Magnitude, check_criterion
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError, unknown
from lotterylab.masks.counts import check_target
from lotterylab.plan.nodes import At, Dense, Init, Measure, Node, Prune
from lotterylab.plan.plan import Plan, Row
from lotterylab.plan.user_nodes import Promises, UserTrain
from lotterylab.procedures import CONTROLS, RewindTo, Ticket, control, iterative, learning_rate_rewinding, one_shot
from lotterylab.reading.rows import Rows
from lotterylab.statistics import Interval, differences, t_interval
from lotterylab.training.named import code_of
from lotterylab.training.user import Run, UserModel, UserTraining
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from torch import nn

PROCEDURES: dict[str, Callable[..., list[Ticket]]] = {
    "iterative": iterative,
    "one-shot": one_shot,
    "learning-rate-rewinding": learning_rate_rewinding,
}


def tickets(
    init_fn: Callable[[int], nn.Module],
    train_fn: Callable[[nn.Module, Run], object],
    eval_fn: Callable[[nn.Module], float | Mapping[str, float]],
    *,
    steps: int,
    sparsities: Sequence[Any],
    store: str | Path,
    procedure: Literal["iterative", "one-shot", "learning-rate-rewinding"] = "iterative",
    criterion: Any = None,
    rewind_to: int | float | RewindTo = 0,
    scope: str = "global",
    controls: Sequence[str] = (),
    seeds: int | Sequence[int] = 3,
    input_shape: tuple[int, ...] | None = None,
    name: str = "",
    version: int = 1,
) -> Tickets:
    """Find tickets with the user's own functions, and hold them against their controls.

    What is finished is in ``store``; the same call goes on after a stop, at the first training that was not finished,
    and a change of a function's source begins anew.

    Each call of a function finds torch as a new process has it: dtype float32, device CPU, no autocast, products in
    full float32, one thread.  What a notebook has set elsewhere would change the results and stands in no name, so it
    does not count; it is active again afterwards.  Functions that need another setting make it themselves.

    Args:
        init_fn: ``init_fn(seed) -> nn.Module``, the same for the same seed.
        train_fn: ``train_fn(module, run)`` trains ``module`` in place for the optimizer steps ``run.steps``, its
            optimizer inside ``with run.hold(optimizer)``; the batch of a step is a function of ``run.seed`` and the
            step, and so is the learning rate of the step.  ``run.batches(loader)`` and ``run.hold(optimizer,
            schedule)`` see to both.
        eval_fn: ``eval_fn(module) -> float`` (the test accuracy), or a dict of numbers by name.
        steps: T, optimizer steps of a training.
        sparsities: what each round cuts to: shares of all weights, or ``Rate``s of those left.
        procedure: "iterative", "one-shot" (each sparsity from the dense network), "learning-rate-rewinding".
        criterion: what scores the trained weights; ``Magnitude()`` by default.  None that needs data.
        rewind_to: where each round goes back to: a step; below 1 a share of T, rounded half up; or a function from the
            round (1, 2, ...) to one of these.
        scope: "global", "layerwise", "uniform", "erk", as in ``select``.
        controls: words of ``procedures.CONTROLS`` ("reinitialised", "random-mask" ...), each for every ticket.
        seeds: how many, from 0, or which.  One seed decides the initial weights and the data order.
        store: the folder of results.
        input_shape: of one input, for SynFlow.
        name: what the results are called; the functions' own names by default.
        version: raise it when something that the functions call has changed: only their own source is watched, and
            the values that they hold (defaults; what a function made in another one took from there).

    Returns:
        All rows with their numbers, intervals over seeds and alarms.  ``print`` it.

    Raises:
        UsageError: a word or a number that means nothing, a criterion that needs data, a function without source or
            one that holds an object that has no name.
        RefusedError: another process computes in the store.

    Examples:
        >>> tickets(print, print, print, steps=10, sparsities=[0.5], store="tickets", procedure="one-shoot")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: no procedure is named 'one-shoot'. Did you mean 'one-shot'? ...
    """
    from lotterylab.engine.here import run_here

    criterion = Magnitude() if criterion is None else criterion
    seeds = range(seeds) if isinstance(seeds, int) else tuple(seeds)
    _check(procedure, criterion, controls, sparsities, steps, seeds)
    label = name or f"{init_fn.__module__}.{init_fn.__qualname__}"
    code = f"{code_of(init_fn, train_fn, eval_fn)} {version}"
    model = UserModel(label=label, code=code, shape=input_shape, function=init_fn)
    recipe = UserTraining(label=label, code=code, steps=steps, train=train_fn, evaluate=eval_fn)
    rows: list[Row] = []
    for seed in seeds:
        start, mask = Init(model=model, seed=seed), Dense(model=model)
        dense = UserTrain(start=start, mask=mask, recipe=recipe, order_seed=seed)
        found = PROCEDURES[procedure](
            dense, sparsities, criterion=criterion, rewind_to=_point(rewind_to, steps), scope=scope, seed=seed
        )
        last = max((ticket.run.first_step for ticket in found), default=0)
        rewound = dense.at(last) if last and not rows else None  # it costs a training: once is enough
        rows += _rows(label, procedure, dense, found, controls, seed, rewound)
    question = "Does the ticket train as well as the whole network, and better than its controls?"
    study = Plan(name="tickets", title=f"Tickets of {label}", question=question, rows=tuple(rows))
    place = Store(store)
    summary = run_here(study.targets(), place)
    return Tickets(study=study, store=place, failed=summary.failed)


@dataclass(frozen=True, kw_only=True)
class Tickets:
    """What ``tickets`` found.  ``failed``: digest -> message of tasks that failed."""

    study: Plan
    store: Store
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> Rows:
        """Every row: labels (method, control, sparsity, seed) and records."""
        return Rows(results(self.study, self.store))

    @property
    def alarms(self) -> list[Alarm]:
        """What is wrong with the runs, faults first."""
        from lotterylab.reading.alarms import alarms_of

        failures: list[Alarm] = []
        for message in dict.fromkeys(self.failed.values()):
            known, _, told = message.removeprefix("UsageError: ").partition(": ")
            code = known if known == "shape-changed" else "failed"
            failures += one(code, told if code == known else message, "", "fault")
        return ordered([*failures, *alarms_of(self.rows)])

    def values(self, metric: str = "test_accuracy", **labels: str | float) -> dict[int, float]:
        """One number for each seed: ``values(method="iterative", control="", sparsity=0.9)``.

        Raises:
            UsageError: the labels leave no row, or several of one seed.
        """
        every = self.rows
        for name in labels:
            if every and name not in every[0].labels:
                raise unknown("label", name, every[0].labels)
        rows = every.where(**{name: _spelled(value) for name, value in labels.items()})
        if not rows or len(rows.seeds) < len(rows):
            found = "several rows of one seed" if rows else "no row"
            raise UsageError(f"the labels {labels} leave {found}. There are: {_told(rows or every)}.")
        return rows.per_seed(f"train.{metric}")

    def interval(self, metric: str = "test_accuracy", **labels: str | float) -> Interval:
        """Mean and 95 % t interval over the seeds; a ``UsageError`` where no finished run has the number."""
        return _interval(self.values(metric, **labels).values(), metric, f"no finished run of {labels or 'all'}")

    def difference(self, a: Mapping[str, Any], b: Mapping[str, Any], metric: str = "test_accuracy") -> Interval:
        """a minus b, paired by seed: ``difference({"control": "", "sparsity": 0.9}, {"method": "dense"})``.
        A ``UsageError`` where no seed has the number on both sides."""
        apart = differences(self.values(metric, **a), self.values(metric, **b))
        return _interval(apart, metric, f"no seed of both {dict(a)} and {dict(b)}")

    def ticket(self, *, sparsity: float, seed: int, method: str = "") -> tuple[Mask, State, State]:
        """The mask, the state it is trained from and the state it ended in.

        Raises:
            UsageError: there is no such row, or it is not finished.
        """
        from lotterylab.engine.context import Context

        for row in self.rows:
            same = (row.labels["sparsity"], row.labels["seed"], row.labels["control"]) == (sparsity, seed, "")
            if same and row.complete and method in ("", row.labels["method"]):
                context, run = Context(store=self.store), row.nodes["train"]
                assert isinstance(run, UserTrain)
                return context.mask(run.mask), context.state(run.at("start")), context.state(run.final)
        raise UsageError(f"no finished ticket has sparsity {sparsity} and seed {seed}; print the tickets to see them.")

    def __str__(self) -> str:
        """The table, with intervals over seeds and the alarms."""
        from lotterylab.reading.table import render

        return render(self.study.title, self.rows, self.alarms, messages=True)


def _interval(values: Collection[float], metric: str, nobody: str) -> Interval:
    if not values:
        raise UsageError(f"{nobody} has a number '{metric}'; print the tickets.")
    return t_interval(values)


def _told(rows: Rows) -> str:
    """The labels in which rows differ, with their values."""
    there = {name: rows.labels(name) for name in ("method", "control", "sparsity")}
    return "; ".join(f"{name} {', '.join(map(repr, found))}" for name, found in there.items() if len(found) > 1)


def _spelled(value: str | float) -> str | float:
    """A control's word as the rows have it."""
    return value.replace("-", " ") if value in CONTROLS else value  # type: ignore[union-attr]


def _check(
    procedure: str, criterion: Any, controls: Sequence[str], sparsities: Sequence[Any], steps: int, seeds: Sequence[int]
) -> None:
    if procedure not in PROCEDURES:
        raise unknown("procedure", procedure, PROCEDURES)
    check_criterion(criterion)
    for word in controls:
        if word not in CONTROLS:
            raise unknown("control", word, CONTROLS)
    if criterion.needs_batch:
        raise UsageError(
            f"{type(criterion).__name__} scores on data, which only your functions see. Make its mask with "
            "lotterylab.prune(module, criterion, sparsity, batch=...) and hold it with attach."
        )
    if steps < 1:
        raise UsageError(f"steps={steps}: at least 1 is needed.")
    levels = [float(one) for one in sparsities if isinstance(one, float | int)]
    for level in levels:
        check_target(level)
    if len(set(levels)) < len(levels):
        raise UsageError(f"sparsities {levels} name a level twice; give each once.")
    if not 1 <= len(seeds) <= MOST_SEEDS or len(set(seeds)) < len(seeds):
        raise UsageError(f"seeds are {list(seeds[:9])}: give at least one, at most {MOST_SEEDS:,}, and each once.")
    if procedure != "one-shot" and levels != sorted(levels):
        raise UsageError(f"sparsities {levels}: each round removes more than the one before, so they have to rise.")


def _point(rewind_to: int | float | RewindTo, steps: int) -> RewindTo:
    if callable(rewind_to):
        return lambda round: _step(rewind_to(round), steps)
    step = _step(rewind_to, steps)
    return lambda round: step


def _step(asked: Any, steps: int) -> int:
    if isinstance(asked, float) and 0 <= asked < 1:
        return int(asked * steps + 0.5)
    try:
        return index(asked)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise UsageError(
            f"rewind_to gives {asked!r}; it is a step, a whole number from 0 to {steps}, or a share of the training, "
            "from 0 up to but not 1."
        ) from None


def _rows(
    label: str,
    method: str,
    dense: UserTrain,
    found: Sequence[Ticket],
    controls: Sequence[str],
    seed: int,
    rewound: At | None,
) -> Iterator[Row]:
    def row(nodes: dict[str, Node], **labels: str | float) -> Row:
        own = {"protocol": label, "activation": "", "method": method, "control": "", "sparsity": 0.0, "seed": seed}
        return Row(labels={**own, **labels}, nodes=nodes)

    yield row({"train": dense, "promises": Promises(run=dense, rewound=rewound)}, method="dense")
    for ticket in found:
        sparsity = float(getattr(ticket.mask, "sparsity", 0.0)) if _plain(ticket) else float(ticket.round)
        runs = {"": ticket.run, **{word: control(word, ticket, seed) for word in controls}}
        for word, run in runs.items():
            nodes: dict[str, Node] = {"train": run}
            if not isinstance(run.mask, Dense):
                of = {"dense": dense.final, "ticket": run.final, "mask": run.mask}
                nodes["prune"] = run.mask if isinstance(run.mask, Prune) else ticket.mask
                nodes["distances"] = Measure(quantity=Distances(), of=of)
            yield row(nodes, control=word.replace("-", " "), sparsity=sparsity)


def _plain(ticket: Ticket) -> bool:
    """Whether the round's sparsity is a number; of a rate, rows are called by the round."""
    return isinstance(getattr(ticket.mask, "sparsity", None), float | int)
