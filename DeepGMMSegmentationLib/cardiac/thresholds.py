"""Infarct size on LGE by the thresholds that clinicians know: n-SD and full width at half maximum.

Both are compared with each other in Flett et al., "Evaluation of techniques for the quantification
of myocardial scar of differing etiology using cardiac magnetic resonance", JACC Cardiovasc Imaging
2011;4:150-156; full width at half maximum comes from Amado et al., "Accurate and objective infarct
sizing by contrast-enhanced magnetic resonance imaging in a canine myocardial infarction model",
JACC 2004;44:2383-2389.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..errors import InvalidInput
from .sizes import DENSITY, volume_ml

DEVIATIONS = (2, 3, 4, 5, 6)
MIN_REMOTE = 10  # voxels, for a mean and a deviation that mean something


@dataclass(frozen=True)
class Yardstick:
    """The infarct as one method sizes it.

    Attributes
    ----------
    method : str
        "2-SD" … "6-SD" or "FWHM".
    threshold : float
        LGE intensity above which (FWHM: from which on) wall is called infarct.
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


def fwhm(lge: np.ndarray, enhanced: np.ndarray) -> float:
    """Return half of the highest intensity in the enhanced region.

    Half of a maximum needs a scale that starts at 0, as magnitude images have.

    Parameters
    ----------
    lge : ndarray
        Intensities.
    enhanced : ndarray of bool, of the same shape
        The hyperenhanced myocardium.

    Raises
    ------
    InvalidInput
        If the region is empty, or the image has negative intensities.
    """
    if not enhanced.any():
        raise InvalidInput("There is no enhanced myocardium to take half the maximum of.")
    if lge.min() < 0:
        raise InvalidInput(
            "The LGE image has negative intensities (phase-sensitive or normalised), of which half "
            "a maximum means nothing; give the magnitude image."
        )
    return float(lge[enhanced].max()) / 2


def measure_yardsticks(
    lge: np.ndarray,
    wall: np.ndarray,
    remote: np.ndarray,
    enhanced: np.ndarray,
    spacing: Sequence[float],
    density: float = DENSITY,
) -> tuple[list[Yardstick], list[str]]:
    """Size the infarct by 2-SD … 6-SD and by full width at half maximum.

    One threshold holds for the whole stack. As in clinical use, dark no-reflow inside the scar is
    not counted, and bright voxels anywhere in the wall are.

    Parameters
    ----------
    lge : ndarray
        Intensities.
    wall, remote, enhanced : ndarray of bool, of the same shape
        Myocardium; its healthy part (drawn, or the healthy class); its enhanced part (the scar
        class).
    spacing : sequence of float
        Millimetres per voxel, in array order.
    density : float
        Grams per millilitre.

    Returns
    -------
    list of Yardstick
        What could be computed.
    list of str
        Why the rest could not, one sentence each.
    """
    yardsticks, missing = [], []

    def add(method: str, threshold: float, hit: np.ndarray) -> None:
        voxels = int(np.count_nonzero(hit & wall))
        ml = volume_ml(voxels, spacing)
        grams = None if ml is None else ml * density
        percent = 100 * voxels / np.count_nonzero(wall)
        yardsticks.append(Yardstick(method, threshold, voxels, ml, grams, percent))

    try:
        for n in DEVIATIONS:
            threshold = n_sd(lge, remote, n)
            add(f"{n}-SD", threshold, lge > threshold)
    except InvalidInput as error:
        missing.append(f"No n-SD: {error}")
    try:
        threshold = fwhm(lge, enhanced)
        add("FWHM", threshold, lge >= threshold)
    except InvalidInput as error:
        missing.append(f"No FWHM: {error}")
    return yardsticks, missing
