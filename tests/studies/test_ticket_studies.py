"""Studies with outlines: each is planned, computed on a few digits, read and written as a page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.asking.study import Study
from lotterylab.data import Digits
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Data, Train
from lotterylab.plan.plan import Plan
from lotterylab.reading.alarms import alarms_of
from lotterylab.reading.answers import conclusion
from lotterylab.reading.claims import read
from lotterylab.reading.costs import costs, priced
from lotterylab.reading.differences import found_by
from lotterylab.reading.rows import Rows
from lotterylab.reading.table import render
from lotterylab.report.anchors import run_anchor, settings_anchor
from lotterylab.report.context import ReportContext
from lotterylab.report.figure_style import looks
from lotterylab.report.pace import Pace
from lotterylab.report.page import report
from lotterylab.report.price import lines
from some_plans import compute

NAMES = [name for name in STUDIES if name != "activations"]
SPEC = Digits(train=64, validation=20, test=20)
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)
WHOLE = Data(spec=Digits(), content="0" * 64)  # for plans of whole sizes
TINY: dict[str, dict[str, Any]] = {
    "lth-mnist": {"steps": 6, "rounds": 10},  # the tenth has all controls
    "lth-digits": {"steps": 12},
    "lth-conv": {"steps": 6, "rounds": 2, "width": 0.1},
    "glorot": {"steps": 20, "width": 8, "rates": (0.01, 0.1)},
    "grasp-activations": {"dense_epochs": 2, "pruned_epochs": 1, "rates": (0.03, 0.1), "scoring_images": 2},
    "rewind-rounds-norm": {"epochs": 1, "rounds": 2, "rates": (0.03,)},
    "random-out": {"epochs": 2, "rates": (0.03,)},
    "random-out-tickets": {"epochs": 2, "rates": (0.03,)},
    "sparse-training": {"lengths": (8,), "rates": (0.03,)},
    "grasp-table": {"epochs": 7, "width": 0.1, "rates": (0.03,), "scoring_images": 2},
    "frontier": {"budgets": (5,), "rates": (0.03,), "scoring_images": 2},
    "early-bird-random-out": {"epochs": 7, "rates": (0.03,)},
    "alignment": {"steps": 12, "rounds": 2, "rates": (1e-3,)},
    "alignment-conv": {"epochs": 2, "rounds": 2, "rates": (0.03,)},
    "transfer": {"epochs": 2, "rounds": 2, "rates": (0.03,), "adam_rates": (1e-3,)},
    "local-receptive-fields": {"steps": 12, "rounds": 2, "rates": (1e-3,)},
    "early-bird": {"epochs": 7, "rates": (0.03,)},
    "grasp-tickets": {"epochs": 1, "rounds": 2, "rates": (0.03,), "scoring_images": 2},
    "deconstructing": {"steps": 6, "rates": (0.0012,)},
    "signs": {"steps": 20, "rates": (0.0012,)},
    "supermasks": {"epochs": 2, "dense_epochs": 1},
    "supermasks-conv": {"epochs": 2, "dense_epochs": 1, "width": 0.1},
    "unlucky-seeds": {"steps": 12, "rates": (1e-3,)},
    "default": {"epochs": 1, "rounds": 2},
}


def parts(name: str) -> Study:
    return study_named(name)


def study(name: str, **changes: Any) -> Plan:
    of = parts(name)
    options = of.options(**{**TINY.get(name, TINY["default"]), "seeds": 1, **changes})
    return of.plan(options, DATA)


@pytest.fixture(scope="module", params=NAMES)
def computed(request, tmp_path_factory) -> tuple[str, Plan, Store]:
    found, store = study(request.param), Store(tmp_path_factory.mktemp(request.param) / "store").create()
    compute(found.targets(), store)
    return request.param, found, store


@pytest.mark.parametrize("name", NAMES)
def test_no_two_lines_of_a_page_look_alike(name):
    found = looks(line.name for chart in parts(name).outline.charts for line in chart.lines)
    assert len(set(found.values())) == len(found)


class Page(HTMLParser):
    """The anchors and the texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.files: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        targets = [value for name, value in attrs if name == "href" and value]
        self.links += [value[1:] for value in targets if value.startswith("#")]
        self.files += [value for value in targets if not value.startswith("#")]

    def handle_data(self, data) -> None:
        self.text += data


