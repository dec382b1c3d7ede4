"""What a plan costs, and how it is told."""

from dataclasses import replace

import pytest

from lotterylab.asking.catalogue import study_named
from lotterylab.data import Digits
from lotterylab.engine.facts import processor
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Data, Train
from lotterylab.report.pace import Pace, work
from lotterylab.report.price import cost, lines, missing, seconds_per_image, spell_seconds
from lotterylab.studies.activations import Options, build

SPEC = Digits(train=90, validation=9, test=30)
DATA = Data(spec=SPEC, content="as if read")
OPTIONS = Options(protocols=("as-published",), activations=("relu",), sparsities=(0.5,), seeds=1)
STUDY = build(OPTIONS, DATA)
TWO_SEEDS = build(replace(OPTIONS, seeds=2), DATA)


def runs(study=STUDY) -> dict[str, Train]:
    return {node.digest: node for node in study.targets() if isinstance(node, Train)}


def finish(store: Store, node: Train, seconds: float, same_as: str = "", where: str = processor()) -> None:
    store.commit(
        Record(
            digest=node.digest,
            kind="Train",
            metrics={},
            facts={"processor": where},
            seconds=seconds,
            same_as=same_as,
            blobs={"final": "0" * 64},
        )
    )


def test_work_counts_training_images_and_a_third_of_those_watched():
    dense = STUDY.rows[0].nodes["train"]
    assert work(dense) == 50 * (90 + 30 / 3)
    assert work(STUDY.rows[1].nodes["prune"]) == 0


def test_the_pace_is_that_of_the_finished_runs_that_really_ran(tmp_path):
    store = Store(tmp_path).create()
    assert seconds_per_image(STUDY.targets(), store) is None
    dense, ticket, twin = list(runs().values())[:3]
    finish(store, dense, seconds=2 * work(dense))
    finish(store, ticket, seconds=4 * work(ticket))
    finish(store, twin, seconds=0.0, same_as=ticket.digest)
    finish(store, list(runs(TWO_SEEDS).values())[-1], seconds=1e6, where="another processor, by a ledger")
    expected = (2 * work(dense) + 4 * work(ticket)) / (work(dense) + work(ticket))
    assert seconds_per_image(TWO_SEEDS.targets(), store) == pytest.approx(expected)
    assert seconds_per_image(TWO_SEEDS.targets(), store, exactly=False) == pytest.approx(2.0)


def test_the_plan_says_what_is_done_what_is_left_and_for_how_long(tmp_path):
    store = Store(tmp_path).create()
    told = list(lines(STUDY, store, workers=2, pace=Pace(mean=0.001), measured="by hand"))
    assert told[0] == STUDY.title
    assert "  1. as-published | relu: dense, 1 x 50 epochs (to run)" in told
    assert "To train: 3 runs, 90 epochs at the most (runs of equal masks are trained once)." in told
    assert told[1].startswith("To train: ") and told[2] == "About 4 s here with 2 workers (by hand)."
    again = {**STUDY.rows[0].labels, "method": "beside it"}  # a row for another number of a run that has one
    beside = replace(STUDY, rows=(*STUDY.rows, replace(STUDY.rows[0], labels=again)))
    listed = list(lines(beside, store, workers=2, pace=Pace(mean=0.001), measured="by hand"))
    assert "  4. as-published | relu: beside it, 1 x 50 epochs (listed above)" in listed
    assert [line for line in told if "run" in line] == [line for line in listed if "run" in line]
    for node in runs().values():
        finish(store, node, seconds=1)
    # their records are known but not their tensors, as from a ledger: masks and distances need those of all three
    assert sum(isinstance(node, Train) for node in missing(STUDY, store)) == 3
    again = "\n".join(lines(STUDY, store, workers=2, pace=None, measured=""))
    measures = [node for row in STUDY.rows for node in row.nodes.values() if not isinstance(node, Train)]
    (only,) = cost(measures[:2], workers=2, pace=None, measured="")
    assert only == "Nothing is left to train: 2 masks and measures are left to compute."
    assert "\n3 of these runs are known from a ledger; their tensors are needed again by dead_units (1)" in again
    for node in (one for row in STUDY.rows for one in row.nodes.values() if not isinstance(one, Train)):
        store.commit(Record(digest=node.digest, kind="", metrics={}, facts={}))
    finished = list(lines(STUDY, store, workers=2, pace=None, measured=""))
    assert "  2. as-published | relu: magnitude, 1 x 20 epochs (done)" in finished
    assert "Nothing is left to train: all results are in the store." in finished


def test_the_choice_of_rates_is_told_with_its_price(tmp_path):
    options = Options(
        protocols=("corrected",), activations=("tanh",), sparsities=(0.9,), seeds=2, rates=(0.1, 0.3), scoring_images=2
    )
    study = build(options, DATA)
    told = list(lines(study, Store(tmp_path), workers=1, pace=None, measured=""))
    assert " 13. learning rate | tanh: 2 rates x 2 seeds, chosen on validation, 4 runs (4 to run)" in told
    assert any(line.startswith("Dense runs: 6, each trained once") for line in told)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (100, "2 min"), (3540, "59 min"), (5400, "1 h 30 min"), (7260, "2 h 01 min")],
)
def test_times_are_spelled_as_a_person_would(seconds, words):
    assert spell_seconds(seconds) == words


def test_runs_of_several_lengths_and_runs_in_no_row_are_told(tmp_path):
    request = study_named("rewind-rounds")
    large = Data(spec=Digits(train=1190, validation=9, test=30), content="as if read")
    study = request.build(request.options(seeds=1), large)
    told = "\n".join(lines(study, Store(tmp_path), workers=1, pace=None, measured=""))
    rising = [row.nodes["train"] for row in study.rows if row.labels["method"] == "rising"]
    steps = sorted({run.total_steps - run.first_step for run in rising if isinstance(run, Train)})
    assert len(steps) > 1 and f"rising, {len(steps)} x {steps[0]:,} to {steps[-1]:,} steps" in told
    request = study_named("grasp-activations")
    study = request.build(request.options(seeds=1, scoring_images=2), DATA)
    scored = {row.nodes["prune"].of.run.digest for row in study.rows if row.labels["method"] == "magnitude"}  # type: ignore[attr-defined]
    told = "\n".join(lines(study, Store(tmp_path), workers=1, pace=None, measured=""))
    assert f"and {len(scored)} runs that these begin from" in told and "up to 0" not in told
    for control in ("", ", random mask", ", reinitialised"):
        name = f"relu, corrected, grasp, own rate{control}"
        assert f"learning rate | {name}: 7 rates x 2 seeds, chosen on validation, 14 runs (14 to run)" in told
