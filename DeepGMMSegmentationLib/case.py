"""A case: aligned images of one heart, the region, and what is true there where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .errors import InvalidInput

HOLE = 0.1  # of a slice's filled area, from which on a hole is a cavity and no gap in a drawing
LEAST_BLANK = 20  # voxels of one value in a slice that are no chance
LABELS = 64  # more values than this are no labels, but intensities


@dataclass(frozen=True)
class Case:
    """Aligned images and a region on one grid.

    Attributes
    ----------
    name : str
    images : ndarray, shape ``(M, Z, Y, X)``
    roi : ndarray of bool, shape ``(Z, Y, X)``
    roles : tuple of str
        The names of the M sequences.
    spacing : tuple of float
        Millimetres per voxel, ``(z, y, x)``.
    truth : ndarray of uint8, shape ``(Z, Y, X)``, optional
        ``i + 1`` where ``tissues[i]`` is, as its file says, inside the region and out.
    tissues : tuple of str
        What the truth's labels are called; empty where nothing says so.
    patient : str
        Whose heart it is; empty where no other case is of the same one.
    """

    name: str
    images: np.ndarray
    roi: np.ndarray
    roles: tuple[str, ...]
    spacing: tuple[float, float, float]
    truth: Optional[np.ndarray] = None
    tissues: tuple[str, ...] = ()
    patient: str = ""


def check_arrays(
    images: ArrayLike, roi: ArrayLike, seeds: Optional[ArrayLike], classes: int
) -> tuple[np.ndarray, np.ndarray, Optional[np.ndarray]]:
    """Return images, region and strokes as arrays, or refuse what cannot be used.

    Parameters
    ----------
    images : array, shape ``(M, Z, Y, X)`` or ``(M, Y, X)``
    roi : array of bool, shape of one image
    seeds : array of int, shape of `roi`, optional
        Strokes of truth: k + 1 where class k is known, 0 elsewhere.
    classes : int
        K.
    """
    try:
        images, roi = np.asarray(images), np.asarray(roi)
    except ValueError as error:
        raise InvalidInput("The images differ in shape; put them on one grid.") from error
    if images.ndim not in (3, 4) or images.dtype.kind not in "biuf":
        raise InvalidInput(
            f"The images are {images.dtype} of shape {images.shape}; give real numbers of shape "
            "(sequences, slices, rows, columns) or (sequences, rows, columns)."
        )
    if not len(images):
        raise InvalidInput("There are no images; give at least one sequence.")
    for i, j in combinations(range(len(images)), 2):
        if np.array_equal(images[i], images[j], equal_nan=images.dtype.kind == "f"):
            raise InvalidInput(f"Images {i + 1} and {j + 1} are the same; give each sequence once.")
    if roi.dtype != bool:
        raise InvalidInput(f"The region is {roi.dtype}; give a boolean array, such as mask > 0.")
    if roi.shape != images.shape[1:]:
        raise InvalidInput(
            f"The region has shape {roi.shape} but the images have {images.shape[1:]}; put them on "
            "one grid."
        )
    if seeds is not None:
        seeds = np.asarray(seeds)
        if seeds.shape != roi.shape or seeds.dtype.kind not in "biu":
            raise InvalidInput("The seeds must be whole numbers on the grid of the region.")
        if seeds.min() < 0 or seeds.max() > classes:
            raise InvalidInput(
                f"The seeds hold labels from {seeds.min()} to {seeds.max()}; give 0 for unknown "
                f"voxels and 1 to {classes} for the classes."
            )
        if seeds.any() and not seeds[roi].any():
            raise InvalidInput("The strokes are all outside the region; paint within it.")
    return images, roi, seeds


def check_spacing(spacing: Optional[Sequence[float]], axes: int) -> tuple[float, ...]:
    """Return the spacing as numbers, 1 mm by default, or refuse what is none."""
    if spacing is None:
        return (1.0,) * axes
    try:
        steps: tuple[Any, ...] = tuple(float(step) for step in spacing)
    except (TypeError, ValueError):
        steps = (spacing,)
    if len(steps) != axes or not all(
        isinstance(step, float) and 0 < step < np.inf for step in steps
    ):
        raise InvalidInput(f"spacing is {steps}; give {axes} positive numbers of millimetres.")
    return steps


def check_roles(roles: Optional[Sequence[str]], count: int) -> tuple[str, ...]:
    """Return the names of the sequences, numbered by default, or refuse what cannot name them."""
    if roles is None:
        return tuple(f"Sequence {m + 1}" for m in range(count))
    if isinstance(roles, str):
        raise InvalidInput(f"roles is the text {roles!r}; give a list of names.")
    roles = tuple(roles)
    if len(roles) != count or len(set(roles)) != count:
        raise InvalidInput(f"roles is {roles}; give {count} different names, one per sequence.")
    return roles


def check_labels(labels: ArrayLike, classes: int, spacing: Sequence[float]) -> np.ndarray:
    """Return a label map as an array.

    Raises
    ------
    InvalidInput
        If the labels are not whole numbers from 0 to `classes` in two or three dimensions, or the
        spacing is not one finite number above 0 per dimension.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "iu" or labels.size == 0:
        raise InvalidInput("Labels must be whole numbers in two or three dimensions.")
    if labels.min() < 0 or labels.max() > classes:
        raise InvalidInput(
            f"The labels go from {labels.min()} to {labels.max()} but there are {classes} tissues; "
            "give labels from 0 (outside) to the number of tissues."
        )
    if len(spacing) != labels.ndim or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise InvalidInput(
            f"The spacing is {tuple(spacing)}; give {labels.ndim} numbers above 0, in mm."
        )
    return labels


