"""The command ``lotterylab``: it finds the command and the study, and guards output, signals and errors."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from textwrap import fill
from typing import Any

from lotterylab.asking.catalogue import STUDIES, check_study
from lotterylab.commands.table import COMMANDS, FORMS, LOOPS, OF_A_STUDY, TELL, THAT_LOOK, kind_of, kind_of_loop
from lotterylab.errors import LotteryError, UsageError, unknown
from lotterylab.system import ending, streams
from lotterylab.system.interrupts import Hearing
from lotterylab.system.refusals import explained, is_of_the_system, refusal
from lotterylab.version import __version__

HELP = """\
lotterylab: find, train, compare, audit and explain sparse subnetworks

  lotterylab plan STUDY         the runs that would be trained, and their time
  lotterylab run STUDY          train the missing runs; goes on after a stop
  lotterylab status STUDY       the runs that are done, begun, failed and left
  lotterylab table STUDY        the results as a table
  lotterylab report STUDY       the results as an offline page, figures and CSV
  lotterylab report --all       the reports of all folders below results/
  lotterylab checkpoints STUDY  the runs as a folder of checkpoints
  lotterylab cite STUDY         BibTeX of the works behind it
  lotterylab diff A B           two results side by side
  lotterylab again DIGEST       one result of a ledger, computed again
  lotterylab compare FILE       the arms of any results.csv, paired by seed
  lotterylab audit FOLDER       faults of checkpoints; START END: two of them
  lotterylab verify             compare all files of the store with their hashes
  lotterylab store list         what a store holds; table, status and report
                                --store FOLDER show tickets of your own loop
  lotterylab store gc           remove files that no result needs; also reindex
  lotterylab store export STUDY the study with its tensors as one file
  lotterylab store import FILE  such a file into your store
  lotterylab data fetch NAME    a data set from its own site, checked
  lotterylab list WHAT          methods, models, data, studies, activations...
  lotterylab explain WORD       what a term, an alarm or a column means
  lotterylab completion SHELL   completion for bash, zsh or fish

{studies}
Options: lotterylab run activations --help. Version: lotterylab --version.

Exit codes: 0 done; 1 internal error; 2 wrong usage; 3 some runs failed, or an
audit found faults; 4 the system refused (disk full or read-only, no locks, no
processes); 5 damage in the store; 6 refused (store in use, or newer); 129, 130
or 143 interrupted: the same command goes on; 141 the output has no reader.
"""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Switch the search for cyclic garbage off within the block.

    A plan and its records are a million objects that live until the command ends.  The search would go through them
    again and again, for a third of the time of ``table``.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # to and fro: all objects count as old, so that the next search does not go through them
        gc.unfreeze()
        if collecting:
            gc.enable()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.  ``arguments``: by default those of the process."""
    if arguments is None:
        streams.open_standard_streams()
        arguments = sys.argv[1:]
        signals = _interruptible()
        try:
            code = _guarded(list(arguments), signals)
            if threading.current_thread() is threading.main_thread():
                # nothing is left to do: an interrupt during the exit prints nothing
                signal.signal(signal.SIGINT, signal.SIG_DFL)
        except KeyboardInterrupt:
            code = 128 + (signals[0] if signals else signal.SIGINT)
        return code
    return _guarded(list(arguments), [])


def program() -> int:
    """Run ``main`` for the process; commands that only read end without freeing their objects."""
    if sys.argv[1:2] and sys.argv[1] in THAT_LOOK:
        ending.is_near()
    code = main()
    ending.leave(code)
    return code


def _guarded(given: list[str], signals: list[int]) -> int:
    """Return the exit code of a command whose output may be lost, and which may be interrupted.

    Output that only reports progress may be lost in silence: all of stderr, and stdout of the commands in ``TELL``.  If
    the output is the result of a command and its reader is gone, the command ends, with 141 for a closed pipe.
    """
    silent = streams.has_no_reader if given and given[0] in TELL else lambda error: False
    try:
        with streams.guarded(out=silent):
            try:
                code = _reported(given)
            finally:
                sys.stdout.flush()
            return code
    except streams.OutputLost as lost:
        if streams.is_closed_pipe(lost.error):
            return 128 + signal.SIGPIPE
        refused = refusal(lost.error, "to write to the standard output")
        with streams.guarded():
            print(f"lotterylab: {refused}", file=sys.stderr)
        return refused.exit_code
    except KeyboardInterrupt:
        return 128 + (signals[0] if signals else signal.SIGINT)
    except Exception:
        if signals:  # a library has made another error of the interrupt
            return 128 + signals[0]
        raise


