"""What the views of Slicer show of a result: the heart, the table and a plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from .images import voxelToWorld
from .labels import paintLabels, segmentsById
from .owned_nodes import CHART, PROBABILITIES, TABLE, ownedNodes
from .stored_result import IMAGE, readRecord

INFARCT = ("scar", "no-reflow")
# Which axes of the image (columns, rows, slices) run to the right and upwards in each view.
PLANES = {"Red": (0, 1), "Green": (0, 2), "Yellow": (1, 2)}
MARGIN = 1.6  # field of view as a multiple of the region's size


def showResult(node: Any, in3D: bool) -> None:
    """Show the heart in the slice views, and the table beside the surfaces or the first histogram.

    None of Slicer's layouts has surfaces, plot and table.
    """
    layouts = slicer.vtkMRMLLayoutNode
    layoutManager = slicer.app.layoutManager()
    if layoutManager is not None:  # there is none without a main window
        layoutManager.setLayout(
            layouts.SlicerLayoutFourUpTableView if in3D else layouts.SlicerLayoutFourUpPlotTableView
        )
        if in3D:
            slicer.util.resetThreeDViews()
    showHeart(node)
    logic = slicer.app.applicationLogic()
    for table in ownedNodes(node, [TABLE]):
        logic.GetSelectionNode().SetActiveTableID(table.GetID())
    for chart in ownedNodes(node, [CHART])[1:2]:
        logic.GetSelectionNode().SetActivePlotChartID(chart.GetID())
    logic.PropagateTableSelection()
    logic.PropagatePlotChartSelection()


def showHeart(node: Any) -> None:
    """Fit the slice views to a result, the red one along its slices where the infarct is largest.

    The first image is behind it, so that the views lie in the planes in which it was acquired.
    """
    image, probabilities = node.GetNthNodeReference(IMAGE, 0), ownedNodes(node, [PROBABILITIES])
    if image is None or not probabilities:
        return
    names = [tissue["name"] for tissue in readRecord(node)["tissues"]]
    classes = {ID: i + 1 for i, ID in enumerate(segmentsById(node))}
    labels = paintLabels(node, classes, probabilities[0])
    center, size = _frame(labels, [names.index(name) + 1 for name in INFARCT if name in names])
    toWorld = voxelToWorld(image)
    place = (toWorld @ [*center, 1])[:3]
    extent = MARGIN * np.max(np.linalg.norm(toWorld[:3, :3], axis=0)[:2] * size[:2])
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        composite = _compositeNode(view)
        if composite is not None:
            composite.SetBackgroundVolumeID(image.GetID())
        _orient(view, image, toWorld[:3, :3])
        width, height, depth = view.GetFieldOfView()
        shortest = min(width, height)
        view.SetFieldOfView(extent * width / shortest, extent * height / shortest, depth)
        view.JumpSliceByCentering(*place)


def _frame(labels: np.ndarray, infarct: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxel to look at, in the slice with most infarct, and the region's size.

    Returns
    -------
    center, size : ndarray, shape ``(3,)``
        In voxels, (x, y, z).
    """
    sought = np.isin(labels, infarct) if np.isin(labels, infarct).any() else labels > 0
    z = sought.sum(axis=(1, 2)).argmax()
    inside = np.argwhere(labels > 0)
    _z, y, x = inside.mean(axis=0)
    return np.array([x, y, z]), np.ptp(inside, axis=0)[::-1] + 1


def _orient(view: Any, image: Any, axes: np.ndarray) -> None:
    """Turn a view into a plane of the image, each of Slicer's three into one of its own.

    Parameters
    ----------
    view : vtkMRMLSliceNode
    image : vtkMRMLScalarVolumeNode
    axes : ndarray, shape ``(3, 3)``
        In its columns the directions of columns, rows and slices in the world, of any length.
    """
    if view.GetLayoutName() not in PLANES:
        view.RotateToVolumePlane(image)
        return
    directions = axes / np.linalg.norm(axes, axis=0)
    right, up = (directions[:, axis] for axis in PLANES[view.GetLayoutName()])
    if view.GetLayoutName() == "Red" or up[2] < 0:
        up = -up  # rows of an image run down the screen; elsewhere the head is up
    matrix = view.GetSliceToRAS()
    # As in Slicer's axial view, the third axis is that of a left-handed frame.
    for column, direction in enumerate((right, up, np.cross(up, right))):
        for row in range(3):
            matrix.SetElement(row, column, direction[row])
    view.UpdateMatrices()


def _compositeNode(view: Any) -> Any:
    logic = slicer.app.applicationLogic().GetSliceLogic(view)
    return logic and logic.GetSliceCompositeNode()
