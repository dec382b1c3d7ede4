"""BibTeX of what ran."""

from __future__ import annotations

from dataclasses import dataclass, field

from lotterylab.asking.request import Request


@dataclass(frozen=True, kw_only=True)
class Cite:
    """Print the BibTeX entries of the works behind everything that this study is made of."""

    request: Request = field(default_factory=Request)

    def __call__(self) -> int:
        """Print the entries."""
        from lotterylab.report.citations import bibtex, entries, keys_of

        print(bibtex(keys_of(self.request.resolve().study.targets()), entries()), end="")
        return 0
