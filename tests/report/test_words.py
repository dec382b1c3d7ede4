"""Sentences that count."""

from __future__ import annotations

from dataclasses import replace

from lotterylab.reading.rows import Rows
from lotterylab.reading.words import rows_text
from some_results import accuracies


def test_rows_that_are_trained_and_lack_a_measure_are_told_from_those_that_are_not_trained():
    whole = accuracies("corrected", 0.5, seeds=(42, 43))
    assert rows_text(Rows(whole)) == "6 of 6 rows are finished"
    later = [replace(one, missing=("matched",)) for one in whole[:2]]
    not_run = replace(whole[2], records={}, missing=("train", "matched"))
    assert rows_text(Rows([*later, not_run, *whole[3:]])) == (
        "3 of 6 rows are finished; 2 more are trained and lack only: matched (2)"
    )
