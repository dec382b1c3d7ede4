"""The command that prints the BibTeX entries of a study."""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.commands.shared import OfAStudy


@dataclass(frozen=True, kw_only=True)
class Cite(OfAStudy):
    """Print the BibTeX entries of the works behind this study."""

    def __call__(self) -> int:
        """Print the entries."""
        from lotterylab.report.citations import bibtex, entries, keys_of

        print(bibtex(keys_of(self.resolve().plan.targets()), entries()), end="")
        return 0
