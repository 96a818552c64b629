"""One record of everything that is measured on a case: the same figures wherever they are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np
import SimpleITK as sitk

from ..case import without_blank_slices
from ..errors import InvalidInput
from ..priors import lge_index
from ..result import Result
from .aha import Aha, insertion_index, measure_segments
from .infarct import INFARCT, Infarct, measure_infarct, measure_infarct_per_slice
from .obstruction import find_cores
from .quality import find_warnings
from .remote import Remote, find_lge, measure_remote, proposed_remote
from .sizes import WALL, TissueSize, mask, measure_sizes, volume_ml
from .thresholds import Yardstick, measure_yardsticks
from .uncertainty import Volume, entropy, estimate_volume


@dataclass(frozen=True)
class Measures:
    """What is reported of a case; `to_dict` makes it ready for JSON.

    Attributes
    ----------
    case : str
        The name that the caller gave; nothing is copied from image files.
    method : str
        Of the segmentation.
    roles, tissues : tuple of str
        Sequences and tissues.
    converged : bool
        Whether the fit converged.
    density : float
        g/mL, of all grams here.
    sizes : tuple of TissueSize
        Per tissue.
    infarct : Infarct or None
        Of the whole heart; None where no wall tissue is named. Without an LGE image there is no
        infarct in it: what is called scar counts as edema, or else as healthy.
    slices : tuple of Infarct
        Of each labelled slice; empty where `infarct` is None.
    aha : Aha or None
        None where there is neither scar nor edema, or fewer than three slices.
    presence : dict of str to float or None
        How probable it is that the heart has an infarct, edema and no-reflow; see `Result`.
    volumes : tuple of Volume
        Expected volumes with their 90 % intervals, of tissues, infarct and area at risk; empty
        for a two-dimensional image.
    mean_entropy : float
        Over the region; 0 certain, 1 undecided.
    agreement : tuple of float or None
        Per tissue, the mean pairwise Dice of several restarts (None for a tissue that no restart
        found); None after one run.
    remote : Remote or None
        None where there is no LGE image with a named wall.
    yardsticks : tuple of Yardstick
        The infarct by the usual thresholds on LGE; empty where they cannot be had.
    warnings : tuple of str
        What makes a figure unreliable, and what to do.
    notes : tuple of str
        What is not measured and why, and what to know about the figures.
    """

    case: str
    method: str
    roles: tuple[str, ...]
    tissues: tuple[str, ...]
    converged: bool
    density: float
    sizes: tuple[TissueSize, ...]
    infarct: Optional[Infarct]
    slices: tuple[Infarct, ...]
    aha: Optional[Aha]
    presence: Optional[dict[str, Optional[float]]]
    volumes: tuple[Volume, ...]
    mean_entropy: float
    agreement: Optional[tuple[Optional[float], ...]]
    remote: Optional[Remote]
    yardsticks: tuple[Yardstick, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as what `json.dumps` takes."""
        return dataclasses.asdict(self)


