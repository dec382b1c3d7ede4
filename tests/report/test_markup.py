"""Tags, read back by the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.formats.text import shown_lines
from lotterylab.report.markup import Html, join, tag

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=30)


class Read(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(deadline=None)
@given(text=TEXT, value=TEXT)
def test_whatever_text_goes_in_is_text_when_it_is_read(text, value):
    read = Read(tag("p", text, title=value))
    assert read.tags == [("p", {"title": shown_lines(value)})]
    assert read.text == shown_lines(text)


def test_only_html_is_not_escaped_and_iterables_are_gone_through():
    assert join(["<b>", tag("b", 1), None, [Html("<i></i>"), 0.5]]) == "&lt;b&gt;<b>1</b><i></i>0.5"


def test_attributes_lose_their_underscores_and_flags_stand_alone():
    assert tag("td", class_="number", data_value=0, hidden=True, id=None, open=False) == (
        '<td class="number" data-value="0" hidden></td>'
    )
    assert tag("br") == "<br>"
