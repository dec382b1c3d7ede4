"""The rows of a ticket study: a dense run, tickets at each level of sparsity, and their controls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lotterylab.analysis import Barrier, Distances, EffectiveSparsity, Macs
from lotterylab.masks.counts import Rate
from lotterylab.plan.nodes import Dense, Measure, Node, Prune, Train, first_of
from lotterylab.plan.plan import Label, Row
from lotterylab.procedures import Ticket, control
from lotterylab.reading.costs import trainings
from lotterylab.studies.controls import CONTROLS

# running statistics count in D, as in the committed results; networks without norms have none
DISTANCES = Distances(tensors="all")


def behind(run: Train) -> dict[str, Node]:
    """Return the runs and the cuts before a run, as parts of its row: its cost needs their seconds and densities."""
    runs = [earlier for earlier in trainings(run) if earlier != run]
    cuts = [earlier.mask for earlier in runs if isinstance(earlier.mask, Prune)]
    parts: dict[str, Node] = {f"run {number}": earlier for number, earlier in enumerate(runs, start=1)}
    return parts | {f"cut {number}": cut for number, cut in enumerate(cuts, start=1)}


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """A ``Ladder`` makes the rows of one dense run, its tickets and their controls.

    ``protocol``, ``activation``: labels that all its rows share.
    """

    protocol: str
    activation: str
    dense: Train
    rate: Rate
    seed: int

    def dense_row(self, **nodes: Node) -> Row:
        """Return the row of the dense run, with the number of its multiply-accumulates."""
        macs = Measure(quantity=Macs(), of={"state": first_of(self.dense.start)}, data=self.dense.data)
        return self.row("dense", {"train": self.dense, "macs": macs, **nodes})

    def rows(self, method: str, tickets: Sequence[Ticket], controls: Sequence[str] = ()) -> Iterator[Row]:
        """Yield each ticket, and each of its controls."""
        for ticket in tickets:
            yield self.ticket_row(method, ticket)
            yield from self.controls(method, [ticket], controls)

    def ticket_row(self, method: str, ticket: Ticket, **nodes: Node) -> Row:
        """Return the row of one ticket, with further ``nodes``."""
        parts = {**self.parts(ticket, ticket.run), **nodes}
        return self.row(method, parts, sparsity=self.rate.after(ticket.round), round=ticket.round)

    def controls(self, method: str, tickets: Sequence[Ticket], words: Sequence[str]) -> Iterator[Row]:
        """Yield only the controls."""
        for ticket in tickets:
            sparsity = self.rate.after(ticket.round)
            for word in words:
                run = control(word, ticket, self.seed, CONTROLS)
                name = word.replace("-", " ")
                yield self.row(method, self.parts(ticket, run), control=name, sparsity=sparsity, round=ticket.round)

    def other_order(
        self, method: str, ticket: Ticket, word: str = "", *, barrier: Barrier | None = None, **others: Node
    ) -> Row:
        """Return the row of the ticket (or its control) trained in another data order.

        It has the distance from the first run, the error along the line between them with ``barrier``, and ``others``.
        """
        run = control(word, ticket, self.seed, CONTROLS) if word else ticket.run
        again = self.in_other_order(run)
        apart = Measure(quantity=DISTANCES, of={"dense": run.final, "ticket": again.final, "mask": run.mask})
        name = f"{word.replace('-', ' ')}, other order" if word else "other order"
        nodes: dict[str, Node] = {"train": again, "prune": ticket.mask, "order": apart, **others}
        if barrier is not None:
            nodes["barrier"] = Measure(quantity=barrier, of={"a": run.final, "b": again.final}, data=run.data)
        return self.row(method, nodes, control=name, sparsity=self.rate.after(ticket.round), round=ticket.round)

    def dense_in_other_order(self, barrier: Barrier, *, method: str = "dense") -> Row:
        """Return the row of the dense network trained in another order, for comparison with a ticket's stability."""
        again = self.in_other_order(self.dense)
        of = {"dense": self.dense.final, "ticket": again.final, "mask": self.dense.mask}
        between = {"a": self.dense.final, "b": again.final}
        nodes: dict[str, Node] = {
            "train": again,
            "order": Measure(quantity=DISTANCES, of=of),
            "barrier": Measure(quantity=barrier, of=between, data=self.dense.data),
        }
        return self.row(method, nodes, control="other order")

    def in_other_order(self, run: Train) -> Train:
        """Return the same training with another order of the data, from the same state."""
        return replace(run, order_seed=run.order_seed + 1_000_000)

    def parts(self, ticket: Ticket, run: Train) -> dict[str, Node]:
        """Return the nodes of a run: its training, mask, paths, and distance from the dense run.

        A network of another shape, or one that was not pruned, has only the training.
        """
        if run.model != self.dense.model or isinstance(run.mask, Dense):
            return {"train": run}
        of = {"dense": self.dense.final, "ticket": run.final, "mask": run.mask}
        state = first_of(self.dense.start)
        return {
            "train": run,
            "prune": run.mask if isinstance(run.mask, Prune) else ticket.mask,
            "distances": Measure(quantity=DISTANCES, of=of),
            "paths": Measure(quantity=EffectiveSparsity(), of={"mask": run.mask, "state": state}, data=self.dense.data),
        }

    def row(self, method: str, nodes: dict[str, Node], **labels: Label) -> Row:
        """Return a row with this ladder's labels."""
        usual: dict[str, Label] = {
            "protocol": self.protocol,
            "activation": self.activation,
            "method": method,
            "control": "",
            "sparsity": 0.0,
            "seed": self.seed,
        }
        return Row(labels={**usual, **labels}, nodes=nodes)
