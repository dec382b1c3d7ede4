"""The HTML around a page's sections, with everything that the page needs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from lotterylab.report.markup import Html, tag


def page_html(title: str, head: Html, sections: Sequence[Html]) -> str:
    """Return a whole page that loads nothing."""
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", title),
            tag("style", Html(_packaged("page.css"))),
        ),
        tag("body", head, tag("main", sections), tag("script", Html(_packaged("page.js")))),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def _packaged(name: str) -> str:
    return files("lotterylab.report").joinpath(name).read_text(encoding="utf-8")
