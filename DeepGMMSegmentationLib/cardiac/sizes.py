"""How large each tissue is, and how well a segmentation agrees with another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import SimpleITK as sitk
from scipy.optimize import linear_sum_assignment

from ..errors import InvalidInput
from ..tissues import TISSUES

DENSITY = 1.05  # of myocardium, in g/mL
WALL = tuple(tissue.name for tissue in TISSUES.values() if tissue.wall)


@dataclass(frozen=True)
class TissueSize:
    """The size of one tissue.

    Attributes
    ----------
    tissue : str
        Its name.
    voxels : int
        How many voxels carry its label.
    ml, grams : float or None
        Volume and mass; None for a two-dimensional image, which has no volume.
    percent_of_myocardium : float or None
        Of all wall tissues together; None for what is no wall tissue, or not named.
    percent_of_region : float
        Of all labelled voxels.
    """

    tissue: str
    voxels: int
    ml: Optional[float]
    grams: Optional[float]
    percent_of_myocardium: Optional[float]
    percent_of_region: float


def sizes(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float], density: float = DENSITY
) -> list[TissueSize]:
    """Return the size of every tissue, also of those that are absent.

    Voxels are counted and weighed by SimpleITK's label statistics. A voxel's volume is the
    product of its spacings whatever the direction of the grid, so that the direction of an
    oblique image is not needed.

    Parameters
    ----------
    labels : ndarray of integers, shape ``(Z, Y, X)`` or ``(Y, X)``
        0 outside the region, ``i + 1`` where ``tissues[i]`` is.
    tissues : sequence of str
        The K names.
    spacing : sequence of float
        Millimetres per voxel, in array order.
    density : float
        Grams per millilitre.

    Raises
    ------
    InvalidInput
        If the labels are not whole numbers from 0 to K, nothing is labelled, or the spacing or
        the density is not above 0.
    """
    image = label_image(labels, len(tissues), spacing)
    if not density > 0:
        raise InvalidInput(f"The density is {density}; give grams per millilitre above 0.")
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.ComputePerimeterOff()
    statistics.Execute(image)
    present = set(statistics.GetLabels())
    voxels = [
        statistics.GetNumberOfPixels(i + 1) if i + 1 in present else 0 for i in range(len(tissues))
    ]
    region = sum(voxels)
    if region == 0:
        raise InvalidInput("Nothing is labelled; segment the region first.")
    wall = sum(n for n, tissue in zip(voxels, tissues) if tissue in WALL)
    volumes = [
        None
        if image.GetDimension() == 2
        else statistics.GetPhysicalSize(i + 1) / 1000
        if i + 1 in present
        else 0.0
        for i in range(len(tissues))
    ]
    return [
        TissueSize(
            tissue=tissue,
            voxels=count,
            ml=ml,
            grams=None if ml is None else ml * density,
            percent_of_myocardium=100 * count / wall if wall and tissue in WALL else None,
            percent_of_region=100 * count / region,
        )
        for tissue, count, ml in zip(tissues, voxels, volumes)
    ]


def mask(labels: np.ndarray, tissues: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return where the labels are any of the named tissues, a boolean array of their shape."""
    return np.isin(labels, [i + 1 for i, tissue in enumerate(tissues) if tissue in names])


def label_image(labels: np.ndarray, classes: int, spacing: Sequence[float]) -> sitk.Image:
    """Return a label map, checked, as a SimpleITK image with its spacing.

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
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels, dtype=np.uint8))
    image.SetSpacing([float(s) for s in reversed(spacing)])
    return image


def dice(labels: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the Dice coefficient of each class, ``2 |A ∩ B| / (|A| + |B|)``.

    Parameters
    ----------
    labels, truth : ndarray of integers, of one shape
        0 outside the region, 1…K inside.
    classes : int
        K.

    Returns
    -------
    ndarray of float64, shape ``(K,)``
        NaN for a class that neither holds.

    Raises
    ------
    InvalidInput
        If the two differ in shape or hold other values than 0…K.
    """
    return np.diagonal(_overlaps(labels, truth, classes)).copy()


def match(labels: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the assignment of classes that maximises the mean Dice coefficient.

    Solved as a linear assignment problem, not by trying the K! permutations.

    Parameters
    ----------
    labels, truth : ndarray of integers, of one shape
        0 outside the region, 1…K inside.
    classes : int
        K.

    Returns
    -------
    ndarray of int, shape ``(K,)``
        Class i (label i + 1) is the truth's class ``permutation[i]``:
        ``np.concatenate([[0], permutation + 1])[labels]`` renames the labels.

    Raises
    ------
    InvalidInput
        If the two differ in shape or hold other values than 0…K.
    """
    # Two absent classes belong together: counted as 1, they never take a present one's partner.
    overlaps = np.nan_to_num(_overlaps(labels, truth, classes), nan=1.0)
    return linear_sum_assignment(overlaps, maximize=True)[1]


def _overlaps(labels: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the Dice coefficient of every class of `labels` with every class of `truth`."""
    labels, truth = np.asarray(labels), np.asarray(truth)
    if labels.shape != truth.shape:
        raise InvalidInput(
            f"The labels have shape {labels.shape} and the truth {truth.shape}; "
            "compare label maps on the same grid."
        )
    for name, values in (("labels", labels), ("truth", truth)):
        if values.dtype.kind not in "iu" or values.size == 0:
            raise InvalidInput(f"The {name} must be whole numbers and not be empty.")
        if values.min() < 0 or values.max() > classes:
            raise InvalidInput(
                f"The {name} go from {values.min()} to {values.max()}; "
                f"give values from 0 (outside) to {classes}."
            )
    pairs = labels.ravel().astype(np.intp) * (classes + 1) + truth.ravel()
    counts = np.bincount(pairs, minlength=(classes + 1) ** 2).reshape(classes + 1, classes + 1)
    volumes = counts.sum(axis=1)[:, None] + counts.sum(axis=0)[None, :]
    with np.errstate(invalid="ignore"):
        return 2 * counts[1:, 1:] / volumes[1:, 1:]
