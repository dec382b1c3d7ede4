"""The claims of a study as one digest, which each result keeps, so that a page can say that they were changed since."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence

from lotterylab.engine.facts import CLAIMS, HASH_DIGITS, STUDY
from lotterylab.plan.plan import Prediction
from lotterylab.reading.differences import Comparison
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows

OF_A_CLAIM = ("key", "text", "source", "published", "does", "explanation", "expected")
OF_A_COMPARISON = ("key", "what", "margin", "more_is", "planned", "family")


def claims_digest(outline: Outline, predictions: Sequence[Prediction] = ()) -> str:
    """Return the first 16 digits of the SHA-256 of a study's claims, predictions and planned comparisons.

    Counted are the words and numbers of each, in any order.  The functions that judge a claim or read a number are not:
    the hash of the package's source changes with them.

    Examples:
        >>> claims_digest(Outline()) == claims_digest(Outline(would_change="More seeds."))
        True
        >>> claims_digest(Outline()) == claims_digest(Outline(), [Prediction(key="1", claim="Yes.", expected="yes")])
        False
    """
    claims = [[getattr(claim, name) for name in OF_A_CLAIM] for claim in outline.claims]
    expected = [[prediction.key, prediction.claim, prediction.expected] for prediction in predictions]
    planned = [
        _words(comparison) for comparison in outline.comparisons if comparison.planned is None or comparison.planned
    ]
    parts = [sorted(json.dumps(part, default=str) for part in kind) for kind in (claims, expected, planned)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:HASH_DIGITS]


def _words(comparison: Comparison) -> list[object]:
    sides = [[line.name, sorted(map(list, line.labels.items()))] for line in (comparison.a, comparison.b)]
    return [*sides, *(getattr(comparison, name) for name in OF_A_COMPARISON)]


def changed_since(results: Rows, study: str, digest: str) -> str:
    """Return a sentence on the runs of ``study`` that were made under claims of another digest, or "".

    Runs of other studies, and of versions that noted no claims, are not counted.
    """
    runs = {row.records["train"].digest: row.records["train"] for row in results.trained}
    noted = [str(run.facts.get(CLAIMS)) for run in runs.values() if run.facts.get(STUDY) == study]
    counts = Counter(claims for claims in noted if re.fullmatch(f"[0-9a-f]{{{HASH_DIGITS}}}", claims))
    total = counts.total()
    earlier = [f"{count:,} of {total:,} under {claims}" for claims, count in counts.most_common() if claims != digest]
    if not earlier:
        return ""
    return f"The claims were changed after these runs: {', '.join(earlier)}, and now they are {digest}."
