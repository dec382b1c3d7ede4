"""Alarms about a training and what was made of it, from plain numbers as those of ``audit.alarms``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotterylab.auditing.alarms import Alarm, listed, one, percent


def moved(
    *,
    moved: int,
    removed: int,
    entries: int,
    left: float,
    largest: float | None = None,
    layers: Sequence[str] = (),
    where: str = "",
) -> list[Alarm]:
    """``moved`` of ``removed`` weights are not 0 at the end, a fault from one on.

    ``left``: the sparsity of the end state.  ``largest``: the largest |w| among those that moved, in ``layers``; both
    are told where they are known.
    """
    if not moved:
        return []
    known = [f"largest |w| {largest:.3g}"] if largest is not None else []
    known += [f"in {listed(layers)}"] if layers else []
    more = f" ({'; '.join(known)})" if known else ""
    message = (
        f"{moved:,} of {removed:,} removed weights ({percent(moved / removed)}) are not 0 at the end{more}: nothing "
        f"held the mask, and of {entries:,} entries {percent(left)} are 0 instead of {percent(removed / entries)}"
    )
    return one("moved", message, where, "fault")


def start_not_initial(
    *,
    changed: int,
    kept: int,
    nonzero: int,
    removed: int,
    is_dense: bool = False,
    outside: Sequence[str] = (),
    where: str = "",
) -> list[Alarm]:
    """Training did not start from mask * initial state.

    Faults: ``nonzero`` of the removed entries are not 0 at the start; ``changed`` of the kept ones are not the initial
    ones.  Only a caution where they are those of the dense network (``is_dense``), since fine-tuning is a method, and
    where only parameters beyond the mask (``outside``: biases) were not reset.
    """
    alarms = []
    if nonzero:
        message = f"{nonzero:,} of {removed:,} removed entries are not 0 at the start: the mask was not applied"
        alarms += one("start-not-initial", message, where, "fault")
    if changed:
        what = "are the dense network's: fine-tuned, not" if is_dense else "are not the initial ones: not"
        message = f"at the start {changed:,} of {kept:,} kept entries {what} reset"
        alarms += one("start-not-initial", message, where, "caution" if is_dense else "fault")
    if outside and not changed:
        message = f"the kept weights were reset, but not {listed(outside)}"
        alarms += one("start-not-initial", message, where, "caution")
    return alarms


def never_left_chance(
    *, accuracy: float, classes: int, images: int, train_accuracy: float | None = None, where: str = ""
) -> list[Alarm]:
    """Accuracy within 3 standard errors of guessing among equally frequent classes, on ``images`` test images; a fault.

    If the training accuracy is given, it has to be within the same limit: a network that learned its training set by
    heart did leave chance.
    """
    chance = 1 / classes
    limit = chance + 3 * (chance * (1 - chance) / images) ** 0.5
    if accuracy > limit or (train_accuracy is not None and train_accuracy > limit):
        return []
    message = f"accuracy {accuracy:.4f} on {images:,} images is not above {limit:.4f}, chance and 3 standard errors"
    return one("never-left-chance", f"{message}: the network never learned", where, "fault")


def diverged(*, names: Sequence[str] = (), epoch: int | None = None, where: str = "") -> list[Alarm]:
    """``names`` of tensors that are not finite at the end, or the ``epoch`` in which the loss stopped being finite."""
    if not names and epoch is None:
        return []
    parts = [f"the loss stopped being finite in epoch {epoch}"] if epoch is not None else []
    parts += [f"not finite at the end: {listed(names)}"] if names else []
    return one("diverged", "; ".join(parts), where, "fault")


def selection_on_test(*, picked: str = "", test_reads: int | None = None, where: str = "") -> list[Alarm]:
    """A fault if the split that ``picked`` the epoch is "test"; a caution if that was only read more than once.

    Where validation picked a moment, test may be read twice: there and at the end.
    """
    if picked == "test":
        return one("selection-on-test", "the test set picked what is reported: optimistic", where, "fault")
    allowed, word = (2, "twice") if picked else (1, "once")
    if test_reads is not None and test_reads > allowed:
        return one("selection-on-test", f"the test set was read {test_reads} times, not {word}", where, "caution")
    return []


def different_order(orders: Mapping[str, str], *, where: str = "") -> list[Alarm]:
    """Arms by name, each with a fingerprint of its data order: a caution where arms to be compared differ in it."""
    groups = {order: [name for name, other in orders.items() if other == order] for order in orders.values()}
    if len(groups) < 2:
        return []
    sides = " | ".join(", ".join(names) for names in groups.values())
    message = f"the arms saw different data orders ({sides}): a difference between them may be the order's"
    return one("different-order", message, where, "caution")


def scored_on_trained(is_so: bool, *, method: str = "the criterion", where: str = "") -> list[Alarm]:
    """``is_so``: a criterion documented for the initial state scored a trained one.  A fault: it is another method."""
    message = f"{method} is defined at initialisation, but it scored a trained network"
    return one("scored-on-trained", message, where, "fault") if is_so else []


def broken_promises(texts: Sequence[str], *, where: str = "") -> list[Alarm]:
    """What a user's training function did that it should not: "code: what", a fault each."""
    alarms = []
    for text in texts:
        code, _, message = text.partition(": ")
        alarms += one(code, message, where, "fault")
    return alarms


def forgetful(
    *,
    repeats: bool,
    goes_on: bool,
    steps: int,
    init_repeats: bool = True,
    init_varies: bool = True,
    order_varies: bool = True,
    eval_repeats: bool = True,
    where: str = "",
) -> list[Alarm]:
    """A training function that does not do the same for the same seed, or not the same in two calls as in one; initial
    weights that are not a function of the seed; a judgement that is another one when it is made again.

    These are faults: nothing they give can be repeated or rewound to, or several seeds are one.  A training that is the
    same for another seed is a caution, since whoever has no data order has nothing to seed.
    """
    alarms = []
    if not init_repeats:
        message = "init_fn gave other weights when it was called again with the same seed: seed its draws by it"
        alarms += one("seed-forgotten", message, where, "fault")
    elif not init_varies:
        message = "init_fn gives the weights of the next seed too: several seeds would be one initialisation"
        alarms += one("seed-ignored", message, where, "fault")
    if not repeats:
        message = (
            f"two calls of train_fn for {steps} steps, from the same state with the same seed, gave different bits: "
            "seed what each step draws (run.batches does)"
        )
        alarms += one("seed-forgotten", message, where, "fault")
    elif not goes_on:
        message = (
            f"{steps} steps in two calls are not those of one: make a step's batch and rate from seed and step "
            "(run.batches, and run.hold of the schedule, do)"
        )
        alarms += one("steps-not-continued", message, where, "fault")
    if repeats and not order_varies:
        message = "train_fn gives the same bits for another run.seed: the seeds differ in their initial weights alone"
        alarms += one("order-seed-ignored", message, where, "caution")
    if not eval_repeats:
        message = "eval_fn gave other numbers for the same network when it was called again: seed what it draws"
        alarms += one("judgement-not-repeated", message, where, "fault")
    return alarms


def choice_at_edge(*, value: float, values: Sequence[float], where: str = "") -> list[Alarm]:
    """The best of several values is the first or the last of them, a caution: a better one may lie beyond."""
    if len(values) < 2 or min(values) < value < max(values):
        return []
    end = "smallest" if value == min(values) else "largest"
    message = f"{value:g} was chosen, the {end} of {', '.join(f'{one:g}' for one in values)}: widen the choice"
    return one("choice-at-edge", message, where, "caution")
