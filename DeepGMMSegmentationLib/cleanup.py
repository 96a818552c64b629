"""After-care of the labels: small islands of one tissue in another are taken away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813

from .errors import InvalidInput
from .measures import label_image


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
    label_image(labels, 255, spacing)
    stack = np.asarray(labels, dtype=np.uint8).reshape(-1, *labels.shape[-2:])
    cleaned = [_clean(plane, spacing[-2:], min_area) for plane in stack]
    count = sum(islands for _, islands in cleaned)
    return np.stack([plane for plane, _ in cleaned]).reshape(labels.shape), count


def _clean(plane: np.ndarray, spacing: Sequence[float], min_area: float) -> tuple[np.ndarray, int]:
    islands = np.zeros(plane.shape, np.uint32)  # 0, or the number of the island
    count = 0
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.ComputePerimeterOff()
    for tissue in np.unique(plane[plane > 0]):
        image = label_image((plane == tissue).astype(np.uint8), 1, spacing)
        parts = sitk.ConnectedComponent(image, True)
        statistics.Execute(parts)
        number = sitk.GetArrayViewFromImage(parts)
        for part in statistics.GetLabels():
            if statistics.GetPhysicalSize(part) < min_area:
                count += 1
                islands[number == part] = count
    result = plane.copy()
    for island in range(1, count + 1):
        here = islands == island
        touching = sitk.GetArrayFromImage(
            sitk.BinaryDilate(sitk.GetImageFromArray(here.astype(np.uint8)), [1, 1], sitk.sitkBox)
        ).astype(bool)
        touching &= ~here & (plane > 0)
        around = plane[touching & (islands == 0)]
        if not around.size:
            around = plane[touching]
        result[here] = np.bincount(around).argmax() if around.size else 0
    return result, count
