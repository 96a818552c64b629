"""One click into an image in space: the ventricle around it, and its RV insertion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import SimpleITK as sitk

from ..cardiac.aha import insertion_index
from .ventricle import trace_ventricle


def trace_at(
    images: np.ndarray,
    reference: sitk.Image,
    roles: Sequence[str],
    point: Sequence[float],
    device: str = "auto",
) -> tuple[np.ndarray, Optional[tuple[float, ...]], tuple[str, ...]]:
    """Return the ventricle around a point, its RV insertion, and what to check.

    Parameters
    ----------
    images : ndarray, shape ``(M, Z, Y, X)``
    reference : SimpleITK.Image
        On whose grid they are.
    roles : sequence of str
        Which sequence each is.
    point : sequence of float
        In the blood of the left ventricle, (x, y, z) in mm, LPS.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".

    Returns
    -------
    region : ndarray of bool, shape ``(Z, Y, X)``
    insertion : tuple of float or None
        Where the right ventricle meets the wall in front, (x, y, z) in mm, LPS.
    notes : tuple of str
        What to look at, one sentence each.

    Raises
    ------
    InvalidInput
        If the point is outside the images, or no ventricle is there.
    """
    index, mirrored = insertion_index(point, reference)
    spacing = reference.GetSpacing()[::-1]
    trace = trace_ventricle(
        images, index, spacing=spacing, roles=roles, mirrored=mirrored, device=device
    )
    insertion = None
    if trace.insertion is not None:
        place = [float(value) for value in reversed(trace.insertion)]
        insertion = reference.TransformContinuousIndexToPhysicalPoint(place)
    return trace.region, insertion, trace.notes
