"""The U-Net that learns from drawings: small, and blind to how bright an image is."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUP = 4  # channels that are normalised together


class DrawnUNet(nn.Module):
    """U-Net with two convolutions a level, each with a group norm.

    Unlike the network that fits one image, it answers for a batch of images whose statistics have
    nothing to do with each other, and for one image alone: hence groups, not batches.

    Parameters
    ----------
    channels, classes : int
        Input channels; logits.
    filters : int
        Filters of the first level, a multiple of 4; they double at each level down.
    depth : int
        How often the image is halved.
    """

    def __init__(self, channels: int, classes: int, filters: int = 12, depth: int = 3) -> None:
        super().__init__()
        widths = [filters * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _block(before, after) for before, after in zip([channels, *widths], widths)
        )
        upwards = list(reversed(widths[:-1]))
        self.reduce = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in upwards)
        self.up = nn.ModuleList(_block(2 * width, width) for width in upwards)
        self.head = nn.Conv2d(filters, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, K, H, W)``; height and width are multiples of ``2 ** depth``."""
        x = images
        skipped: list[Tensor] = []
        for block in self.down[:-1]:
            x = block(x)
            skipped.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.down[-1](x)
        for reduce, block in zip(self.reduce, self.up):
            upper = functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest")
            x = block(torch.cat([upper, skipped.pop()], dim=1))
        return self.head(x)


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [
            nn.Conv2d(channels, after, 3, padding=1, bias=False),
            nn.GroupNorm(after // GROUP, after),
            nn.LeakyReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
