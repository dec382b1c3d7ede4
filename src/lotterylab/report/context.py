"""The context of a report: everything that it needs beside the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lotterylab.types import Fingerprint


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """A ``ReportContext`` describes the origin of the results.

    ``settings``: the options of the study, by name.  ``data_title``, ``data``: the name of the data, and the content
    that was read.  ``facts``: versions and machine of the process that writes the report; each run's record has its
    own.  ``command``: the command line that makes the results.  ``rebuild``: the command line that writes this report
    again; empty for the same options with ``report`` and ``--out``.
    """

    data_title: str
    data: Fingerprint
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    command: str
    rebuild: str = ""
