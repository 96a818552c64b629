"""The images and marks that are chosen: picked by their names, told apart by grid, resampled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import slicer

from DeepGMMSegmentationLib.io import sequences
from DeepGMMSegmentationLib.priors import DARK_BLOOD_LGE, LGE

from ..scene.images import gridDifference, resampleVolume
from ..scene.labels import segmentsById
from ..scene.stored_result import RECORD

ROLES = {"lge": "LGE", "t2": "T2", "bssfp": "bSSFP"}  # parameter: role
OTHER_KINDS = {LGE: DARK_BLOOD_LGE}  # what the same selector takes, if the name says so
REFERENCES = (
    *ROLES,
    "region",
    "strokes",
    "labelled",
    "output",
    "rvInsertion",
    "remote",
    "baseline",
)
# What a segment is called that holds a whole left ventricle, the likeliest first.
REGION_NAMES = (
    r"\blv\b|left ventric",
    r"ventric|\bepi|myocard|\broi\b|region|heart",
)
OTHER_NAMES = r"\brv|right|endo|blood|scar|infarct|edema|oedema|remote|healthy"  # but not these


def pickByName(node: Any) -> None:
    """Choose images by their names where none is chosen yet; region and insertion likewise."""
    volumes = []
    if not any(chosenVolumes(node)):
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    marks = ("vtkMRMLSegmentationNode", "vtkMRMLMarkupsFiducialNode")
    pickAmong(node, volumes + [n for name in marks for n in slicer.util.getNodesByClass(name)])


def pickAmong(node: Any, candidates: Sequence[Any]) -> None:
    """Fill choices that are still open with nodes whose names say what they are."""
    visible = [candidate for candidate in candidates if not candidate.GetHideFromEditors()]
    for parameter, role in ROLES.items():
        if getattr(node, parameter) is None:
            named = [
                volume
                for volume in visible
                if type(volume) is slicer.vtkMRMLScalarVolumeNode
                and sequences.role(volume.GetName()) in (role, OTHER_KINDS.get(role))
                and volume not in chosenVolumes(node)
            ]
            setattr(node, parameter, named[0] if named else None)
    if node.region is None:
        segmentations = [
            candidate
            for candidate in visible
            if isinstance(candidate, slicer.vtkMRMLSegmentationNode)
            and not candidate.GetAttribute(RECORD)
        ]
        node.region, node.segment = likelyRegion(segmentations)
    if node.rvInsertion is None:
        for points in visible:
            marks = isinstance(points, slicer.vtkMRMLMarkupsFiducialNode)
            if marks and "rv insertion" in points.GetName().lower():
                node.rvInsertion = points


def likelyRegion(segmentations: Sequence[Any]) -> tuple[Any, str]:
    """Return the segmentation and the ID of the segment that is likeliest to be the ventricle.

    A segment counts by its name, or for want of a better one because it is alone.

    Returns
    -------
    vtkMRMLSegmentationNode or None
    str
        Empty where no segment is likely.
    """
    ranked: list[Any] = []
    for segmentation in segmentations:
        segments = segmentsById(segmentation)
        patterns = [*REGION_NAMES, ""] if len(segments) == 1 else REGION_NAMES
        for segmentId, segment in segments.items():
            name = segment.GetName().lower()
            ranks = [i for i, pattern in enumerate(patterns) if re.search(pattern, name)]
            if ranks and not re.search(OTHER_NAMES, name):
                ranked.append((ranks[0], len(ranked), segmentation, segmentId))
    return min(ranked)[2:] if ranked else (None, "")


def forget(node: Any, removed: Any) -> None:
    """Let nothing be chosen in place of a node that is about to leave the scene.

    Else the selectors would go on to its neighbours, as Qt's combo boxes do.
    """
    with slicer.util.NodeModify(node):
        for parameter in REFERENCES:
            if getattr(node, parameter) is removed:
                setattr(node, parameter, None)
        node.others = [volume for volume in node.others if volume is not removed]


def chosenVolumes(node: Any) -> dict[Any, str]:
    """Return the images and what each shows, the first one first."""
    chosen = {getattr(node, parameter): role for parameter, role in ROLES.items()}
    chosen.pop(None, None)
    for volume, role in chosen.items():
        told = sequences.role(volume.GetName())
        chosen[volume] = told if told and told == OTHER_KINDS.get(role) else role
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