def without_blank_slices(images: np.ndarray, roi: np.ndarray) -> np.ndarray:
    """Return images that are NaN in slices in which all of the region has one value.

    Other programs fill 0 where an image does not reach. A sequence that is so in every slice stays.

    Parameters
    ----------
    images : ndarray, shape ``(M, Z, Y, X)`` or ``(M, Y, X)``
    roi : ndarray of bool, shape of one image
    """
    if roi.ndim == 2:
        return images
    drawn = np.flatnonzero(roi.sum(axis=(1, 2)) >= LEAST_BLANK)
    blank = np.zeros(images.shape[:2], bool)
    for z in drawn:
        inside = images[:, z][:, roi[z]]
        blank[:, z] = inside.min(axis=1) == inside.max(axis=1)
    blank[blank[:, drawn].all(axis=1)] = False
    if not blank.any():
        return images
    measured = images.astype(np.result_type(images, np.float32))
    measured[blank] = np.nan
    return measured


def fill_cavity(roi: np.ndarray) -> Optional[np.ndarray]:
    """Return a region that is the wall alone with its cavity; None for one that is not.

    Parameters
    ----------
    roi : ndarray of bool, shape ``(Z, Y, X)``
        The wall alone has a hole in most of its slices.
    """
    drawn = np.flatnonzero(roi.any(axis=(1, 2)))
    filled = roi.copy()
    for z in drawn:
        filled[z] = ndimage.binary_fill_holes(roi[z])
    holes = (filled & ~roi).sum(axis=(1, 2))[drawn]
    hollow = holes > HOLE * filled.sum(axis=(1, 2))[drawn]
    return filled if hollow.mean() > 0.5 else None


def check_region_values(values: np.ndarray, name: str) -> None:
    """Refuse intensities where a region is wanted, which is a mask or a map of few labels.

    Parameters
    ----------
    values : ndarray
        As they are stored.
    name : str
        What the region is called, for the message.

    Raises
    ------
    InvalidInput
        If they are no whole numbers, or too many different ones.
    """
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) > LABELS or (distinct != np.rint(distinct)).any():
        raise InvalidInput(
            f"{name} holds {len(distinct)} different values, as an image does; give as the region "
            "a mask, or a label map of a few whole numbers."
        )
