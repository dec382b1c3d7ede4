"""What follows from the activation study: one verdict for each claim, or for each explanation of one."""

from __future__ import annotations

from collections.abc import Callable

from lotterylab.reading.questions import Verdict
from lotterylab.reading.rows import Rows
from lotterylab.studies.contrasts import Contrast, contrasts
from lotterylab.studies.published import Comparison, published_comparison
from lotterylab.studies.verdicts_accuracy import selection_on_test, tanh_against_relu
from lotterylab.studies.verdicts_corrected import corrected
from lotterylab.studies.verdicts_curves import jump_moves_with_the_rate, lead_of_the_pruned
from lotterylab.studies.verdicts_distances import biases_dominate, grown_back, one_seeds_spike, small_norms
from lotterylab.studies.verdicts_masks import dead_units, not_before_training, not_grasp, reversed_fraction
from lotterylab.studies.verdicts_sigmoid import learning_rate, luck_of_the_stream, one_sided_mask

__all__ = ["Comparison", "Contrast", "Verdict", "contrasts", "published_comparison", "verdicts"]

ROWS: tuple[Callable[[Rows], Verdict], ...] = (
    reversed_fraction,  # 1
    grown_back,  # 2
    dead_units,  # 3
    not_grasp,  # 4
    not_before_training,  # 5
    selection_on_test,  # 6
    biases_dominate,  # 7A
    small_norms,  # 7B
    luck_of_the_stream,  # 8A
    one_sided_mask,  # 8B
    learning_rate,  # 8C
    lead_of_the_pruned,  # 9
    jump_moves_with_the_rate,  # 10
    tanh_against_relu,  # 11
    one_seeds_spike,  # 12
    corrected,
)


def verdicts(results: Rows) -> list[Verdict]:
    """All verdicts, in the order of the questions; those whose runs are missing say so."""
    return [row(results) for row in ROWS]
