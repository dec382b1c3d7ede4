"""A user's own plan: pinned data, its price, its run, its results and its citations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.data.base import data_dir
from lotterylab.engine import results as stored
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.from_python.studies import computed
from lotterylab.from_python.watching import Kind
from lotterylab.own_code.arguments import described
from lotterylab.plan.nodes import Data, Train
from lotterylab.plan.plan import Label, Plan, Row
from lotterylab.protocols import DataSpec
from lotterylab.reading.rows import Rows
from lotterylab.report.citations import bibtex, entries, keys_of
from lotterylab.report.pace import pace_of
from lotterylab.report.price import cost, epochs, missing, seconds, trainings

if TYPE_CHECKING:
    from lotterylab.engine.results import Result


def pinned(spec: DataSpec, folder: str | None = None) -> Data:
    """Return a data set together with the SHA-256 of its content, as a plan needs it.

    Args:
        spec: the data set and its numbers of images, such as ``lotterylab.data.Digits()``.
        folder: the folder of the data files; by default the environment variable ``LOTTERYLAB_DATA``.

    Raises:
        UsageError: the files are missing or damaged.

    Examples:
        >>> import lotterylab as ll
        >>> ll.plan.pinned(ll.data.Digits()).content[:12]
        '0c7f91a9fa5c'
    """
    return Data(spec=spec, content=spec.fingerprint(data_dir(folder)).content)


@dataclass(frozen=True, kw_only=True)
class Price:
    """A ``Price`` holds what is left to compute of a plan; ``print`` shows it.

    Args:
        trainings: runs to train, dense and pruned.
        epochs: passes over the training images, at most: equal runs are trained once, and interventions may end runs
            early.
        tasks: everything to compute: trainings, masks and measures.
        seconds: the estimated time of the trainings here; None if nothing has to be trained.
        text: the same in words.

    Examples:
        >>> Price(trainings=0, epochs=0.0, tasks=0, seconds=None, text="Nothing is left to train.")
        Nothing is left to train.
    """

    trainings: int
    epochs: float
    tasks: int
    seconds: float | None
    text: str

    def __repr__(self) -> str:
        return self.text


def comparison(name: str, arms: Mapping[str, Mapping[int, Train]]) -> Plan:
    """Return a plan with one row for each arm and seed.

    A row has the labels "arm" and "seed", and its training is the part "train".  For other rows build a ``Plan`` of
    ``Row`` values.

    Args:
        name: what the plan is called.
        arms: arm -> seed -> its training.

    Raises:
        UsageError: the runs of an arm are not by seed, or one is not a ``Train``.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> runs = {s: ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=s) for s in range(2)}
        >>> [dict(row.labels) for row in ll.plan.comparison("digits", {"dense": runs}).rows]
        [{'arm': 'dense', 'seed': 0}, {'arm': 'dense', 'seed': 1}]
    """
    for arm, runs in arms.items():
        if not isinstance(runs, Mapping):
            raise UsageError(f"the arm '{arm}' is {described(runs)}; give its runs by seed: {{'{arm}': {{0: run}}}}.")
        for seed, run in runs.items():
            if not isinstance(run, Train):
                raise UsageError(
                    f"the run of the arm '{arm}' and seed {seed} is {described(run)}; give a Train, such as "
                    "lotterylab.plan.dense_run makes."
                )
    rows = [
        Row(labels={"arm": arm, "seed": seed}, nodes={"train": run})
        for arm, runs in arms.items()
        for seed, run in runs.items()
    ]
    return Plan(name=name, title=name, rows=tuple(rows))


def by_arm(rows: Iterable[Result], number: str) -> dict[Label, dict[int, float]]:
    """Return arm -> seed -> number for the finished rows of a ``comparison``, as ``lotterylab.statistics`` takes it.

    Args:
        rows: results with the labels "arm" and "seed".
        number: part and metric, such as "train.test_accuracy".  Rows without it, such as unfinished ones, are left out.

    Raises:
        UsageError: rows are finished, and none of them has the number.

    Examples:
        >>> from lotterylab.engine.results import Result
        >>> by_arm([Result(labels={"arm": "dense", "seed": 0}, records={})], "train.test_accuracy")
        {}
    """
    table = Rows(rows)
    by_arm = {arm: values for arm, of_arm in table.by("arm").items() if (values := of_arm.per_seed(number))}
    if not by_arm and (reason := table.unknown_number(number)):
        raise reason
    return by_arm


def price(plan: Plan, store: str | Path, *, workers: int = 0, folder: str | None = None) -> Price:
    """Return the price of the part of a plan that is not computed yet.

    The pace is that of the plan's finished runs; of kinds of runs that have none, a few steps are timed.

    Args:
        plan: rows of nodes.
        store: the folder of results; it need not exist.
        workers: as in ``run``.
        folder: the folder of the data files; by default the environment variable ``LOTTERYLAB_DATA``.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> run = ll.plan.dense_run(ll.models.LeNet300100(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> plan = ll.plan.comparison("one run", {"dense": {0: run}})
        >>> price = ll.plan.price(plan, "no-store-yet")
        >>> price.trainings, price.epochs, price.tasks
        (1, 3.0, 3)
    """
    place, workers = Store(store), max(1, workers)
    todo = missing(plan, place)
    pace, measured = pace_of(todo, plan.targets(), place, data_dir(folder))
    return Price(
        trainings=len(trainings(todo)),
        epochs=epochs(todo),
        tasks=len(todo),
        seconds=seconds(todo, pace, workers),
        text="\n".join(cost(todo, workers=workers, pace=pace, measured=measured)),
    )


def run(
    plan: Plan,
    store: str | Path,
    *,
    workers: int = 0,
    folder: str | None = None,
    device: str = "cpu",
    progress: Kind = "auto",
) -> Sequence[Result]:
    """Compute the missing parts of a plan, and return its rows with their numbers.

    Finished results are kept in ``store`` and never computed twice.  After a stop, the same call goes on.

    Args:
        plan: rows of nodes.
        store: the folder of results; it is made if it does not exist.
        workers: 0 computes in this process, which knows the models and criteria that are defined in it; a number
            shares the work among as many processes.  A script that defines models or criteria itself has to call this
            under ``if __name__ == "__main__"`` then.
        folder: the folder of the data files; by default the environment variable ``LOTTERYLAB_DATA``.
        device: the device of the trainings: "cpu", "cuda" or "cuda:N".
        progress: on stderr: "bars"; "plain", a line every ten seconds; "none"; "auto": bars on a terminal, lines in a
            notebook, and nothing elsewhere.

    Returns:
        One result a row, in the plan's order: ``labels``, and ``metric("train.test_accuracy")`` for the number
        "test_accuracy" of the part "train".

    Raises:
        LotteryError: a task failed; finished results are kept.
        RefusedError: another process computes in the store.
        KeyboardInterrupt: the run was interrupted.

    Examples:
        >>> import lotterylab as ll
        >>> row = ll.plan.Row(labels={}, nodes={"mask": ll.plan.Dense(model=ll.models.LeNet300100())})
        >>> plan = ll.plan.Plan(name="a mask", rows=(row,))
        >>> (row,) = ll.plan.run(plan, "my-store")
        >>> row.complete
        True
    """
    return computed(plan, Store(store), data_dir=data_dir(folder), workers=workers, device=device, progress=progress)


def results(plan: Plan, store: str | Path) -> Sequence[Result]:
    """Return the rows of a plan with the numbers that a store has for them; nothing is computed.

    Args:
        plan: rows of nodes.
        store: the folder of results.

    Returns:
        One result a row, in the plan's order; ``complete`` says whether all its parts are finished.

    Examples:
        >>> import lotterylab as ll
        >>> row = ll.plan.Row(labels={}, nodes={"mask": ll.plan.Dense(model=ll.models.LeNet300100())})
        >>> plan = ll.plan.Plan(name="a mask", rows=(row,))
        >>> [row.missing for row in ll.plan.results(plan, "no-store-yet")]
        [('mask',)]
    """
    return Rows(stored.results(plan, Store(store)))


def cite(plan: Plan) -> str:
    """Return the BibTeX entries of the works behind everything that a plan is made of.

    Args:
        plan: rows of nodes.

    Examples:
        >>> import lotterylab as ll
        >>> row = ll.plan.Row(labels={}, nodes={"mask": ll.plan.Dense(model=ll.models.LeNet300100())})
        >>> plan = ll.plan.Plan(name="a mask", rows=(row,))
        >>> [line for line in ll.plan.cite(plan).splitlines() if line.startswith("@")][0]
        '@article{lecun1998gradient,'
    """
    return bibtex(keys_of(plan.targets()), entries())
