"""The alarms about a mask that was just made, before anyone trains with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotterylab.auditing import alarms
from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.evidence import weights_alone
from lotterylab.errors import warn
from lotterylab.masks.select import Rule, Selection
from lotterylab.types import Mask


def of_selection(selection: Selection, mask: Mask, rule: Rule, outputs: Sequence[str] = ()) -> list[Alarm]:
    """Return the alarms that a mask raises at once: scores of 0, ties, emptied layers, rows of outputs that are gone.

    A cut that removes nothing raises none.

    Args:
        selection: the last cut, with what tied and what scored 0.
        mask: the whole mask, with the tensors that the cut left whole.
        rule: how scores became the mask; ties that are broken at random or by a published rule were meant.
        outputs: the tensors whose rows are outputs of the network.

    Examples:
        >>> import torch
        >>> from lotterylab.masks.select import selection
        >>> made = selection({"fc.weight": torch.zeros(2, 3)}, 0.5, None, Rule())
        >>> [alarm.code for alarm in of_selection(made, made.mask, Rule(), ["fc.weight"])]
        ['zero-scores', 'ties-at-cut', 'lost-classes']
    """
    cut, unit = selection.cut, rule.kind.unit
    if cut.removed == cut.entries - cut.candidates:
        return []
    kept = sum(selection.zeros_kept.values())
    raised = alarms.zero_scores(
        zeros=cut.exact_zero_scores, entries=cut.candidates, kept=kept, layers=_most(selection.zeros)
    )
    if rule.ties == "index":
        raised += alarms.ties_at_cut(
            ties=cut.ties_at_cut, entries=cut.candidates, layers=_most(selection.tied), of=unit
        )
    weights = weights_alone(mask)
    raised += alarms.emptied_layers([name for name, entries in weights.items() if not bool(entries.any())])
    for name in outputs:
        if name in weights:
            rows = weights[name].flatten(1).any(1)
            raised += alarms.lost_classes(name=name, lost=int((~rows).sum()), classes=len(rows))
    return alarms.ordered(raised)


def told(raised: Sequence[Alarm], of: str) -> None:
    """Give all alarms in one warning, that begins with ``of``; say nothing without any."""
    if raised:
        warn(f"{of}: {'; '.join(f'{alarm.message} ({alarm.code})' for alarm in raised)}.")


def _most(counts: Mapping[str, int]) -> list[str]:
    """Return the names of the tensors with any, most first."""
    return sorted((name for name, count in counts.items() if count), key=lambda name: -counts[name])