def test_a_computed_study_has_all_its_rows_and_a_page(computed, tmp_path):
    name, found, store = computed
    rows = results(found, store)
    assert all(row.complete for row in rows)
    outline = parts(name).outline
    context = ReportContext(
        data_title="digits", data=SPEC.fingerprint(None), settings={}, facts={}, command=f"lotterylab run {name}"
    )
    page = Page(report(found, rows, alarms_of(rows), tmp_path, context, outline).read_text(encoding="utf-8"))
    assert {"answer", "figures", "predicted", "differences", "alarms", "runs", "references"} <= set(page.ids)
    assert ("published" in page.ids) == any(claim.source for claim in outline.claims)
    priced_rows = priced(Rows(rows))
    if name in ("frontier", "grasp-table"):
        assert all(None not in vars(cost).values() for cost in costs(Rows(rows)) if cost), "every run behind is a part"
    assert conclusion(outline, priced_rows, read(outline.claims, outline.comparisons, priced_rows)[1]) in page.text
    assert all(f"table-{one.name}" in page.ids for one in outline.tables)
    for chart in outline.charts:
        assert f"figure-{chart.name}" in page.ids or chart.name in ("order-stability", "instability", "crossed")
    assert all(prediction.claim in page.text for prediction in found.predictions)
    assert len(page.ids) == len(set(page.ids)) and set(page.links) <= set(page.ids)
    assert page.files and all((tmp_path / one).is_file() for one in page.files)
    compared = (tmp_path / "differences.csv").read_text(encoding="utf-8").splitlines()
    assert len(compared) == 1 + len(found_by(outline.comparisons, Rows(rows)))
    lines = {run_anchor(row.labels) for row in rows}
    assert lines <= set(page.ids) and lines & set(page.links), "from a number to its runs"
    trained = {settings_anchor(run) for row in rows if isinstance(run := row.nodes["train"], Train)}
    assert trained <= set(page.links), "from a run to its settings"
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert found.title in readme and "Doubts:" in readme
    assert found.title in render(found.title, rows, alarms_of(rows))


@pytest.mark.parametrize("name", NAMES)
def test_the_price_is_said_in_the_runs_own_units(name, tmp_path):
    said = "\n".join(lines(study(name), Store(tmp_path), workers=2, pace=Pace(mean=1e-4), measured="here"))
    steps = TINY.get(name, {}).get("steps")
    assert (f" {steps} steps" in said) == (steps is not None) and "about" in said.lower()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["quick", "standard", "paper"])
def test_every_size_can_be_planned(name, size, tmp_path):
    of = parts(name)
    options = of.options(size=size)
    found = of.plan(options, WHOLE)
    trainings = {node.digest for node in found.targets() if isinstance(node, Train)}
    assert len(trainings) >= 10 and len({row.labels["seed"] for row in found.rows}) == options.seeds


@pytest.mark.parametrize("name", NAMES)
def test_claims_are_open_before_anything_runs_and_each_has_a_key_of_its_own(name):
    outline = parts(name).outline
    assert all(claim.judge(Rows()).word == "not run" for claim in outline.claims)
    assert len({claim.key for claim in outline.claims}) == len(outline.claims)
    assert conclusion(outline, Rows(), []).startswith("Nothing can be said yet")
    assert outline.doubts and outline.would_change


@pytest.mark.parametrize("name", NAMES)
def test_every_level_that_a_claim_names_is_in_the_standard_size(name):
    """A judge that finds no rows says "not run" for ever: made-up rows of the standard plan must be enough for all."""
    of = parts(name)
    planned = of.plan(of.options(), WHOLE)
    rows = made_up(planned)
    for claim in of.outline.claims:
        judged = claim.judge(Rows(rows))
        assert judged.word != "not run", claim.key
        for side, behind in judged.rows:
            seeds = [(row.labels["seed"], row.labels["sparsity"]) for row in behind]  # a range has several levels
            assert len(set(seeds)) == len(seeds), f"{claim.key}: {side} has several rows of one seed"
    found = found_by(of.outline.comparisons, Rows(rows))
    assert any(one.planned for one in found) and len({one.comparison.key for one in found}) == len(
        of.outline.comparisons
    )
    for one in found:
        assert all(len(behind) == len({row.labels["seed"] for row in behind}) for _, behind in one.rows), (
            one.comparison.key
        )


def made_up(planned: Plan) -> list[Any]:
    from lotterylab.engine.records import Record
    from lotterylab.engine.results import Result

    rows = []
    for number, row in enumerate(planned.rows):
        values = {
            "test_accuracy": 0.5 + number % 7 / 100,
            "validation_accuracy": 0.5 + number % 5 / 100,
            "best_test_accuracy": 0.5,
            "best_step": 100 + number % 5,
            "steps": 500,
        }
        values |= {
            "average": 0.5,
            "masked_l2": 1.0,
            "masked_angle": 30.0,
            "kappa": 0.5,
            "loss_barrier": 0.5,
            "over_places": 1.5,
            "over_pixels": 1.2,
            "spread_over_pixels": 0.9,
            "instability": 0.01 * (number % 3),
            "log10_ratio": 0.5,
            "reached": row.labels["sparsity"],
            "resets": {"conv1.weight": 0},
            "matched": 0.5,
            "dense": {"conv1": 100.0},
            "macs": 1e9 + number,
            "sparse_macs": 1e8 + number,
            "macs_to_mask": 1e7 + number,
            "seconds_to_mask": 1.0 + number % 3,
            "test_loss": 1 + number % 5 / 100,
            "early-bird-0.5": {"distances": [0.05] * 6, "limit": 0.1, "chance": 0.5, "step": 5},
        }
        records = {
            part: Record(digest=node.digest, kind=type(node).__name__, metrics=dict(values), facts={})
            for part, node in row.nodes.items()
        }
        records["cost"] = replace(next(iter(records.values())), kind="Cost")
        rows.append(Result(labels=row.labels, records=records, nodes=row.nodes))
    return rows


def test_a_size_is_no_part_of_a_result_s_name():
    of = parts("rewind-rounds")
    small = of.options()
    assert replace(small) == of.options()
