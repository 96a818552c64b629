"""A prior from labelled cases: how their tissues look and where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..case import Case
from ..errors import InvalidInput
from ..mixture import spatial
from ..mixture.region import Region, prepare
from ..priors import Prior
from ..settings import Settings

DEPTH_BINS = 12
# A depth at which the cases show nothing gets the overall proportions: they count as so much of
# a case everywhere.
UNSEEN = 1e-6


def estimate_prior(
    cases: Iterable[Case], tissues: Sequence[str] = (), *, name: str, source: str
) -> Prior:
    """Estimate a prior from labelled cases, the paper's μ_data and more; every case counts alike.

    A tissue's mean is the mean over the cases that show it; its deviation the root mean square
    distance of its voxels to that mean, so that it holds what differs within and between cases.
    Only the labelled voxels of the region are looked at.

    Parameters
    ----------
    cases : iterable of Case
        With a truth. Gone through once, so that they need not all be in memory.
    tissues : sequence of str
        Names of the labels 1, 2, …; by default those that the cases' files give.
    name, source : str
        What the prior is called, and where its figures come from.

    Returns
    -------
    Prior
        In units of the region, with a depth profile in 12 bins.

    Raises
    ------
    InvalidInput
        If a case has no truth or labels without a name, or no case shows some tissue.
    """
    tissues = tuple(tissues)
    seen: list[dict[str, np.ndarray]] = []  # per case and role: first and second moments
    places = []  # per case: the part of the region at each depth that is each tissue
    for case in cases:
        tissues = tissues or case.tissues
        region, labels = _labelled_region(case, tissues)
        where = [labels == k + 1 for k in range(len(tissues))]
        with np.errstate(invalid="ignore"):
            seen.append(
                {
                    role: np.array(
                        [[np.sum(x**p, where=w) / w.sum() for w in where] for p in (1, 2)]
                    )
                    for role, x in zip(case.roles, region.images)
                }
            )
        depth = spatial.depth(region.mask, region.spacing)
        bins = np.minimum((depth * DEPTH_BINS).astype(int), DEPTH_BINS - 1)
        counts = [np.bincount(bins[w], minlength=DEPTH_BINS) for w in where]
        places.append(np.stack(counts, axis=1) / np.sum(counts))
    if not seen:
        raise InvalidInput("There is no case; give at least one with a truth.")

    means, deviations = {}, {}
    for role in dict.fromkeys(role for case in seen for role in case):
        moments = np.ma.masked_invalid([case[role] for case in seen if role in case]).mean(axis=0)
        for tissue, missing in zip(tissues, np.ma.getmaskarray(moments)[0]):
            if missing:
                raise InvalidInput(
                    f"No case with {role} shows {tissue}; leave that tissue out, or add such a "
                    "case."
                )
        first, second = moments.filled()
        means[role] = tuple(first)
        deviations[role] = tuple(np.sqrt(np.maximum(second - first**2, 1e-6)))
    place = np.mean(places, axis=0)
    proportions = place.sum(axis=0)
    depth = place + UNSEEN * proportions
    return Prior(
        name=name,
        source=source,
        tissues=tissues,
        means=means,
        deviations=deviations,
        proportions=tuple(proportions),
        depth=tuple(map(tuple, depth / depth.sum(axis=1, keepdims=True))),
    )


def _labelled_region(case: Case, tissues: Sequence[str]) -> tuple[Region, np.ndarray]:
    """Return a case in the units of its region, and its labels on that crop."""
    if case.truth is None:
        raise InvalidInput(f'{case.name} has no truth; add its path in the column "truth".')
    if not tissues:
        raise InvalidInput(
            f"The labels of {case.name} have no names; give them in the order of the labels "
            "(--tissues)."
        )
    if case.tissues and case.tissues != tuple(tissues):
        raise InvalidInput(
            f"The tissues of {case.name} are {', '.join(case.tissues)}, but {', '.join(tissues)} "
            "are wanted; number the labels of all cases alike."
        )
    labels = np.where(case.roi, case.truth, 0)
    if not labels.any():
        raise InvalidInput(f"{case.name} has no label in its region; label its tissues there.")
    if labels.max() > len(tissues):
        raise InvalidInput(
            f"{case.name} has the label {labels.max()} but there are {len(tissues)} tissues; "
            "number them from 1 on."
        )
    # One mixture, normalised over the region: the units in which a prior is written.
    settings = Settings(classes=max(len(tissues), 2), scope="volume", normalize="roi")
    region = prepare(case.images, case.roi, case.spacing, case.roles, settings)
    return region, labels[region.crop]