def _reported(given: list[str]) -> int:
    """Return the exit code of a command; an error that is not a fault of the program becomes a message."""
    try:
        with _uncollected() if given[:1] and given[0] in THAT_LOOK else nullcontext():
            return _dispatch(given)
    except LotteryError as error:
        failed = error
    except Exception as error:
        if not isinstance(error, OSError) and not is_of_the_system(error):
            raise
        failed = explained(error)
    print(f"lotterylab: {failed}", file=sys.stderr)
    return failed.exit_code


def _interruptible() -> list[int]:
    """Make the signals that ask to stop raise ``Interrupted``, and return the list of those heard.

    ``engine.local`` handles them differently while it computes.
    """
    hearing = Hearing()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                signal.signal(number, hearing)
    return hearing.heard


def _written_by(command: Any, store: str | None) -> list[str]:
    """Return the files and folders that a command writes.  ``store``: the folder that the environment names."""
    place = getattr(command, "place", None)
    paths = [getattr(command, "out", None), getattr(command, "html", None)]
    if place:
        paths += [place.store or store or "lotterylab-store", place.ledger]
    return [os.path.expanduser(path) for path in paths if path]


def _studies() -> str:
    """Return the names of the studies, for a terminal of 80 columns."""
    known = f"Studies: {', '.join(STUDIES)}; or package.module:NAME, your own study."
    return fill(known, 79, break_on_hyphens=False)


def _names_a_store_alone(words: list[str]) -> bool:
    """Tell whether a command is asked for tickets of a user's own loop: a store is named, and no study."""
    names = [word.partition("=")[0] for word in words]
    values = [number + 1 for number, word in enumerate(words) if word in ("--store", "--plan", "--out")]
    others = [word for number, word in enumerate(words) if number not in values and not word.startswith("-")]
    first = bool(words) and words[0].startswith("-")
    return first and not {"--store", "--plan"}.isdisjoint(names) and not any(map(_is_study, others))


def _is_study(word: str) -> bool:
    return word in STUDIES or ":" in word


def _study_first(program: str, words: list[str]) -> UsageError:
    """Return the error for an option that stands before the study, with the command in the right order."""
    study = next(filter(_is_study, words), "STUDY")
    options = shlex.join(word for word in words if word != study)
    correct = f"{program} {study} {options}"
    return UsageError(f"the option {words[0]} was given before the study. Put the study first: {correct}")


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(HELP.replace("{studies}", _studies()), end="")
        return 0
    if given[0] in ("-V", "--version"):
        print(f"lotterylab {__version__}")
        return 0
    command, rest = given[0], given[1:]
    if command not in COMMANDS:
        if command in STUDIES:
            raise UsageError(f"'{command}' is a study, which a command works on: lotterylab run {shlex.join(given)}")
        raise unknown("command", command, ("--help", "--version") if command.startswith("-") else COMMANDS)
    forms = FORMS.get(command, {})
    form = next((word for word in forms if word in (rest if word.startswith("-") else rest[:1])), "")
    program, study, kind = f"lotterylab {command}", "", kind_of(command, form)
    if form:
        rest.remove(form)
        program = f"{program} {form}"
    if command in LOOPS and not form and _names_a_store_alone(rest):
        kind = kind_of_loop(command)
    elif form == "export" or (command in OF_A_STUDY and not form):
        if not rest or rest[0] in ("-h", "--help", "help"):
            others = [f"       {program} {word} [options]\n" for word in forms if word.startswith("-")]
            others += [f"       {program} --store FOLDER [options]  (tickets of your own loop)\n"] * (command in LOOPS)
            print(f"usage: {program} STUDY [options]\n{''.join(others)}\n{_studies()}")
            return 0 if rest else 2
        if rest[0].startswith("-"):
            raise _study_first(program, rest)
        study, rest = rest[0], rest[1:]
        check_study(study)
        program = f"{program} {study}"
    from lotterylab.commands import line
    from lotterylab.commands.shared import STORE

    try:
        chosen = line.command(kind, rest, program=program, study=study)
        try:
            return chosen()
        except OSError as error:
            raise explained(error, _written_by(chosen, os.environ.get(STORE))) from error
    except UsageError as error:
        raise line.placed(error, rest) from error