def measure(
    result: Result,
    images: Optional[np.ndarray] = None,
    *,
    case: str = "case",
    reference: Optional[sitk.Image] = None,
    rv_insertion: Optional[Sequence[float]] = None,
    remote: Optional[np.ndarray] = None,
    phase_sensitive: bool = False,
) -> Measures:
    """Measure a segmentation; after an edit, measure ``dataclasses.replace(result, labels=…)``.

    Parameters
    ----------
    result : Result
        Of `segment`.
    images : ndarray, shape ``(M, *result.labels.shape)``, optional
        The sequences, for the yardsticks and the check of their alignment.
    case : str
        A name for the report; do not put a patient's there.
    reference : SimpleITK.Image, optional
        An image on the labels' grid, for where `rv_insertion` lies in it; without it the grid has
        zero origin and identity direction.
    rv_insertion : sequence of float, optional
        The anterior insertion of the right ventricle, (x, y, z) in mm, LPS.
    remote : ndarray of bool, shape of the labels, optional
        Remote myocardium for n-SD; by default what `proposed_remote` proposes.
    phase_sensitive : bool
        Whether the LGE image is known to be phase-sensitive, of which FWHM cannot be had.

    Raises
    ------
    InvalidInput
        If shapes do not fit, nothing is labelled, or the insertion point cannot be used.
    """
    labels, tissues, spacing = result.labels, result.tissues, result.spacing
    density = result.settings.density
    for name, array in (("images", images), ("remote region", remote)):
        if array is not None and array.shape[-labels.ndim :] != labels.shape:
            raise InvalidInput(
                f"The shape of the {name} is {array.shape} but that of the labels {labels.shape}; "
                "give all on one grid."
            )
    if images is not None and len(images) != len(result.roles):
        raise InvalidInput(
            f"There are {len(images)} images but {len(result.roles)} sequences; give those that "
            "were segmented."
        )
    if images is not None:
        images = without_blank_slices(images, labels > 0)
    measured = measure_sizes(labels, tissues, spacing, density)
    notes = [*result.notes, *_caveats(result)]
    whole, slices, segments = None, [], None
    marked, told = _with_cores(result, notes)
    if set(tissues) & set(WALL):
        whole = measure_infarct(marked, told, spacing, density)
        if labels.ndim == 3:
            slices = measure_infarct_per_slice(marked, told, spacing, density)
        whole, slices = _measured(whole, slices, result, images)
        segments = _segments(
            replace(result, labels=marked, tissues=told), reference, rv_insertion, notes
        )
    else:
        notes.append(
            "The classes have no tissue names, so there are sizes only: no infarct size, segments "
            "or yardsticks; segment with a prior, or name the classes."
        )
    if remote is None and images is not None:
        remote = proposed_remote(result, images)
    sized, missing = _yardsticks(result, images, remote, phase_sensitive)
    agreement: Optional[tuple[Optional[float], ...]] = None
    if result.agreement is not None:
        agreement = tuple(float(dice) if np.isfinite(dice) else None for dice in result.agreement)
    return Measures(
        case=case,
        method=result.settings.method,
        roles=tuple(result.roles),
        tissues=tuple(tissues),
        converged=result.converged,
        density=density,
        sizes=tuple(measured),
        infarct=whole,
        slices=tuple(slices),
        aha=segments,
        presence=result.presence,
        volumes=tuple(
            volume
            for volume in _volumes(result)
            if volume.tissue != "area at risk" or (whole and whole.area_at_risk)
        ),
        mean_entropy=float(entropy(result.probabilities)[labels > 0].mean()),
        agreement=agreement,
        remote=measure_remote(result, images, remote),
        yardsticks=tuple(sized),
        warnings=(*find_warnings(result, images), *(segments.warnings if segments else ())),
        notes=(*notes, *missing),
    )


def _caveats(result: Result) -> list[str]:
    notes = []
    inside = (result.labels > 0) & result.probabilities.any(axis=0)
    if (result.labels != result.probabilities.argmax(axis=0) + 1)[inside].any():
        notes.append(
            "The labels were changed after the fit; expected volumes, intervals and entropy "
            "describe the fit."
        )
    for tissue, probability in result.absent.items():
        name = "infarct" if tissue == "scar" else tissue
        notes.append(
            f"By the tissue network there is no {name} (probability {100 * probability:.0f} %)."
        )
    if result.labels.ndim == 2:
        notes.append("One slice has no volume: sizes are in voxels and percent only.")
    return notes


def _segments(
    result: Result,
    reference: Optional[sitk.Image],
    rv_insertion: Optional[Sequence[float]],
    notes: list[str],
) -> Optional[Aha]:
    labels, tissues = result.labels, result.tissues
    if not {"scar", "edema"} & set(tissues):
        notes.append("There is neither a scar nor an edema class, so there are no segments.")
        return None
    few = labels.ndim == 2 or np.count_nonzero(labels.any(axis=(1, 2))) < 3
    if few or not mask(labels, tissues, WALL).any():
        notes.append("There are no AHA segments, which need wall and at least three slices.")
        return None
    if rv_insertion is None:
        return measure_segments(labels, tissues, result.spacing)
    if reference is None:
        reference = sitk.Image(labels.shape[::-1], sitk.sitkUInt8)
        reference.SetSpacing([float(s) for s in reversed(result.spacing)])
    index, mirrored = insertion_index(rv_insertion, reference)
    return measure_segments(labels, tissues, result.spacing, index, mirrored)


