"""Infarct size, no-reflow, area at risk and myocardial salvage, of the heart and of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from .sizes import DENSITY, WALL, TissueSize, measure_sizes

INFARCT = ("scar", "no-reflow")
AREA_AT_RISK = ("edema", *INFARCT)
SALVAGE = (
    "The expert panel of 2019 (Ibanez et al., J Am Coll Cardiol 2019;74:238) does not recommend "
    "salvage by edema as an endpoint; infarct size and MVO are."
)


@dataclass(frozen=True)
class Infarct:
    """What was lost and what was saved, in the whole heart or in one slice.

    Attributes
    ----------
    slice : int or None
        First index of the label array, from 0; None for the whole heart.
    myocardium : TissueSize
        All wall tissues.
    infarct : TissueSize or None
        Scar and no-reflow; None where there is no scar class.
    no_reflow : TissueSize or None
        Part of the infarct; None where there is no such class.
    area_at_risk : TissueSize or None
        Edema and infarct; None where one of the two has no class.
    salvage_index : float or None
        (area at risk − infarct) / area at risk, 0 to 1; None without an area at risk.
    """

    slice: Optional[int]
    myocardium: TissueSize
    infarct: Optional[TissueSize]
    no_reflow: Optional[TissueSize]
    area_at_risk: Optional[TissueSize]
    salvage_index: Optional[float]


def measure_infarct(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float], density: float = DENSITY
) -> Infarct:
    """Return the sizes of the whole heart; parameters and errors as in `measure_sizes`."""
    return _infarct(measure_sizes(labels, tissues, spacing, density), None)


def measure_infarct_per_slice(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float], density: float = DENSITY
) -> list[Infarct]:
    """Return the sizes of every labelled slice; parameters and errors as in `measure_sizes`.

    Percentages are of the slice's own myocardium and region.
    """
    return [
        _infarct(measure_sizes(labels[z : z + 1], tissues, spacing, density), z)
        for z in range(len(labels))
        if labels[z].any()
    ]


def _infarct(parts: Sequence[TissueSize], z: Optional[int]) -> Infarct:
    present = {part.tissue for part in parts}
    lost = _union("infarct", parts, INFARCT) if "scar" in present else None
    risk = _union("area at risk", parts, AREA_AT_RISK) if lost and "edema" in present else None
    return Infarct(
        slice=z,
        myocardium=_union("myocardium", parts, WALL),
        infarct=lost,
        no_reflow=_union("no-reflow", parts, ["no-reflow"]) if "no-reflow" in present else None,
        area_at_risk=risk,
        salvage_index=1 - lost.voxels / risk.voxels if lost and risk and risk.voxels else None,
    )


def _union(name: str, parts: Sequence[TissueSize], tissues: Sequence[str]) -> TissueSize:
    """Return the size of several wall tissues together; labels never overlap."""
    chosen = [part for part in parts if part.tissue in tissues]

    def total(field: str) -> Any:
        values = [getattr(part, field) for part in chosen]
        return None if None in values else sum(values)

    return TissueSize(
        name,
        sum(part.voxels for part in chosen),
        *[total(f) for f in ("ml", "grams", "percent_of_myocardium", "percent_of_region")],
    )
