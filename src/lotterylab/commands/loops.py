"""The commands on tickets of a user's own loop, which need no study: their store holds the plan."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import How, Place, print_json
from lotterylab.engine.kept_plans import KeptPlan, kept
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown, shown_path
from lotterylab.from_python.found import Tickets

HOW = "Name a study (lotterylab list studies), or a store in which lotterylab.tickets has run."


@dataclass(frozen=True, kw_only=True)
class OfALoop(Declared):
    """``OfALoop`` is the abstract base of commands on the tickets of a store."""

    place: Place
    plan: str = option(
        "", help="The first digits of one plan (store list names them); default the last of each loop", shown="DIGEST"
    )

    def found(self) -> Iterator[tuple[KeptPlan, Tickets]]:
        """Yield the plans that are asked for, each with its results.

        Raises:
            UsageError: the store holds no tickets, or no plan with these digits.
        """
        store = self.place.open(to_read=True)
        plans = list(kept(store))
        chosen = [plan for plan in plans if plan.name.startswith(self.plan)] if self.plan else list(_latest(plans))
        if not chosen:
            what = f"no plan '{shown(self.plan)}...'" if self.plan and plans else "no tickets of a loop of your own"
            raise UsageError(f"the store {shown_path(store.path)} holds {what}. {HOW}")
        failures = {digest: failure["message"] for digest, failure in store.failures().items()}
        for plan in chosen:
            wanted = {node.digest for node in plan.plan.targets()}
            failed = {digest: message for digest, message in failures.items() if digest in wanted}
            yield plan, Tickets(study=plan.plan, store=store, failed=failed)


@dataclass(frozen=True, kw_only=True)
class LoopStatus(OfALoop):
    """Print the runs of your own loop's tickets that are done, begun, failed and left."""

    json: bool = option(False, help="As JSON")

    def __call__(self) -> int:
        """Print the state of each plan."""
        from lotterylab.report.progress import names_of
        from lotterylab.report.standing import standing

        states = []
        for plan, tickets in self.found():
            now, names = standing(plan.plan, tickets.store), names_of(plan.plan)
            states.append({"plan": plan.name, "title": plan.plan.title, **now.as_json(names)})
            if not self.json:
                print("\n".join((_headed(plan), *now.lines(names, How().count, "the same call"))))
        if self.json:
            print_json(states)
        return 0


@dataclass(frozen=True, kw_only=True)
class LoopTable(OfALoop):
    """Print the results of your own loop's tickets so far, with intervals and alarms."""

    json: bool = option(False, help="Every row with all its numbers, as JSON")

    def __call__(self) -> int:
        """Print the table of each plan."""
        from lotterylab.reading.table import as_json

        tables = []
        for plan, tickets in self.found():
            if self.json:
                tables.append({"plan": plan.name, **as_json(plan.plan, tickets.rows)})
            else:
                print(f"{_headed(plan)}\n\n{tickets}\n")
        if self.json:
            print_json(tables)
        return 0


@dataclass(frozen=True, kw_only=True)
class LoopReport(OfALoop):
    """Write the results of your own loop's tickets as an offline page, with figures, curves and CSV."""

    out: Path | None = option(
        None, help="The folder of the page; default a folder in the store's folder report", shown="FOLDER"
    )

    def __call__(self) -> int:
        """Write the page of each plan, and print its path."""
        found = list(self.found())
        if self.out is not None and len(found) > 1:
            names = ", ".join(plan.name[:12] for plan, _ in found)
            raise UsageError(f"--out takes one page, and the store holds {len(found)} loops. Name a plan: {names}.")
        for plan, tickets in found:
            folder = self.out or tickets.store.path / "report" / f"tickets-{plan.name[:12]}"
            if self.out is None:
                tickets.store.files.inside(folder / "figures" / "any")  # a link in a foreign store may lead elsewhere
            print(tickets.report(folder))
        return 0


def _latest(plans: list[KeptPlan]) -> Iterator[KeptPlan]:
    """Yield the last plan of each loop; ``plans`` has the latest first."""
    seen: set[str] = set()
    for plan in plans:
        if plan.of not in seen:
            seen.add(plan.of)
            yield plan


def _headed(plan: KeptPlan) -> str:
    return f"{shown(plan.plan.title)} (plan {plan.name[:12]}, last called {when(plan.asked)})"


def when(seconds: float) -> str:
    """Return a time of a file in words, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
