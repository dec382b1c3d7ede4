"""The dense networks of a ticket's cost in the studies of the small CNN: their length, and what a page says of them."""

from __future__ import annotations

import pytest

from lotterylab.asking.catalogue import study_named
from lotterylab.data import Digits
from lotterylab.plan.nodes import Choose, Data, Dense, Init, Train
from lotterylab.reading.rows import Rows
from lotterylab.studies.ticket_lines import SAME_COST, TICKET, against_same_cost
from some_results import row

DATA = Data(spec=Digits(train=640, validation=20, test=20), content="0" * 64)
STUDIES = {"activation-tickets": 3, "init-tickets": 4, "rewind-rounds": 1}  # networks of a seed


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize(("size", "epochs"), [("quick", 4 * 3), ("standard", 30 * 5), ("paper", 120 * 5)])
def test_it_trains_for_the_dense_run_and_each_round_up_to_the_compared_ticket(name, size, epochs):
    study, asked = study_named(name), {"size": size, "seeds": 1}
    options = study.options(**asked)
    rows = [row for row in study.plan(options, DATA).rows if row.labels["control"] == "dense same cost"]
    assert len(rows) == STUDIES[name]
    for longer in rows:
        run = longer.nodes["train"]
        assert isinstance(run, Train) and isinstance(run.start, Init) and isinstance(run.mask, Dense)
        assert run.total_steps == epochs * 10 and isinstance(run.recipe.optimizer.lr, Choose)
        assert longer.labels["sparsity"] == (0.75 if size == "quick" else 0.9375)


def test_the_sentence_has_the_mean_of_the_seeds_that_have_both_and_its_interval():
    tickets = [row("CNN", "relu", "iterative", seed, sparsity=0.9, train={"test_accuracy": 0.6}) for seed in range(4)]
    dense = [
        row(
            "CNN", "relu", "iterative", seed, sparsity=0.9, control="dense same cost", train={"test_accuracy": accuracy}
        )
        for seed, accuracy in enumerate((0.61, 0.62, 0.63))
    ]
    assert against_same_cost(TICKET, SAME_COST, Rows(tickets), 0.9) == ""
    half = 4.302653 * 0.01 / 3**0.5  # the 97.5 % point of t with 2 degrees of freedom, and the sd of the differences
    expected = f"\u22120.020 [\u2212{0.02 + half:.3f}, +{half - 0.02:.3f}]"
    said = against_same_cost(TICKET, SAME_COST, Rows([*tickets, *dense]), 0.9)
    assert said == f", and {expected} against the dense network of the same cost (n = 3)"
