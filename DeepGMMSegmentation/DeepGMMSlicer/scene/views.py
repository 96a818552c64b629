"""What the views of Slicer show of a result: the heart, the table and a plot."""

from __future__ import annotations

from collections.abc import Generator
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


def showResult(node: Any, in3D: bool) -> Generator[None, None, None]:
    """Show the heart in the views that there are, in steps; surfaces where they are wanted."""
    yield
    chooseTableAndPlot(node)
    yield from showHeart(node)
    if in3D:
        setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
        yield
        slicer.util.resetThreeDViews()


def showTableAndPlot(node: Any) -> Generator[None, None, None]:
    """Show the table and the first histogram beside the heart, in steps."""
    setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView)
    yield
    chooseTableAndPlot(node)
    yield from showHeart(node)


def showVolume(volume: Any) -> Generator[None, None, None]:
    """Show an image alone, and all of it, in the slice views; a step for each."""
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        composite = _compositeNode(view)
        if composite is not None:
            composite.SetBackgroundVolumeID(volume.GetID())
            composite.SetForegroundVolumeID(None)
            composite.SetLabelVolumeID(None)
            slicer.app.applicationLogic().GetSliceLogic(view).FitSliceToBackground()
            yield


def showTable(table: Any) -> None:
    """Show a table in the table view, beside the slices."""
    setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveTableID(table.GetID())
    logic.PropagateTableSelection()


def setLayout(layout: int) -> None:
    """Arrange the views, where there is a window for them."""
    if slicer.app.layoutManager() is not None:
        slicer.app.layoutManager().setLayout(layout)


def chooseTableAndPlot(node: Any) -> None:
    """Let the table and plot views show the measures and the first histogram of a result."""
    logic = slicer.app.applicationLogic()
    for table in ownedNodes(node, [TABLE]):
        logic.GetSelectionNode().SetActiveTableID(table.GetID())
    for chart in ownedNodes(node, [CHART])[1:2]:
        logic.GetSelectionNode().SetActivePlotChartID(chart.GetID())
    logic.PropagateTableSelection()
    logic.PropagatePlotChartSelection()


def showHeart(node: Any) -> Generator[None, None, None]:
    """Fit the slice views to a result, the red one along its slices where the infarct is largest.

    The first image is behind it, so that the views lie in the planes in which it was acquired.
    A step for each view.
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
        yield


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
