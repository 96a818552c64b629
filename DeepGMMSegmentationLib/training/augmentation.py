"""A training case as the network is shown it: mirrored, turned, scaled, brighter or darker.

Only what the network sees changes. Its answer is brought back to the voxels as they are, so that
the mixture, its smoothing and depth, and the teacher stay those of the case.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .settings import Training


class Augmented(nn.Module):
    """A network that sees every slice through a random view.

    Parameters
    ----------
    network : Module
        From ``(Z, C, h, w)`` to ``(Z, K, h, w)``.
    mask : Tensor of bool, shape ``(Z, H, W)``
        The region, which stays in view as a whole.
    sequences : int
        The first channels, whose intensities change; a further one is the depth.
    training : Training
        How much changes.
    rng : Generator
        Draws the views.
    """

    def __init__(
        self,
        network: nn.Module,
        mask: Tensor,
        sequences: int,
        training: Training,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.network, self.mask = network, mask
        slices = len(mask)
        self.views = torch.from_numpy(_views(slices, training, rng))
        gain, offset = rng.normal(0, training.intensity, (2, slices, sequences, 1, 1))
        self.gain, self.offset = torch.from_numpy(np.exp(gain)), torch.from_numpy(offset)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(Z, K, H, W)`` for images ``(Z, C, H, W)``."""
        size = images.shape[-2:]
        sequences = self.gain.shape[1]
        changed = images[:, :sequences] * self.gain.to(images) + self.offset.to(images)
        shown = torch.cat([changed, images[:, sequences:]], dim=1)
        back = torch.linalg.inv(self.views)
        # The nearest pixel keeps the noise as strong as it will be at prediction.
        logits = self.network(_warp(shown, self.views, self._window(back, size), "nearest"))
        return _warp(logits, back, size, "bilinear")

    def _window(self, back: Tensor, size: torch.Size) -> tuple[int, int]:
        """Return the least height and width that show the region, and its margin, in all views."""
        z, y, x = self.mask.cpu().nonzero().T
        shape = torch.tensor(self.mask.shape[:0:-1])  # width, height
        half = torch.tensor(size[::-1]) / 2
        points = ((torch.stack([x, y], dim=1) + 0.5) / shape * 2 - 1).double() * half
        moved = (back[z] @ points[..., None]).squeeze(-1)
        needed = half + moved.abs().amax(0) - points.abs().amax(0)
        width, height = (math.ceil(2 * value - 1e-6) for value in needed.tolist())
        return height, width


def _views(slices: int, training: Training, rng: np.random.Generator) -> np.ndarray:
    """Return maps from what is shown to the image, in pixels (x, y) from the centre.

    Shape ``(slices, 2, 2)``.
    """
    angle = np.radians(rng.uniform(-training.rotation, training.rotation, slices))
    zoom = training.zoom ** rng.uniform(-1, 1, slices)
    mirror = np.where(rng.random(slices) < training.flip, -1.0, 1.0)
    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    rows = np.stack([mirror * cosine, -sine, mirror * sine, cosine], axis=1)
    return rows.reshape(slices, 2, 2)


def _warp(grid: Tensor, maps: Tensor, size: tuple[int, ...], mode: str) -> Tensor:
    """Return ``grid`` ``(Z, C, …)`` seen through maps from the new pixels to its own."""
    new, old = (torch.tensor(shape[::-1]).to(maps) / 2 for shape in (size, grid.shape[-2:]))
    theta = functional.pad(maps * new / old[:, None], (0, 1)).to(grid)
    where = functional.affine_grid(theta, [*grid.shape[:2], *size], align_corners=False)
    return functional.grid_sample(
        grid, where, mode=mode, padding_mode="border", align_corners=False
    )
