"""Models: one file each, a frozen spec with ``build()`` and ``initial()``."""

from lotterylab.models.shallow_cnn import ShallowCnn

SPECS = {"shallow-cnn": ShallowCnn}

__all__ = ["SPECS", "ShallowCnn"]
