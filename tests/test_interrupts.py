"""An interrupt that a library swallows still stops the run before it computes."""

from __future__ import annotations

import signal

from lotterylab.engine.local import run
from lotterylab.engine.store import Store
from lotterylab.system.interrupts import Hearing, heard_by_now
from some_plans import RUN


def test_an_interrupt_that_was_swallowed_stops_the_run_before_it_computes(tmp_path):
    hearing = Hearing()
    before = signal.signal(signal.SIGTERM, hearing)
    try:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:  # as a library does that is being imported
            assert heard_by_now([signal.SIGTERM]) == [signal.SIGTERM]
        summary = run([RUN], Store(tmp_path / "store"), workers=1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (summary.done, summary.interrupted) == (0, signal.SIGTERM)
    assert heard_by_now([signal.SIGTERM]) == []
