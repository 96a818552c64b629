"""Whether the region is a left ventricle: its size, its slices, its place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..result import Result
from .sizes import WALL

VENTRICLE = (50, 600)  # mL of a left ventricle with its wall, from the smallest to the largest
LENGTH = 45  # mm of a stack that shows most of a ventricle
# Dice of a region and the ventricle that the region network sees: at least 0.92 where the region is
# right, on 26 synthetic hearts and two patients' bSSFP; 0.77 to 0.87 where it lies 8 mm beside.
OVERLAP = 0.9
# Right regions of 60 synthetic hearts and two patients (1.0 and 2.7 mm) pass neither; of 79 hearts
# of the drawer, which differ more, three lie beside and one seems a slice off.
BESIDE = 3.0  # mm between the centres of the two
FURTHER = 2.5  # times better that the sizes of the two agree, one slice further
# Radius of the ventricle over the region's: 0.938 to 1.018 where the region is right, on 24
# synthetic hearts by three sets of sequences and on two patients' bSSFP; mostly beyond where it is
# 3 mm off.
NARROW, WIDE = 1.03, 0.93
TAPER = 0.25  # of its largest radius, by which a region must taper to show the slices' order
JUMPS = 2.5  # changes of the radius along the stack, over its reach


def doubt_region(result: Result) -> list[str]:
    """Return what looks wrong with the region, one sentence each; nothing where it is no heart."""
    if not set(result.tissues) & set(WALL):
        return []
    warnings = [] if result.placement is None else doubt_placement(result.placement)
    if result.labels.ndim == 3:
        warnings += [*_implausible(result), *_with_gaps(result), *_jumping(result)]
    return warnings


def _implausible(result: Result) -> list[str]:
    ml = np.count_nonzero(result.labels) * float(np.prod(result.spacing)) / 1000
    length = np.count_nonzero(result.labels.any(axis=(1, 2))) * result.spacing[0]
    least, most = VENTRICLE
    warnings = []
    if not least <= ml <= most:
        warnings.append(
            f"The region has {ml:.0f} mL, but a left ventricle with its wall {least} to {most} mL; "
            "check the region and the images' spacing."
        )
    elif length < LENGTH:
        warnings.append(
            f"The region's slices cover {length:.0f} mm, and a left ventricle is longer; take "
            "volumes and percentages as those of these slices and not of the heart."
        )
    return warnings


def _with_gaps(result: Result) -> list[str]:
    slices = np.flatnonzero(result.labels.any(axis=(1, 2)))
    empty = sorted({*range(slices[0], slices[-1])} - {*slices}) if slices.size else []
    if not empty:
        return []
    return [
        f"The region is empty in slices {', '.join(str(z + 1) for z in empty)}, between others; "
        "volumes leave them out, so draw it there, too."
    ]


def _jumping(result: Result) -> list[str]:
    """Return whether the region grows and shrinks from slice to slice as no ventricle does."""
    areas = np.count_nonzero(result.labels, axis=(1, 2))
    radii = np.sqrt(areas[areas > 0])
    reach = np.ptp(radii)
    # One that only grows, or grows and then shrinks, changes by up to twice its reach.
    if reach < TAPER * radii.max() or np.abs(np.diff(radii)).sum() <= JUMPS * reach:
        return []
    return [
        "The region grows and shrinks from slice to slice as no ventricle does; check whether the "
        "slices are in order, from base to apex, and their distance."
    ]


def doubt_placement(placement: Mapping[str, float]) -> list[str]:
    """Return what looks wrong with how a region lies on the ventricle, one sentence each.

    Parameters
    ----------
    placement : mapping
        The fields of `anatomy.placement.Placement`.
    """
    overlap, beside, radius = (placement[name] for name in ("overlap", "beside", "radius"))
    percent, elsewhere, warnings = 100 * abs(radius - 1), "", []
    if overlap == 0:
        elsewhere = "none is seen there"
    elif beside > BESIDE:
        elsewhere = f"its centre lies {beside:.0f} mm beside"
    elif radius > NARROW:
        warnings.append(
            f"The region seems too small, the ventricle that is seen being {percent:.0f} % wider. "
            "Healthy wall that is left out makes the infarct's percentage too large; look at the "
            "region's border on the images, and correct it."
        )
    elif radius < WIDE:
        warnings.append(
            f"The region seems too large, the ventricle that is seen being {percent:.0f} % "
            "narrower. Tissue that is not wall makes the infarct's percentage too small; look at "
            "the region's border on the images, and correct it."
        )
    elif overlap < OVERLAP:
        elsewhere = f"its border is another one (Dice {overlap:.2f})"
    if elsewhere:
        warnings.append(
            f"The region is not where the left ventricle seems to be: {elsewhere}; look at it on "
            "the images, and draw it anew where it is off, for every figure here rests on it."
        )
    if placement["further"] > FURTHER:
        warnings.append(
            "The region would fit the left ventricle better if it were moved by one slice; check "
            "that its slices are those of the images."
        )
    return warnings
