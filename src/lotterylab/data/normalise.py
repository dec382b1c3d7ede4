"""Raw bytes of images become normalised floats."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lotterylab.types import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalise:
    """``(x / scale - mean) / std`` in float32, in that order: bit for bit what ``ToTensor`` and ``Normalize`` of
    torchvision give.

    Each tensor is one image row ``(W * C,)``, so that the innermost loop is long and vectorised; tensors and not Python
    numbers, because CUDA replaces a division by a number with a product.
    """

    scale: Tensor
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, dataset: Dataset) -> Normalise:
        """For the images of ``dataset``, on their device."""
        images = dataset.train.images
        channels, width = images.shape[1], images.shape[3]

        def row(values: tuple[float, ...]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=images.device).repeat(width)

        return cls(scale=row((dataset.scale,) * channels), mean=row(dataset.mean), std=row(dataset.std))

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 ``(B, H, W, C)`` -> float32 ``(B, C, H, W)``, channels last in memory."""
        rows = images.reshape(-1, len(self.mean)).to(torch.float32)
        return rows.div_(self.scale).sub_(self.mean).div_(self.std).view(images.shape).permute(0, 3, 1, 2)
