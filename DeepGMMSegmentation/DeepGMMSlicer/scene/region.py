"""The region of interest, from whatever node the user drew it with, on the grid of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from DeepGMMSegmentationLib.case import check_region_values
from DeepGMMSegmentationLib.errors import InvalidInput

from .images import orientedImage, resampledImage

KINDS = (
    slicer.vtkMRMLSegmentationNode,
    slicer.vtkMRMLLabelMapVolumeNode,
    slicer.vtkMRMLMarkupsClosedCurveNode,
    slicer.vtkMRMLMarkupsROINode,
)


def checkRegion(region: Any, segment: str) -> None:
    """Refuse a region that is missing, of another kind, or a segmentation without such a segment.

    Raises
    ------
    InvalidInput
        Saying what to select.
    """
    if region is None:
        raise InvalidInput(_("There is no region; select a segment, a label map or a markup."))
    if not isinstance(region, KINDS):
        raise InvalidInput(
            _("{name} cannot be a region; select a segmentation, a label map, a closed curve or "
              "an ROI markup.").format(name=region.GetName())
        )  # fmt: skip
    if isinstance(region, slicer.vtkMRMLSegmentationNode):
        segmentId(region, segment)


def regionArray(region: Any, segment: str, reference: Any) -> np.ndarray:
    """Return which voxels of the reference volume lie in the region.

    Parameters
    ----------
    region : vtkMRMLSegmentationNode, LabelMapVolumeNode, MarkupsClosedCurveNode or MarkupsROINode
        Of a label map, every label but 0 counts. A curve encloses voxels of the slice it lies in.
    segment : str
        Name or ID of the segment; may be empty where the segmentation has only one.
    reference : vtkMRMLScalarVolumeNode
        The volume whose grid is used.

    Returns
    -------
    ndarray of bool, shape ``(Z, Y, X)``

    Raises
    ------
    InvalidInput
        If the region is missing, empty, outside the image or of another kind.
    """
    checkRegion(region, segment)
    if isinstance(region, slicer.vtkMRMLSegmentationNode):
        chosen = segmentId(region, segment)
        if segmentImage(region, chosen).IsEmpty():
            raise InvalidInput(
                _("The segment {segment} of {name} is empty; draw the region.").format(
                    name=region.GetName(), segment=regionName(region, segment)
                )
            )
        inside = segmentArray(region, chosen, reference)
    elif isinstance(region, slicer.vtkMRMLLabelMapVolumeNode):
        labels = labelMapArray(region, reference)
        check_region_values(labels, region.GetName())
        inside = labels != 0
    elif isinstance(region, slicer.vtkMRMLMarkupsClosedCurveNode):
        inside = _stencilArray(_curveStencil(region, reference), reference)
    else:
        inside = _stencilArray(_boxStencil(region, reference), reference)
    if not inside.any():
        raise InvalidInput(
            _("The region {name} is empty or lies outside {image}; draw it on that image.").format(
                name=region.GetName(), image=reference.GetName()
            )
        )
    return inside


def regionName(region: Any, segment: str) -> str:
    """Return what the region is called: the segment's name, or the node's."""
    if isinstance(region, slicer.vtkMRMLSegmentationNode):
        return region.GetSegmentation().GetSegment(segmentId(region, segment)).GetName()
    return region.GetName()


def segmentId(region: Any, segment: str) -> str:
    """Return the ID of the segment of that name or ID, or of the only one there is.

    Raises
    ------
    InvalidInput
        If there is no such segment, or none was named and there are several.
    """
    segmentation = region.GetSegmentation()
    if not segment and segmentation.GetNumberOfSegments() == 1:
        return segmentation.GetNthSegmentID(0)
    if segmentation.GetSegment(segment):
        return segment
    named = segmentation.GetSegmentIdBySegmentName(segment)
    if not named:
        raise InvalidInput(
            _("{name} has no segment {segment}; select one of its segments.").format(
                name=region.GetName(), segment=segment or "…"
            )
        )
    return named


def segmentImage(segmentation: Any, segmentId: str) -> Any:
    """Return the labels, of which one is the segment's, as an oriented image."""
    image = slicer.vtkOrientedImageData()
    slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentBinaryLabelmapRepresentation(
        segmentation, segmentId, image
    )
    return image


def segmentArray(segmentation: Any, segmentId: str, reference: Any) -> np.ndarray:
    """Return which voxels of the reference volume lie in a segment; none if it is empty."""
    image = segmentImage(segmentation, segmentId)
    if image.IsEmpty():
        return np.zeros(_shape(reference), bool)
    # Segments that do not overlap share a label map.
    label = segmentation.GetSegmentation().GetSegment(segmentId).GetLabelValue()
    return _array(resampledImage(image, reference), reference) == label


def labelMapArray(labelMap: Any, reference: Any) -> np.ndarray:
    """Return a label map's labels on the grid of the reference volume.

    Raises
    ------
    InvalidInput
        If it holds no image.
    """
    if labelMap.GetImageData() is None:
        raise InvalidInput(
            _("{name} holds no image; load it again.").format(name=labelMap.GetName())
        )
    return _array(resampledImage(orientedImage(labelMap), reference), reference)


def _array(image: Any, reference: Any) -> np.ndarray:
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(_shape(reference))


def _shape(reference: Any) -> tuple[int, ...]:
    return tuple(reversed(reference.GetImageData().GetDimensions()))


def _worldToIJK(reference: Any) -> Any:
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        None, reference.GetParentTransformNode(), transform
    )
    matrix = vtk.vtkMatrix4x4()
    reference.GetRASToIJKMatrix(matrix)
    transform.PostMultiply()
    transform.Concatenate(matrix)
    return transform


def _curveStencil(curve: Any, reference: Any) -> Any:
    world = curve.GetCurvePointsWorld()
    if curve.GetNumberOfControlPoints() < 3 or world is None:
        raise InvalidInput(
            _("The curve {name} has fewer than 3 points; draw on.").format(name=curve.GetName())
        )
    points = vtk.vtkPoints()
    _worldToIJK(reference).TransformPoints(world, points)
    slices = {round(points.GetPoint(i)[2]) for i in range(points.GetNumberOfPoints())}
    if len(slices) > 1:
        raise InvalidInput(
            _(
                "The curve {name} runs through several slices of {image}; draw it within one."
            ).format(name=curve.GetName(), image=reference.GetName())
        )
    stencil = vtk.vtkLassoStencilSource()
    stencil.SetShapeToPolygon()
    stencil.SetSliceOrientation(2)
    stencil.SetSlicePoints(slices.pop(), points)
    return stencil


def _boxStencil(box: Any, reference: Any) -> Any:
    planes = vtk.vtkPlanes()
    box.GetPlanesWorld(planes)
    planes.SetTransform(_worldToIJK(reference).GetInverse())
    stencil = vtk.vtkImplicitFunctionToImageStencil()
    stencil.SetInput(planes)
    return stencil


def _stencilArray(stencil: Any, reference: Any) -> np.ndarray:
    """Return which voxels lie in the stencil, which was made in voxel coordinates."""
    stencil.SetOutputWholeExtent(reference.GetImageData().GetExtent())
    painter = vtk.vtkImageStencilToImage()
    painter.SetInputConnection(stencil.GetOutputPort())
    painter.SetOutputScalarTypeToUnsignedChar()
    painter.SetOutsideValue(0)
    painter.SetInsideValue(1)
    painter.Update()
    return _array(painter.GetOutput(), reference) != 0
