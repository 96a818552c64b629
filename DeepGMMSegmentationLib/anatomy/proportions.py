"""The tissue network's probabilities as the prior proportions of a mixture's classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..errors import InvalidInput
from ..priors import DARK_BLOOD_LGE, LGE
from ..settings import Settings
from ..tissues import are_drawn, drawn_class
from . import evidence
from .evidence import Evidence
from .placement import Placement, place_on_ventricle
from .tissues import TISSUES, tissue_probabilities


@dataclass(frozen=True)
class Proportions:
    """What drawings have taught of a case.

    Attributes
    ----------
    classes : tuple of str
        The K tissues.
    probabilities : ndarray of float32, shape ``(K, Z, Y, X)``
        Prior proportions Π₀ of the classes in every voxel of the region; 0 outside.
    doubted : ndarray of float32, shape ``(K, Z, Y, X)``
        The same with those tissues of which the heart is taken to have none.
    evidence : Evidence
        How probable it is that the heart has an infarct, edema and no-reflow at all.
    placement : Placement, optional
        How the region lies on the ventricle; what reaches beyond it is not shown to the network.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    doubted: np.ndarray
    evidence: Evidence
    placement: Optional[Placement]

    def intervals(
        self, probabilities: np.ndarray, spacing: Sequence[float]
    ) -> dict[str, tuple[float, float, float]]:
        """Return expected volume and 90 % interval of each class and the infarct, in mL.

        Expected is what a mixture has made of the drawings. The interval is the drawings' own,
        for those were calibrated, as far as it takes to hold what is expected; of a tissue that
        the heart is taken not to have it is from 0 to what it would have else.

        Parameters
        ----------
        probabilities : ndarray, shape ``(K, Z, Y, X)``
            Of the classes in the end.
        spacing : sequence of 3 float
            Millimetres per voxel, ``(z, y, x)``.
        """
        own, ended = (
            evidence.volumes(self._of_tissues(values), spacing, self.evidence)
            for values in (self.doubted, probabilities)
        )
        intervals = {}
        for name in (*self.classes, *["infarct"] * ("scar" in self.classes)):
            expected, (_, low, high) = ended[name][0], own[name]
            intervals[name] = (expected, min(low, expected), max(high, expected))
        return intervals

    def _of_tissues(self, probabilities: np.ndarray) -> np.ndarray:
        """Return probabilities of all that is drawn, in its order, from those of the classes."""
        every = np.zeros((len(TISSUES), *probabilities.shape[1:]), probabilities.dtype)
        for name, values in zip(self.classes, probabilities):
            every[TISSUES.index(name)] = values
        return every


def infer_proportions(
    images: np.ndarray,
    roi: np.ndarray,
    spacing: Sequence[float],
    roles: Sequence[str],
    settings: Settings,
) -> Optional[Proportions]:
    """Ask the tissue network for the prior proportions of a case, where the settings want them.

    Tissues of which the heart more probably has none give way to those that they would be taken
    for.

    Parameters
    ----------
    images, roi, spacing, roles
        See `tissues.tissue_probabilities`, also for errors.
    settings : Settings

    Raises
    ------
    InvalidInput
        If the network does not know the prior's tissues.
    """
    if settings.anatomy == 0 or settings.anatomy_from != "network":
        return None
    classes = settings.tissues
    if not are_drawn(classes):
        raise InvalidInput(
            f"The tissue network cannot tell {', '.join(classes)} apart; it knows "
            f'{", ".join(TISSUES)}. Set anatomy_from to "depth".'
        )
    placement = place_on_ventricle(images, roi, spacing, roles, settings.device)
    roles = [LGE if role == DARK_BLOOD_LGE else role for role in roles]  # drawn both ways
    probabilities = tissue_probabilities(
        images,
        roi,
        spacing,
        roles,
        excess=placement.excess if placement else 0.0,
        device=settings.device,
    )
    weighed = evidence.weigh(probabilities, spacing, roles)
    settled = evidence.settle(probabilities, weighed)
    return Proportions(
        classes,
        _merged(settled, classes),
        _merged(probabilities, classes),
        weighed,
        placement,
    )


def _merged(probabilities: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Return the probabilities of classes from those of all that is drawn."""
    merged = np.zeros((len(classes), *probabilities.shape[1:]), np.float32)
    for tissue, values in zip(TISSUES, probabilities):
        merged[classes.index(drawn_class(tissue, classes))] += values
    return merged
