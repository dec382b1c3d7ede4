"""How far a run is, said in lines and in numbers."""

import pytest

from lotterylab.engine.local import Event
from lotterylab.engine.patience import Doubt
from lotterylab.report.progress import Bars, Meter, Plain, progress
from some_plans import MAGNITUDE, RUN, TICKET, TWIN

NAMES = {RUN.digest: "dense run", TICKET.digest: "ticket"}


def meter() -> Meter:
    return Meter([RUN, MAGNITUDE, TICKET, TWIN], NAMES)


def epoch(node, number):
    return Event(word="progress", node=node, detail=(number, 4))


def done(node, twin=""):
    return Event(word="done", node=node, detail=(1.0, twin))


def test_the_share_is_that_of_the_work_and_reaches_one():
    one = meter()
    assert one.share == 0 and one.left() == "time left unknown"
    one.take(epoch(RUN, 2))
    assert one.share == pytest.approx(1 / 6)
    one.take(done(RUN))
    one.take(done(MAGNITUDE))  # no training: no work
    assert one.share == pytest.approx(1 / 3) and one.finished == 1
    one.take(epoch(TICKET, 4))
    one.take(done(TICKET))
    one.take(done(TWIN, twin=TICKET.digest))
    assert one.share == 1 and (one.finished, one.runs, one.shared) == (3, 3, 1)
    assert one.left() == "0 s left"


def test_the_time_left_of_a_run_is_known_from_its_second_word_on():
    one = meter()
    one.take(epoch(RUN, 1))
    assert one.run_left(RUN) == ""
    one.take(epoch(RUN, 3))
    assert one.run_left(RUN).endswith(" left")


def test_plain_lines_are_whole_and_rare_but_failures_always_show():
    said: list[str] = []
    with Plain(meter(), write=said.append) as hear:
        for number in range(1, 5):
            hear(epoch(RUN, number))
        hear(Event(word="failed", node=TICKET, detail=("out of memory", "trace")))
    assert said[0].endswith("left; dense run, epoch 1 of 4") and said[0].startswith("8%, 0 of 3 runs")
    assert said[1:] == ["failed: ticket: out of memory"]


def silent(node, *, replaced):
    doubt = Doubt(seconds=61.0, process=7, computes=False, replaced=replaced, replaced_after=120.0)
    return Event(word="silent", node=node, detail=doubt)


@pytest.mark.parametrize("kind", ["plain", "bars", "none"])
def test_a_worker_that_stands_still_and_workers_that_are_missing_are_told_of_at_once(capsys, kind):
    with progress(kind, meter()) as hear:
        hear(silent(RUN, replaced=False))
        hear(Event(word="fewer", node=RUN, detail=(1, 4, "the system refused [more]")))
    said = " ".join(capsys.readouterr().err.split())
    assert "waiting: dense run: worker process 7 has sent no message for 61 s" in said
    assert "after 120 s it is replaced" in said and "1 of 4 workers: the system refused [more]" in said


def test_bars_take_every_kind_of_event(capsys):
    with Bars(meter()) as hear:
        for event in (epoch(RUN, 1), epoch(RUN, 2), done(RUN), Event(word="stopped", node=TICKET)):
            hear(event)
        hear(Event(word="failed", node=TWIN, detail=("why", "")))
    assert "why" in capsys.readouterr().err


def test_without_a_terminal_lines_are_plain(capsys):
    assert isinstance(progress("auto", meter()), Plain)
    with progress("none", meter()) as hear:
        hear(epoch(RUN, 1))
        hear(done(RUN))
        assert capsys.readouterr().err == ""
        hear(Event(word="failed", node=TICKET, detail=("out of memory", "trace")))
    assert capsys.readouterr().err == "failed: ticket: out of memory\n"
