"""Labels as segmentations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from DeepGMMSegmentationLib.tissues import Tissue, tissue

from .stored_result import CLASS


def makeSegmentation(labels: np.ndarray, tissues: Sequence[Tissue], reference: Any) -> Any:
    """Return a vtkSegmentation with a segment per tissue, all in one label map."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*reversed(labels.shape))
    scalars = numpy_to_vtk(labels.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    image.GetPointData().SetScalars(scalars)
    geometry = vtk.vtkMatrix4x4()
    reference.GetIJKToRASMatrix(geometry)
    image.SetGeometryFromImageToWorldMatrix(geometry)
    binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation = slicer.vtkSegmentation()
    segmentation.SetSourceRepresentationName(binary)
    for i, shown in enumerate(tissues):
        segment = slicer.vtkSegment()
        segment.SetName(shown.name)
        segment.SetColor([value / 255 for value in shown.color])
        segment.SetTag(segment.GetTerminologyEntryTagName(), shown.terminology)
        segment.SetTag(CLASS, str(i + 1))
        segment.SetLabelValue(i + 1)
        segment.AddRepresentation(binary, image)
        segmentation.AddSegment(segment, f"Segment_{i + 1}")
    return segmentation


def addSegmentation(
    name: str, labels: np.ndarray, tissues: Sequence[Tissue], reference: Any
) -> Any:
    """Add a segmentation with a segment per tissue to the scene, and return it."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetAndObserveSegmentation(makeSegmentation(labels, tissues, reference))
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    node.CreateDefaultDisplayNodes()
    return node


def addRegion(name: str, region: np.ndarray, reference: Any, segment: str = "LV") -> Any:
    """Add a region ``(Z, Y, X)`` as the one segment of a new segmentation, drawn as an outline."""
    shown = Tissue(segment, (255, 255, 255), tissue(segment, 0).terminology, wall=False)
    node = addSegmentation(name, region.astype(np.uint8), [shown], reference)
    node.SetAndObserveTransformNodeID(reference.GetTransformNodeID())
    node.GetDisplayNode().SetVisibility2DFill(False)
    return node
