"""Nodes made again from their texts have the digests and fields of the originals, and run no code."""

from __future__ import annotations

import copy
import json
from hashlib import sha256
from typing import Any

import pytest

from faults.plans import KINDS as PLANS
from faults.plans import USER
from lotterylab.plan.nodes import Prune, Train
from lotterylab.plan.remembered import Spec, remembered, texts_of
from lotterylab.plan.user_nodes import Promises, UserTrain
from some_plans import RUN, TICKET

EVERY = [node for nodes in PLANS.values() for node in nodes]


def through_json(targets: list[Any]) -> dict[str, Any]:
    return json.loads(json.dumps(texts_of(targets)))


@pytest.mark.parametrize("target", EVERY, ids=lambda node: f"{type(node).__name__} {node.digest[:8]}")
def test_every_kind_of_node_comes_back_with_its_digest_and_its_inputs(target: Any) -> None:
    found = remembered(through_json([target]), [target.digest])
    again = found[target.digest]
    assert again == target and type(again) is type(target)
    pairs = [(target, again)]
    while pairs:
        one, other = pairs.pop()
        assert type(one) is type(other) and one.digest == other.digest
        inputs = (sorted(node.inputs(), key=lambda inner: inner.digest) for node in (one, other))
        pairs += list(zip(*inputs, strict=True))


def test_what_alarms_and_pages_read_is_there() -> None:
    texts = through_json([RUN, TICKET])
    run, ticket = (remembered(texts, [node.digest])[node.digest] for node in (RUN, TICKET))
    assert isinstance(run, Train) and isinstance(ticket, Train)
    assert (run.order_seed, run.first_step) == (RUN.order_seed, RUN.first_step)
    assert isinstance(ticket.mask, Prune) and isinstance(TICKET.mask, Prune)
    assert (ticket.mask.scope, ticket.mask.sparsity) == (TICKET.mask.scope, TICKET.mask.sparsity)
    assert isinstance(run.recipe, Spec) and run.recipe.kind == "Recipe" and run.recipe.epochs == RUN.recipe.epochs
    assert not hasattr(run.recipe, "nothing")


def test_a_user_s_run_needs_none_of_its_functions() -> None:
    again = remembered(through_json([USER]), [USER.digest])[USER.digest]
    assert isinstance(again, UserTrain)
    assert (again.total_steps, again.data_order, again.data) == (USER.total_steps, USER.data_order, None)
    assert not hasattr(again.recipe, "train")
    promises = Promises(run=USER)
    assert remembered(through_json([promises]), [promises.digest])[promises.digest] == promises


def test_texts_from_elsewhere_are_refused() -> None:
    texts, digest = through_json([TICKET]), TICKET.digest

    def changed(**fields: Any) -> dict[str, Any]:
        other = copy.deepcopy(texts)
        other[digest].update(fields)
        return other

    wrong: list[Any] = [
        {},
        {digest: None},
        {digest: "text"},
        {**texts, digest: texts[RUN.digest]},
        changed(order_seed=7),
        changed(start={"node": digest}),
        {name: text for name, text in texts.items() if name == digest},
    ]
    for each in wrong:
        with pytest.raises(ValueError, match="is missing, or its text has another digest"):
            remembered(each, [digest])


def test_a_text_of_no_node_is_refused() -> None:
    text = {"is": "os.system", "version": 1, "command": "true"}
    digest = sha256(json.dumps(text, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    with pytest.raises(ValueError, match="of an unknown kind"):
        remembered({digest: text}, [digest])
