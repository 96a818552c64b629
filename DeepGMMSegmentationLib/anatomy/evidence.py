"""Whether a heart has an infarct, edema or no-reflow at all, and how sure their volumes are.

Both rest on what the tissue network says of the whole stack, and on how often it was right on
drawn hearts: coefficients and shifts were fitted there and lie in the network's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from scipy import ndimage

from ..result import PRESENT, UNDECIDED
from .tissues import TISSUES, shipped

BLOOD, HEALTHY, EDEMA, SCAR, NO_REFLOW = range(len(TISSUES))
# What may be absent from a heart: its name, and the tissues whose probabilities speak for it.
QUESTIONS = {"infarct": (SCAR, NO_REFLOW), "edema": (EDEMA,), "no-reflow": (NO_REFLOW,)}
SEEN_ON = {"infarct": "LGE", "edema": "T2", "no-reflow": "LGE"}
BLUR = 0.12  # over the region's radius: what is smaller is noise
NEIGHBOURS = (0.25, 0.5, 0.25)  # weights of the slices above, of the slice itself, and below
LEAST = 1e-4  # of a probability, before its logarithm


@dataclass(frozen=True)
class Evidence:
    """How probable it is that a heart has them, 0 to 1.

    Attributes
    ----------
    infarct, edema, no_reflow : float or None
        None without the sequence on which alone it is seen: LGE, and T2 for edema.
    """

    infarct: Optional[float]
    edema: Optional[float]
    no_reflow: Optional[float]


def weigh(
    probabilities: np.ndarray,
    spacing: Sequence[float],
    roles: Sequence[str],
    record: Optional[Mapping[str, Any]] = None,
) -> Evidence:
    """Return how probable it is that a heart has an infarct, edema and no-reflow.

    Parameters
    ----------
    probabilities : ndarray, shape ``(5, Z, Y, X)``
        Of `tissues.tissue_probabilities`.
    spacing : sequence of 3 float
        Millimetres per voxel, ``(z, y, x)``.
    roles : sequence of str
        The sequences that were there.
    record : mapping, optional
        That of a network's file; the shipped one when left out.
    """
    record = shipped()[1] if record is None else record

    def answer(question: str) -> Optional[float]:
        if SEEN_ON[question] not in roles:
            return None
        weights = np.array(record["evidence"][question])
        score = weights[0] + weights[1:] @ features(probabilities, spacing, QUESTIONS[question])
        return float(1 / (1 + np.exp(-np.clip(score, -30, 30))))

    return Evidence(answer("infarct"), answer("edema"), answer("no-reflow"))


def features(
    probabilities: np.ndarray, spacing: Sequence[float], tissues: Sequence[int]
) -> np.ndarray:
    """Return what tells whether tissues are there: their share of the wall, and where they peak.

    Returns
    -------
    ndarray, shape ``(3,)``
        Logits of the share of the wall in the whole heart; of the highest share in a slice; and
        of the highest probability within about an eighth of the radius and the slices next to it.
    """
    inside = probabilities.any(axis=0)
    sought = probabilities[list(tissues)].sum(axis=0)
    wall = probabilities[HEALTHY:].sum(axis=0)
    slices = np.any(inside, axis=(1, 2))
    per_slice = sought.sum(axis=(1, 2))[slices] / np.maximum(wall.sum(axis=(1, 2))[slices], 1)
    radius = np.sqrt(inside.sum(axis=(1, 2)).max() * spacing[1] * spacing[2] / np.pi)
    sigma = [BLUR * radius / side for side in spacing[1:]]
    blurred = ndimage.gaussian_filter(sought[slices], (0, *sigma), mode="constant", truncate=3)
    near = ndimage.correlate1d(blurred, NEIGHBOURS, axis=0, mode="nearest")
    return _logit(np.array([sought.sum() / max(wall.sum(), 1), per_slice.max(), near.max()]))


def settle(probabilities: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Return probabilities without the tissues of which there is taken to be none.

    Scar and no-reflow go to healthy myocardium where there is no infarct, edema too; no-reflow
    alone goes to scar.
    """
    settled = probabilities.copy()
    if evidence.edema is not None and evidence.edema < PRESENT["edema"]:
        _move(settled, EDEMA, HEALTHY)
    if evidence.no_reflow is not None and evidence.no_reflow < PRESENT["no_reflow"]:
        _move(settled, NO_REFLOW, SCAR)
    if evidence.infarct is not None and evidence.infarct < PRESENT["infarct"]:
        _move(settled, NO_REFLOW, HEALTHY)
        _move(settled, SCAR, HEALTHY)
    return settled


def _move(probabilities: np.ndarray, tissue: int, to: int) -> None:
    probabilities[to] += probabilities[tissue]
    probabilities[tissue] = 0


def volumes(
    probabilities: np.ndarray,
    spacing: Sequence[float],
    evidence: Evidence,
    record: Optional[Mapping[str, Any]] = None,
) -> dict[str, tuple[float, float, float]]:
    """Return the expected volume of every tissue and its 90 % interval, in mL.

    A heart's voxels err together: all logits of a tissue are shifted as far down, and up, as holds
    the truth in nine of ten drawn hearts that have it. Where it is undecided whether the heart has
    the tissue, the interval reaches 0.

    Returns
    -------
    dict of str to (float, float, float)
        Expected, low and high, by the names in ``TISSUES``, and for "infarct", which is scar and
        no-reflow together.
    """
    record = shipped()[1] if record is None else record
    ml = float(np.prod(spacing)) / 1000
    doubtful = {
        "scar": evidence.infarct,
        "infarct": evidence.infarct,
        "no-reflow": evidence.no_reflow,
        "edema": evidence.edema,
    }
    answer = {}
    for name, tissues in volume_tissues().items():
        p = probabilities[list(tissues)].sum(axis=0)
        p = p[p > 0]
        low, high = (float(shifted(p, shift).sum()) for shift in record["shifts"][name])
        if (doubtful.get(name, 1.0) or 0.0) < UNDECIDED[1]:
            low = 0.0
        answer[name] = (float(p.sum()) * ml, low * ml, high * ml)
    return answer


def volume_tissues() -> dict[str, tuple[int, ...]]:
    """Return what volumes are reported of, and the tissues that each takes together."""
    return {**{name: (k,) for k, name in enumerate(TISSUES)}, "infarct": (SCAR, NO_REFLOW)}


def shifted(probability: np.ndarray, shift: float) -> np.ndarray:
    """Return probabilities whose logits are shifted."""
    p = np.clip(probability, 0.0, 1.0)
    odds = p * np.exp(shift)
    return odds / (odds + 1 - p)


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, LEAST, 1 - LEAST)
    return np.log(p / (1 - p))
