"""The choices in the panel as the call of the logic that they amount to."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import Tissue, tissue, usual_name

from ..parameters import ESTIMATED, TissueList, readSettings
from ..scene.inputs import checkInputs
from .choices import chosenVolumes
from .presets import FREE, presetPrior, readEstimatedPrior


def makeRequest(node: Any) -> dict[str, Any]:
    """Return the arguments for the logic's `process`.

    Raises
    ------
    InvalidInput
        If something is missing, or settings do not go together. The nodes are `process`'s to
        check.
    """
    chosen = chosenVolumes(node)
    request = {
        "volumes": list(chosen),
        "region": node.region,
        "segment": node.segment,
        "roles": list(chosen.values()),
        "strokes": node.strokes,
        "rvInsertion": node.rvInsertion,
        "remote": node.remote,
        "output": node.output,
        "maps": node.maps,
    }
    if node.network:
        if not Path(node.network).is_file():
            raise InvalidInput(
                _("There is no file {path}; choose a trained network, or none.").format(
                    path=node.network
                )
            )
        changes = {name: getattr(node, name) for name in FREE}
        Settings(**changes)  # refuses what it cannot take
        return {**request, "network": node.network, "refine": node.refine, "changes": changes}
    prior = readEstimatedPrior(node) if node.preset == ESTIMATED else presetPrior(node)
    if prior and chosen and not set(prior.means) & set(chosen.values()):
        raise InvalidInput(
            _("The preset needs at least one of {roles}; choose such an image.").format(
                roles=", ".join(prior.means)
            )
        )
    return {
        **request,
        "settings": readSettings(node, prior=prior),
        "tissues": _readTissues(node.tissues),
    }


def checkRequest(request: dict[str, Any]) -> None:
    """Refuse a request that the logic's `process` would refuse, as far as a look at it tells."""
    checkInputs(**{name: request[name] for name in inspect.signature(checkInputs).parameters})


def _readTissues(rows: TissueList) -> list[Tissue]:
    """Return the tissues of the table; a known name brings its clinical term.

    Raises
    ------
    InvalidInput
        If a row has no name.
    """
    if not all(name.strip() for name, _color in rows):
        raise InvalidInput(_("A tissue has no name; give it one in the table."))
    tissues = []
    for i, (name, color) in enumerate(rows):
        red, green, blue = bytes.fromhex(color[1:])
        usual = tissue(usual_name(name), i)
        tissues.append(dataclasses.replace(usual, name=name, color=(red, green, blue)))
    return tissues
