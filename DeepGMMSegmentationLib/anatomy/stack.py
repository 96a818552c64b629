"""A stack of slices as the region network looks at it: from a place, at a scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from ..case import check_roles, check_spacing
from ..errors import InvalidInput
from ..io.writing import PathLike
from ..mixture.device import resolve_device
from .outline import Outline, read_outline
from .unet import RESOURCES, load_network, predict
from .view import CHANNELS, CLASSES, ROLES, SIDE, SPAN, Views, inputs

SHIPPED = RESOURCES / "region.safetensors"
SURE = 0.66  # least worth of an outline that is a ventricle's
RADII_MM = (9.0, 62.0)  # of the outer border, where the spacing is known
RADII_PARTS = (0.05, 0.48)  # of the image's shorter side, where it is not
RATIO = 1.5  # between radii that are tried
KEPT = 3  # sizes that are looked at again
NEXT_SIZES = (0.8, 1.0)  # in the next slice, over the size in this one
UNCLEAR = "T2"  # looked at only in slices where it is all there is: the outline is poor on it
BESIDE = 0.35  # how far from the centre it is looked at again, in radii

Place = tuple[tuple[float, float], float]  # centre (y, x) and radius, in the unit of the spacing


class Stack:
    """Slices that are looked at by the network."""

    def __init__(
        self,
        images: ArrayLike,
        spacing: Optional[Sequence[float]],
        roles: Optional[Sequence[str]],
        device: str,
        network: Optional[PathLike] = None,
    ) -> None:
        arrays = np.asarray(images)
        if arrays.ndim not in (3, 4) or arrays.dtype.kind not in "biuf" or not arrays.size:
            raise InvalidInput(
                f"The images are {arrays.dtype} of shape {arrays.shape}; give real numbers of "
                "shape (sequences, slices, rows, columns) or (sequences, rows, columns)."
            )
        self.deep = arrays.ndim == 4
        arrays = arrays if self.deep else arrays[:, None]
        spacing = check_spacing(spacing, 3 if self.deep else 2)
        roles = check_roles(roles, len(arrays))
        self.pixel = (spacing[-2], spacing[-1])
        self.count, self.shape = arrays.shape[1], arrays.shape[2:]
        self.device = resolve_device(device)
        values = np.nan_to_num(arrays.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        there = np.ptp(values, axis=(2, 3)) > 0  # other programs fill what is not there
        clear = there & (np.array(roles) != UNCLEAR)[:, None]
        self.looked_at = np.where(clear.any(axis=0), clear, there)
        self.images = torch.from_numpy(values).to(self.device)
        numbers = [ROLES.index(role) if role in ROLES else len(ROLES) for role in roles]
        self.roles = torch.tensor(numbers, device=self.device)
        path = SHIPPED if network is None else Path(network)
        self.network = load_network(path, CHANNELS, CLASSES)[0].to(self.device)

    def checked_point(self, point: Sequence[float]) -> tuple[int, float, float]:
        """Return (z, y, x) of a point, or refuse one outside the images."""
        place = [float(p) for p in point]
        shape = (self.count, *self.shape) if self.deep else self.shape
        if len(place) != len(shape) or not np.isfinite(place).all():
            raise InvalidInput(f"The point is {tuple(place)}; give {len(shape)} array indices.")
        if any(not -0.5 <= p < n - 0.5 for p, n in zip(place, shape)):
            raise InvalidInput(
                f"The point {tuple(place)} is outside the images, which have {shape} voxels; "
                "place it in the blood of the left ventricle."
            )
        return (round(place[0]) if self.deep else 0), place[-2], place[-1]

    def candidates(self) -> np.ndarray:
        """Return the radii that a ventricle may have, in the unit of the spacing."""
        small, large = RADII_MM
        if self.pixel == (1.0, 1.0):
            side = min(self.shape)
            small, large = (part * side for part in RADII_PARTS)
        small = max(small, 4 * max(self.pixel))
        steps = max(1, int(np.ceil(np.log(max(large / small, 1)) / np.log(RATIO))))
        return small * (max(large / small, 1)) ** (np.arange(steps + 1) / steps)

    def places(self) -> list[Place]:
        """Return centres and radii that cover a slice, a radius apart."""
        places = []
        radii = self.candidates()
        for radius in radii[len(radii) // 4 : -max(1, len(radii) // 4) : 2]:
            lines = []
            for count, step in zip(self.shape, self.pixel):
                length = (count - 1) * step
                inner = np.arange(0.2 * length, 0.8 * length, radius)
                lines.append(inner + (length - inner[0] - inner[-1]) / 2)
            places += [((y, x), radius) for y in lines[0] for x in lines[1]]
        return places

    def outline_at(self, z: int, centre: tuple[float, float]) -> Optional[Outline]:
        """Return the ventricle around a click, of whatever size is most sure."""
        return self.most_sure(z, [(centre, radius) for radius in self.candidates()])

    def most_sure(self, z: int, places: Sequence[Place]) -> Optional[Outline]:
        """Return the most certain of the ventricles seen from several places, or None."""
        outlines = [outline for outline in self.read(z, places, turned=1) if outline]
        outlines = sorted(outlines, key=worth, reverse=True)[:KEPT]
        for turned in (1, 4):
            again = self.read(z, [(o.centre, o.radius) for o in outlines], turned)
            outlines = [outline for outline in again if outline]
        best = max(outlines, key=worth, default=None)
        return best if best is not None and worth(best) >= SURE else None

    def outline_near(self, z: int, last: Outline) -> Optional[Outline]:
        """Return the ventricle where that of the slice before was, about as large."""
        places = [(last.centre, last.radius * factor) for factor in NEXT_SIZES]
        outlines = [outline for outline in self.read(z, places, turned=1) if outline]
        for turned in (1, 2):
            best = max(outlines, key=worth, default=None)
            if best is None:
                return None
            outlines = [o for o in self.read(z, [(best.centre, best.radius)], turned) if o]
        return outlines[0] if outlines and worth(outlines[0]) >= SURE else None

    def evidence(self, z: int, outline: Outline) -> float:
        """Return how sure it is that a ventricle is there, 0 to 1.

        What is one is seen alike, as a mean Dice, also from beside its centre.
        """
        steps = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)]) * BESIDE * outline.radius
        places = [
            ((outline.centre[0] + y, outline.centre[1] + x), outline.radius) for y, x in steps
        ]
        own = outline.mask(self.shape, self.pixel)
        overlaps = []
        for other in self.read(z, places, turned=1):
            mask = other.mask(self.shape, self.pixel) if other else np.zeros_like(own)
            overlaps.append(2 * (mask & own).sum() / max(mask.sum() + own.sum(), 1))
        return worth(outline) * float(np.mean(overlaps))

    def read(self, z: int, places: Sequence[Place], turned: int) -> list[Optional[Outline]]:
        """Return what the network outlines from each place, averaged over so many turned views."""
        if not places:
            return []
        sequences = int(self.looked_at[:, z].sum())
        if not sequences:
            return [None] * len(places)
        batches = [self.seen(z, *place) for place in places]
        probabilities = predict(self.network, torch.cat(batches), turned)
        answers = probabilities.reshape(len(places), sequences, *probabilities.shape[1:])
        joint = answers.clamp_min(1e-6).log().mean(dim=1).softmax(dim=1).cpu().numpy()
        return [read_outline(answer, *place) for answer, place in zip(joint, places)]

    def seen(self, z: int, centre: tuple[float, float], radius: float) -> Tensor:
        """Return what the network sees of a slice's M sequences, ``(M, CHANNELS, SIDE, SIDE)``."""
        chosen = torch.from_numpy(np.flatnonzero(self.looked_at[:, z])).to(self.device)
        slices = self.images[chosen, z, None]
        # Fine pixels are averaged first, or the view would pick single ones.
        finer = [max(1, int(2 * SPAN * radius / SIDE / step)) for step in self.pixel]
        finer = [min(factor, size) for factor, size in zip(finer, self.shape)]
        slices = functional.avg_pool2d(slices, finer, ceil_mode=True, count_include_pad=False)
        pixel = (self.pixel[0] * finer[0], self.pixel[1] * finer[1])
        place = [
            (c / step - (factor - 1) / 2) / factor
            for c, step, factor in zip(centre, self.pixel, finer)
        ]
        count = len(chosen)
        centres = torch.tensor([place] * count, dtype=torch.float32, device=self.device)
        radii = torch.full((count,), float(radius), device=self.device)
        return inputs(slices, self.roles[chosen], Views.upright(centres, radii, pixel))


def worth(outline: Outline) -> float:
    """Return how sure it is that an outline is a ventricle's: round, and as the network says."""
    return outline.confidence * min(1.0, outline.roundness + 0.1)
