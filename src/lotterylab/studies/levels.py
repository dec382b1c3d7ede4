"""The rows of a ticket study: a dense run, tickets at each level of sparsity, and their controls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lotterylab.analysis import Distances
from lotterylab.plan.nodes import Measure, Node, Train
from lotterylab.plan.study import Label, Row
from lotterylab.procedures import Ticket, control
from lotterylab.rates import Rate


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """One dense run and what is found from it.  ``protocol``, ``activation``: labels that all its rows share."""

    protocol: str
    activation: str
    dense: Train
    rate: Rate
    seed: int

    def dense_row(self, **nodes: Node) -> Row:
        """The dense run."""
        return self.row("dense", {"train": self.dense, **nodes})

    def rows(self, method: str, tickets: Sequence[Ticket], controls: Sequence[str] = ()) -> Iterator[Row]:
        """Each ticket, and each of its controls."""
        for ticket in tickets:
            sparsity = self.rate.after(ticket.round)
            yield self.row(method, self.parts(ticket, ticket.run), sparsity=sparsity, round=ticket.round)
            yield from self.controls(method, [ticket], controls)

    def controls(self, method: str, tickets: Sequence[Ticket], words: Sequence[str]) -> Iterator[Row]:
        """The controls alone."""
        for ticket in tickets:
            sparsity = self.rate.after(ticket.round)
            for word in words:
                run = control(word, ticket, self.seed)
                name = word.replace("-", " ")
                yield self.row(method, self.parts(ticket, run), control=name, sparsity=sparsity, round=ticket.round)

    def other_order(self, method: str, ticket: Ticket, word: str = "") -> Row:
        """The ticket (or a control of it) trained in another order, with its distance from the first one."""
        run = control(word, ticket, self.seed) if word else ticket.run
        again = self.in_other_order(run)
        apart = Measure(quantity=Distances(), of={"dense": run.final, "ticket": again.final, "mask": run.mask})
        name = f"{word.replace('-', ' ')}, other order" if word else "other order"
        nodes = {"train": again, "prune": ticket.mask, "order": apart}
        return self.row(method, nodes, control=name, sparsity=self.rate.after(ticket.round), round=ticket.round)

    def in_other_order(self, run: Train) -> Train:
        """The same training with another order of the data, from the same state."""
        return replace(run, order_seed=run.order_seed + 1_000_000)

    def parts(self, ticket: Ticket, run: Train) -> dict[str, Node]:
        """What is known of a run: its training, its mask, and how far it ended from the dense one."""
        of = {"dense": self.dense.final, "ticket": run.final, "mask": run.mask}
        return {"train": run, "prune": ticket.mask, "distances": Measure(quantity=Distances(), of=of)}

    def row(self, method: str, nodes: dict[str, Node], **labels: Label) -> Row:
        """A row with this ladder's labels."""
        own: dict[str, Label] = {
            "protocol": self.protocol,
            "activation": self.activation,
            "method": method,
            "control": "",
            "sparsity": 0.0,
            "seed": self.seed,
        }
        return Row(labels={**own, **labels}, nodes=nodes)
