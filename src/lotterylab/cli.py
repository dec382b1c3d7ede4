"""The command ``lotterylab``: which command, which study; the options are typed in ``commands``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from textwrap import fill

from lotterylab.errors import LotteryError, UsageError, unknown
from lotterylab.studies.catalogue import HOMES as STUDY_HOMES

HELP = """\
lotterylab: find, train, compare, audit and explain sparse subnetworks

  lotterylab plan STUDY         what would be trained, and for about how long
  lotterylab run STUDY          train what is missing; goes on after a stop
  lotterylab status STUDY       what is done, begun, failed and left
  lotterylab table STUDY        the results as a table
  lotterylab report STUDY       the results as an offline page, figures and CSV
  lotterylab checkpoints STUDY  the runs as a folder of checkpoints
  lotterylab cite STUDY         BibTeX of the works behind it
  lotterylab diff A B           two results side by side
  lotterylab audit FOLDER       what is wrong with the checkpoints in a folder
  lotterylab verify             compare all files of the store with their hashes
  lotterylab store gc           remove what nothing needs; also reindex
  lotterylab store export STUDY the study with its tensors as one file
  lotterylab store import FILE  such a file into your store
  lotterylab data fetch NAME    a data set from its own site, checked
  lotterylab list WHAT          methods, models, data, studies, activations...
  lotterylab completion SHELL   completion for bash, zsh or fish

{studies}
Options: lotterylab run activations --help. Version: lotterylab --version.

Exit codes: 0 done; 1 internal error; 2 wrong usage; 3 some runs failed, or an
audit found faults; 5 damage in the store; 6 refused (store in use, or newer);
130 or 143 interrupted: the same command goes on.
"""
STUDIES = tuple(STUDY_HOMES)
HOMES = {  # command -> module of commands and class
    "plan": ("study", "Plan"),
    "run": ("study", "Run"),
    "status": ("watch", "Status"),
    "table": ("study", "Table"),
    "report": ("study", "Report"),
    "checkpoints": ("study", "Checkpoints"),
    "cite": ("cite", "Cite"),
    "diff": ("compare", "Diff"),
    "audit": ("checks", "Audit"),
    "verify": ("checks", "Verify"),
    "store": ("store", "Upkeep"),
    "data": ("data", "Data"),
    "list": ("listing", "List"),
    "completion": ("completion", "Completion"),
}
COMMANDS = tuple(HOMES)
OF_A_STUDY = ("plan", "run", "status", "table", "report", "checkpoints", "cite")


def kind_of(command: str) -> type:
    """The class of a command."""
    module, name = HOMES[command]
    return getattr(import_module(f"lotterylab.commands.{module}"), name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(given)
    except LotteryError as error:
        print(f"lotterylab: {error}", file=sys.stderr)
        return error.exit_code
    except (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        print(f"lotterylab: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads our output has gone (| head)
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


def _studies() -> str:
    """The names of the studies, for a terminal of 80 columns."""
    return fill(f"Studies: {', '.join(STUDIES)}.", 79, break_on_hyphens=False)


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(HELP.replace("{studies}", _studies()), end="")
        return 0
    if given[0] in ("-V", "--version"):
        from lotterylab import __version__

        print(f"lotterylab {__version__}")
        return 0
    command, rest = given[0], given[1:]
    if command not in COMMANDS:
        raise unknown("command", command, COMMANDS)
    program, study, kind = f"lotterylab {command}", STUDIES[0], kind_of(command)
    if command == "store" and rest[:1] == ["export"]:
        from lotterylab.commands.store import Export

        program, rest, kind = f"{program} export", rest[1:], Export
    if command in OF_A_STUDY or program.endswith(" export"):
        if not rest or rest[0] in ("-h", "--help"):
            print(f"usage: {program} STUDY [options]\n\n{_studies()}")
            return 0 if rest else 2
        study, rest = rest[0], rest[1:]
        if study not in STUDIES:
            raise unknown("study", study, STUDIES)
        program = f"{program} {study}"
    from lotterylab.commands import line

    try:
        return line.command(kind, rest, program=program, study=study)()
    except UsageError as error:
        raise line.placed(error, rest) from error
