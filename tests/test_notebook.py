"""The notebook of the documents runs cell by cell, and what each cell ends with shows itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from lotterylab.from_python.found import Tickets
from lotterylab.training.attach import Held
from some_cells import run_cell

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebooks" / "tickets.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


class Tags(HTMLParser):
    """The tags of a piece of HTML, with the number of those that are open at its end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.open = [], 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += tag not in ("img", "br")

    def handle_endtag(self, tag: str) -> None:
        self.open -= 1


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """The names of the notebook after its last cell, and what each cell ended with, in the notebook's folder."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        yield names, [run_cell(text, number, names) for number, text in enumerate(CODE)]


def test_it_has_twelve_cells_without_outputs_and_each_is_explained() -> None:
    assert len(CODE) == 12
    for before, cell in pairwise(CELLS):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            assert before["cell_type"] == "markdown"


def test_every_cell_runs_and_no_alarm_is_raised(session: tuple[dict[str, Any], list[Any]]) -> None:
    names, shown = session
    assert len(shown) == 12
    assert names["found"].alarms == [] and not names["found"].failed
    assert all(row.complete for row in names["found"].rows)


def test_it_shows_what_it_says(session: tuple[dict[str, Any], list[Any]]) -> None:
    names, shown = session
    assert abs(names["train_x"].mean().item() - 0.3063) < 1e-4
    apart = names["found"].difference({"control": "", "sparsity": 0.98}, {"control": "random-mask", "sparsity": 0.98})
    assert apart.low is not None and apart.low > 0, "a ticket is better than a random mask"
    assert [(step, type(value)) for step, value in shown[8]] == [(197, float), (198, float), (199, float)]
    kept = sum(int(each.sum()) for each in names["ticket"].values())
    assert f"{kept:,} of " in repr(names["ticket"])
    assert names["page"].is_file() and (names["page"].parent / "results.csv").is_file()


def test_what_holds_a_mask_and_what_was_found_show_themselves(session: tuple[dict[str, Any], list[Any]]) -> None:
    names, shown = session
    held = next(value for value in shown if isinstance(value, Held))
    first, second, *lines = repr(held).splitlines()
    assert first == "held on Sequential with SGD; steps so far: 50"
    assert second == repr(names["mask"]).splitlines()[0] and len(lines) == len(names["mask"])
    html = Tags(held._repr_html_())
    assert html.tags.count("tr") == 1 + len(names["mask"]) and html.open == 0
    found = next(value for value in shown if isinstance(value, Tickets))
    sentence = repr(found).partition("\n\n")[0]
    shown_html = found._repr_html_()
    assert " ".join(sentence.split()) in shown_html and "n = 3" in sentence
    html = Tags(shown_html)
    arms = {tuple(row.labels[name] for name in ("method", "control", "sparsity")) for row in found.rows}
    assert html.tags.count("tr") == 1 + len(arms) and html.open == 0
    assert html.tags.count("img") == 1 and "data:image/png;base64," in shown_html


def test_a_released_mask_says_so() -> None:
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with Held(module, optimizer, {"weight": torch.ones(2, 2, dtype=torch.bool)}) as held:  # type: ignore[arg-type]
        optimizer.step()
    assert repr(held).startswith("released from Linear with SGD; steps so far: 1\n")
