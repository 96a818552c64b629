"""Where the infarct is: the 17 segments of the left ventricle of the American Heart Association.

After Cerqueira et al., "Standardized myocardial segmentation and nomenclature for tomographic
imaging of the heart", Circulation 2002;105:539-542.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import SimpleITK as sitk

from ..errors import InvalidInput
from .chords import Chords, Ventricle, measure_chords, outline_ventricle
from .infarct import INFARCT
from .sizes import WALL, mask

_SIX = ("anterior", "anteroseptal", "inferoseptal", "inferior", "inferolateral", "anterolateral")
_FOUR = ("anterior", "septal", "inferior", "lateral")
NAMES = (
    *(f"basal {wall}" for wall in _SIX),
    *(f"mid {wall}" for wall in _SIX),
    *(f"apical {wall}" for wall in _FOUR),
    "apex",
)
RINGS = ("basal third", "mid third", "apical third", "apex")
SECTORS = (6, 6, 4, 1)  # of each ring
# Of the transmural extent, in percent, as it is reported since Kim et al., "The use of
# contrast-enhanced magnetic resonance imaging to identify reversible myocardial dysfunction",
# N Engl J Med 2000;343:1445-1453: up to half of the wall is called viable.
EXTENTS = {"0 %": 0, "1–25 %": 25, "26–50 %": 50, "51–75 %": 75, "76–100 %": 100}
VIABLE = 50
DIRECTIONS = 72  # of the polar map: 5° each
FARTHEST = 100.0  # mm from the center of the left ventricle: no insertion of a right one is there
FLAT = 0.05  # taper below which base and apex cannot be told apart
OBLIQUE = 30.0  # degrees between long axis and slices' normal beyond which they are not short-axis


@dataclass(frozen=True)
class Segment:
    """One segment, or one third where there are no sectors. Percentages are 0 to 100.

    Attributes
    ----------
    number : int or None
        1 to 17; None for a third.
    name : str
        "basal anterior" …, or "basal third" ….
    voxels : int
        Of wall tissue; 0 for what no slice covers.
    infarct_percent, edema_percent : float or None
        Of the segment's wall voxels; None where not covered or without such a class.
    mean_transmurality, max_transmurality : float or None
        Mean over all chords of the segment, and the largest, of the part of the wall's thickness
        that is infarct, in percent; None where there is no chord (not covered, or past the end
        of the cavity). The largest is of one chord: on synthetic hearts of known transmurality
        it was 0.05 to 0.13 too high.
    extent : str or None
        The class of the mean, one of `EXTENTS`.
    """

    number: Optional[int]
    name: str
    voxels: int
    infarct_percent: Optional[float]
    edema_percent: Optional[float]
    mean_transmurality: Optional[float]
    max_transmurality: Optional[float]
    extent: Optional[str] = None


@dataclass(frozen=True)
class Aha:
    """The segments of a case.

    Attributes
    ----------
    segments : tuple of Segment
        17, or the three thirds and the apex where no RV-insertion point was given.
    apex_first : bool
        Whether the first slice is the apical one.
    viable, judged : int or None
        In how many segments infarct takes up to half of the wall, of how many that have chords;
        None for thirds, or without a scar class.
    warnings, notes : tuple of str
        What makes the segments unreliable, and what else the reader should know, one sentence
        each.
    polar : tuple of tuple of float or None
        The transmurality in percent in 72 directions of 5°, from the RV insertion towards the
        septum, of each slice with a cavity, from the base; None where there is no chord. Empty
        without an insertion point or a scar class.
    """

    segments: tuple[Segment, ...]
    apex_first: bool
    viable: Optional[int]
    judged: Optional[int]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    polar: tuple[tuple[Optional[float], ...], ...] = ()


def measure_segments(
    labels: np.ndarray,
    tissues: Sequence[str],
    spacing: Sequence[float],
    insertion: Optional[Sequence[float]] = None,
    mirrored: bool = False,
) -> Aha:
    """Divide the wall into the segments of the AHA and measure each.

    The long axis runs through the centers of the region in its slices; the end towards which the
    region tapers is the apex. Slices up to the last one with a cavity are divided into thirds by
    their place along the stack; the wall beyond the cavity is segment 17. The anterior insertion
    of the right ventricle, where its free wall meets the septum in front, is the border between
    the anterior and the anteroseptal segments; from there the sectors follow, 60° each (90° in
    the apical third, the septal one centered on the same septum), counter-clockwise as seen from
    the apex: septum, inferior wall, lateral wall. Its direction about the long axis is used in
    all slices.

    Parameters
    ----------
    labels : ndarray of integers, shape ``(Z, Y, X)``
        Short-axis slices along the first axis.
    tissues : sequence of str
        The K names.
    spacing : sequence of float
        Millimetres per voxel, in array order.
    insertion : sequence of float, optional
        Array index (z, y, x) of the anterior RV insertion, in any slice of the region;
        `insertion_index` makes it from a point in space. None: thirds only.
    mirrored : bool
        Whether the image axes (x, y, z) are left-handed in space.

    Raises
    ------
    InvalidInput
        If the labels are not three-dimensional, hold no wall, lie in fewer than three slices, or
        the insertion point is outside the stack or at the center of its slice.
    """
    if np.ndim(labels) != 3 or np.count_nonzero(np.any(labels, axis=(1, 2))) < 3:
        raise InvalidInput("AHA segments need a stack of at least three labelled slices.")
    wall = mask(labels, tissues, WALL)
    if not wall.any():
        raise InvalidInput("No wall tissue is labelled, so there are no AHA segments.")
    outline = outline_ventricle(labels, tissues, spacing)
    apex_first, warnings = _orientation(outline, spacing)
    notes = []
    rings = _rings(outline, apex_first)
    lines = measure_chords(labels, tissues, spacing, outline)

    z, y, x = np.nonzero(wall)
    offset = np.stack([y, x], axis=1) * np.asarray(spacing[1:]) - outline.centers[z]
    angles = np.arctan2(offset[:, 0], offset[:, 1])
    names: tuple[str, ...] = NAMES
    polar: tuple[tuple[Optional[float], ...], ...] = ()
    if insertion is None:
        notes.append(
            "No RV-insertion point was given, so only the thirds of the ventricle are told apart; "
            "place one at the anterior insertion to get the 17 segments."
        )
        of_voxel, of_chord, names = rings[z], rings[lines.slices], RINGS
    else:
        start = _angle(insertion, outline.centers, spacing)
        sense = (-1 if apex_first else 1) * (-1 if mirrored else 1)
        of_voxel = _numbers(rings[z], sense * (angles - start))
        of_chord = _numbers(rings[lines.slices], sense * (lines.angles - start))
        if "scar" in tissues:
            polar = _polar(lines, sense * (lines.angles - start), apex_first)
    voxels = np.bincount(of_voxel, minlength=len(names))
    infarct = _percent(labels, tissues, INFARCT, of_voxel, voxels, wall)
    edema = _percent(labels, tissues, ("edema",), of_voxel, voxels, wall)
    segments = []
    for i, name in enumerate(names):
        depth = _transmurality(lines, of_chord == i) if "scar" in tissues else (None,) * 3
        number = None if insertion is None else i + 1
        segments.append(Segment(number, name, int(voxels[i]), infarct[i], edema[i], *depth))
    missing = [segment.name for segment in segments if not segment.voxels]
    if missing:
        notes.append(f"The slices do not cover: {', '.join(missing)}.")
    means = [s.mean_transmurality for s in segments if s.mean_transmurality is not None]
    viable = judged = None
    if means and insertion is not None:
        viable, judged = sum(_rounded(mean) <= VIABLE for mean in means), len(means)
    return Aha(tuple(segments), apex_first, viable, judged, tuple(warnings), tuple(notes), polar)


def insertion_index(
    point: Sequence[float], reference: sitk.Image
) -> tuple[tuple[float, ...], bool]:
    """Return a point's array index and whether the image's axes are left-handed in space.

    Parameters
    ----------
    point : sequence of float
        (x, y, z) in mm, LPS (3D Slicer shows RAS: change the sign of the first two).
    reference : SimpleITK.Image
        The three-dimensional image whose grid the labels have.
    """
    index = reference.TransformPhysicalPointToContinuousIndex([float(p) for p in point])
    return tuple(reversed(index)), bool(
        np.linalg.det(np.reshape(reference.GetDirection(), (3, 3))) < 0
    )


def _orientation(outline: Ventricle, spacing: Sequence[float]) -> tuple[bool, list[str]]:
    """Tell apex from base by the taper, and whether the slices are short-axis ones."""
    labelled = np.flatnonzero(outline.inside.any(axis=(1, 2)))
    areas = outline.inside[labelled].sum(axis=(1, 2))
    half = len(areas) // 2
    first, last = areas[:half].mean(), areas[-half:].mean()
    warnings = []
    if abs(first - last) < FLAT * max(first, last):
        warnings.append(
            "The region hardly tapers, so base and apex may be interchanged; "
            "check the segments against the images."
        )
    slope = np.polyfit(labelled * spacing[0], outline.centers[labelled], 1, w=np.sqrt(areas))[0]
    tilt = np.degrees(np.arctan(np.hypot(*slope)))
    if tilt > OBLIQUE:
        warnings.append(
            f"The long axis is {tilt:.0f}° from the slices' normal: these are not short-axis "
            "slices; reformat the images before trusting segments and transmurality."
        )
    return bool(first < last), warnings


def _rings(outline: Ventricle, apex_first: bool) -> np.ndarray:
    """Return per slice 0 basal, 1 mid, 2 apical, 3 apex (beyond the cavity)."""
    from_base = np.flatnonzero(outline.inside.any(axis=(1, 2)))[:: -1 if apex_first else 1]
    hollow = np.flatnonzero(np.any(outline.cavity, axis=(1, 2))[from_base])
    count = hollow[-1] + 1 if hollow.size else 0
    rings = np.full(len(outline.inside), 3)
    rings[from_base[:count]] = (np.arange(count) + 0.5) * 3 // max(count, 1)
    return rings


def _angle(insertion: Sequence[float], centers: np.ndarray, spacing: Sequence[float]) -> float:
    """Return the direction of the insertion point from the center of its slice, in radians."""
    z = round(insertion[0]) if np.isfinite(insertion).all() else -1
    if not 0 <= z < len(centers) or np.isnan(centers[z]).any():
        raise InvalidInput(
            "The RV-insertion point is outside the slices of the region; place it in one of them."
        )
    y, x = np.asarray(insertion[1:]) * spacing[1:] - centers[z]
    distance = np.hypot(y, x)
    if not max(spacing[1:]) <= distance <= FARTHEST:
        where = "at" if distance < FARTHEST else f"more than {FARTHEST:.0f} mm from"
        raise InvalidInput(
            f"The RV-insertion point is {where} the center of the ventricle; place it where the "
            "right ventricle's free wall meets the left ventricle in front (in mm, LPS)."
        )
    return float(np.arctan2(y, x))


def _numbers(rings: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return the segment, from 0, by ring and by angle from the insertion towards the septum."""
    degrees = np.degrees(turn) % 360
    six = (degrees // 60).astype(int)  # 0 is the anteroseptal wall
    four = ((degrees - 15) % 360 // 90).astype(int)  # 0 is the septum, centered at 60°
    return np.select(
        [rings == 0, rings == 1, rings == 2],
        [(six + 1) % 6, 6 + (six + 1) % 6, 12 + (four + 1) % 4],
        default=16,
    )


def _polar(
    lines: Chords, turn: np.ndarray, apex_first: bool
) -> tuple[tuple[Optional[float], ...], ...]:
    """Return the mean transmurality by slice and by angle from the insertion; see `Aha`."""
    directions = (np.degrees(turn) % 360 // (360 / DIRECTIONS)).astype(int)
    rows = []
    for z in np.unique(lines.slices)[:: -1 if apex_first else 1]:
        here = lines.slices == z
        counts = np.bincount(directions[here], minlength=DIRECTIONS)
        sums = np.bincount(directions[here], lines.transmurality[here], DIRECTIONS)
        rows.append(tuple(100 * float(s) / int(n) if n else None for s, n in zip(sums, counts)))
    return tuple(rows)


def _percent(
    labels: np.ndarray,
    tissues: Sequence[str],
    names: Sequence[str],
    of_voxel: np.ndarray,
    voxels: np.ndarray,
    wall: np.ndarray,
) -> list[Optional[float]]:
    """Return per segment the percentage of its wall voxels that is one of the named tissues."""
    if names[0] not in tissues:
        return [None] * len(voxels)
    hits = np.bincount(of_voxel[mask(labels, tissues, names)[wall]], minlength=len(voxels))
    return [100 * float(h) / float(n) if n else None for h, n in zip(hits, voxels)]


def _transmurality(
    lines: Chords, here: np.ndarray
) -> tuple[Optional[float], Optional[float], Optional[str]]:
    """Return mean and maximal transmurality, in percent, of one segment, and the mean's class."""
    values = 100 * lines.transmurality[here]
    if not values.size:
        return None, None, None
    mean = float(values.mean())
    extent = next(name for name, most in EXTENTS.items() if _rounded(mean) <= most)
    return mean, float(values.max()), extent


def _rounded(percent: float) -> int:
    """Return a mean in whole percent, as the classes are; only no infarct at all is 0."""
    return max(min(round(percent), 100), int(percent > 0))
