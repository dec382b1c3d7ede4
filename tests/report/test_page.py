"""The page: one offline file whose numbers are those of the CSV files beside it."""

from __future__ import annotations

import csv
import itertools
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean

import pytest

from lotterylab.auditing.alarms import Alarm
from lotterylab.report.context import ReportContext
from lotterylab.report.page import report
from lotterylab.studies.activations_reading import OUTLINE
from lotterylab.types import Fingerprint
from some_study import some_results, some_study

SECTIONS = ("answer", "verdicts", "corrected", "as-published", "ladder", "differences", "costs", "alarms")
SECTIONS += ("origin", "runs", "references", "words")
VOID = {"meta", "input", "br"}
MOVED = "3 of 4 removed weights <are> not 0"
ALARMS = [
    *(Alarm(code="moved", message=MOVED, where=f"arm {number}", severity="fault") for number in range(20)),
    Alarm(code="zero-scores", message="many", severity="caution"),
]
LOADS = re.compile(
    r"@import|url\((?!#)|<link|<script [^>]*src|<(img|iframe|object|embed|video|audio)\b"
    r"|fetch\(|XMLHttpRequest|WebSocket"
)


class Page(HTMLParser):
    """What a test asks of a page: tags, ids, text by section, tables as rows of (text, value)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: Counter[str] = Counter()
        self.sections: dict[str, str] = {}
        self.tables: dict[str, list[list[list[str | None]]]] = {}
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "tr" and (table := self.within("table")) and table.get("id"):
            self.tables.setdefault(str(table["id"]), []).append([])
        if tag in ("td", "th") and (table := self.within("table")) and table.get("id"):
            self.tables[str(table["id"])][-1].append(["", attributes.get("data-value")])
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data) -> None:
        if section := self.within("section"):
            name = str(section["id"])
            self.sections[name] = self.sections.get(name, "") + data
        table = self.within("table")
        in_cell = self.within("td") is not None or self.within("th") is not None
        if table and table.get("id") and in_cell:
            cell = self.tables[str(table["id"])][-1][-1]
            cell[0] = str(cell[0]) + data

    def within(self, name: str) -> dict[str, str | None] | None:
        return next((attributes for tag, attributes in reversed(self.open) if tag == name), None)


def some_context(**changes) -> ReportContext:
    data = Fingerprint(
        content="ab" * 32, files=(("digits.npz", "sha256:12"),), warnings=("17 images are approximate.",)
    )
    known = {
        "data_title": "digits",
        "data": data,
        "settings": {"sparsities": (0.5, 0.9), "augment": {"crop_padding": 1, "flip": False}},
        "facts": {"lotterylab": "0.1.0"},
        "command": "lotterylab run activations --data digits",
    }
    return ReportContext(**{**known, **changes})


def make(folder: Path, study, results, alarms=(), **changes) -> Page:
    return Page(report(study, results, alarms, folder, some_context(**changes), OUTLINE).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def study():
    protocols = ("as-published", "corrected", "ladder")
    return some_study(activations=("sigmoid",), protocols=protocols, notes=("Small preset: <few> seeds.",))


@pytest.fixture(scope="module")
def page(folder, study) -> Page:
    return make(folder, study, some_results(study), ALARMS)


def lines(folder: Path) -> list[dict[str, str]]:
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_is_well_formed_with_each_id_once(page):
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert [name for name, count in Counter(ids).items() if count > 1] == []


def test_nothing_is_loaded_from_anywhere(page, folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert not LOADS.search(text)
    for tag, attributes in page.tags:
        assert "src" not in attributes and "srcset" not in attributes
        for name, value in attributes.items():
            if not name.startswith("xmlns"):
                assert "//" not in str(value), (tag, name, value)


def test_every_link_leads_to_a_part_of_the_page_or_a_file_beside_it(page, folder):
    ids = {attributes.get("id") for _, attributes in page.tags}
    targets = [a.get("href") or a.get("xlink:href") for _, a in page.tags if a.get("href") or a.get("xlink:href")]
    assert {f"#{anchor}" for anchor in SECTIONS} <= set(targets)
    for target in targets:
        assert target is not None
        assert target[1:] in ids if target.startswith("#") else (folder / target).is_file(), target


def test_the_sections_stand_in_their_order(page):
    assert list(page.sections) == list(SECTIONS)


def test_every_run_of_the_table_has_the_numbers_of_the_file(page, folder):
    wanted = {
        "reached": "prune.reached",
        "test acc.": "train.test_accuracy",
        "exact acc.": "train.test_accuracy_exact",
        "D": "distances.mean_relative_distance",
        "seconds": "train.seconds",
    }
    names = ("protocol", "activation", "method", "control", "sparsity", "seed")
    runs = {tuple(line[name] for name in names): line for line in lines(folder)}
    head, *rows = page.tables["all-runs"]
    columns = [text for text, _ in head]
    called = {"first-order score": "first-order", "GraSP, exact": "grasp"}
    assert len(rows) == len(runs) == len(lines(folder))
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        method = str(cells["method"][0])
        control = cells["control"][0] or "none"
        labels = (cells["protocol"][1], cells["activation"][0], called.get(method, method), control)
        for column, name in wanted.items():
            expected = runs[*labels, cells["requested"][1], cells["seed"][1]][name] or None
            assert cells[column][1] == expected, (labels, column)
            if expected is not None:
                decimals = len(str(cells[column][0]).partition(".")[2])
                assert abs(float(str(cells[column][0])) - float(expected)) <= 0.5000001 * 10**-decimals


def test_means_of_the_page_are_means_over_the_files_seeds(page, folder):
    head, *rows = page.tables["numbers-corrected-accuracy"]
    columns = [text for text, _ in head]
    values: dict[tuple[str, ...], list[float]] = {}
    for line in lines(folder):
        if line["protocol"] == "corrected":
            key = (line["activation"], line["method"], line["control"], line["sparsity"])
            values.setdefault(key, []).append(float(line["train.test_accuracy"]))
    called = {"first-order score": "first-order", "GraSP, exact": "grasp"}
    dense = {"dense": "none", "dense, as many epochs": "pruned epochs", "dense, total epochs": "total epochs"}
    assert len(rows) == len(values)
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        activation, _, method = str(cells["where"][0]).partition(", ")
        line = str(cells["line"][0])
        what = (
            ("dense", dense[line])
            if line in dense
            else (called.get(method, method), "none" if line == method else line)
        )
        own = values[activation, *what, str(cells["target"][1])]
        assert float(str(cells["test accuracy, fraction"][1])) == pytest.approx(fmean(own), abs=1e-12)
        assert cells["n"][0] == str(len(own)) == "2"


def test_each_step_of_the_ladder_says_whether_it_is_resolved(page):
    head, *rows = page.tables["steps-ladder-accuracy"]
    assert len(head) == 1 + 7
    assert len(rows) == 1 + 2 * 2  # dense; two methods at two targets
    for text, _ in itertools.chain.from_iterable(row[1:] for row in rows):
        assert text == "no change" or str(text).endswith("resolved")


def test_a_verdict_is_a_word_and_a_mark_and_never_colour_alone(page):
    badges = [attributes["class"] for tag, attributes in page.tags if "badge" in str(attributes.get("class"))]
    assert badges
    rows = page.tables["verdicts-table"][1:]
    assert len(rows) == 16
    for row in rows:
        assert re.match(r"[✓✗?–] (confirmed|refuted|cannot be said|not run)", str(row[-1][0]))


def test_what_came_from_outside_is_escaped(page):
    assert "3 of 4 removed weights <are> not 0" in page.sections["alarms"]
    assert not any(tag in ("are", "few") for tag, _ in page.tags)


def test_alarms_are_counted_and_the_first_are_shown(page):
    text = page.sections["alarms"]
    assert "20 faults of 1 kinds" in text and "1 cautions" in text
    assert "moved: 20" in text and "arm 7" in text and "arm 8" not in text and "and 12 more." in text


def test_predictions_stand_as_they_were_written(page, study):
    for prediction in study.predictions:
        assert prediction.expected in page.sections["origin"]


def test_values_of_cifar_are_not_compared_with_other_data(page):
    assert "values" not in page.sections
    assert "Hollow markers are published" not in page.sections["as-published"]


def test_a_second_report_writes_the_same_page_and_draws_nothing(page, folder, study):
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "figures").iterdir()}
    before = (folder / "index.html").read_bytes()
    make(folder, study, some_results(study), ALARMS)
    assert (folder / "index.html").read_bytes() == before
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "figures").iterdir()} == times
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".svg", ".png"}


def test_a_study_without_a_protocol_leaves_its_sections_out(tmp_path):
    study = some_study(activations=("relu",), protocols=("corrected",), seeds=1)
    page = make(tmp_path, study, some_results(study, lambda row: row.labels["method"] == "dense"))
    assert not {"verdicts", "ladder", "as-published", "values", "differences"} & set(page.sections)
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert "figure-corrected-accuracy" not in ids and "figure-corrected-curves" in ids


def test_published_values_are_compared_on_their_own_data(tmp_path):
    study = some_study("cifar10", activations=("tanh",), protocols=("as-published",), sparsities=(0.8,), seeds=1)
    page = make(tmp_path, study, some_results(study), data_title="CIFAR-10@5000")
    assert len(page.tables["published-values"]) == 1 + 63
    finished = [row for row in page.tables["published-values"][1:] if row[11][0]]
    assert {str(row[2][0]) for row in finished} == {"tanh"} and len(finished) == 2 * 3 + 3
    assert "CIFAR-10@5000" in page.sections["origin"]


def test_a_report_of_nothing_needs_neither_torch_nor_matplotlib(tmp_path):
    code = """
