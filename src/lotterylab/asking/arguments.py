"""How the options of the studies look in a help text: what stands for their values."""

from __future__ import annotations

from typing import Any

import tyro


def shown_as(text: str) -> Any:
    """An option that shows this for its value and says its default in its own words."""
    return tyro.conf.arg(metavar=text, help_behavior_hint="")


WHOLE = shown_as("N")
NUMBER = shown_as("X")
NUMBERS = shown_as("X [X ...]")
FOLDER = shown_as("FOLDER")
WORD = shown_as("WORD")


def words_of(kind: str) -> Any:
    """An option that takes several words of a kind."""
    return shown_as(f"{kind} [{kind} ...]")
