"""The left ventricle from one click, followed slice by slice to its apex and its base.

    from DeepGMMSegmentationLib.anatomy.ventricle import find_region
    region = find_region(images, (5, 130, 121), spacing=(8, 1.4, 1.4), roles=("LGE",))

The network has seen drawings only. It looks at one sequence at a time, whatever that is, from a
point and at a scale; where a slice has several sequences, their answers are averaged, but for T2.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput
from ..io.writing import PathLike
from ..mixture.device import one_thread
from .outline import Outline
from .stack import Stack

# Evidence at the click: below the first there is no ventricle, below the second it is doubtful. Of
# 36 places in a brain 24 lay below the first and all below the second; two stacks of real bSSFP had
# 0.84, synthetic LGE 0.78 to 0.85, and T2 alone, which is noisy there, 0.72 to 0.79.
NONE, DOUBTFUL = 0.71, 0.77
MOVE, GROW, SHRINK = 0.6, 1.45, 0.4  # between neighbouring slices: of the larger radius; ratios


@dataclass(frozen=True)
class Trace:
    """A ventricle that was followed through a stack.

    Attributes
    ----------
    region : ndarray of bool, shape ``(Z, Y, X)`` or ``(Y, X)``
        Everything inside the epicardium: blood and wall.
    confidence : ndarray, shape ``(Z,)``
        Of every slice, 0 to 1; 0 where the ventricle is not.
    insertions : ndarray, shape ``(Z, 2, 2)``
        Array index (y, x) of the anterior and the inferior insertion of the right ventricle in
        every slice; NaN where it is not to be seen.
    insertion : tuple of float or None
        Array index of the anterior insertion in the slice in the middle, (z, y, x) or (y, x), as
        `aha.aha` takes it.
    evidence : float
        That there is a ventricle at the click, 0 to 1.
    notes : tuple of str
        What the user should know, one sentence each; they are also logged as warnings.
    """

    region: np.ndarray
    confidence: np.ndarray
    insertions: np.ndarray
    insertion: Optional[tuple[float, ...]]
    evidence: float
    notes: tuple[str, ...]


def find_region(
    images: ArrayLike,
    point: Sequence[float],
    *,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    device: str = "auto",
    network: Optional[PathLike] = None,
) -> np.ndarray:
    """Return the left ventricle, blood and wall, around a point in its blood.

    Parameters and errors as in `trace_ventricle`.

    Returns
    -------
    ndarray of bool, shape ``(Z, Y, X)`` or ``(Y, X)``
    """
    return trace_ventricle(
        images, point, spacing=spacing, roles=roles, device=device, network=network
    ).region


@one_thread()
def trace_ventricle(
    images: ArrayLike,
    point: Sequence[float],
    *,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    mirrored: bool = False,
    device: str = "auto",
    network: Optional[PathLike] = None,
) -> Trace:
    """Follow the left ventricle from a point in its blood, both ways to where it ends.

    Parameters
    ----------
    images : array, shape ``(M, Z, Y, X)`` or ``(M, Y, X)``
        M aligned sequences, short-axis slices along Z.
    point : sequence of float
        Array index (z, y, x) or (y, x) of the click.
    spacing : sequence of float, optional
        Millimetres per voxel in array order. Where the pixels are 1 mm, as in images without
        units, the ventricle's size is sought from small to large.
    roles : sequence of str, optional
        "LGE", "T2", "bSSFP", or any other name where the sequence is none of them.
    mirrored : bool
        Whether the image axes (x, y, z) are left-handed in space: tells the anterior insertion
        from the inferior one, together with the taper towards the apex. One slice alone is taken
        as seen from the apex, as is usual.
    device : str
        "auto", "cpu" or "cuda".
    network : path, optional
        A file that `deepgmm train --drawn region` wrote; the shipped one by default.

    Raises
    ------
    InvalidInput
        If the images cannot be used, the point is outside them, or no ventricle is there.
    """
    stack = Stack(images, spacing, roles, device, network)
    z, y, x = stack.checked_point(point)
    outlines: list[Optional[Outline]] = [None] * stack.count
    outlines[z] = first = stack.outline_at(z, (y * stack.pixel[0], x * stack.pixel[1]))
    evidence = 0.0 if first is None else stack.evidence(z, first)
    if first is None or evidence < NONE:
        raise InvalidInput(
            "No left ventricle is seen at that point; click into its blood in a short-axis slice, "
            "or draw the region."
        )
    for step in (1, -1):
        last, here = first, z + step
        while 0 <= here < stack.count:
            outline = stack.outline_near(here, last)
            if outline is None or not _continues(outline, last):
                break
            outlines[here] = last = outline
            here += step
    return _trace(stack, outlines, evidence, mirrored)


@one_thread()
def propose_point(
    images: ArrayLike,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    *,
    device: str = "auto",
    network: Optional[PathLike] = None,
) -> tuple[tuple[int, ...], float]:
    """Return the most ventricle-like place, to be offered to the user, never taken silently.

    Returns
    -------
    point : tuple of int
        Array index (z, y, x) or (y, x).
    evidence : float
        That a ventricle is there, 0 to 1.

    Raises
    ------
    InvalidInput
        If the images cannot be used, or nothing in them looks like a left ventricle.
    """
    stack = Stack(images, spacing, roles, device, network)
    best: tuple[float, int, Optional[Outline]] = (DOUBTFUL, 0, None)
    for z in sorted({round((stack.count - 1) * part) for part in (0.4, 0.6)}):
        outline = stack.most_sure(z, stack.places())
        evidence = 0.0 if outline is None else stack.evidence(z, outline)
        if evidence > best[0]:
            best = (evidence, z, outline)
    evidence, z, outline = best
    if outline is None:
        raise InvalidInput(
            "Nothing in the images looks like a left ventricle in a short-axis slice; click into "
            "its blood, or draw the region."
        )
    place = tuple(round(c / step) for c, step in zip(outline.centre, stack.pixel))
    return ((z, *place) if stack.deep else place), evidence


def _trace(
    stack: Stack, outlines: Sequence[Optional[Outline]], evidence: float, mirrored: bool
) -> Trace:
    """Return the result of outlines, one per slice."""
    region = np.zeros((stack.count, *stack.shape), bool)
    confidence = np.zeros(stack.count)
    insertions = np.full((stack.count, 2, 2), np.nan)
    for z, outline in enumerate(outlines):
        if outline is not None:
            region[z] = outline.mask(stack.shape, stack.pixel)
            confidence[z] = outline.confidence
    # Seen from the apex, the septum follows the anterior insertion against the clock, so that
    # the arc, in the sense of the angles, ends there.
    order = -1 if _apex_first(region) != mirrored else 1
    for z, outline in enumerate(outlines):
        if outline is not None and outline.insertions is not None:
            points = [outline.point(ray) / stack.pixel for ray in outline.insertions]
            insertions[z] = points[::order]
    known = np.flatnonzero(np.isfinite(insertions[:, 0, 0]))
    insertion = None
    if known.size:
        middle = int(known[np.abs(known - np.flatnonzero(confidence).mean()).argmin()])
        place = tuple(float(c) for c in insertions[middle, 0])
        insertion = (float(middle), *place) if stack.deep else place
    notes: tuple[str, ...] = ()
    if evidence < DOUBTFUL:
        notes = (
            f"It is doubtful that this is a left ventricle in a short-axis slice (evidence "
            f"{evidence:.2f}, of a ventricle mostly above {DOUBTFUL:.2f}); check it in the images.",
        )
        logging.getLogger(__name__).warning(notes[0])
    whole = region if stack.deep else region[0]
    return Trace(whole, confidence, insertions, insertion, evidence, notes)


def _apex_first(region: np.ndarray) -> bool:
    """Return whether the region tapers towards the first slice, or is but one slice."""
    areas = region.sum(axis=(1, 2))
    areas = areas[areas > 0]
    half = len(areas) // 2
    return half == 0 or areas[:half].mean() <= areas[-half:].mean()


def _continues(outline: Outline, last: Outline) -> bool:
    """Return whether an outline can be that of the same ventricle, one slice further."""
    larger = max(outline.radius, last.radius)
    moved = np.hypot(*np.subtract(outline.centre, last.centre))
    return bool(moved < MOVE * larger and SHRINK < outline.radius / last.radius < GROW)
