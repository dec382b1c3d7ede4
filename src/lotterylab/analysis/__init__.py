"""Quantities are measured on finished states and masks."""

from typing import TYPE_CHECKING

from lotterylab.analysis.accuracy import Accuracy
from lotterylab.analysis.connectivity import Barrier
from lotterylab.analysis.dead_units import DeadUnits
from lotterylab.analysis.distance import Distances
from lotterylab.analysis.effective import EffectiveSparsity
from lotterylab.analysis.filters import FilterLikeness
from lotterylab.analysis.gradient_flow import GradientFlow
from lotterylab.analysis.gradient_norm import GradientNorm
from lotterylab.analysis.jacobian import JacobianSingularValues
from lotterylab.analysis.local_fields import LocalFields
from lotterylab.analysis.macs import Macs
from lotterylab.analysis.mask_distances import MaskDistances
from lotterylab.analysis.overlap import Overlap
from lotterylab.analysis.saturation import Activations
from lotterylab.homes import room

__all__ = [
    "Accuracy",
    "Activations",
    "Barrier",
    "DeadUnits",
    "Distances",
    "EffectiveSparsity",
    "FilterLikeness",
    "GradientFlow",
    "GradientNorm",
    "JacobianSingularValues",
    "LocalFields",
    "Macs",
    "MaskDistances",
    "Overlap",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
