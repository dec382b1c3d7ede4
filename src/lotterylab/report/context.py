"""What a report has to know beside the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lotterylab.types import Fingerprint


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """Where the results come from.

    ``settings``: the options of the study, by name.  ``data_title``, ``data``: which data, and what was really read.
    ``facts``: versions and machine of the process that writes the report; those of each run are in its record.
    ``command``: the line that makes the results.  ``rebuild``: the line that writes this report again; empty for the
    same options with ``report`` and ``--out``.
    """

    data_title: str
    data: Fingerprint
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    command: str
    rebuild: str = ""
