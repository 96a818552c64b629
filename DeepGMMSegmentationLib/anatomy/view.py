"""The square view of an image around a point that the region network works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 64  # pixels along the sides of a view
SPAN = 2.2  # half of a view's side, in radii of the ventricle that it is made for
ROLES = ("LGE", "T2", "bSSFP")  # what the network is told of an image; others are none of them
CHANNELS = 1 + len(ROLES) + 1
BACKGROUND, BLOOD, WALL, RV = range(4)
CLASSES = 4
SOFT = 3.0  # deviations beyond which intensities are compressed


@dataclass(frozen=True)
class Views:
    """Where B views lie in their images.

    Attributes
    ----------
    centres : Tensor, shape ``(B, 2)``
        Row and column of the middle, in pixels.
    radii : Tensor, shape ``(B,)``
        Of the ventricle that a view is made for, in the unit of `pixel`; half a side is
        ``SPAN`` times as long.
    pixel : tuple of float
        Size of the images' pixels, ``(y, x)``: millimetres, or any unit where that is unknown.
    turns, mirrors : Tensor, shape ``(B,)``
        Angle in radians, and 1 or -1.
    """

    centres: Tensor
    radii: Tensor
    pixel: tuple[float, float]
    turns: Tensor
    mirrors: Tensor

    @classmethod
    def upright(cls, centres: Tensor, radii: Tensor, pixel: tuple[float, float]) -> Views:
        """Return views that are neither turned nor mirrored."""
        zero = torch.zeros_like(radii)
        return cls(centres, radii, pixel, zero, zero + 1)

    def to(self, device: torch.device) -> Views:
        """Return the same views on a device."""
        moved = (t.to(device) for t in (self.centres, self.radii, self.turns, self.mirrors))
        centres, radii, turns, mirrors = moved
        return Views(centres, radii, self.pixel, turns, mirrors)

    def matrices(self) -> Tensor:
        """Return maps ``(B, 2, 3)`` from a view's coordinates (x, y), -1 to 1, to pixels."""
        cosine, sine = torch.cos(self.turns), torch.sin(self.turns)
        rows = torch.stack(
            [
                torch.stack([self.mirrors * cosine, -sine], dim=-1) / self.pixel[1],
                torch.stack([self.mirrors * sine, cosine], dim=-1) / self.pixel[0],
            ],
            dim=1,
        )
        linear = rows * (SPAN * self.radii)[:, None, None]
        return torch.cat([linear, self.centres.flip(-1)[..., None]], dim=-1)


def look(images: Tensor, views: Views, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
    """Sample images at views.

    Parameters
    ----------
    images : Tensor, shape ``(B, C, Y, X)``
    views : Views
    mode : str
        Of the interpolation.

    Returns
    -------
    seen : Tensor, shape ``(B, C, SIDE, SIDE)``
        0 beyond the image.
    inside : Tensor of bool, shape ``(B, 1, SIDE, SIDE)``
        Where the image is.
    """
    size = torch.tensor(images.shape[:1:-1], dtype=images.dtype, device=images.device)
    maps = views.matrices()
    # Pixel i has its middle at (2 i + 1) / n - 1.
    theta = maps * 2 / size[:, None]
    theta[..., 2] = (2 * maps[..., 2] + 1) / size - 1
    shape = [len(images), images.shape[1], SIDE, SIDE]
    where = functional.affine_grid(theta, shape, align_corners=False)
    seen = functional.grid_sample(images, where, mode, "border", align_corners=False)
    inside = (where.abs() <= 1).all(dim=-1)[:, None]
    return seen * inside, inside


def normalise(seen: Tensor, inside: Tensor) -> Tensor:
    """Bring intensities to zero mean and unit deviation about the middle; compress the rest.

    Fat at the chest's wall, next to the coil, may be ten times as bright as all that matters.
    """
    line = torch.linspace(-1, 1, SIDE, device=seen.device)
    window = torch.exp(-2 * (line[:, None] ** 2 + line**2)) * inside + 1e-9
    window = window / window.sum(dim=(-2, -1), keepdim=True)
    mean = (seen * window).sum(dim=(-2, -1), keepdim=True)
    deviation = ((seen - mean) ** 2 * window).sum(dim=(-2, -1), keepdim=True).sqrt()
    values = (seen - mean) / (deviation + 1e-6 * mean.abs() + 1e-12)
    return values / torch.sqrt(1 + (values / SOFT) ** 2) * inside


def inputs(images: Tensor, roles: Tensor, views: Views, known: Optional[Tensor] = None) -> Tensor:
    """Return what the network sees, ``(B, CHANNELS, SIDE, SIDE)``.

    Parameters
    ----------
    images : Tensor, shape ``(B, 1, Y, X)``
        One sequence each.
    roles : Tensor of int64, shape ``(B,)``
        Place of the sequence in ``ROLES``, or ``len(ROLES)`` where it is none of them.
    views : Views
    known : Tensor of bool, shape ``(B, 1, Y, X)``, optional
        Where there is an image; everywhere by default.
    """
    seen, inside = look(images, views)
    if known is not None:
        inside = inside & (look(known.to(images), views)[0] > 0.5)
    told = functional.one_hot(roles, len(ROLES) + 1)[:, : len(ROLES)].to(seen)
    told = told[:, :, None, None].expand(-1, -1, SIDE, SIDE)
    line = torch.linspace(-1, 1, SIDE, device=seen.device)
    distance = torch.hypot(line[:, None], line).expand(len(seen), 1, -1, -1)
    return torch.cat([normalise(seen, inside), told, distance], dim=1)
