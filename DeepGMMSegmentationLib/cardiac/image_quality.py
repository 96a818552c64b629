"""Whether the images are fit to be measured: complete, in place, not clipped."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..priors import DARK_BLOOD_LGE, LGE
from ..result import Result
from .alignment import estimate_alignment

CLIPPED = 5.0  # percent of the region at its largest value
MOVED = 1 / 3  # of the slices


def doubt_images(result: Result, images: np.ndarray) -> list[str]:
    """Return what looks wrong with the images, one sentence each.

    Parameters
    ----------
    result : Result
    images : ndarray, shape ``(M, *result.labels.shape)``
        NaN where a sequence does not reach.
    """
    return [*_partial(result, images), *_clipped(result, images), *_misaligned(result, images)]


def _partial(result: Result, images: np.ndarray) -> list[str]:
    stacks = images.reshape(len(images), -1, *result.labels.shape[-2:])
    inside = result.labels.reshape(stacks.shape[1:]) > 0
    lacking = (inside & ~np.isfinite(stacks)).any(axis=(2, 3))
    unsure = dict.fromkeys(result.roles, "what only it shows is not measured there.")
    if "edema" in result.tissues:
        unsure["T2"] = (
            "edema and area at risk of the heart rest on slices without T2, and are mostly too "
            "small; take them from the slices that have it."
        )
    if "scar" in result.tissues:
        for role in (LGE, DARK_BLOOD_LGE):
            unsure[role] = (
                "the infarct size of the heart rests on slices without LGE; take it from the "
                "slices that have it."
            )
    return [
        f"{role} does not reach all of the region: it lacks slices "
        f"{', '.join(str(z + 1) for z in np.flatnonzero(slices))} or a part of them, which are "
        f"divided by the other sequences alone; {unsure[role]}"
        for role, slices in zip(result.roles, lacking)
        if slices.any()
    ]


def _clipped(result: Result, images: np.ndarray) -> list[str]:
    warnings = []
    for role, image in zip(result.roles, images):
        inside = image[(result.labels > 0) & np.isfinite(image)]
        percent = 100 * np.mean(inside == inside.max()) if inside.size else 0.0
        if percent >= CLIPPED:
            warnings.append(
                f"{role} is clipped: {percent:.0f} % of the region has its largest grey value, so "
                "that what is brighter cannot be told apart; export it with its whole range of "
                "grey values."
            )
    return warnings


def _misaligned(result: Result, images: np.ndarray) -> list[str]:
    stacks = images if images.ndim == 4 else images[:, None]
    roi = result.labels.reshape(stacks.shape[1:]) > 0
    spacing = (1.0, *result.spacing[-2:])
    warnings = []
    for (i, fixed), (j, moving) in combinations(enumerate(stacks), 2):
        both = roi & np.isfinite(fixed) & np.isfinite(moving)
        alignment = estimate_alignment(fixed, moving, both, spacing)
        dy, dx = alignment.shift
        pair = f"{result.roles[j]} looks shifted against {result.roles[i]}"
        if max(abs(dy), abs(dx)) > 1:
            warnings.append(
                f"{pair} by {dx} pixels along x and {dy} along y; register the sequences, then "
                "segment again."
            )
        elif len(alignment.moved) >= max(MOVED * np.count_nonzero(both.any(axis=(1, 2))), 2):
            warnings.append(
                f"{pair} by more than 3 mm in slices "
                f"{', '.join(str(z + 1) for z in alignment.moved)}, but not in all, as after "
                "different breath holds; register them slice by slice, then segment again."
            )
        if alignment.order is not None:
            warnings.append(
                f"{result.roles[j]} fits {result.roles[i]} better with its slices "
                f"{alignment.order}; check which way its slices run and where the stack begins, "
                "then segment again."
            )
    return warnings
