"""Lottery tickets for a user's own training loop: the plans of ``procedures``, with the user's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lotterylab.analysis import Distances
from lotterylab.asking.ticket_checks import PROCEDURES, check, level_of, point, whole_numbers
from lotterylab.criteria import Magnitude
from lotterylab.engine.facts import STUDY
from lotterylab.engine.kept_plans import keep
from lotterylab.engine.local import say
from lotterylab.engine.reuse import not_reused
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError
from lotterylab.from_python.found import Tickets
from lotterylab.from_python.watching import Kind, check_kind, watched
from lotterylab.own_code.naming import code_of
from lotterylab.plan.nodes import At, Dense, Init, MaskOf, Measure, Node, Prune
from lotterylab.plan.plan import Plan, Row
from lotterylab.plan.user_nodes import Promises, UserTrain
from lotterylab.procedures import RewindTo, Ticket, control
from lotterylab.system.refusals import refusals
from lotterylab.training.user import Run, UserModel, UserTraining
from lotterylab.views import Intervention

if TYPE_CHECKING:
    from torch import nn


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
    params: str | Sequence[str] = "weights",
    controls: Sequence[str] = (),
    seeds: int | Sequence[int] = 3,
    input_shape: tuple[int, ...] | None = None,
    during: Sequence[Intervention] = (),
    steps_per_epoch: int | None = None,
    name: str = "",
    version: int = 1,
    progress: Kind = "auto",
) -> Tickets:
    """Find tickets with the user's own functions, and compare them with their controls.

    Finished results are kept in ``store``.  After a stop, the same call goes on with the first unfinished training.  A
    result is named by the code that runs, by its syntax tree: that of the three functions, of your functions and
    classes that they name, and the numbers, texts and containers of them at the top level of your modules.  A change of
    it starts from the beginning, and a line on stderr says which function has changed; a comment changes nothing.

    Each call of a function gets torch in the state of a new process: dtype float32, device CPU, no autocast, products
    in full float32, one thread.  Settings that a notebook made elsewhere are suspended during the call, because they
    would change the results without being part of their names.  A function that needs another setting makes it itself.

    Args:
        init_fn: ``init_fn(seed) -> nn.Module``, with the same weights for the same seed.
        train_fn: ``train_fn(module, run)`` trains ``module`` in place for the optimizer steps ``run.steps``, its
            optimizer inside ``with run.hold(optimizer)``; the batch of a step is a function of ``run.seed`` and the
            step, and so is the learning rate of the step.  ``run.batches(loader)`` and ``run.hold(optimizer,
            schedule)`` ensure both.
        eval_fn: ``eval_fn(module) -> float`` (the test accuracy), or a dict of numbers by name.
        steps: T, optimizer steps of a training.
        sparsities: the sparsity after each round, as a share of all weights, or a ``Rate`` of the remaining weights.
        procedure: "iterative", "one-shot" (each sparsity from the dense network), "learning-rate-rewinding".
        criterion: the criterion for the trained weights, which may not need data; ``Magnitude()`` by default.
        rewind_to: the point that each round goes back to: a step; below 1 a share of T, rounded half up; or a function
            from the round (1, 2, ...) to one of these.
        scope: "global", "layerwise", "uniform", "erk", "balanced", as in ``select``.
        params: "weights" (of Conv and Linear layers), "matrices", "all" or names, as in ``score``.
        controls: words of ``procedures.CONTROLS`` ("reinitialised", "random-mask" ...), each for every ticket.
        seeds: the number of seeds, from 0, or the seeds.  A seed decides the initial weights and the data order.
        store: the folder of results.
        input_shape: the shape of one input, for SynFlow.
        during: interventions (``lotterylab.interventions``) of every training, the dense one and each control too.
            ``run.hold`` calls them after each step, and they know T; a filter is drawn anew as ``init_fn`` draws it.
            If one of them may end a training, leave the loop when ``held.stopped`` is true (``with run.hold(optimizer)
            as held``).  What they say and keep is in the record of each run.
        steps_per_epoch: the steps of an epoch, for interventions that act once an epoch.
        name: the name of the results; by default that of ``init_fn``.
        version: raise it if something else has changed on which the results depend: an installed package, a data file,
            or an object at the top level of a module that is neither a number, text nor a container of them.
        progress: on stderr: "bars"; "plain", a line every ten seconds; "none"; "auto": bars on a terminal, lines in a
            notebook, and nothing elsewhere.

    Returns:
        All rows with their numbers, intervals over seeds and alarms; ``print`` shows them, ``report`` writes a page.

    Raises:
        UsageError: a word or a number is not valid, the criterion needs data, an intervention does not fit the network
            or the dense training, or a function has no source or holds an object without a name.
        RefusedError: another process computes in the store.
        KeyboardInterrupt: it was interrupted; the same call goes on.

    Examples:
        >>> tickets(print, print, print, steps=10, sparsities=[0.5], store="tickets", procedure="one-shoot")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: no procedure is named 'one-shoot'. Did you mean 'one-shot'? ...
    """
    from lotterylab.engine.here import run_here
    from lotterylab.engine.user_interventions import refuse_misfits

    criterion = Magnitude() if criterion is None else criterion
    seeds = range(int(seeds)) if isinstance(seeds, Integral) else whole_numbers(seeds)
    steps = whole_numbers((steps,))[0]
    check_kind(progress)
    check(procedure, criterion, controls, sparsities, steps, seeds, during, steps_per_epoch)
    label = name or f"{init_fn.__module__}.{init_fn.__qualname__}"
    named = code_of(init_fn, train_fn, eval_fn)
    code = f"{named.spelled()} version={version}"
    model = UserModel(label=label, code=code, shape=input_shape, function=init_fn)
    recipe = UserTraining(
        label=label,
        code=code,
        steps=steps,
        train=train_fn,
        evaluate=eval_fn,
        during=tuple(during),
        steps_per_epoch=steps_per_epoch,
    )
    chosen = params if isinstance(params, str) else tuple(params)
    rows: list[Row] = []
    for seed in seeds:
        start, mask = Init(model=model, seed=seed), Dense(model=model)
        dense = UserTrain(start=start, mask=mask, recipe=recipe, order_seed=seed)
        if not rows:
            refuse_misfits(dense, chosen)
        of_seed = PROCEDURES[procedure](
            dense,
            sparsities,
            criterion=criterion,
            rewind_to=point(rewind_to, steps),
            scope=scope,
            params=chosen,
            seed=seed,
        )
        last = max((ticket.run.first_step for ticket in of_seed), default=0)
        rewound = dense.at(last) if last and not rows else None  # it costs a training: once is enough
        rows += _rows(label, procedure, dense, of_seed, controls, seed, rewound)
    question = "Does the ticket train as well as the whole network, and better than its controls?"
    title = f"Tickets of {label.removeprefix('__main__.')}"
    study = Plan(name="tickets", title=title, question=question, rows=tuple(rows))
    place = Store(store)
    say(*filter(None, [named.note()]), *not_reused(study.targets(), place))
    with watched(progress, study, place) as listen, refusals(f"to use the store {place.path}", place.path):
        _remember(study, label, place)
        hear = listen or (lambda event: None)
        summary = run_here(study.targets(), place, study_facts={STUDY: study.name}, listen=hear)
    # results are read when they are asked for, perhaps after the process has changed its folder
    return Tickets(study=study, store=Store(place.path.absolute()), failed=summary.failed)


def _remember(study: Plan, label: str, store: Store) -> None:
    """Keep the plan in the store; a store in which all is finished need not be writable."""
    if Schedule(study.targets(), store):
        store.create()
        keep(study, label, store)
    else:
        with suppress(OSError, LotteryError):
            keep(study, label, store)


def _rows(
    label: str,
    method: str,
    dense: UserTrain,
    tickets: Sequence[Ticket],
    controls: Sequence[str],
    seed: int,
    rewound: At | None,
) -> Iterator[Row]:
    def row(nodes: dict[str, Node], **labels: str | float) -> Row:
        usual = {"protocol": label, "activation": "", "method": method, "control": "", "sparsity": 0.0, "seed": seed}
        return Row(labels={**usual, **labels}, nodes=nodes)

    yield row({"train": dense, "promises": Promises(run=dense, rewound=rewound)}, method="dense")
    for ticket in tickets:
        level = level_of(getattr(ticket.mask, "sparsity", None))
        sparsity = float(ticket.round) if level is None else level
        runs = {"": ticket.run, **{word: control(word, ticket, seed) for word in controls}}
        for word, run in runs.items():
            nodes: dict[str, Node] = {"train": run}
            if not isinstance(run.mask, Dense):
                held = MaskOf(of=run) if run.recipe.during else run.mask
                of = {"dense": dense.final, "ticket": run.final, "mask": held}
                nodes["prune"] = run.mask if isinstance(run.mask, Prune) else ticket.mask
                nodes["distances"] = Measure(quantity=Distances(), of=of)
            yield row(nodes, control=word.replace("-", " "), sparsity=sparsity)
