"""The outline of a ventricle in one view: from a network's probabilities to a smooth contour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import ndimage

from .view import BLOOD, RV, SIDE, SPAN, WALL

RAYS = 96
STEP = 0.25  # of a view's pixel, along a ray
HARMONICS = 7  # beyond which the outline's waves are damped to less than half
REACH = 0.6  # how far from the middle of the view the ventricle may lie, in radii
GAP = np.radians(25)  # between two parts of the right ventricle's border that count as one
RIGHT = 0.3  # probability above which there is the right ventricle
# Its blood ends in a wedge before its wall meets the left ventricle: so much on synthetic hearts.
WEDGE = np.radians(26)
BESIDE = np.array(
    [1.06, 1.14, 1.22, 1.32]
)  # of the radius: where the right ventricle is looked for

UNIT = SIDE / (2 * SPAN)  # pixels of a view in one radius
ANGLES = 2 * np.pi * np.arange(RAYS) / RAYS


@dataclass(frozen=True)
class Outline:
    """One slice's ventricle, in the coordinates of its image.

    Attributes
    ----------
    centre : tuple of float
        (y, x) in the unit of the spacing, from the middle of the first pixel.
    radii : ndarray, shape ``(RAYS,)``
        From the centre to the epicardium at ``ANGLES``, from the x axis towards the y axis.
    radius : float
        Of the disc of the same area.
    confidence : float
        From 0 to 1: how much the probabilities are like a ventricle with this outline.
    insertions : tuple of int or None
        Rays at which the right ventricle's border begins and ends, in the sense of the angles;
        None where no right ventricle is to be seen.
    """

    centre: tuple[float, float]
    radii: np.ndarray
    radius: float
    confidence: float
    insertions: Optional[tuple[int, int]]

    @property
    def roundness(self) -> float:
        """1 for a circle; less by the coefficient of variation of the radii."""
        return 1 - float(self.radii.std() / self.radii.mean())

    def point(self, ray: int) -> np.ndarray:
        """Return (y, x) of the outline's point on a ray."""
        direction = np.array([np.sin(ANGLES[ray]), np.cos(ANGLES[ray])])
        return np.array(self.centre) + self.radii[ray] * direction

    def mask(self, shape: tuple[int, int], pixel: tuple[float, float]) -> np.ndarray:
        """Return which pixels of a slice have their middle inside, boolean ``(Y, X)``."""
        y = np.arange(shape[0])[:, None] * pixel[0] - self.centre[0]
        x = np.arange(shape[1])[None, :] * pixel[1] - self.centre[1]
        place = np.arctan2(y, x) % (2 * np.pi) * RAYS / (2 * np.pi)
        limit = np.interp(place, np.arange(RAYS + 1), [*self.radii, self.radii[0]])
        return np.hypot(y, x) < limit


def read_outline(
    probabilities: np.ndarray, centre: tuple[float, float], radius: float
) -> Optional[Outline]:
    """Return the ventricle in the middle of an upright view, or None.

    Parameters
    ----------
    probabilities : ndarray, shape ``(CLASSES, SIDE, SIDE)``
    centre : tuple of float
        (y, x) of the view's middle, in the unit of the spacing.
    radius : float
        That the view was made for.
    """
    inside = probabilities[BLOOD] + probabilities[WALL]
    mask = _component(inside > 0.5)
    if mask is None:
        return None
    middle = np.array(ndimage.center_of_mass(mask))
    radii = _smooth(_reach(np.where(ndimage.binary_dilation(mask), inside, 0), mask, middle))
    confidence = float((inside * mask).sum() / np.maximum(inside, mask).sum())
    scale = radius / UNIT
    offset = (middle - (SIDE - 1) / 2) * scale
    return Outline(
        (centre[0] + float(offset[0]), centre[1] + float(offset[1])),
        radii * scale,
        float(np.sqrt((radii**2).mean())) * scale,
        confidence,
        _insertions(probabilities[RV], middle, radii),
    )


def _component(mask: np.ndarray) -> Optional[np.ndarray]:
    """Return the part around or next to the view's middle, without holes; None without any."""
    parts, count = ndimage.label(mask)
    if not count:
        return None
    rows, columns = np.nonzero(parts)
    distance = np.hypot(rows - (SIDE - 1) / 2, columns - (SIDE - 1) / 2)
    if distance.min() > REACH * UNIT:
        return None
    near = distance <= max(distance.min(), 0.25 * UNIT)
    part = np.bincount(parts[rows[near], columns[near]]).argmax()
    # Bridges to what touches the ventricle are thinner than its wall.
    whole = parts == part
    opened, pieces = ndimage.label(ndimage.binary_opening(whole, iterations=2))
    if pieces > 1:
        largest = np.bincount(opened[opened > 0]).argmax()
        whole &= ndimage.binary_dilation(opened == largest, iterations=2)
    return ndimage.binary_fill_holes(whole)


def _reach(inside: np.ndarray, mask: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return how far a part of the view reaches from its middle, in pixels on each ray."""
    steps = np.arange(0, SIDE, STEP)
    rays = middle[:, None, None] + np.stack([np.sin(ANGLES), np.cos(ANGLES)])[..., None] * steps
    filled = np.where(ndimage.binary_erosion(mask), 1.0, inside)
    values = ndimage.map_coordinates(filled, rays, order=1, mode="constant")
    beyond = values < 0.5
    beyond[:, -1] = True
    return np.maximum(beyond.argmax(axis=1) * STEP, 1.0)


def _smooth(radii: np.ndarray) -> np.ndarray:
    """Return radii without the waves that no ventricle has."""
    spectrum = np.fft.rfft(radii)
    spectrum *= 1 / (1 + (np.arange(spectrum.size) / HARMONICS) ** 6)
    return np.maximum(np.fft.irfft(spectrum, RAYS), 1.0)


def _insertions(right: np.ndarray, middle: np.ndarray, radii: np.ndarray) -> Optional[tuple]:
    """Return the first and the last ray of the longest arc that the right ventricle lies beside."""
    directions = np.stack([np.sin(ANGLES), np.cos(ANGLES)])
    places = middle[:, None, None] + directions[..., None] * radii[:, None] * BESIDE
    beside = ndimage.map_coordinates(right, places, order=1, mode="constant").max(axis=1) > RIGHT
    gap = max(1, round(GAP / (2 * np.pi) * RAYS / 2))
    tiled = ndimage.binary_closing(np.tile(beside, 3), iterations=gap)[RAYS : 2 * RAYS]
    if not tiled.any() or tiled.all():
        return None
    start = int(np.argmin(tiled))  # a ray that is in no arc
    arcs, _ = ndimage.label(np.roll(tiled, -start))
    rays = np.flatnonzero(arcs == np.bincount(arcs[arcs > 0]).argmax())
    if rays.size * 2 * np.pi / RAYS < GAP:
        return None
    wedge = round(WEDGE / (2 * np.pi) * RAYS)
    return int((rays[0] - wedge + start) % RAYS), int((rays[-1] + wedge + start) % RAYS)
