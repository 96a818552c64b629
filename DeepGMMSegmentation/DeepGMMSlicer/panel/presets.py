"""What follows from the preset, the method and the kinds of images: prior, settings, tissues."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any, Optional

from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import class_names

from ..parameters import ESTIMATED, HEALTHY, NO_REFLOW, UNNAMED, tissueRows, writeSettings
from .choices import OTHER_KINDS, ROLES, chosenVolumes

# Settings that follow from no other choice, not even from that of a trained network.
FREE = ("device", "seed", "min_island", "density")


def presetPrior(node: Any) -> Optional[Prior]:
    """Return what the preset says of its tissues, or None where it says nothing."""
    if node.preset == UNNAMED:
        return None
    if node.preset == ESTIMATED:
        try:
            return readEstimatedPrior(node)
        except InvalidInput:
            return None
    # Other images have no place in the prior; with none of the three yet, those to come are all.
    taken = {*ROLES.values(), *OTHER_KINDS.values()}
    roles = [role for role in chosenVolumes(node).values() if role in taken]
    return _shippedPrior(node.preset, tuple(roles or ROLES.values()))


@functools.cache
def _shippedPrior(preset: str, roles: tuple[str, ...]) -> Prior:
    """Return a prior that comes with the library; read once, as every change in the panel asks."""
    if preset == HEALTHY:
        return Prior.blood_and_myocardium()
    return Settings.infarct(roles, no_reflow=preset == NO_REFLOW).prior


def readEstimatedPrior(node: Any) -> Prior:
    """Return the prior that the parameter node keeps as JSON.

    Raises
    ------
    InvalidInput
        If there is none yet, or the text is none.
    """
    if not node.estimatedPrior:
        raise InvalidInput(
            _("There is no estimated prior; choose a labelled segmentation and click Estimate.")
        )
    try:
        return Prior.from_dict(json.loads(node.estimatedPrior))
    except json.JSONDecodeError as error:
        raise InvalidInput(
            _("The prior is not valid JSON ({error}); estimate it again.").format(error=error)
        ) from error


def recommendSettings(node: Any) -> Settings:
    """Return the settings that suit the preset, the method and the images that are chosen."""
    prior = presetPrior(node)
    if prior is None:
        return Settings(method=node.method, classes=node.classes)
    return Settings.infarct(list(prior.means), method=node.method, prior=prior)


def basis(node: Any) -> tuple[str, str, tuple[str, ...]]:
    """Return the choices on which the recommended settings and the list of tissues rest."""
    prior = presetPrior(node)
    return node.preset, node.method, prior.tissues if prior else ()


def applyRecommended(node: Any, keep: Sequence[str] = ()) -> None:
    """Set everything in Advanced to what is recommended, except what is to be kept."""
    writeSettings(node, recommendSettings(node), keep)


def resetTissues(node: Any) -> None:
    """Give the table the names and colours of the preset's tissues."""
    prior = presetPrior(node)
    node.tissues = tissueRows(prior.tissues if prior else class_names(node.classes))


def matchTissuesToClasses(node: Any) -> None:
    """Add or take away rows of the tissue table when the number of classes was changed."""
    if len(node.tissues) != node.classes:
        added = tissueRows(class_names(node.classes))[len(node.tissues) :]
        node.tissues = [*node.tissues, *added][: node.classes]
