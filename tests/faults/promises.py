"""What lotterylab promises about faults: the table of docs/reliability.md is made from this and from the results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One promise.  ``tests``: paths from the root; ``schedules``: how the names of the schedules begin that measure
    it; none: the number of its tests is its figure."""

    name: str
    text: str
    tests: tuple[str, ...]
    schedules: tuple[str, ...] = ()


PROMISES = (
    Promise(
        name="R1",
        text="After a kill at any instant, the same command finishes. Weights, masks and metrics have the same bits.",
        tests=("tests/faults/test_kills.py", "tests/faults/test_random_kills.py"),
        schedules=("kill before", "kill after", "random kills"),
    ),
    Promise(
        name="R2",
        text="No file is ever half-written under its final name, and no leftover of a write stays.",
        tests=("tests/faults/test_kills.py", "tests/faults/test_errors.py"),
        schedules=("kill before", "kill after", "E"),
    ),
    Promise(
        name="R3",
        text="Every byte that is read is checked. Damage is named, set aside and computed again.",
        tests=("tests/faults/test_damage.py", "tests/engine/test_verify.py", "tests/engine/test_mending.py"),
        schedules=("one flipped bit", "swapped files", "cut, emptied", "lost folders"),
    ),
    Promise(name="R4", text="Several machines compute in one store.", tests=()),
    Promise(
        name="R5",
        text="A full disk, a quota or a read-only disk ends in a sentence. Nothing is lost, and the run goes on later.",
        tests=("tests/faults/test_full_disks.py", "tests/faults/test_errors.py"),
        schedules=("disks full", "files that may not grow", "the command on a full disk", "E", "errors at each call"),
    ),
    Promise(
        name="R6",
        text="A run that diverges is noticed, is marked in every table, and does not stop the others.",
        tests=("tests/training/test_loop.py", "tests/audit/test_alarms.py"),
    ),
    Promise(
        name="R7",
        text="A misspelt option or key is refused before any training, with its place and the nearest right word.",
        tests=("tests/test_cli.py", "tests/commands/test_line.py", "tests/test_errors.py"),
    ),
    Promise(
        name="R8",
        text="A hostile ledger, store, checkpoint, parameter file or archive runs no code, changes nothing outside of "
        "the store and the named outputs, and takes bounded memory.",
        tests=(
            "tests/faults/test_hostile_ledgers.py",
            "tests/faults/test_hostile_stores.py",
            "tests/faults/test_bundles.py",
            "tests/faults/test_watch.py",
            "tests/faults/test_fuzz.py",
        ),
        schedules=("hostile", "damaged archives", "watched", "fuzzing"),
    ),
    Promise(
        name="R9",
        text="Pruned weights are exactly zero after every step, and sparsity is counted.",
        tests=("tests/training/test_held.py", "tests/laws/test_pairwise.py", "tests/masks/test_algebra.py"),
    ),
    Promise(
        name="R10",
        text="A change of code version, data or settings gives a result another name. Older stores stay readable.",
        tests=("tests/plan/test_digest.py", "tests/engine/test_old_stores.py"),
    ),
    Promise(
        name="R11",
        text="Ctrl-C and SIGTERM save a checkpoint and end with exit code 130 or 143.",
        tests=("tests/engine/test_local.py",),
    ),
    Promise(
        name="R12",
        text="The report loads nothing from the network and shows the numbers of the results.",
        tests=("tests/report/test_page.py",),
    ),
    Promise(
        name="R13",
        text="A worker that is lost or hangs is replaced, and a task is tried a limited number of times.",
        tests=("tests/faults/test_random_kills.py",),
        schedules=("random kills: workers", "stopped", "a clock that jumps"),
    ),
    Promise(
        name="R14",
        text="Results do not depend on the number of workers or on the order of tasks.",
        tests=("tests/engine/test_local.py", "tests/faults/test_random_kills.py"),
        schedules=("random kills",),
    ),
    Promise(
        name="R15",
        text="Dependencies are few, have tested lower bounds without known holes, and can be installed by hash.",
        tests=("tests/test_dependencies.py", "tests/test_lock.py"),
    ),
)
