"""Alarms show themselves: one line each in a terminal, a table in a notebook."""

from __future__ import annotations

from lotterylab.auditing.alarms import Alarm
from lotterylab.formats.display import html_table
from lotterylab.formats.text import shown


class ShownAlarms(list[Alarm]):
    """``ShownAlarms`` is a list of alarms that prints one line for each.

    Examples:
        >>> ShownAlarms([Alarm(code="moved", message="5 weights moved.", severity="fault")])
        1 alarm
          FAULT moved: 5 weights moved.
        >>> ShownAlarms()
        no alarm
    """

    def __repr__(self) -> str:
        return "\n".join([self._headline(), *(f"  {_line(alarm)}" for alarm in self)])

    def _repr_html_(self) -> str:
        """Return the alarms as a table, which a notebook shows; without any, one line."""
        if not self:
            return f"<p>{self._headline()}</p>"
        arms = any(each.where for each in self)
        head = ("", "alarm", *(("where",) if arms else ()), "what")
        rows = ((each.severity, each.code, *((each.where,) if arms else ()), each.message) for each in self)
        return html_table(head, rows, caption=self._headline(), left=len(head))

    def _headline(self) -> str:
        return f"{len(self) or 'no'} alarm{'s' * (len(self) > 1)}"


def _line(alarm: Alarm) -> str:
    where = f", {shown(alarm.where)}" if alarm.where else ""
    return f"{alarm.severity.upper()} {alarm.code}{where}: {shown(alarm.message, most=None)}"
