"""After-care of the labels: small islands of one tissue in another are taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from ..case import check_labels
from ..errors import InvalidInput
from ..result import Result


def clean(result: Result, min_area: float) -> Result:
    """Return a result whose labels have no islands below `min_area` mm², and a note of how many.

    Probabilities, and what is computed from them, stay as they were fitted. Parameters and errors
    as in `remove_islands`.
    """
    labels, count = remove_islands(result.labels, result.spacing, min_area)
    note = f"{count} islands below {min_area:g} mm² were given to the tissue around them."
    return replace(result, labels=labels, notes=(*result.notes, note))


def remove_islands(
    labels: np.ndarray, spacing: Sequence[float], min_area: float
) -> tuple[np.ndarray, int]:
    """Give every small island to the tissue around it, slice by slice.

    An island is a set of voxels of one label in one slice, connected by faces or corners in plane.
    One smaller than `min_area` takes the label that is commonest among the voxels that touch it,
    other small islands counting only where there is nothing else; one that touches nothing inside
    the region is removed. Among equally common labels the lowest wins.

    Parameters
    ----------
    labels : ndarray of integers, shape ``(Z, Y, X)`` or ``(Y, X)``
        0 outside the region, 1 to 255 inside.
    spacing : sequence of float
        Millimetres per voxel, in array order.
    min_area : float
        mm², in plane; an island of just this size stays.

    Returns
    -------
    labels : ndarray of uint8
        A new label map.
    count : int
        How many islands were given away or removed.

    Raises
    ------
    InvalidInput
        If `min_area` is negative or not finite, or labels or spacing cannot be used.
    """
    if not (np.isfinite(min_area) and min_area >= 0):
        raise InvalidInput(f"The smallest island is {min_area} mm²; give 0 or more.")
    labels = check_labels(labels, 255, spacing)
    stack = labels.astype(np.uint8).reshape(-1, *labels.shape[-2:])
    cleaned = [_clean(plane, spacing[-2:], min_area) for plane in stack]
    count = sum(islands for _, islands in cleaned)
    return np.stack([plane for plane, _ in cleaned]).reshape(labels.shape), count


def _clean(plane: np.ndarray, spacing: Sequence[float], min_area: float) -> tuple[np.ndarray, int]:
    islands = _islands(plane, spacing, min_area)
    result = plane.copy()
    for island, (rows, columns) in enumerate(ndimage.find_objects(islands), start=1):
        box = np.s_[
            max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1
        ]
        here, labels = islands[box] == island, plane[box]
        touching = ndimage.binary_dilation(here, np.ones((3, 3))) & ~here & (labels > 0)
        around = labels[touching & (islands[box] == 0)]
        if not around.size:
            around = labels[touching]
        result[box][here] = np.bincount(around).argmax() if around.size else 0
    return result, int(islands.max())


def _islands(plane: np.ndarray, spacing: Sequence[float], min_area: float) -> np.ndarray:
    """Return the number of the small island, from 1, that each pixel is in; 0 in none."""
    islands = np.zeros(plane.shape, int)
    pixel = float(np.prod(spacing))
    for tissue in np.unique(plane[plane > 0]):
        parts, _ = ndimage.label(plane == tissue, np.ones((3, 3)))
        small = np.bincount(parts.ravel()) * pixel < min_area
        small[0] = False
        numbers = np.where(small, np.cumsum(small) + islands.max(), 0)
        islands += numbers[parts]
    return islands
