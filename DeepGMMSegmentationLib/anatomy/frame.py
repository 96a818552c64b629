"""The region's own frame: every slice of a region brought to a disc of one size, and back.

What a network learned of ventricles in this frame holds for pixels of any size and shape, and
for small and large hearts. Nothing is turned: drawings come in all orientations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SIZE = 64  # pixels along the sides of a frame
RADIUS = 25.0  # of the disc with the region's area, in the frame's pixels


@dataclass(frozen=True)
class Frames:
    """Where the frames of B slices lie in their images.

    Attributes
    ----------
    centres : Tensor, shape ``(B, 2)``
        Row and column of the region's centre of mass, in pixels.
    steps : Tensor, shape ``(B, 2)``
        The image's pixels, down and across, that one pixel of the frame takes.
    """

    centres: Tensor
    steps: Tensor

    @classmethod
    def around(cls, regions: Tensor, pixel: tuple[float, float]) -> Frames:
        """Return the frames of regions.

        Parameters
        ----------
        regions : Tensor of bool, shape ``(B, H, W)``
            None of them empty, without holes.
        pixel : tuple of float
            Size of a pixel, ``(y, x)``; any unit.
        """
        weights = regions.float()
        area = weights.sum(dim=(1, 2))
        rows = torch.arange(regions.shape[1], device=regions.device, dtype=torch.float32)
        columns = torch.arange(regions.shape[2], device=regions.device, dtype=torch.float32)
        y = (weights.sum(2) * rows).sum(1) / area
        x = (weights.sum(1) * columns).sum(1) / area
        radius = (area * (pixel[0] * pixel[1] / torch.pi)).sqrt()
        steps = torch.stack([radius / (RADIUS * side) for side in pixel], dim=1)
        return cls(torch.stack([y, x], dim=1), steps)

    def enter(self, images: Tensor) -> Tensor:
        """Return images ``(B, C, H, W)`` in their frames, ``(B, C, SIZE, SIZE)``.

        Where a pixel of the frame takes several of the image they are averaged.
        """
        finer = int((self.steps.max() - 0.3).ceil().clamp(1, 8))
        line = (torch.arange(SIZE * finer, device=images.device) + 0.5) / finer - SIZE / 2
        rows, columns = (
            self.centres[:, axis, None] + self.steps[:, axis, None] * line for axis in (0, 1)
        )
        sampled = _sample(images, rows, columns)
        return functional.avg_pool2d(sampled, finer) if finer > 1 else sampled

    def leave(self, grid: Tensor, height: int, width: int) -> Tensor:
        """Return what is in the frames, ``(B, K, SIZE, SIZE)``, on the images' pixels."""
        rows, columns = (
            (torch.arange(count, device=grid.device) - self.centres[:, axis, None])
            / self.steps[:, axis, None]
            + (SIZE - 1) / 2
            for axis, count in ((0, height), (1, width))
        )
        return _sample(grid, rows, columns)


def _sample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Interpolate images ``(B, C, H, W)`` at rows ``(B, h)`` and columns ``(B, w)`` of pixels."""
    height, width = images.shape[-2:]
    y, x = (2 * rows + 1) / height - 1, (2 * columns + 1) / width - 1
    where = torch.stack(
        [
            x[:, None, :].expand(-1, y.shape[1], -1),
            y[:, :, None].expand(-1, -1, x.shape[1]),
        ],
        dim=-1,
    )
    return functional.grid_sample(
        images, where.to(images), mode="bilinear", padding_mode="border", align_corners=False
    )
