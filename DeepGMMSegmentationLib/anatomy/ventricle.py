"""The left ventricle from one click, followed slice by slice to its apex and its base.

    from DeepGMMSegmentationLib.anatomy.ventricle import find_region
    region = find_region(images, (5, 130, 121), spacing=(8, 1.4, 1.4), roles=("LGE",))

The network has seen drawings only. It looks at one sequence at a time, whatever that is, from a
point and at a scale; where several sequences are given, their answers are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from ..device import chosen_device
from ..errors import InvalidInput
from ..inputs import checked_roles, checked_spacing
from .outline import Outline, read_outline
from .view import ROLES, SIDE, SPAN, Views, inputs
from .weights import region_network

SURE = 0.5  # least confidence, times roundness, of a slice that holds the ventricle
RADII_MM = (9.0, 62.0)  # of the outer border, where the spacing is known
RADII_PARTS = (0.05, 0.48)  # of the image's shorter side, where it is not
RATIO = 1.5  # between radii that are tried
KEPT = 3  # sizes that are looked at again
MOVE, GROW, SHRINK = 0.6, 1.45, 0.4  # between neighbouring slices: of the larger radius; ratios


@dataclass(frozen=True)
class Trace:
    """A ventricle that was followed through a stack.

    Attributes
    ----------
    region : ndarray of bool, shape ``(Z, Y, X)`` or ``(Y, X)``
        Everything inside the epicardium: blood and wall.
    confidence : ndarray, shape ``(Z,)``
        Of every slice, 0 to 1; 0 where the ventricle is not.
    insertions : ndarray, shape ``(Z, 2, 2)``
        Array index (y, x) of the anterior and the inferior insertion of the right ventricle in
        every slice; NaN where it is not to be seen.
    insertion : tuple of float or None
        Array index of the anterior insertion in the slice in the middle, (z, y, x) or (y, x), as
        `aha.aha` takes it.
    """

    region: np.ndarray
    confidence: np.ndarray
    insertions: np.ndarray
    insertion: Optional[tuple[float, ...]]


def find_region(
    images: ArrayLike,
    point: Sequence[float],
    *,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    device: str = "auto",
) -> np.ndarray:
    """Return the left ventricle, blood and wall, around a point in its blood.

    Parameters and errors as in `trace_ventricle`.

    Returns
    -------
    ndarray of bool, shape ``(Z, Y, X)`` or ``(Y, X)``
    """
    return trace_ventricle(images, point, spacing=spacing, roles=roles, device=device).region


def trace_ventricle(
    images: ArrayLike,
    point: Sequence[float],
    *,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    mirrored: bool = False,
    device: str = "auto",
) -> Trace:
    """Follow the left ventricle from a point in its blood, both ways to where it ends.

    Parameters
    ----------
    images : array, shape ``(M, Z, Y, X)`` or ``(M, Y, X)``
        M aligned sequences, short-axis slices along Z.
    point : sequence of float
        Array index (z, y, x) or (y, x) of the click.
    spacing : sequence of float, optional
        Millimetres per voxel in array order. Where the pixels are 1 mm, as in images without
        units, the ventricle's size is sought from small to large.
    roles : sequence of str, optional
        "LGE", "T2", "bSSFP", or any other name where the sequence is none of them.
    mirrored : bool
        Whether the image axes (x, y, z) are left-handed in space: tells the anterior insertion
        from the inferior one, together with the taper towards the apex. One slice alone is taken
        as seen from the apex, as is usual.
    device : str
        "auto", "cpu" or "cuda".

    Raises
    ------
    InvalidInput
        If the images cannot be used, the point is outside them, or no ventricle is there.
    """
    stack = _Stack(images, spacing, roles, device)
    z, y, x = stack.checked_point(point)
    outlines: list[Optional[Outline]] = [None] * stack.count
    outlines[z] = first = stack.outline_at(z, (y * stack.pixel[0], x * stack.pixel[1]))
    if first is None:
        raise InvalidInput(
            "No left ventricle is seen at that point; click into its blood in a short-axis slice, "
            "or draw the region."
        )
    for step in (1, -1):
        last, here = first, z + step
        while 0 <= here < stack.count:
            outline = stack.outline_near(here, last)
            if outline is None or not _continues(outline, last):
                break
            outlines[here] = last = outline
            here += step
    return stack.trace(outlines, mirrored)


def propose_point(
    images: ArrayLike,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    *,
    device: str = "auto",
) -> tuple[tuple[int, ...], float]:
    """Return the most ventricle-like place, to be offered to the user, never taken silently.

    Returns
    -------
    point : tuple of int
        Array index (z, y, x) or (y, x).
    confidence : float
        0 to 1.

    Raises
    ------
    InvalidInput
        If the images cannot be used, or nothing in them looks like a left ventricle.
    """
    stack = _Stack(images, spacing, roles, device)
    best: tuple[float, int, Optional[Outline]] = (SURE, 0, None)
    for z in sorted({round((stack.count - 1) * part) for part in (0.4, 0.6)}):
        outline = stack.most_sure(z, stack.places())
        if outline is not None and _worth(outline) > best[0]:
            best = (_worth(outline), z, outline)
    if best[2] is None:
        raise InvalidInput(
            "Nothing in the images looks like a left ventricle in a short-axis slice; click into "
            "its blood, or draw the region."
        )
    place = (round(c / step) for c, step in zip(best[2].centre, stack.pixel))
    return ((best[1], *place) if stack.deep else tuple(place)), best[2].confidence


class _Stack:
    """Slices that are looked at by the network."""

    def __init__(
        self,
        images: ArrayLike,
        spacing: Optional[Sequence[float]],
        roles: Optional[Sequence[str]],
        device: str,
    ) -> None:
        arrays = np.asarray(images)
        if arrays.ndim not in (3, 4) or arrays.dtype.kind not in "biuf" or not arrays.size:
            raise InvalidInput(
                f"The images are {arrays.dtype} of shape {arrays.shape}; give real numbers of "
                "shape (sequences, slices, rows, columns) or (sequences, rows, columns)."
            )
        self.deep = arrays.ndim == 4
        arrays = arrays if self.deep else arrays[:, None]
        spacing = checked_spacing(spacing, 3 if self.deep else 2)
        roles = checked_roles(roles, len(arrays))
        self.pixel = (spacing[-2], spacing[-1])
        self.count, self.shape = arrays.shape[1], arrays.shape[2:]
        self.device = chosen_device(device)
        self.images = torch.from_numpy(arrays.astype(np.float32)).to(self.device)
        self.images = torch.nan_to_num(self.images, nan=0.0, posinf=0.0, neginf=0.0)
        numbers = [ROLES.index(role) if role in ROLES else len(ROLES) for role in roles]
        self.roles = torch.tensor(numbers, device=self.device)
        self.network = region_network(str(self.device))

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

    def places(self) -> list[tuple[tuple[float, float], float]]:
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

    def most_sure(
        self, z: int, places: Sequence[tuple[tuple[float, float], float]]
    ) -> Optional[Outline]:
        """Return the most certain of the ventricles seen from several places, or None."""
        outlines = [outline for outline in self.read(z, places, turned=1) if outline]
        outlines = sorted(outlines, key=_worth, reverse=True)[:KEPT]
        for turned in (1, 4):
            again = self.read(z, [(o.centre, o.radius) for o in outlines], turned)
            outlines = [outline for outline in again if outline]
        best = max(outlines, key=_worth, default=None)
        return best if best is not None and _worth(best) >= SURE else None

    def outline_near(self, z: int, last: Outline) -> Optional[Outline]:
        """Return the ventricle where, and about as large as, that of the slice before was."""
        (outline,) = self.read(z, [(last.centre, last.radius)], turned=1)
        if outline is not None:
            (outline,) = self.read(z, [(outline.centre, outline.radius)], turned=4)
        return outline if outline is not None and _worth(outline) >= SURE else None

    def read(
        self, z: int, places: Sequence[tuple[tuple[float, float], float]], turned: int
    ) -> list[Optional[Outline]]:
        """Return what the network outlines from each place, averaged over so many turned views."""
        if not places:
            return []
        batches = [self.seen(z, *place) for place in places]
        probabilities = self.predict(torch.cat(batches), turned)
        answers = probabilities.reshape(len(places), len(self.roles), *probabilities.shape[1:])
        joint = answers.clamp_min(1e-6).log().mean(dim=1).softmax(dim=1).cpu().numpy()
        return [read_outline(answer, *place) for answer, place in zip(joint, places)]

    def seen(self, z: int, centre: tuple[float, float], radius: float) -> Tensor:
        """Return the network's inputs ``(M, CHANNELS, SIDE, SIDE)`` from a place."""
        slices = self.images[:, z, None]
        # Fine pixels are averaged first, or the view would pick single ones.
        finer = [max(1, int(2 * SPAN * radius / SIDE / step)) for step in self.pixel]
        finer = [min(factor, size) for factor, size in zip(finer, self.shape)]
        slices = functional.avg_pool2d(slices, finer, ceil_mode=True, count_include_pad=False)
        pixel = (self.pixel[0] * finer[0], self.pixel[1] * finer[1])
        place = [
            (c / step - (factor - 1) / 2) / factor
            for c, step, factor in zip(centre, self.pixel, finer)
        ]
        count = len(self.roles)
        centres = torch.tensor([place] * count, dtype=torch.float32, device=self.device)
        radii = torch.full((count,), float(radius), device=self.device)
        return inputs(slices, self.roles, Views.upright(centres, radii, pixel))

    @torch.inference_mode()
    def predict(self, seen: Tensor, turned: int) -> Tensor:
        """Return the probabilities of the classes, averaged over turned and mirrored views."""
        total = torch.zeros((), device=seen.device)
        for k in range(turned):
            view = torch.rot90(seen, k, (2, 3))
            view = view.flip(3) if k % 2 else view
            answer = self.network(view).softmax(dim=1)
            answer = answer.flip(3) if k % 2 else answer
            total = total + torch.rot90(answer, -k, (2, 3))
        return total / turned

    def trace(self, outlines: Sequence[Optional[Outline]], mirrored: bool) -> Trace:
        """Return the result of outlines, one per slice."""
        region = np.zeros((self.count, *self.shape), bool)
        confidence = np.zeros(self.count)
        insertions = np.full((self.count, 2, 2), np.nan)
        for z, outline in enumerate(outlines):
            if outline is not None:
                region[z] = outline.mask(self.shape, self.pixel)
                confidence[z] = outline.confidence
        # Seen from the apex, the septum follows the anterior insertion against the clock, so that
        # the arc, in the sense of the angles, ends there.
        order = -1 if _apex_first(region) != mirrored else 1
        for z, outline in enumerate(outlines):
            if outline is not None and outline.insertions is not None:
                points = [outline.point(ray) / self.pixel for ray in outline.insertions]
                insertions[z] = points[::order]
        known = np.flatnonzero(np.isfinite(insertions[:, 0, 0]))
        insertion = None
        if known.size:
            middle = int(known[np.abs(known - np.flatnonzero(confidence).mean()).argmin()])
            place = tuple(float(c) for c in insertions[middle, 0])
            insertion = (float(middle), *place) if self.deep else place
        return Trace(region if self.deep else region[0], confidence, insertions, insertion)


def _apex_first(region: np.ndarray) -> bool:
    """Return whether the region tapers towards the first slice, or is but one slice."""
    areas = region.sum(axis=(1, 2))
    areas = areas[areas > 0]
    half = len(areas) // 2
    return half == 0 or areas[:half].mean() <= areas[-half:].mean()


def _worth(outline: Outline) -> float:
    """Return how sure it is that an outline is a ventricle's: round, and as the network says."""
    return outline.confidence * min(1.0, outline.roundness + 0.1)


def _continues(outline: Outline, last: Outline) -> bool:
    """Return whether an outline can be that of the same ventricle, one slice further."""
    larger = max(outline.radius, last.radius)
    moved = np.hypot(*np.subtract(outline.centre, last.centre))
    return bool(moved < MOVE * larger and SHRINK < outline.radius / last.radius < GROW)
