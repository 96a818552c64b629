"""Radial chords through the wall of a short-axis stack, from the endocardium to the epicardium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..case import check_labels
from .infarct import INFARCT
from .sizes import WALL, mask

CHORDS = 360  # per slice, one a degree
STEP = 0.2  # of a pixel, between the samples of a chord
MIN_CAVITY = 0.02  # of the slice's area inside the epicardium; below it the cavity has ended
INNER = 0.25  # the part of the wall's thickness that counts as subendocardial


@dataclass(frozen=True)
class Ventricle:
    """The outline of the left ventricle in a stack.

    Attributes
    ----------
    inside : ndarray of bool, shape ``(Z, Y, X)``
        Within the epicardium: the largest connected part of a slice's labelled voxels and of
        the holes that they enclose.
    cavity : ndarray of bool, shape ``(Z, Y, X)``
        Within the endocardium: the largest connected part of `inside` in a slice that is not
        wall, with the holes in it (papillary muscles); empty in slices past the end of the cavity.
    centers : ndarray of float64, shape ``(Z, 2)``
        Centroid (y, x) of `inside` in mm; NaN in slices without labels. They make the long axis.
    """

    inside: np.ndarray
    cavity: np.ndarray
    centers: np.ndarray


@dataclass(frozen=True)
class Chords:
    """Chords that meet both contours, in one flat list.

    Attributes
    ----------
    slices : ndarray of int, shape ``(C,)``
        First array index.
    angles : ndarray of float64, shape ``(C,)``
        Radians about the slice's center, from the x (last) axis towards the y axis.
    thickness : ndarray of float64, shape ``(C,)``
        Millimetres of wall.
    transmurality : ndarray of float64, shape ``(C,)``
        The part of the wall that is infarct, 0 to 1.
    subendocardial : ndarray of bool, shape ``(C,)``
        Whether the innermost quarter of the wall holds infarct.
    """

    slices: np.ndarray
    angles: np.ndarray
    thickness: np.ndarray
    transmurality: np.ndarray
    subendocardial: np.ndarray


def outline_ventricle(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float]
) -> Ventricle:
    """Find the epicardium, the endocardium and the centers of a short-axis stack.

    Parameters
    ----------
    labels : ndarray of integers, shape ``(Z, Y, X)``
        Short-axis slices along the first axis.
    tissues : sequence of str
        The K names.
    spacing : sequence of float
        Millimetres per voxel, in array order.

    Raises
    ------
    InvalidInput
        If the labels are not whole numbers from 0 to K, or the spacing is not above 0.
    """
    check_labels(labels, len(tissues), spacing)
    wall = mask(labels, tissues, WALL)
    inside = np.zeros(labels.shape, bool)
    cavity = np.zeros(labels.shape, bool)
    centers = np.full((len(labels), 2), np.nan)
    for z in np.flatnonzero(labels.any(axis=(1, 2))):
        inside[z] = _largest(ndimage.binary_fill_holes(labels[z] > 0))
        centers[z] = np.array(ndimage.center_of_mass(inside[z])) * spacing[1:]
        hollow = _largest(inside[z] & ~wall[z])
        if hollow.sum() >= MIN_CAVITY * inside[z].sum():
            cavity[z] = ndimage.binary_fill_holes(hollow)
    return Ventricle(inside, cavity, centers)


def measure_chords(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float], outline: Ventricle
) -> Chords:
    """Measure the wall along radial chords about the center of each slice.

    A chord's wall goes from the last point in the cavity to the last point inside the epicardium;
    its transmurality is the part of it that is scar or no-reflow. Areas are interpolated linearly
    between voxels, which keeps the staircase of the labels out of the figures. Directions in which
    the center's ray does not cross the cavity, or finds no wall outside it, give no chord.

    Parameters
    ----------
    labels, tissues, spacing
        As in `outline_ventricle`.
    outline : Ventricle
        The outline of these labels, from `outline_ventricle`.
    """
    infarct = mask(labels, tissues, INFARCT)
    angles = (np.arange(CHORDS) + 0.5) * 2 * np.pi / CHORDS
    step = STEP * min(spacing[1:])
    slices, *places = np.nonzero(outline.inside)
    offsets = np.transpose(places) * spacing[1:] - outline.centers[slices]
    reach = np.hypot(*offsets.T).max(initial=0) + sum(spacing[1:])
    radii = np.arange(0, reach, step)
    rays = radii * np.stack([np.sin(angles), np.cos(angles)])[:, :, None]  # (y, x) in mm
    pixel = np.reshape(spacing[1:], (2, 1, 1))
    place = np.arange(radii.size)
    per_slice = []
    for z in np.flatnonzero(outline.cavity.any(axis=(1, 2))):
        points = (outline.centers[z][:, None, None] + rays) / pixel
        inside, cavity, lost = (
            ndimage.map_coordinates(area[z].astype(np.float32), points, order=1)
            for area in (outline.inside, outline.cavity, infarct)
        )
        epicardium, endocardium = _last(inside > 0.5), _last(cavity > 0.5)
        samples = epicardium - endocardium
        meets = (endocardium >= 0) & (samples > 0)
        in_wall = (place > endocardium[:, None]) & (place <= epicardium[:, None])
        inner = place <= (endocardium + np.maximum(1, INNER * samples))[:, None]
        scarred = in_wall & (lost > 0.5)
        # Interpolated areas fade at the contours; the wall's fades with them and evens it out.
        depth = (lost * in_wall).sum(axis=1)[meets]
        depth /= ((inside - cavity) * in_wall).sum(axis=1)[meets]
        per_slice.append(
            (
                np.full(meets.sum(), z),
                angles[meets],
                samples[meets] * step,
                np.where(scarred.any(axis=1)[meets], depth, 0),
                (scarred & inner).any(axis=1)[meets],
            )
        )
    if not per_slice:
        return Chords(*[np.zeros(0, kind) for kind in (int, float, float, float, bool)])
    return Chords(*[np.concatenate(parts) for parts in zip(*per_slice)])


def _largest(area: np.ndarray) -> np.ndarray:
    """Return the largest connected part of a slice's area."""
    parts, _ = ndimage.label(area)
    return area & (parts == np.bincount(parts[area], minlength=1).argmax())


def _last(hits: np.ndarray) -> np.ndarray:
    """Return the index of the last hit in each row, −1 where there is none."""
    return np.where(hits.any(axis=1), hits.shape[1] - 1 - hits[:, ::-1].argmax(axis=1), -1)
