"""Warnings that an experienced reader would raise on seeing a segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Optional

import numpy as np
from scipy import ndimage

from ..priors import DARK_BLOOD_LGE, LGE
from ..result import QUESTIONS, UNDECIDED, Result
from .chords import measure_chords, outline_ventricle
from .image_quality import doubt_images
from .infarct import INFARCT
from .region_quality import doubt_region
from .sizes import mask, measure_sizes

SMALL = 1.0  # percent of the region
AGREEMENT = 0.7  # mean pairwise Dice over restarts
BRIGHTER = 0.7  # deviations of the region, in the prior, by which blood is clearly the brighter
CLEARLY = 1.0  # deviations of the components, in the fit
ONE_DEVIATION = 1 / 8  # Bhattacharyya distance of equal components one deviation apart


def find_warnings(result: Result, images: Optional[np.ndarray] = None) -> list[str]:
    """Return what looks wrong, one sentence each with what to do; empty when nothing does.

    Slices are counted from 1 in the sentences, as in the pictures.

    Parameters
    ----------
    result : Result
        Of `segment`; its labels may have been edited since.
    images : ndarray, shape ``(M, *result.labels.shape)``, optional
        The sequences; without them their alignment is not checked.
    """
    warnings = [*result.doubts, *_unseen(result), *doubt_region(result), *_small(result)]
    warnings += [*_names(result), *_alike(result), *_disagreeing(result), *_unsmoothed(result)]
    warnings += [*_undecided(result), *_uncounted(result), *_bloodless(result)]
    warnings += _reversed(result)
    if not result.converged:
        warnings.append(
            f"The fit had not converged after {result.iterations} iterations; "
            "raise max_iterations or the tolerance."
        )
    if result.labels.ndim == 3:
        warnings += [*_not_subendocardial(result), *_outside_edema(result, images)]
    if images is not None:
        warnings += doubt_images(result, images)
    return warnings


def bhattacharyya(
    mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    """Return the Bhattacharyya distance of two normal densities of M variables.

    ``d² / 8 + ½ ln(|C| / √(|C₁| |C₂|))`` with C the mean covariance and d the Mahalanobis distance
    of the means under it (Bhattacharyya, Bull Calcutta Math Soc 1943;35:99-109). Unlike d alone it
    sees that components of one mean and different spread differ. It is 1/8 for equal covariances
    and means one deviation apart.
    """
    middle = (covariance1 + covariance2) / 2
    difference = mean1 - mean2
    logs = [np.linalg.slogdet(c)[1] for c in (middle, covariance1, covariance2)]
    square = difference @ np.linalg.solve(middle, difference)
    return float(square / 8 + (logs[0] - (logs[1] + logs[2]) / 2) / 2)


def _unseen(result: Result) -> list[str]:
    tissues, roles = set(result.tissues), set(result.roles)
    warnings = []
    if tissues & set(INFARCT) and not roles & {LGE, DARK_BLOOD_LGE}:
        warnings.append(
            "There is no LGE image, so that scar cannot be told and no infarct size is reported; "
            "add the LGE image, or name it by its role."
        )
    if "edema" in tissues and "T2" not in roles:
        warnings.append(
            "There is no T2 image, without which edema can hardly be seen; do not rely on its "
            "size, nor on the area at risk."
        )
    return warnings


def _reversed(result: Result) -> list[str]:
    """Return the sequences on which blood is not as bright as on what they are called."""
    prior, pair = result.settings.prior, ("blood pool", "healthy myocardium")
    if prior is None or not set(pair) <= set(result.tissues):
        return []
    blood, muscle = (result.tissues.index(name) for name in pair)
    warnings = []
    for m, role in enumerate(result.roles):
        usual = prior.means.get(role)
        if usual is None or usual[blood] - usual[muscle] < BRIGHTER:
            continue
        means, variances = result.means[:, :, m], result.covariances[:, :, m, m]
        spread = np.sqrt((variances[:, blood] + variances[:, muscle]) / 2)
        if np.median((means[:, blood] - means[:, muscle]) / spread) < CLEARLY:
            warnings.append(
                f"Blood is not brighter than healthy myocardium on {role}, as it is on such "
                "images; check that the file holds that sequence, and that its grey values are not "
                "inverted."
            )
    return warnings


def _undecided(result: Result) -> list[str]:
    low, high = UNDECIDED
    answers = {question: p or 0.0 for question, p in (result.presence or {}).items()}
    return [
        f"Whether the heart has {question.replace('_', '-')} at all is undecided (probability "
        f"{100 * answers[question]:.0f} %); look at the images before you rely on its size."
        for question, tissue in QUESTIONS.items()
        if tissue in result.tissues and low < answers.get(question, 0.0) < high
    ]


def _uncounted(result: Result) -> list[str]:
    """Return whether there seems to be no-reflow, of which no class was asked for."""
    probability = (result.presence or {}).get("no_reflow") or 0.0
    looked_for = "no-reflow" in result.tissues or "scar" not in result.tissues
    if looked_for or "scar" in result.absent or probability <= UNDECIDED[0]:
        return []
    return [
        f"There may be microvascular obstruction (probability {100 * probability:.0f} %); no more "
        "than dark cores that scar encloses is counted as such; look for it on the LGE image "
        "before you rely on its size."
    ]


def _bloodless(result: Result) -> list[str]:
    if result.settings.hollow != "wall" or not {"scar"} & set(result.tissues):
        return []
    if "blood pool" in result.tissues:
        return []
    return [
        "The wall was divided without a blood class, so that blood at its inner border counts as "
        'scar: on a synthetic heart 18 % in place of 10; choose hollow="fill".'
    ]


def _unsmoothed(result: Result) -> list[str]:
    settings = result.settings
    if not settings.spatial or settings.smoothing > 0:
        return []
    return [
        f"{settings.method} without smoothing drives probabilities to 0 and 1, so the intervals "
        "are too narrow and the entropy is too low; set smoothing to have both."
    ]


def _small(result: Result) -> list[str]:
    return [
        f"“{size.tissue}” is {size.percent_of_region:.2g} % of the region; "
        "check it in the images, or use fewer classes."
        for size in measure_sizes(result.labels, result.tissues, result.spacing)
        if size.percent_of_region < SMALL and size.tissue not in result.absent
    ]


def _names(result: Result) -> list[str]:
    return [
        f"The name “{tissue}” is in doubt, because another assignment of names fits the prior "
        "better; compare it with the images."
        for tissue, margin in zip(result.tissues, result.naming or ())
        if margin < 0 and tissue not in result.absent
    ]


def _alike(result: Result) -> list[str]:
    warnings = []
    mixtures = len(result.means)
    for i, j in combinations(range(len(result.tissues)), 2):
        if {result.tissues[i], result.tissues[j]} & set(result.absent):
            continue  # a class without voxels looks like the whole region
        where = [
            b
            for b in range(mixtures)
            if bhattacharyya(
                result.means[b, i],
                result.covariances[b, i],
                result.means[b, j],
                result.covariances[b, j],
            )
            < ONE_DEVIATION
        ]
        if where:
            numbers = ", ".join(
                str(z + 1) for z in sorted(z for b in where for z in result.slices[b])
            )
            place = "" if len(where) == mixtures else f" in slices {numbers}"
            warnings.append(
                f"“{result.tissues[i]}” and “{result.tissues[j]}” look alike{place}: their "
                "components are closer than one deviation; use fewer classes, a prior, or one more "
                "sequence that tells them apart."
            )
    return warnings


def _disagreeing(result: Result) -> list[str]:
    return [
        f"Restarts do not agree on “{tissue}” (mean Dice {dice:.2f}); "
        "start from a prior, or use fewer classes."
        for tissue, dice in zip(result.tissues, result.agreement or ())
        if dice < AGREEMENT
    ]


def _not_subendocardial(result: Result) -> list[str]:
    # An ischaemic infarct begins at the endocardium and grows outwards.
    outline = outline_ventricle(result.labels, result.tissues, result.spacing)
    lines = measure_chords(result.labels, result.tissues, result.spacing, outline)
    amount = lines.transmurality * lines.thickness
    if not amount.any() or amount[lines.subendocardial].sum() >= amount.sum() / 2:
        return []
    share = 100 * amount[lines.subendocardial].sum() / amount.sum()
    return [
        f"Only {share:.0f} % of the infarct lies where it reaches the inner quarter of the wall, "
        "so that most of it is not subendocardial; check the scar against the images, and think "
        "of a scar that is not ischaemic."
    ]


def _outside_edema(result: Result, images: Optional[np.ndarray]) -> list[str]:
    # In an acute infarct the scar borders on the edema or is bright on T2 itself.
    labels, tissues = result.labels, result.tissues
    names: tuple[Sequence[str], ...] = INFARCT, ["edema"], ["healthy myocardium"]
    infarct, edema, healthy = (mask(labels, tissues, name) for name in names)
    if images is not None and "T2" in result.roles:
        measured = np.isfinite(images[result.roles.index("T2")])
        infarct, edema, healthy = infarct & measured, edema & measured, healthy & measured
    if "T2" not in result.roles or not infarct.any() or not edema.any():
        return []
    square = np.ones((1, 3, 3), bool)
    parts, count = ndimage.label(infarct, structure=np.pad(square, ((1, 1), (0, 0), (0, 0))))
    numbers = np.arange(1, count + 1)
    inside = ndimage.maximum(ndimage.binary_dilation(edema, square), parts, numbers).astype(bool)
    if images is not None and healthy.any():
        t2 = images[result.roles.index("T2")]
        bright = (np.median(t2[healthy]) + np.median(t2[edema])) / 2
        inside |= np.asarray(ndimage.median(t2, parts, numbers)) >= bright
    voxels = np.bincount(parts[infarct], minlength=count + 1)[1:]
    share = 100 * voxels[~inside].sum() / voxels.sum()
    if share <= 50:
        return []
    return [
        f"{share:.0f} % of the infarct lies outside the edema; check that T2 is aligned with LGE, "
        "and leave edema out where the infarct is old."
    ]
