"""The cut of a procedure, refused when the plan is made and not when it runs."""

from __future__ import annotations

from typing import Any

from lotterylab.homes import helpful
from lotterylab.masks.counts import Rate
from lotterylab.own_code.arguments import check_value
from lotterylab.plan.nodes import Prune
from lotterylab.views import Criterion

helpful(Prune)  # its fields are further arguments of the procedures


def cut_by(criterion: Criterion, *, sparsity: Any, **fields: Any) -> Prune:
    """Return the cut by a criterion; ``fields``: the other fields of ``Prune``.

    Raises:
        UsageError: the criterion is not an object with options, or a ``Rate`` has rates for kinds of layers in another
            scope than "layerwise".
    """
    check_value("criterion", criterion, "an object that holds its options, such as lotterylab.criteria.Magnitude()")
    if isinstance(sparsity, Rate):
        sparsity.check_scope(fields.get("scope", Prune.scope))
    return Prune(criterion=criterion, sparsity=sparsity, **fields)
