"""One family of tests a page: claims and planned comparisons are corrected together."""

from __future__ import annotations

import pytest
import scipy.stats

from lotterylab.reading.claims import Claim, read
from lotterylab.reading.differences import hypothesis
from lotterylab.reading.judging import equal, more
from lotterylab.report.sections.claims import counted, words
from lotterylab.statistics import holm
from some_outline import DENSE, RANDOM, READ, TICKET, VALUES, rows, versus

CLAIMS = (
    Claim(key="a", text="", judge=more(TICKET, DENSE, READ, 0.5)),
    Claim(key="b", text="", judge=more(TICKET, RANDOM, READ, 0.9)),
    Claim(key="c", text="", judge=equal(TICKET, DENSE, READ, 0.9, margin=0.005)),
    Claim(key="d", text="", judge=more(TICKET, DENSE, READ, 0.7)),
)


def test_claims_and_planned_comparisons_are_one_family():
    alone, _ = read(CLAIMS, (), rows())
    p = {claim.key: one.p for claim, one in alone[:3]}
    assert p["a"] == pytest.approx(scipy.stats.ttest_rel(VALUES["iterative", "", 0.5], VALUES["dense", "", 0.0]).pvalue)
    assert {claim.key: one.p_holm for claim, one in alone[:3]} == pytest.approx(holm(p)) and alone[3][1].p_holm is None
    together, found = read(CLAIMS, (versus(RANDOM),), rows())
    assert all(one.p_holm >= before.p_holm for (_, one), (_, before) in zip(together[:3], alone, strict=False))
    assert [one.says for one in found] == ["ticket is better", "cannot be said"]
    said = counted(alone, words("prediction", at_scale=False))
    assert said.startswith("2 as predicted, 1 cannot be said, 1 not run. A claim is decided at 5 %")


def test_a_contrast_has_one_p_wherever_it_stands():
    claims, found = read(CLAIMS, (versus(DENSE), versus(RANDOM)), rows())
    at = {(one.comparison.b.name, one.sparsity): one for one in found}
    assert claims[0][1].p_holm == at["dense", 0.5].p_holm and claims[1][1].p_holm == at["random", 0.9].p_holm
    assert claims[2][1].p_holm == at["dense", 0.9].p_equal
    assert hypothesis("mean", 0.0, (1.0, 2.0)) == hypothesis("mean", 0.0, (-2.0, -1.0))


def test_a_claim_whose_adjusted_p_is_not_small_cannot_be_said():
    at_edge = more(TICKET, DENSE, READ, 0.5, than=0.0085)
    assert at_edge(rows()).word == "confirmed"
    many = (*CLAIMS, Claim(key="e", text="", judge=at_edge))
    alone = dict(read(many[-1:], (), rows())[0])[many[-1]]
    crowd = dict(read(many, (versus(RANDOM), versus(DENSE)), rows())[0])[many[-1]]
    assert alone.p == crowd.p and alone.p_holm == alone.p and crowd.p_holm > alone.p
    assert crowd.word == ("confirmed" if crowd.p_holm < 0.05 else "cannot be said")
