"""The rules of the audit, each with the evidence that it needs: what was checked, and what could not be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lotterylab.auditing.evidence import Evidence
from lotterylab.masks.counts import Share

Facts: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A ``Check`` is a rule of the audit.

    Args:
        code: the code of its alarms, and a word on the part of the rule where a code has two.
        needs: what it needs, in words.
        possible: whether the evidence, the request and the facts of ``run.json`` suffice.
    """

    code: str
    needs: str
    possible: Callable[[Evidence, Share | None, Facts], bool]


def _has(*roles: str) -> Callable[[Evidence, Share | None, Facts], bool]:
    return lambda arm, requested, facts: all(getattr(arm, role) is not None for role in roles)


def _told(*names: str) -> Callable[[Evidence, Share | None, Facts], bool]:
    return lambda arm, requested, facts: all(facts.get(name) is not None for name in names)


CHECKS = (
    Check(
        code="reached-is-not-requested",
        needs="a mask, or zeros, and the requested sparsity",
        possible=lambda arm, requested, facts: arm.mask is not None and requested is not None,
    ),
    Check(code="emptied-layer", needs="a mask, or zeros and a requested sparsity", possible=_has("mask")),
    Check(code="pattern-axis", needs="a mask, or zeros and a requested sparsity", possible=_has("mask")),
    Check(
        code="moved",
        needs="a mask or the start, and the end",
        possible=lambda arm, requested, facts: (
            arm.mask is not None and arm.end is not None and arm.inferred != "end"
        ),
    ),
    Check(code="start-not-initial: mask applied", needs="a mask and the start", possible=_has("mask", "start")),
    Check(code="start-not-initial: reset", needs="a mask, init and start", possible=_has("mask", "init", "start")),
    Check(
        code="one-sign",
        needs="a mask, and dense or init",
        possible=lambda arm, requested, facts: (
            arm.mask is not None and (arm.dense is not None or arm.init is not None)
        ),
    ),
    Check(
        code="rule",
        needs="a mask, and the scores, dense or init",
        possible=lambda arm, requested, facts: (
            arm.mask is not None and any(state is not None for state in (arm.scores, arm.dense, arm.init))
        ),
    ),
    Check(
        code="update-below-precision",
        needs="the end, and start or dense",
        possible=lambda arm, requested, facts: arm.end is not None and (arm.start is not None or arm.dense is not None),
    ),
    Check(code="diverged", needs="the end, or diverged_epoch in run.json", possible=lambda arm, requested, facts: (
        arm.end is not None or facts.get("diverged_epoch") is not None
    )),
    Check(code="came-back", needs="the earlier mask", possible=_has("mask", "earlier")),
    Check(code="ties-at-cut, zero-scores, nan-scores", needs="the scores", possible=_has("scores")),
    Check(code="zero-gradients", needs="the gradients", possible=_has("gradients")),
    Check(
        code="never-left-chance",
        needs="accuracy, classes and test_images in run.json",
        possible=_told("accuracy", "classes", "test_images"),
    ),
    Check(
        code="lost-classes",
        needs="a mask, and classes in run.json",
        possible=lambda arm, requested, facts: arm.mask is not None and facts.get("classes") is not None,
    ),
    Check(
        code="selection-on-test",
        needs="picked or test_reads in run.json",
        possible=lambda arm, requested, facts: (
            facts.get("picked") is not None or facts.get("test_reads") is not None
        ),
    ),
    Check(code="scored-on-trained", needs="method and scored_on in run.json", possible=_told("method", "scored_on")),
)  # fmt: skip


def checked(arm: Evidence, requested: Share | None, facts: Facts) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the codes of the rules that were applied, and what each other rule needs.

    Args:
        arm: the evidence.
        requested: the requested sparsity, if known.
        facts: the content of ``run.json``.
    """
    possible = {check.code: check.possible(arm, requested, facts) for check in CHECKS}
    unchecked = {check.code: check.needs for check in CHECKS if not possible[check.code]}
    return tuple(code for code, is_possible in possible.items() if is_possible), unchecked
