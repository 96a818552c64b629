"""How large each tissue is, and how well a segmentation agrees with another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..case import check_labels
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
        Volume and, of a wall tissue, mass; None for a two-dimensional image, which has no volume.
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


def measure_sizes(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float], density: float = DENSITY
) -> list[TissueSize]:
    """Return the size of every tissue, also of those that are absent.

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
    check_labels(labels, len(tissues), spacing)
    if not density > 0:
        raise InvalidInput(f"The density is {density}; give grams per millilitre above 0.")
    voxels = np.bincount(np.ravel(labels), minlength=len(tissues) + 1)[1:].tolist()
    region = sum(voxels)
    if region == 0:
        raise InvalidInput("Nothing is labelled; segment the region first.")
    wall = sum(n for n, tissue in zip(voxels, tissues) if tissue in WALL)
    volumes = [volume_ml(count, spacing) for count in voxels]
    return [
        TissueSize(
            tissue=tissue,
            voxels=count,
            ml=ml,
            grams=ml * density if ml is not None and tissue in WALL else None,
            percent_of_myocardium=100 * count / wall if wall and tissue in WALL else None,
            percent_of_region=100 * count / region,
        )
        for tissue, count, ml in zip(tissues, voxels, volumes)
    ]


def mask(labels: np.ndarray, tissues: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return where the labels are any of the named tissues, a boolean array of their shape."""
    return np.isin(labels, [i + 1 for i, tissue in enumerate(tissues) if tissue in names])


def volume_ml(voxels: float, spacing: Sequence[float]) -> Optional[float]:
    """Return the volume of so many voxels in mL; None in two dimensions, which have no volume.

    A voxel's volume is the product of its spacings, whatever the direction of the grid.

    Parameters
    ----------
    voxels : float
        Their number, or the sum of their probabilities.
    spacing : sequence of float
        Millimetres per voxel along each axis.
    """
    return float(voxels * np.prod(spacing) / 1000) if len(spacing) == 3 else None
