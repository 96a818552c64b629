"""Microvascular obstruction (no-reflow): the dark core within a scar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from .infarct import INFARCT
from .sizes import WALL, mask

MIN_AREA = 10.0  # mm² in a slice; what is smaller is noise within the scar
ENCLOSED = 0.5  # the part of a core's border that is scar at least; the rest is the cavity


def find_cores(labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float]) -> np.ndarray:
    """Return the wall that is no scar by its intensity but is enclosed by it.

    Contrast agent does not reach the core of an infarct whose small vessels are blocked, so that it
    is dark within the bright scar (Wu et al., Circulation 1998;97:765-772). A core is a connected
    part of a slice's wall that is no infarct and has scar around it, and else the cavity only: it
    reaches neither the epicardium nor the rest of the wall.

    Parameters
    ----------
    labels : ndarray of integers, shape ``(Z, Y, X)``
        0 outside the region, ``i + 1`` where ``tissues[i]`` is.
    tissues : sequence of str
        The K names.
    spacing : sequence of float
        Millimetres per voxel, in array order.

    Returns
    -------
    ndarray of bool, shape of the labels
    """
    infarct = mask(labels, tissues, INFARCT)
    rest = mask(labels, tissues, WALL) & ~infarct
    least = MIN_AREA / (spacing[1] * spacing[2])
    cores = np.zeros(labels.shape, bool)
    for z in np.flatnonzero(infarct.any(axis=(1, 2))):
        parts, count = ndimage.label(rest[z])
        for number in range(1, count + 1):
            part = parts == number
            border = ndimage.binary_dilation(part) & ~part
            inside = part.sum() >= least and labels[z][border].all()
            if inside and infarct[z][border].mean() >= ENCLOSED:
                cores[z] |= part
    return cores