import sys
sys.modules["torch"] = sys.modules["matplotlib"] = None
from pathlib import Path
from some_study import some_results, some_study
from test_page import make
study = some_study(protocols=("as-published", "corrected", "ladder"))
page = make(Path(sys.argv[1]), study, some_results(study, lambda row: False))
assert "Unfinished: 0 of" in (Path(sys.argv[1]) / "index.html").read_text(encoding="utf-8")
assert page.sections["ladder"].endswith("No run of the section Ladder is finished yet.")
"""
    paths = [str(path) for path in (Path(__file__).parent, Path(__file__).parents[1])]
    program = f"import sys; sys.path[:0] = {paths!r}\n{code}"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_readme_has_the_accuracies_of_the_methods_and_says_which_diverged(tmp_path):
    study = some_study("cifar10", activations=("relu",), protocols=("corrected",), seeds=3)
    results = some_results(study)
    lost = next(row for row in results if row.labels["method"] == "grasp" and row.labels["sparsity"] == 0.9)
    lost.records["train"].metrics["diverged_epoch"] = 2
    make(tmp_path, study, results)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "runs diverged: corrected, relu, grasp, 0.9 (1)." in text and "Published values" not in text
    (head,) = [line for line in text.splitlines() if line.startswith("| method | 0.5 | 0.9 |")]
    (grasp,) = [line for line in text.splitlines() if line.startswith("| GraSP, exact |")]
    values = [
        float(line["train.test_accuracy"])
        for line in lines(tmp_path)
        if (line["method"], line["control"], line["sparsity"]) == ("grasp", "none", "0.5")
    ]
    assert len(values) == 3 and f"| GraSP, exact | {fmean(values):.3f} [" in grasp
    assert grasp.endswith("] * |") and head.count("|") == grasp.count("|")
