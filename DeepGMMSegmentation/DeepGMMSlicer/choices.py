"""What the choices in the parameter node amount to, and what follows from one for another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.tissues import PRESETS, TISSUES, Tissue, tissue

from .connectors import TissueList
from .images import checkVolumes, gridDifference, resampleVolume, roleOf
from .parameters import readSettings
from .region import segmentId

ROLES = {"lge": "LGE", "t2": "T2", "bssfp": "bSSFP"}  # parameter: role
UNNAMED = "Unnamed classes"


def tissueRows(names: Sequence[str]) -> TissueList:
    """Return the rows of the tissue table for tissues of those names, in their usual colours."""
    return [(name, "#" + bytes(tissue(name, i).color).hex()) for i, name in enumerate(names)]


def classNames(count: int) -> list[str]:
    """Return the names of classes that have none."""
    return [f"Class {i + 1}" for i in range(count)]


def applyPreset(node: Any) -> None:
    """Give the parameter node the tissues of the preset that was chosen."""
    with slicer.util.NodeModify(node):
        names = PRESETS.get(node.preset) or classNames(node.classes)
        node.classes = len(names)
        node.tissues = tissueRows(names)


def matchTissuesToClasses(node: Any) -> None:
    """Add or take away rows of the tissue table when the number of classes was changed."""
    if len(node.tissues) != node.classes:
        added = tissueRows(classNames(node.classes))[len(node.tissues) :]
        node.tissues = [*node.tissues, *added][: node.classes]


def pickByName(node: Any) -> None:
    """Choose images and region by their names, where none is chosen yet."""
    images = [getattr(node, parameter) for parameter in ROLES] + list(node.others)
    if not any(images):
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        plain = [volume for volume in volumes if type(volume) is slicer.vtkMRMLScalarVolumeNode]
        for parameter, role in ROLES.items():
            named = [volume for volume in plain if roleOf(volume.GetName()) == role]
            setattr(node, parameter, named[0] if named else None)
    if node.region is None:
        for region in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            segment = region.GetSegmentation().GetSegmentIdBySegmentName("LV")
            if segment:
                node.region, node.segment = region, segment
                return


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
    settings = readSettings(node)
    return {
        "volumes": list(chosen),
        "region": node.region,
        "segment": node.segment,
        "settings": settings,
        "roles": list(chosen.values()),
        # Without a prior the classes come in an order that knows nothing of the preset's names.
        "tissues": _tissues(node.tissues) if settings.prior or node.preset == UNNAMED else None,
        "output": node.output,
        "probabilityMaps": node.probabilityMaps,
    }


def _tissues(rows: TissueList) -> list[Tissue]:
    """Return the tissues of the table; a known name brings its clinical term."""
    return [
        dataclasses.replace(
            TISSUES.get(name) or tissue(name, i),
            name=name,
            color=tuple(bytes.fromhex(color[1:])),
        )
        for i, (name, color) in enumerate(rows)
    ]
