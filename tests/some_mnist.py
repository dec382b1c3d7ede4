"""Files like MNIST's, of full size, zero except for their first images."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

FILES = {"train": 60_000, "t10k": 10_000}


def made_up(part: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 (100, 28, 28), labels uint8 (100,)) that begin a made-up part."""
    draw = np.random.default_rng([seed, FILES[part]])
    return draw.integers(0, 256, (100, 28, 28), dtype=np.uint8), draw.integers(0, 10, 100, dtype=np.uint8)


def write(folder: Path, *, zipped: bool = False, seed: int = 0) -> None:
    """All four files; the plain ones are sparse on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in FILES.items():
        images, labels = made_up(part, seed)
        for name, values, shape in (
            (f"{part}-images-idx3-ubyte", images, (count, 28, 28)),
            (f"{part}-labels-idx1-ubyte", labels, (count,)),
        ):
            header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
            size = len(header) + int(np.prod(shape))
            start = header + values.tobytes()
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(start.ljust(size, b"\0"), compresslevel=1, mtime=0))
            else:
                with (folder / name).open("wb") as file:
                    file.write(start)
                    file.truncate(size)