def _volumes(result: Result) -> list[Volume]:
    if result.labels.ndim == 2:
        return []
    if result.intervals is not None:
        volumes = dict(result.intervals)
        if {"infarct", "edema"} <= set(volumes):
            (m1, low1, high1), (m2, low2, high2) = volumes["infarct"], volumes["edema"]
            volumes["area at risk"] = (m1 + m2, low1 + low2, high1 + high2)
        return [Volume(name, *values) for name, values in volumes.items()]
    maps = dict(zip(result.tissues, result.probabilities))
    if "scar" in _told(result):
        maps["infarct"] = sum(maps[part] for part in INFARCT if part in maps)
        if "edema" in maps:
            maps["area at risk"] = maps["infarct"] + maps["edema"]
    return [estimate_volume(name, values, result.spacing) for name, values in maps.items()]


def _with_cores(result: Result, notes: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels in which dark cores within the scar are no-reflow, and the tissues' names."""
    labels, tissues = result.labels, _told(result)
    if "scar" not in tissues or labels.ndim == 2:
        return labels, tissues
    cores = find_cores(labels, tissues, result.spacing)
    if "no-reflow" not in tissues:
        tissues = (*tissues, "no-reflow")
    marked = np.where(cores, tissues.index("no-reflow") + 1, labels).astype(labels.dtype)
    if cores.any():
        ml = volume_ml(int(np.count_nonzero(cores)), result.spacing)
        notes.append(
            f"{ml:.1f} mL of dark wall enclosed by scar "
            "count as microvascular obstruction, and so as infarct; check them in the images."
        )
    return marked, tissues


def _told(result: Result) -> tuple[str, ...]:
    """Return the tissues' names, infarct being edema, or else healthy, where no LGE tells it."""
    tissues = result.tissues
    if lge_index(result.roles) is not None:
        return tissues
    instead = "edema" if "edema" in tissues else "healthy myocardium"
    return tuple(instead if tissue in INFARCT else tissue for tissue in tissues)


def _measured(
    whole: Infarct, slices: Sequence[Infarct], result: Result, images: Optional[np.ndarray]
) -> tuple[Infarct, list[Infarct]]:
    """Return what the sequences that it takes were there for: no infarct in a slice without LGE.

    Nor an area at risk in a slice, or a heart, that T2 does not cover.
    """
    if images is None:
        return whole, list(slices)
    stacks = images.reshape(len(images), -1, *result.labels.shape[-2:])
    inside = result.labels.reshape(stacks.shape[1:]) > 0
    lacking = (inside & ~np.isfinite(stacks)).any(axis=(2, 3))
    lge = lge_index(result.roles)
    without_t2 = lacking[result.roles.index("T2")] if "T2" in result.roles else lacking[0] & False
    without_lge = lacking[0] & False if lge is None else lacking[lge]

    def told(part: Infarct, lge: bool, t2: bool) -> Infarct:
        if not (lge and t2):
            part = replace(part, area_at_risk=None, salvage_index=None)
        return part if lge else replace(part, infarct=None, no_reflow=None)

    parts = [told(part, not without_lge[part.slice], not without_t2[part.slice]) for part in slices]
    return told(whole, lge=True, t2=not without_t2.any()), parts


def _yardsticks(
    result: Result,
    images: Optional[np.ndarray],
    remote: Optional[np.ndarray],
    phase_sensitive: bool,
) -> tuple[list[Yardstick], list[str]]:
    labels, tissues = result.labels, result.tissues
    wall, lge = mask(labels, tissues, WALL), find_lge(result, images)
    if lge is None or remote is None or not wall.any():
        return [], ["There is no LGE image with a named wall, so there is no n-SD and no FWHM."]
    return measure_yardsticks(
        lge,
        wall,
        remote,
        mask(labels, tissues, ["scar"]),
        result.spacing,
        result.settings.density,
        phase_sensitive=phase_sensitive,
    )
