"""Folders of images, made for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

COUNTS = {"ant": 12, "bee": 6, "cat": 6}


def pixels(label: int, number: int, side: int = 4) -> np.ndarray:
    """(side, side, 3), of which each image has its own; the first value is its number."""
    values = np.random.default_rng([label, number]).integers(0, 256, (side, side, 3), dtype=np.uint8)
    values[0, 0] = number
    return values


def write(root: Path, counts: dict[str, int], side: int = 4) -> None:
    """``counts`` images in each folder, 0.png, 1.png ..."""
    for label, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            PIL.Image.fromarray(pixels(label, number, side)).save(root / name / f"{number}.png")


COUNTS = {"ant": 12, "bee": 6, "cat": 6}


def flat(parent: Path) -> Path:
    """One level of class folders."""
    write(parent / "flat" / "animals", COUNTS)
    return parent / "flat" / "animals"


def divided(parent: Path) -> Path:
    """train, val and test."""
    root = parent / "divided" / "animals"
    write(root / "train", COUNTS)
    write(root / "val", {"ant": 1, "bee": 2, "cat": 1})
    write(root / "test", dict.fromkeys(COUNTS, 2))
    return root


def found(split) -> list[tuple[int, int]]:
    """(label, number) of each image."""
    return list(zip(split.labels.tolist(), split.images[:, 0, 0, 0].tolist(), strict=True))
