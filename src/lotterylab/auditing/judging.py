"""One arm whose files are read: its alarms, its facts, and what was checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from lotterylab.auditing import alarms, evidence, patterns, run_alarms, states, updates
from lotterylab.auditing.alarms import Alarm, percent
from lotterylab.auditing.checks import checked
from lotterylab.auditing.evidence import Evidence
from lotterylab.auditing.kinds import kind_of
from lotterylab.auditing.reports import Report
from lotterylab.auditing.rules import rule_of
from lotterylab.auditing.runs import Run
from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import Checkpoint
from lotterylab.formats.text import shown
from lotterylab.masks.counts import Share

AT_INITIALISATION = ("snip", "grasp", "synflow")  # criteria whose papers score the network before any training


def judged(
    where: str,
    given: Mapping[str, Checkpoint],
    *,
    files: Mapping[str, str],
    run: Mapping[str, Any],
    requested: Share | None,
    unread: Collection[str] = (),
    place: str = "",
    infer: bool = False,
) -> Report:
    """Return the report on one arm.

    Args:
        where: the arm's name in the report.
        given: the network, or the mask, of each role.
        files: the name of each role's file, for the notes.
        run: the content of ``run.json``; {} without one.
        requested: the requested sparsity if ``run`` does not state it.
        unread: names of files that match no role.
        place: the arm's path, for errors.
        infer: whether zeros of the end are a mask even if no sparsity was requested.

    Raises:
        UsageError: names or shapes do not fit each other, or a fact is out of range.
    """
    asked = run.get("requested", requested)
    granularity = run.get("granularity", "weight")
    try:
        facts_of_run = Run(**{field.name: run.get(field.name) for field in dataclasses.fields(Run)})
        arm = evidence.gather(asked, infer=infer, **given)
        before = "start" if arm.start else "dense"
        update = states.update_of(arm)
        raised = [
            *states.inspect(arm, asked, granularity=granularity, where=where),
            *states.inspect_run(arm, facts_of_run, where=where),
            *_scored_on(run, where),
            *(updates.update_below_precision(update, where=where) if update else []),
        ]
        described = states.describe(arm)
        rule = rule_of(arm, asked)
    except UsageError as error:
        raise UsageError(f"{place}: {error}" if place else str(error)) from error
    except (RuntimeError, ArithmeticError, MemoryError) as error:  # torch raises these
        reason = shown(f"{type(error).__name__}: {error}")
        raise UsageError(f"{place}: its tensors cannot be compared ({reason}). Save them as float32.") from error
    known = (*arm.known(), *facts_of_run.known(), *(["scored_on"] if "scored_on" in run else []))
    applied, unchecked = checked(arm, asked, run)
    facts = {
        **run,
        "requested": asked,
        "evidence": known if asked is None else (*known, "requested"),
        "judged": {role: f"{files[role]}: {words}" for role, words in arm.judged.items()},
        "shape": zeros_of(arm),
        "layers": _layers(arm),
        "pattern": patterns.described(arm.mask) if arm.mask is not None else "",
        "rule": rule,
        "update": update.between(before, "end") if update else "",
        "checked": applied,
        "unchecked": unchecked,
        "unread": sorted(unread),
        **described,
    }
    return Report(where=where, facts=facts, alarms=tuple(alarms.ordered(raised)))


def zeros_of(arm: Evidence) -> str:
    """Return a sentence on the zeros among the weights of the end state, "" without one."""
    if arm.end is None:
        return ""
    weights = {name: tensor for name, tensor in arm.end.items() if kind_of(name, tensor) == "weight"}
    packed = [name for name, t in arm.end.items() if t.dim() > 1 and not t.is_floating_point() and "weight" in name]
    entries = sum(tensor.numel() for tensor in weights.values())
    zeros = sum(int((tensor == 0).sum()) for tensor in weights.values())
    texts = []
    if entries:
        texts.append(f"{zeros:,} of {entries:,} weights of the end are 0 ({percent(zeros / entries)})")
    if packed:
        texts.append(f"{len(packed)} tensors of whole numbers ({alarms.listed(packed)}) are packed and were not judged")
    return "; ".join(texts)


def _layers(arm: Evidence) -> dict[str, tuple[int, int]]:
    """Return (removed, entries) of each tensor of the mask, or (zeros, entries) of each weight of the end."""
    if arm.mask is not None:
        return evidence.by_tensor(arm.mask)
    end = arm.end or {}
    weights = {name: tensor for name, tensor in end.items() if kind_of(name, tensor) == "weight"}
    return {name: (int((tensor == 0).sum()), tensor.numel()) for name, tensor in weights.items()}


def _scored_on(run: Mapping[str, Any], where: str) -> list[Alarm]:
    method = run.get("method", "")
    at_init = any(word in method.lower() for word in AT_INITIALISATION)
    return run_alarms.scored_on_trained(at_init and run.get("scored_on") == "trained", method=method, where=where)
