"""A sparsity is below 1 wherever it is asked for, and a percentage is told what it may have meant."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import lotterylab as ll
from lotterylab.auditing import audit_folder
from lotterylab.commands.main import main
from lotterylab.errors import UsageError
from lotterylab.masks.counts import check_target, check_targets, removal_count
from some_scores import quick, scores_of

STATE = {"weight": torch.tensor([[1.0, 0.0]])}


def asked_of_tickets(sparsity: Any) -> None:
    ll.tickets(nn.Linear, print, print, steps=3, sparsities=[sparsity], store="never-made")


PLACES: dict[str, Callable[[Any], object]] = {
    "prune": lambda s: ll.prune(nn.Linear(4, 4), ll.criteria.Magnitude(), s),
    "prune in rounds": lambda s: ll.prune(nn.Linear(4, 4), ll.criteria.Magnitude(), s, rounds=3),
    "prune of one tensor": lambda s: ll.prune(nn.Linear(4, 4), ll.criteria.Magnitude(), {"weight": s}),
    "select": lambda s: ll.select(scores_of([1.0, 2.0]), s),
    "select of every tensor": lambda s: ll.select(scores_of([1.0, 2.0], [3.0]), {"t0": s, "t1": s}),
    "select of filters": lambda s: ll.select(scores_of([[1.0, 2.0]]), s, granularity="filter"),
    "a rate": lambda s: ll.plan.Rate(share=s),
    "a rate of the output layer": lambda s: ll.plan.Rate(share=0.2, output=s),
    "a node": lambda s: ll.plan.Prune(
        criterion=ll.criteria.Magnitude(), of=ll.plan.Init(model=ll.models.Mlp(), seed=0), sparsity=s, seed=0
    ),
    "tickets": asked_of_tickets,
    "audit": lambda s: ll.audit(end=STATE, requested=s),
    "another mask of audit": lambda s: ll.audit(
        mask={"weight": STATE["weight"] != 0}, requested=0.5, others={"b": (s, {"weight": STATE["weight"] != 0})}
    ),
    "a schedule": lambda s: ll.interventions.Gradual(sparsity=s, begin_step=0, end_step=100),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("sparsity", "meant"), [(90, "0.9"), (1.0, None), (1, None), (Fraction(199, 2), "0.995"), (-0.1, None)]
)
def test_it_is_refused_in_every_place(place, sparsity, meant):
    with pytest.raises(UsageError, match=r"below 1|up to but not 1") as refused:
        PLACES[place](sparsity)
    if meant:
        assert f"Did you mean {meant}?" in str(refused.value)


@pytest.mark.parametrize("requested", ["90", "1", "1.0"])
def test_the_commands_refuse_it_as_python_does(requested, tmp_path, capsys):
    torch.save(STATE, tmp_path / "end.pt")
    with pytest.raises(UsageError, match="below 1"):
        audit_folder(tmp_path, requested=float(requested))
    for words in (["audit", str(tmp_path), "--requested"], ["plan", "activations", "--sparsities"]):
        assert main([*words, requested]) == 2
        error = capsys.readouterr().err
        assert "below 1" in error and "Did you mean 0.9" in error


def test_a_run_json_that_asks_for_everything_is_refused(tmp_path):
    torch.save(STATE, tmp_path / "end.pt")
    (tmp_path / "run.json").write_text('{"requested": 1}')
    with pytest.raises(UsageError, match="1 would keep nothing"):
        audit_folder(tmp_path)


@pytest.mark.parametrize(("text", "meant"), [("90%", "0.9"), (" 12.5 % ", "0.125"), ("half", None), ("%", None)])
def test_a_text_with_a_percent_sign_is_told_the_fraction(text, meant):
    with pytest.raises(UsageError, match="is a number from 0 to 1") as refused:
        check_target(text)
    assert ("Did you mean" in str(refused.value)) == (meant is not None)
    assert meant is None or f"Did you mean {meant}?" in str(refused.value)


def test_one_layer_of_several_may_lose_everything():
    module = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 2, bias=False))
    mask = ll.select(ll.score(module, ll.criteria.Magnitude()), {"0.weight": 1, "1.weight": 0})
    assert not mask["0.weight"].any() and bool(mask["1.weight"].all())


@quick
@given(st.fractions(0, 2), st.integers(1, 200))
def test_any_number_below_1_is_taken_as_it_is_and_the_others_never(share, n):
    if share < 1:
        assert check_target(share) == share
        assert removal_count(share, n) == (2 * share.numerator * n + share.denominator) // (2 * share.denominator)
    else:
        for asked in (share, {"a": share}, {"a": share, "b": share}):
            with pytest.raises(UsageError):
                check_targets(asked)
