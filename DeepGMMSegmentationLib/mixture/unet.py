"""The U-Net that takes the place of the E-step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..settings import Settings

# Pixels that differ in size by less than this part are the same to a network that was trained at
# several scales; resampling would blur them for nothing.
SAME_PIXEL = 0.1


def paper_block(before: int, after: int) -> nn.Sequential:
    """Return two convolutions with LeakyReLU and one instance norm, as in the authors' code."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.LeakyReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.InstanceNorm2d(after, affine=True),
        nn.LeakyReLU(),
    )


class UNet(nn.Module):
    """U-Net with a block of convolutions a level, by default that of the paper.

    Parameters
    ----------
    channels : int
        Input channels.
    classes : int
        Output channels: one logit per class.
    filters : int
        Filters of the first level; they double at each level down.
    depth : int
        How often the image is halved.
    block : callable
        Makes the convolutions of a level from the number of channels before and after.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        filters: int,
        depth: int,
        block: Callable[[int, int], nn.Module] = paper_block,
    ) -> None:
        super().__init__()
        widths = [filters * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            block(before, after) for before, after in zip([channels, *widths], widths)
        )
        self.reduce = nn.ModuleList(
            nn.Conv2d(2 * width, width, 1) for width in reversed(widths[:-1])
        )
        self.up = nn.ModuleList(block(2 * width, width) for width in reversed(widths[:-1]))
        self.head = nn.Conv2d(filters, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(Z, K, H, W)`` for images ``(Z, C, H, W)`` of any height and width."""
        height, width = images.shape[-2:]
        # Pad so that every level halves evenly and the lowest keeps at least 2 × 2 pixels.
        step = 2 ** len(self.up)
        padded = (max(2 * step, -(-size // step) * step) for size in (width, height))
        right, bottom = (big - size for big, size in zip(padded, (width, height)))
        x = functional.pad(images, (0, right, 0, bottom), mode="replicate")
        skipped: list[Tensor] = []
        for block in self.down[:-1]:
            x = block(x)
            skipped.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.down[-1](x)
        for reduce, block in zip(self.reduce, self.up):
            upper = functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest")
            x = block(torch.cat([upper, skipped.pop()], dim=1))
        return self.head(x)[..., :height, :width]


class AtPixel(nn.Module):
    """A network that works on pixels of its own size, whatever those of the images.

    Parameters
    ----------
    network : Module
        From ``(Z, C, h, w)`` to ``(Z, K, h, w)``.
    pixel : float
        The in-plane size that the network knows, in mm.
    spacing : sequence of float
        That of the images, ``(z, y, x)``.
    """

    def __init__(self, network: nn.Module, pixel: float, spacing: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.factors = [step / pixel for step in spacing[1:]]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(Z, K, H, W)`` for images ``(Z, C, H, W)``."""
        if max(abs(factor - 1) for factor in self.factors) < SAME_PIXEL:
            return self.network(images)
        size = images.shape[-2:]
        known = [max(1, round(n * factor)) for n, factor in zip(size, self.factors)]
        resized = functional.interpolate(images, known, mode="bilinear", antialias=True)
        return functional.interpolate(self.network(resized), size, mode="bilinear")


def unet_for(settings: Settings, images: int) -> UNet:
    """Return a network with random weights for so many images: sequences, and masks of them.

    Besides them it sees the depth in the region where the mixture does (`anatomy`).
    """
    channels = images + (settings.anatomy > 0)
    return UNet(channels, settings.classes, settings.filters, settings.depth)
