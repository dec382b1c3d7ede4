"""The image files of a folder are decoded to arrays."""

from __future__ import annotations

import hashlib
import io
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lotterylab.data.arrays import Arrays, exact
from lotterylab.data.folder_listing import MOST_BYTES, Image
from lotterylab.errors import UsageError
from lotterylab.formats.foreign import content

MOST_PIXELS = (1 << 28) // 3  # 256 MiB of RGB, which is Pillow's own limit
FORMATS = ("PNG", "JPEG")
# at most 8 bits a channel; Pillow would silently read colours of 16 bits as 8
PNG_BIT_DEPTH = 24  # the position of the bit depth in a PNG file
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def arrays(
    root: Path, parts: Mapping[str, Sequence[Image]], *, classes: int, size: int, channels: int
) -> tuple[dict[str, Arrays], str]:
    """Return the pixels and labels of each split, and the SHA-256 over the names and bytes of all their files.

    Raises:
        UsageError: an image cannot be read.
    """
    images = [image for part in parts.values() for image in part]
    pixels, checksum = _all_decoded(str(root.resolve()), tuple(images), size, channels)
    dtype = np.uint8 if classes <= 256 else np.uint16
    whole = exact(pixels, np.array([image.label for image in images], dtype=dtype))
    split, start = {}, 0
    for name, part in parts.items():
        split[name] = whole[start : start + len(part)]
        start += len(part)
    return split, checksum


def mean_and_std(root: Path, images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel of ``(n, C, H, W)``, on the scale 0..1.

    They come from sums of whole numbers, so every machine gets the same values.

    Raises:
        UsageError: a channel is constant.
    """
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for part in range(0, len(images), 1024):  # in parts, since bincount converts its input to 8-byte integers
            counts += np.bincount(images[part : part + 1024, channel].ravel(), minlength=256)
        n, total, squares = (sum(int(count) * value**power for value, count in enumerate(counts)) for power in range(3))
        means.append(total / (n * 255))
        stds.append(math.sqrt(n * squares - total**2) / (n * 255))
        if not stds[-1]:
            raise UsageError(
                f"channel {channel} has the same value in all training images of {root}. Use images that differ, or "
                "another number of channels."
            )
    return tuple(means), tuple(stds)


def decoded(path: Path, raw: bytes, *, size: int, channels: int) -> NDArray[np.uint8]:
    """Return the pixels of a PNG or JPEG file, ``(channels, size, size)``.

    Grey is Pillow's "L", 0.299 R + 0.587 G + 0.114 B.  Transparency is dropped, and a camera's orientation is ignored.
    An image of another size is resized, whatever its proportions, by Pillow's bilinear filter, which averages pixels.

    Raises:
        UsageError: the file is not a PNG or JPEG image, is damaged, has more than 8 bits a channel, or is suspiciously
            large.
    """
    import PIL.Image

    try:
        with (
            warnings.catch_warnings(action="error", category=PIL.Image.DecompressionBombWarning),
            PIL.Image.open(io.BytesIO(raw), formats=FORMATS) as image,
        ):
            if math.prod(image.size) > MOST_PIXELS:  # a program may have switched Pillow's own limit off
                raise ValueError(f"{math.prod(image.size):,} pixels, which could be a decompression bomb")
            image.info.pop("transparency", None)
            if image.mode not in MODES or (image.format == "PNG" and raw[PNG_BIT_DEPTH] > 8):
                raise ValueError(f"its mode is {image.mode}, with more than 8 bits a channel")
            image = image.convert("RGB" if channels == 3 else "L")
            if image.size != (size, size):
                image = image.resize((size, size), PIL.Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)
    except Exception as error:  # a damaged file can raise any exception
        reason = "it is neither" if isinstance(error, PIL.UnidentifiedImageError) else error or type(error).__name__
        raise UsageError(
            f"{path} cannot be read as a PNG or JPEG image ({reason}). Remove it from the class folder, or save it "
            "again as PNG with 8 bits a channel."
        ) from error


@lru_cache(maxsize=1)  # a plan reads the fingerprint and then the images; a changed file changes the key
def _all_decoded(root: str, images: tuple[Image, ...], size: int, channels: int) -> tuple[NDArray[np.uint8], str]:
    pixels = np.empty((len(images), channels, size, size), dtype=np.uint8)
    total = hashlib.sha256()
    for index, image in enumerate(images):
        path = Path(root, image.path)
        raw = content(path, most=MOST_BYTES)
        pixels[index] = decoded(path, raw, size=size, channels=channels)
        total.update(os.fsencode(f"{image.path}\0") + hashlib.sha256(raw).digest())
    pixels.flags.writeable = False
    return pixels, total.hexdigest()
