"""What a person asks of the study ``lth-mnist``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from lotterylab.asking.arguments import WHOLE
from lotterylab.asking.sized import Parts, SizedRequest
from lotterylab.data import Mnist
from lotterylab.studies import lth_mnist
from lotterylab.studies.lth_mnist_claims import OUTLINE


@dataclass(frozen=True, kw_only=True)
class LthMnistRequest(SizedRequest):
    """Options that say what is studied; the same ones name the same results."""

    steps: Annotated[int | None, WHOLE] = None
    """Optimizer steps of each run: 1,000, 10,000, 50,000 by size."""
    rounds: Annotated[int | None, WHOLE] = None
    """Rounds of pruning, 20 % each: 10, 16, 20 by size; 15 leave 3.6 % of the weights."""

    pixels: Literal["unit", "standardised"] = "unit"
    """From 0 to 1 as they are, or to mean 0 and variance 1."""

    @property
    def label(self) -> str:
        """The request in a file name."""
        return self.size if self.pixels == "unit" else f"{self.size}-{self.pixels}"

    def parts(self) -> Parts:
        """55,000 training, 5,000 validation and 10,000 test images."""
        spec = Mnist(train=55_000, validation=5_000, test=10_000, pixels=self.pixels)
        return Parts(
            name="lth-mnist",
            spec=spec,
            title=spec.title if self.pixels == "unit" else f"{spec.title}, {self.pixels} pixels",
            options=lth_mnist.Options,
            sizes=lth_mnist.Options.SIZES,
            build=lth_mnist.build,
            outline=OUTLINE,
            settings={"pixels": self.pixels},
        )
