"""The images and marks that are chosen: picked by their names, told apart by grid, resampled."""

from __future__ import annotations

from typing import Any

import slicer

from DeepGMMSegmentationLib.io import sequences

from ..scene.images import gridDifference, resampleVolume

ROLES = {"lge": "LGE", "t2": "T2", "bssfp": "bSSFP"}  # parameter: role


def pickByName(node: Any) -> None:
    """Choose images, region and insertion by their names, where none is chosen yet."""
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
    differences = {volume: gridDifference(volume, volumes[0]) for volume in volumes[1:]}
    return {volume: difference for volume, difference in differences.items() if difference}


def resampleDiffering(node: Any) -> None:
    """Choose, in place of images on other grids, copies of them on that of the first."""
    reference = next(iter(chosenVolumes(node)))
    copies = {volume: resampleVolume(volume, reference) for volume in differingVolumes(node)}
    with slicer.util.NodeModify(node):
        for parameter in ROLES:
            volume = getattr(node, parameter)
            setattr(node, parameter, copies.get(volume, volume))
        node.others = [copies.get(volume, volume) for volume in node.others]
