"""Alarms about a training and its results are pure functions of plain numbers, like ``auditing.alarms``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

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
    """Raise a fault if removed weights are not 0 at the end of training.

    Args:
        moved: the number of removed weights that are not 0 at the end.
        removed: the number of removed weights.
        entries: the number of weights in the mask.
        left: the sparsity of the end state.
        largest: the largest |w| among the moved weights, if known.
        layers: the layers of the moved weights, if known.
        where: the arm.
    """
    if not moved:
        return []
    known = [f"largest |w| {largest:.3g}"] if largest is not None else []
    known += [f"in {listed(layers)}"] if layers else []
    more = f" ({'; '.join(known)})" if known else ""
    message = (
        f"{moved:,} of {removed:,} removed weights ({percent(moved / removed)}) are not 0 at the end{more}: the mask "
        f"was not held, and {percent(left)} of {entries:,} entries are 0 instead of {percent(removed / entries)}"
    )
    return one("moved", message, where, "fault")


def refilled(*, refilled: int, removed: int, names: Sequence[str] = (), where: str = "") -> list[Alarm]:
    """Raise a fault if merging low-rank adapters (LoRA) fills removed weights: W + B A is not 0 where W is.

    Args:
        refilled: the number of removed weights at which the product of the adapters is not 0.
        removed: the number of removed weights in these tensors.
        names: the tensors.
        where: the arm.
    """
    if not refilled:
        return []
    message = (
        f"merging the adapters fills {refilled:,} of {removed:,} removed weights ({percent(refilled / removed)}, in "
        f"{listed(names)}): mask the merged weights, or keep the adapters apart"
    )
    return one("merge-refills", message, where, "fault")


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
    """Raise an alarm if training did not start from mask * initial state.

    It is a fault if ``nonzero`` removed entries are not 0 at the start, or ``changed`` kept entries differ from the
    initial state.  It is a caution if the kept entries are the dense network's (``is_dense``, fine-tuning), or if only
    parameters ``outside`` the mask, such as biases, were not reset.
    """
    alarms = []
    if nonzero:
        message = f"{nonzero:,} of {removed:,} removed entries are not 0 at the start: the mask was not applied"
        alarms += one("start-not-initial", message, where, "fault")
    if changed:
        state = "equal the dense network's: fine-tuned, not" if is_dense else "differ from the initial state: not"
        message = f"at the start {changed:,} of {kept:,} kept entries {state} reset"
        alarms += one("start-not-initial", message, where, "caution" if is_dense else "fault")
    if outside and not changed:
        message = f"the kept weights were reset, but not {listed(outside)}"
        alarms += one("start-not-initial", message, where, "caution")
    return alarms


def never_left_chance(
    *, accuracy: float, classes: int, images: int, train_accuracy: float | None = None, where: str = ""
) -> list[Alarm]:
    """Raise a fault if the accuracy is at most 3 standard errors above chance.

    Chance is guessing among equally frequent classes on ``images`` test images.  A network whose training accuracy is
    above the limit has left chance, since it memorised its training set.
    """
    chance = 1 / classes
    limit = chance + 3 * (chance * (1 - chance) / images) ** 0.5
    if accuracy > limit or (train_accuracy is not None and train_accuracy > limit):
        return []
    message = f"accuracy {accuracy:.4f} on {images:,} images is not above {limit:.4f}, chance and 3 standard errors"
    return one("never-left-chance", f"{message}: the network never learned", where, "fault")


def diverged(*, names: Sequence[str] = (), epoch: int | None = None, where: str = "") -> list[Alarm]:
    """Raise a fault if tensors ``names`` are not finite at the end, or the loss stopped being finite in ``epoch``."""
    if not names and epoch is None:
        return []
    parts = [f"the loss stopped being finite in epoch {epoch}"] if epoch is not None else []
    parts += [f"not finite at the end: {listed(names)}"] if names else []
    return one("diverged", "; ".join(parts), where, "fault")


def selection_on_test(*, picked: str = "", test_reads: int | None = None, where: str = "") -> list[Alarm]:
    """Raise a fault if the test set picked the reported epoch, and a caution if it was read too often.

    The test set may be read once; twice if validation picked an epoch, there and at the end.
    """
    if picked == "test":
        message = "the test set picked the reported epoch: the accuracy is optimistic"
        return one("selection-on-test", message, where, "fault")
    allowed, word = (2, "twice") if picked else (1, "once")
    if test_reads is not None and test_reads > allowed:
        return one("selection-on-test", f"the test set was read {test_reads} times, not {word}", where, "caution")
    return []


def different_order(orders: Mapping[str, str], *, where: str = "") -> list[Alarm]:
    """Raise a caution if compared arms differ in ``orders``, the fingerprints of their data orders."""
    groups = {order: [name for name, other in orders.items() if other == order] for order in orders.values()}
    if len(groups) < 2:
        return []
    sides = " | ".join(", ".join(names) for names in groups.values())
    message = f"the arms saw different data orders ({sides}): the order may explain a difference between them"
    return one("different-order", message, where, "caution")


def scored_on_trained(is_so: bool, *, method: str = "the criterion", where: str = "") -> list[Alarm]:
    """Raise a fault if a criterion defined at initialisation scored a trained state (``is_so``): another method."""
    message = f"{method} is defined at initialisation, but it scored a trained network"
    return one("scored-on-trained", message, where, "fault") if is_so else []


def broken_promises(texts: Sequence[str], *, where: str = "") -> list[Alarm]:
    """Raise a fault for each text "code: message" about a promise that a user's training function broke."""
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
    judged_in_training: Sequence[str] = (),
    where: str = "",
) -> list[Alarm]:
    """Raise faults for user functions that are not functions of the seed and the step.

    Args:
        repeats: two calls of ``train_fn`` with the same seed gave the same bits.
        goes_on: two calls that share the steps gave the bits of one call.
        steps: the number of steps in this check.
        init_repeats: ``init_fn`` gave the same weights twice for the same seed.
        init_varies: ``init_fn`` gave different weights for another seed.
        order_varies: ``train_fn`` gave different bits for another seed.  If not, the alarm is a caution, because full
            batches have no order to seed.
        eval_repeats: ``eval_fn`` gave the same numbers twice.
        judged_in_training: layers that acted as in training while ``eval_fn`` judged.
        where: the arm.
    """
    alarms = []
    if not init_repeats:
        message = "init_fn gave different weights in two calls with the same seed: seed its draws by the argument"
        alarms += one("seed-forgotten", message, where, "fault")
    elif not init_varies:
        message = "init_fn gives the same weights for the next seed: several seeds would be one initialisation"
        alarms += one("seed-ignored", message, where, "fault")
    if not repeats:
        message = (
            f"two calls of train_fn for {steps} steps, from the same state with the same seed, gave different bits: "
            "seed the draws of each step (run.batches does)"
        )
        alarms += one("seed-forgotten", message, where, "fault")
    elif not goes_on:
        message = (
            f"{steps} steps in two calls differ from the same steps in one call: make a step's batch and learning rate "
            "from seed and step (run.batches does, and run.hold for the schedule)"
        )
        alarms += one("steps-not-continued", message, where, "fault")
    if repeats and not order_varies:
        message = "train_fn gives the same bits for another run.seed: the seeds differ only in their initial weights"
        alarms += one("order-seed-ignored", message, where, "caution")
    if not eval_repeats:
        message = "eval_fn gave different numbers in two calls for the same network: seed its draws"
        alarms += one("judgement-not-repeated", message, where, "fault")
    if judged_in_training:
        message = (
            f"eval_fn judges the network in training mode ({', '.join(judged_in_training)}), so its numbers depend on "
            "the batches or on chance: call module.eval() first"
        )
        alarms += one("judged-in-training-mode", message, where, "fault")
    return alarms


def choice_at_edge(*, value: float, values: Sequence[float], where: str = "") -> list[Alarm]:
    """Raise a caution if the chosen value is the smallest or the largest: a better value may lie beyond."""
    message = _edge(value, tuple(values))
    return one("choice-at-edge", message, where, "caution") if message else []


@lru_cache  # thousands of rows share a choice
def _edge(value: float, values: tuple[float, ...]) -> str:
    if len(values) < 2 or min(values) < value < max(values):
        return ""
    end = "smallest" if value == min(values) else "largest"
    return f"{value:g} was chosen, the {end} of {', '.join(f'{other:g}' for other in values)}: widen the choice"


def drawn_by_chance(*, name: str, limit: float, chance: float, where: str = "") -> list[Alarm]:
    """Raise a caution if an Early-Bird rule would take random masks for settled ones.

    ``limit``: the largest distance of two masks that it takes for settled; ``chance``: the expected distance of two
    random masks of the same size.  The caution begins at half of the chance.
    """
    if limit < chance / 2:
        return []
    message = (
        f"{name} takes masks for settled that differ in {limit:g} of the channels; two random masks of this size "
        f"differ in {chance:.3g}. Use relative=True, or a smaller distance."
    )
    return one("drawn-by-chance", message, where, "caution")
