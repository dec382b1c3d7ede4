"""The command that prints the BibTeX entries of a study."""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.commands.shared import OfAStudy
from lotterylab.types import Fingerprint

UNREAD = Fingerprint(content="0" * 64, files=())


@dataclass(frozen=True, kw_only=True)
class Cite(OfAStudy):
    """Print the BibTeX entries of the works behind this study; its data need not be here."""

    def __call__(self) -> int:
        """Print the entries."""
        from lotterylab.report.citations import bibtex, entries, keys_of

        plan = self.study.resolve(self.options, UNREAD).plan  # the works do not depend on the content of the data
        print(bibtex(keys_of(plan.targets()), entries()), end="")
        return 0
