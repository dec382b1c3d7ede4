"""What tickets return: curves, a data frame, a page."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab import tickets
from lotterylab.errors import UsageError
from lotterylab.from_python.found import Tickets
from lotterylab.masks.counts import Rate
from lotterylab.reading.loops import answer
from lotterylab.report.loop_page import figure_of


def init_fn(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))


def train_fn(module: nn.Module, run: Any) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3, momentum=0.9)
    with run.hold(optimizer):
        for step in run.steps:
            inputs = torch.randn(32, 8, generator=torch.Generator().manual_seed(1000 * run.seed + step))
            loss = nn.functional.cross_entropy(module(inputs), (inputs[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(step, loss=loss, rate=0.3)


def eval_fn(module: nn.Module) -> dict[str, Any]:
    inputs = torch.randn(200, 8, generator=torch.Generator().manual_seed(7))
    return {"test_accuracy": (module(inputs).argmax(1) == (inputs[:, 0] > 0)).double().mean(), "size": 3}


def fails(module: nn.Module, run: Any) -> None:
    raise ValueError("no data here")


def other_numbers(module: nn.Module) -> dict[str, float]:
    return {"error": 0.25}


def find(store: Path, **changes: Any) -> Tickets:
    given: dict[str, Any] = {"steps": 12, "sparsities": [0.5, 0.8], "seeds": 3, "controls": ["random-mask"], **changes}
    functions = [given.pop(name, own) for name, own in (("train_fn", train_fn), ("eval_fn", eval_fn))]
    return tickets(init_fn, *functions, store=store, **given)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Tickets:
    return find(tmp_path_factory.mktemp("loop") / "store", rewind_to=4)


def test_curves_are_kept_for_each_seed_from_the_step_at_which_it_began(found: Tickets) -> None:
    dense = found.curves("loss", method="dense")
    assert list(dense) == [0, 1, 2] and [step for step, _ in dense[0]] == list(range(12))
    ticket = found.curves("loss", method="iterative", control="", sparsity=0.5)
    assert [step for step, _ in ticket[2]] == list(range(4, 12))
    module, inputs = init_fn(0), torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    assert dense[0][0][1] == nn.functional.cross_entropy(module(inputs), (inputs[:, 0] > 0).long()).item()
    with pytest.raises(UsageError, match=r"logged 'los'. It logged: loss, rate; call run.log"):
        found.curves("los", method="dense")


def test_logging_changes_no_bit(found: Tickets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lotterylab.training.user.Run.log", lambda *given, **numbers: None)
    silent = find(tmp_path, rewind_to=4)
    pairs = zip(found.rows, silent.rows, strict=True)
    assert all(one.records["train"].blobs == other.records["train"].blobs for one, other in pairs)


def test_a_data_frame_has_a_line_a_run(found: Tickets) -> None:
    pytest.importorskip("pandas", reason="to_frame needs pandas")
    frame = found.to_frame()
    assert len(frame) == 15
    assert list(frame.columns[:6]) == ["protocol", "activation", "method", "control", "sparsity", "seed"]
    assert set(frame["control"]) == {"none", "random mask"}
    of_tickets = frame[(frame.control == "none") & (frame.sparsity == 0.8)].set_index("seed")["train.test_accuracy"]
    assert of_tickets.to_dict() == found.values(method="iterative", control="", sparsity=0.8)


def test_without_pandas_a_data_frame_is_refused_in_a_sentence(found: Tickets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"to_frame needs pandas, which is not installed\. Install it"):
        found.to_frame()


def test_a_page_has_the_answer_the_numbers_and_the_curves(found: Tickets, tmp_path: Path) -> None:
    page = found.report(tmp_path / "page")
    text = page.read_text()
    assert answer(found.rows).split(":")[0] in text and "the dense network" in answer(found.rows)
    assert "n = 3" in answer(found.rows) and len(answer(found.rows).split()) <= 30
    assert 'id="figure-numbers"' in text and 'id="figure-curves"' in text
    assert "http" not in text.replace("http://www.w3.org", "")
    for name in ("numbers", "curves"):
        assert (tmp_path / "page" / "figures" / f"{name}.png").stat().st_size > 1000
    with open(tmp_path / "page" / "results.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 15 and {line["control"] for line in lines} == {"none", "random mask"}
    accuracies = {int(line["seed"]): float(line["train.test_accuracy"]) for line in lines if line["method"] == "dense"}
    assert accuracies == found.values(method="dense")
    with open(tmp_path / "page" / "curves.csv", newline="") as file:
        points = [line for line in csv.DictReader(file) if line["method"] == "dense" and line["curve"] == "loss"]
    of_one = [(int(point["step"]), float(point["value"])) for point in points if point["seed"] == "1"]
    assert of_one == found.curves("loss", method="dense")[1]


def test_results_stay_after_the_process_has_changed_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    made = find(Path("store"), seeds=1)
    assert "<code>store</code>" in made.report("page").read_text()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(made.rows) == 5 and all(row.complete for row in made.rows)
    assert not (tmp_path / "elsewhere" / "store").exists()


def test_a_page_in_the_place_of_a_file_is_refused_in_a_sentence(found: Tickets, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("mine")
    for folder in (tmp_path / "page", tmp_path / "page" / "inside"):
        with pytest.raises(UsageError, match=r"page.* is not a folder|no folder"):
            found.report(folder)
    assert (tmp_path / "page").read_text() == "mine"


def test_the_sentence_of_the_figure_names_arms_without_gaps(found: Tickets) -> None:
    grid = figure_of(found.rows)
    assert grid is not None and re.search(r"between [\d.]+ \(iterative", grid.sentence), grid


def test_a_page_of_an_unfinished_or_failed_loop_says_so(tmp_path: Path) -> None:
    broken = find(tmp_path / "store", train_fn=fails, seeds=1)
    text = broken.report(tmp_path / "page").read_text()
    assert "0 of 5 rows are finished" in text and "no data here" in text and "figure-" not in text
    assert not (tmp_path / "page" / "curves.csv").exists()


@pytest.mark.parametrize(
    "changes", [{"sparsities": [Rate(share=0.4)] * 2}, {"sparsities": []}, {"eval_fn": other_numbers}]
)
def test_every_kind_of_loop_has_a_page(changes: dict[str, Any], tmp_path: Path) -> None:
    other = find(tmp_path / "store", seeds=1, **changes)
    assert other.report(tmp_path / "page").exists() and answer(other.rows).endswith(".")
