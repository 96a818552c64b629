"""Infarct size on LGE by the thresholds that clinicians know.

n-SD and full width at half maximum are compared with each other in Flett et al., "Evaluation of
techniques for the quantification of myocardial scar of differing etiology using cardiac magnetic
resonance", JACC Cardiovasc Imaging 2011;4:150-156; full width at half maximum comes from Amado et
al., "Accurate and objective infarct sizing by contrast-enhanced magnetic resonance imaging in a
canine myocardial infarction model", JACC 2004;44:2383-2389. Otsu's threshold and the grey zone
between core and healthy myocardium stand beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import InvalidInput
from .sizes import DENSITY, volume_ml

DEVIATIONS = (2, 3, 4, 5, 6)
MIN_REMOTE = 10  # voxels, for a mean and a deviation that mean something
MIN_PART = 3  # adjacent voxels of a slice; fewer are noise
NEGATIVE = 0.01  # the part of the wall that may be below 0 by ringing
DARK_PART = 0.25  # of the wall, that is healthy in the largest infarct
GREY_ZONE = 0.35  # of the maximum, from which on wall is at least grey zone
NO_ZERO = "The LGE image has a scale without a zero (phase-sensitive or normalised)"
MAGNITUDE = "give the magnitude image"


@dataclass(frozen=True)
class Yardstick:
    """The infarct as one method sizes it.

    Attributes
    ----------
    method : str
        "2-SD" … "6-SD", "FWHM", "Otsu", "weighted above 2-SD", or one of two grey zones.
    threshold : float
        LGE intensity above which (FWHM: from which on) wall is counted.
    voxels : int
        So many wall voxels.
    ml, grams : float or None
        None for a two-dimensional image.
    percent_of_myocardium : float
        Of the wall's voxels.
    """

    method: str
    threshold: float
    voxels: int
    ml: Optional[float]
    grams: Optional[float]
    percent_of_myocardium: float


def n_sd(lge: np.ndarray, remote: np.ndarray, n: float) -> float:
    """Return the threshold n deviations above the mean of remote myocardium.

    Parameters
    ----------
    lge : ndarray
        Intensities.
    remote : ndarray of bool, of the same shape
        Healthy myocardium far from the infarct.
    n : float
        Number of (sample) standard deviations.

    Raises
    ------
    InvalidInput
        If the remote region has fewer than 10 voxels.
    """
    values = lge[remote].astype(float)
    if values.size < MIN_REMOTE:
        raise InvalidInput(
            f"The remote myocardium has {values.size} voxels; draw at least {MIN_REMOTE}."
        )
    return float(values.mean() + n * values.std(ddof=1))


def fwhm(lge: np.ndarray, enhanced: np.ndarray, wall: np.ndarray) -> float:
    """Return half of the highest intensity in the enhanced myocardium.

    The highest is that of the brightest connected part and not of a single voxel: the largest
    median over an enhanced voxel and its enhanced neighbours in the slice. Half of a maximum needs
    a scale that starts at 0, as magnitude images have.

    Parameters
    ----------
    lge : ndarray
        Intensities.
    enhanced, wall : ndarray of bool, of the same shape
        The hyperenhanced myocardium; all myocardium, whose intensities alone are looked at.

    Raises
    ------
    InvalidInput
        If nothing is enhanced but single voxels, or the scale does not start at 0: intensities
        below it, or half of the maximum below the wall's darkest quarter.
    """
    medians = _local_medians(lge, enhanced)
    if not medians.size:
        raise InvalidInput(
            f"There is no enhanced myocardium of {MIN_PART} voxels together to take half the "
            "maximum of."
        )
    half = float(medians.max()) / 2
    values = lge[wall]
    negative = np.count_nonzero(values < 0) > NEGATIVE * values.size
    if negative or half < np.quantile(values, DARK_PART):
        raise InvalidInput(f"{NO_ZERO}, of which half a maximum means nothing; {MAGNITUDE}.")
    return half


def otsu(lge: np.ndarray, wall: np.ndarray) -> float:
    """Return the threshold that divides the wall's intensities into the two most uniform parts.

    Otsu, IEEE Trans Syst Man Cybern 1979;9:62-66; for infarcts Tao et al., Magn Reson Med
    2010;64:1586-1594.
    """
    values = np.sort(lge[wall].astype(float))
    below = np.arange(1, values.size)
    sums = np.cumsum(values)
    lower, upper = sums[:-1] / below, (sums[-1] - sums[:-1]) / below[::-1]
    between = below * below[::-1] * (upper - lower) ** 2
    best = int(between.argmax()) if between.size else 0
    return float(values[best : best + 2].mean())


def measure_yardsticks(
    lge: np.ndarray,
    wall: np.ndarray,
    remote: np.ndarray,
    enhanced: np.ndarray,
    spacing: Sequence[float],
    density: float = DENSITY,
    *,
    phase_sensitive: bool = False,
) -> tuple[list[Yardstick], list[str]]:
    """Size the infarct by 2-SD … 6-SD, FWHM and Otsu, and the grey zones of the first two.

    One threshold holds for the whole stack. As in clinical use, dark no-reflow inside the scar is
    not counted, and bright voxels anywhere in the wall are. The grey zone is what lies between 2
    and 5 deviations (Yan et al., Circulation 2006;114:32-39), or between 35 and 50 % of the
    maximum (Roes et al., Circ Cardiovasc Imaging 2009;2:183-190). "Weighted" counts a voxel above
    2-SD by its place between the mean of remote myocardium and the infarct's maximum, as its
    partial volume (after Heiberg et al., Radiology 2008;246:581-588).

    Parameters
    ----------
    lge : ndarray
        Intensities.
    wall, remote, enhanced : ndarray of bool, of the same shape
        Myocardium; remote healthy myocardium; the enhanced part (the scar class).
    spacing : sequence of float
        Millimetres per voxel, in array order.
    density : float
        Grams per millilitre.
    phase_sensitive : bool
        Whether the image is known to be phase-sensitive, so that its scale has no zero.

    Returns
    -------
    list of Yardstick
        What could be computed.
    list of str
        Why the rest could not, one sentence each.
    """
    lge = np.where(np.isfinite(lge), lge, -np.inf)
    wall = wall & np.isfinite(lge)
    remote, enhanced = remote & wall, enhanced & wall
    sized, missing = [], []

    def add(method: str, threshold: float, voxels: float) -> None:
        ml = volume_ml(voxels, spacing)
        grams = None if ml is None else ml * density
        percent = 100 * voxels / int(np.count_nonzero(wall))
        sized.append(Yardstick(method, threshold, round(voxels), ml, grams, percent))

    def count(low: float, high: float = np.inf) -> int:
        return int(np.count_nonzero((lge[wall] > low) & (lge[wall] <= high)))

    peaks = _local_medians(lge, enhanced)
    others: list[tuple[str, float, float]] = []
    try:
        levels = {n: n_sd(lge, remote, n) for n in DEVIATIONS}
        for n, threshold in levels.items():
            add(f"{n}-SD", threshold, count(threshold))
        others.append(("grey zone, 2- to 5-SD", levels[2], count(levels[2], levels[5])))
        if peaks.size and peaks.max() > levels[2]:
            mean = float(lge[remote].mean())
            part = np.clip((lge[wall] - mean) / (peaks.max() - mean), 0, 1)
            others.append(("weighted above 2-SD", levels[2], part[lge[wall] > levels[2]].sum()))
    except InvalidInput as error:
        missing.append(f"No n-SD: {error}")
    try:
        if phase_sensitive:
            raise InvalidInput(f"{NO_ZERO} by its name or header; {MAGNITUDE}.")
        half = fwhm(lge, enhanced, wall)
        below = np.nextafter(half, -np.inf)  # half the maximum itself counts
        add("FWHM", half, count(below))
        grey = 2 * GREY_ZONE * half
        others.append(("grey zone, 35 to 50 %", grey, count(np.nextafter(grey, -np.inf), below)))
    except InvalidInput as error:
        missing.append(f"No FWHM: {error}")
    if peaks.size:
        threshold = otsu(lge, wall)
        others.append(("Otsu", threshold, count(threshold)))
    for method, threshold, voxels in others:
        add(method, threshold, float(voxels))
    return sized, missing


def _local_medians(lge: np.ndarray, enhanced: np.ndarray) -> np.ndarray:
    """Return the medians over each enhanced voxel and its enhanced neighbours in the slice.

    Only of those that, with them, are three and more.
    """
    margins = [(0, 0)] * (lge.ndim - 2) + [(1, 1)] * 2
    padded = np.pad(np.where(enhanced, lge.astype(float), np.nan), margins, constant_values=np.nan)
    windows = sliding_window_view(padded, (3, 3), axis=(-2, -1))[enhanced].reshape(-1, 9)
    together = windows[np.isfinite(windows).sum(axis=1) >= MIN_PART]
    return np.nanmedian(together, axis=1) if len(together) else np.empty(0)
