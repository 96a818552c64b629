"""What a segmentation was before a new result took its place, and whether the user edited it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from .labels import segmentsById
from .owned_nodes import PROBABILITIES, SNAPSHOT, makeNode, ownedNodes
from .region import segmentImage
from .stored_result import IMAGE, RECORD

WRITTEN = "DeepGMMSegmentation.Written"  # attribute: checksum of the segments as they were written


def isEdited(node: Any) -> bool:
    """Tell whether a segmentation holds other segments than this module wrote into it."""
    return bool(segmentsById(node)) and node.GetAttribute(WRITTEN) != _checksum(node)


def fingerprint(node: Any) -> tuple[str, str]:
    """Return what changes with the segments of a result and with its record."""
    return _checksum(node), node.GetAttribute(RECORD)


def markWritten(node: Any) -> None:
    """Remember the segments as those that this module wrote."""
    node.SetAttribute(WRITTEN, _checksum(node))


def addSnapshot(node: Any) -> Any:
    """Add a hidden copy of a segmentation and its record to the scene."""
    title = _("{name} (earlier)").format(name=node.GetName())
    snapshot = makeNode("vtkMRMLSegmentationNode", title, hidden=True)
    snapshot.SetSaveWithScene(False)
    copyContent(node, snapshot)  # later on the Data module would look for an item of its segments
    return slicer.mrmlScene.AddNode(snapshot)


def keepSnapshot(node: Any, snapshot: Any) -> None:
    """Make this the snapshot of the segmentation, with its probabilities, in place of another."""
    snapshot.SetNodeReferenceID(PROBABILITIES, node.GetNodeReferenceID(PROBABILITIES))
    node.RemoveNodeReferenceIDs(PROBABILITIES)
    node.SetNodeReferenceID(SNAPSHOT, snapshot.GetID())


def earlierVersion(node: Any) -> list[Any]:
    """Return the snapshot of a segmentation and the probabilities of that; none may be there."""
    snapshot = node.GetNodeReference(SNAPSHOT)
    return [snapshot, *ownedNodes(snapshot, [PROBABILITIES])] if snapshot else []


def copyContent(source: Any, target: Any) -> None:
    """Give a segmentation the segments of another, their place, their images and their record."""
    with slicer.util.NodeModify(target):  # or each segment that goes or comes would be shown
        # Not another vtkSegmentation: the Data module would go on to list the segments of this one.
        target.GetSegmentation().DeepCopy(source.GetSegmentation())
        target.SetAndObserveTransformNodeID(source.GetTransformNodeID())
        for attribute in (RECORD, WRITTEN):
            target.SetAttribute(attribute, source.GetAttribute(attribute))
        for role in (source.GetReferenceImageGeometryReferenceRole(), IMAGE):
            target.RemoveNodeReferenceIDs(role)
            for i in range(source.GetNumberOfNodeReferences(role)):
                target.AddNodeReferenceID(role, source.GetNthNodeReferenceID(role, i))


def _checksum(node: Any) -> str:
    """Return what changes with the name and with every voxel of a segment."""
    digest = hashlib.sha256()
    for segmentId, segment in segmentsById(node).items():
        digest.update(f"{segmentId}\n{segment.GetName()}\n".encode())
        image = segmentImage(node, segmentId)
        if not image.IsEmpty():
            scalars = vtk_to_numpy(image.GetPointData().GetScalars())
            mask = scalars.reshape(image.GetDimensions()[::-1]) == segment.GetLabelValue()
            # Where the voxels lie, whatever margin the editor has put around them.
            place = np.argwhere(mask) + image.GetExtent()[4::-2]
            digest.update(place.astype(np.int32).tobytes())
    return digest.hexdigest()
