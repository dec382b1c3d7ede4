"""What holds for the options of every study: numbers above 0, lists with something in them and nothing twice."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from lotterylab.studies.activations_options import Options

FROM_ZERO = ("first_seed", "sparsities")
MOST_SEEDS = 10_000  # a plan of more would not fit into memory; no interval is narrower for it


def check_options(options: Any) -> None:
    """Refuse options that would plan nothing, or one thing twice: its rows would count as more seeds than there are.

    Raises:
        UsageError: names the option, what was found and what to give.
    """
    for one in dataclasses.fields(options):
        value = getattr(options, one.name)
        items = value if isinstance(value, tuple) else (value,)
        if not items:
            raise UsageError(f"{one.name} names nothing; give at least one.")
        twice = [item for number, item in enumerate(items) if item in items[:number]]
        if twice:
            raise UsageError(f"{one.name} names {twice[0]} twice; give each once.")
        for item in items:
            if "seeds" in one.name and isinstance(item, int) and item > MOST_SEEDS:
                raise UsageError(f"{one.name} is {item}; at most {MOST_SEEDS:,} are possible.")
            number = isinstance(item, int | float) and not isinstance(item, bool)
            if number and item <= 0 and one.name not in FROM_ZERO:
                raise UsageError(f"{one.name} is {item:g}; it has to be above 0.")


def check_scope(options: Options) -> None:
    """Refuse sparsities that the scope cannot give this model, before a dense network is trained for them.

    Raises:
        UsageError: the first layer alone is more than is to be kept, as "uniform" would have it.
    """
    if options.scope != "uniform":
        return
    from torch import zeros

    from lotterylab.masks.select import select
    from lotterylab.network import prunable_names
    from lotterylab.types import Scores

    module = options.model.build()  # not on "meta", where a user's code may ask a tensor for its value
    same = Scores({name: zeros(module.get_parameter(name).shape) for name in prunable_names(module)})
    for sparsity in options.sparsities:
        select(same, sparsity, scope=options.scope, granularity=options.granularity)
