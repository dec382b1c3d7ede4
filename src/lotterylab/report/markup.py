"""HTML from Python values: every value is escaped unless it is ``Html`` already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from lotterylab.formats.text import shown_lines

VOID = ("meta", "input", "br")
PLAIN = re.compile("[A-Za-z0-9 .,:;()/+=#%_-]*")  # most texts of a page have no other letters, and stay as they are


class Html(str):
    """``Html`` is text that is HTML already; plain strings are escaped when they become part of it."""


Child: TypeAlias = "Html | str | int | float | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """Return ``<name attributes>children</name>``.

    A trailing underscore of an attribute is dropped and others become hyphens (``class_``, ``data_value``); True
    stands without a value, False and None are left out.
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{head}>" if name in VOID else f"<{head}>{join(children)}</{name}>")


def join(children: Child, between: str = "") -> Html:
    """Return the children in a row; numbers and strings are escaped, iterables are flattened."""
    kind = type(children)
    if kind is Html:
        return children  # type: ignore[return-value]
    if kind is str:
        return Html(_escaped(children))  # type: ignore[arg-type]
    if kind is int or kind is float:
        return Html(str(children))
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str | int | float):
        return Html(_escaped(str(children)))
    return Html(between.join(join(child) for child in children))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return text if PLAIN.fullmatch(text) else escape(shown_lines(text))
