"""What the choices in the parameter node amount to, and what follows from one for another."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.io import sequences
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import Tissue, class_names, tissue, usual_name

from ..parameters import (
    ESTIMATED,
    HEALTHY,
    NO_REFLOW,
    UNNAMED,
    readSettings,
    tissueRows,
    writeSettings,
)
from ..scene.images import checkVolumes, gridDifference, resampleVolume
from ..scene.region import segmentId
from .connectors import TissueList

ROLES = {"lge": "LGE", "t2": "T2", "bssfp": "bSSFP"}  # parameter: role
# Settings that follow from no other choice, not even from that of a trained network.
FREE = ("device", "seed", "min_island", "density")


def usualTissues(settings: Settings) -> list[Tissue]:
    """Return the tissues that a result of the settings has, as they are usually shown."""
    return [tissue(name, i) for i, name in enumerate(settings.tissues)]


def presetPrior(node: Any) -> Optional[Prior]:
    """Return what is known of the preset's tissues, or None where nothing is."""
    if node.preset == UNNAMED:
        return None
    if node.preset == ESTIMATED:
        try:
            return estimatedPrior(node)
        except InvalidInput:
            return None
    if node.preset == HEALTHY:
        return Prior.blood_and_myocardium()
    # Others have no place in the prior; with none of the three yet, those to come are all.
    known = [role for role in chosenVolumes(node).values() if role in ROLES.values()]
    no_reflow = node.preset == NO_REFLOW
    return Settings.infarct(known or list(ROLES.values()), no_reflow=no_reflow).prior


def estimatedPrior(node: Any) -> Prior:
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


def recommended(node: Any) -> Settings:
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
    """Set everything in Advanced to what is recommended, but what is to be kept."""
    writeSettings(node, recommended(node), keep)


def resetTissues(node: Any) -> None:
    """Give the table the names and colours of the preset's tissues."""
    prior = presetPrior(node)
    node.tissues = tissueRows(prior.tissues if prior else class_names(node.classes))


def matchTissuesToClasses(node: Any) -> None:
    """Add or take away rows of the tissue table when the number of classes was changed."""
    if len(node.tissues) != node.classes:
        added = tissueRows(class_names(node.classes))[len(node.tissues) :]
        node.tissues = [*node.tissues, *added][: node.classes]


def pickByName(node: Any) -> None:
    """Choose images and region by their names, where none is chosen yet."""
    images = [getattr(node, parameter) for parameter in ROLES] + list(node.others)
    if not any(images):
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        plain = [volume for volume in volumes if type(volume) is slicer.vtkMRMLScalarVolumeNode]
        for parameter, role in ROLES.items():
            named = [volume for volume in plain if sequences.role(volume.GetName()) == role]
            setattr(node, parameter, named[0] if named else None)
    if node.region is None:
        for region in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            segment = region.GetSegmentation().GetSegmentIdBySegmentName("LV")
            if segment:
                node.region, node.segment = region, segment
                break
    if node.rvInsertion is None:
        for points in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode"):
            if "rv insertion" in points.GetName().lower():
                node.rvInsertion = points
                break


def chosenVolumes(node: Any) -> dict[Any, str]:
    """Return the images and what each shows, the first one first."""
    chosen = {getattr(node, parameter): role for parameter, role in ROLES.items()}
    chosen.pop(None, None)
    for volume in node.others:
        chosen.setdefault(volume, volume.GetName())
    return chosen


def differingVolumes(node: Any) -> dict[Any, str]:
    """Return the images that lie on another grid than the first, and in what it differs."""
    volumes = [volume for volume in chosenVolumes(node) if volume.GetImageData()]
    found = {volume: gridDifference(volume, volumes[0]) for volume in volumes[1:]}
    return {volume: difference for volume, difference in found.items() if difference}


def resampleDiffering(node: Any) -> None:
    """Choose, in place of images on other grids, copies of them on that of the first."""
    reference = next(iter(chosenVolumes(node)))
    copies = {volume: resampleVolume(volume, reference) for volume in differingVolumes(node)}
    with slicer.util.NodeModify(node):
        for parameter in ROLES:
            volume = getattr(node, parameter)
            setattr(node, parameter, copies.get(volume, volume))
        node.others = [copies.get(volume, volume) for volume in node.others]


def request(node: Any) -> dict[str, Any]:
    """Return what the logic's `process` is to be called with.

    Raises
    ------
    InvalidInput
        If something is missing or does not go together.
    """
    chosen = chosenVolumes(node)
    checkVolumes(list(chosen))
    if node.region is None:
        raise InvalidInput(_("There is no region; select a segment, a label map or a markup."))
    if isinstance(node.region, slicer.vtkMRMLSegmentationNode):
        segmentId(node.region, node.segment)
    if node.output is node.region:
        raise InvalidInput(
            _("{name} is both region and output; choose another output.").format(
                name=node.output.GetName()
            )
        )
    if node.output is not None and node.output in (node.strokes, node.remote):
        raise InvalidInput(
            _("{name} is both an input and the output; choose another output.").format(
                name=node.output.GetName()
            )
        )
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
        Settings(**{name: getattr(node, name) for name in FREE})  # refuses what it cannot take
        return {**request, "network": node.network, "refine": node.refine}
    prior = estimatedPrior(node) if node.preset == ESTIMATED else presetPrior(node)
    if prior and not set(prior.means) & set(chosen.values()):
        raise InvalidInput(
            _("The preset needs at least one of {roles}; choose such an image.").format(
                roles=", ".join(prior.means)
            )
        )
    return {
        **request,
        "settings": readSettings(node, prior=prior),
        "tissues": _tissues(node.tissues),
    }


def withNetwork(node: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the request with the network's file read, which takes PyTorch, and its settings.

    Raises
    ------
    InvalidInput
        If the file is no trained network.
    """
    from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

    network = TrainedNetwork.load(request["network"])
    free = {name: getattr(node, name) for name in FREE}
    settings = dataclasses.replace(network.settings, **free)
    return {**request, "network": network, "settings": settings}


def _tissues(rows: TissueList) -> list[Tissue]:
    """Return the tissues of the table; a known name brings its clinical term."""
    if not all(name.strip() for name, _color in rows):
        raise InvalidInput(_("A tissue has no name; give it one in the table."))
    return [
        dataclasses.replace(
            tissue(usual_name(name), i),
            name=name,
            color=tuple(bytes.fromhex(color[1:])),
        )
        for i, (name, color) in enumerate(rows)
    ]
