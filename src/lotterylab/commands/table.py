"""The commands by name, and their kinds."""

from __future__ import annotations

from importlib import import_module

HOMES = {  # command -> module of commands and class
    "plan": ("study", "Plan"),
    "run": ("study", "Run"),
    "status": ("watch", "Status"),
    "table": ("study", "Table"),
    "report": ("study", "Report"),
    "checkpoints": ("study", "Checkpoints"),
    "cite": ("cite", "Cite"),
    "diff": ("compare", "Diff"),
    "compare": ("compare", "Compare"),
    "again": ("again", "Again"),
    "audit": ("checks", "Audit"),
    "verify": ("checks", "Verify"),
    "store": ("store", "Upkeep"),
    "data": ("data", "Data"),
    "list": ("listing", "List"),
    "explain": ("explain", "Explain"),
    "completion": ("completion", "Completion"),
}
FORMS = {  # command -> another form of it, by the word that asks for it: module of commands and class
    "report": {"--all": ("reports", "Reports")},
    "store": {"export": ("store", "Export"), "list": ("holdings", "Holdings")},
}
LOOPS = {  # command -> its form for tickets of a user's own loop, where no study is named
    "status": ("loops", "LoopStatus"),
    "table": ("loops", "LoopTable"),
    "report": ("loops", "LoopReport"),
}
COMMANDS = tuple(HOMES)
TELL = ("run", "report", "checkpoints", "store", "data")  # their output only reports their work
OF_A_STUDY = ("plan", "run", "status", "table", "report", "checkpoints", "cite")
THAT_LOOK = ("plan", "status", "table", "report", "cite", "diff")


def kind_of(command: str, form: str = "") -> type:
    """Return the class of a command, or of another form of it."""
    return _found(*(FORMS[command][form] if form else HOMES[command]))


def kind_of_loop(command: str) -> type:
    """Return the class of a command's form for tickets of a user's own loop."""
    return _found(*LOOPS[command])


def _found(module: str, name: str) -> type:
    return getattr(import_module(f"lotterylab.commands.{module}"), name)
