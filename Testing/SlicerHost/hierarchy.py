"""What Slicer's subject hierarchy plugins, which need Qt, do: an item for what a user works with.

As in qSlicerSubjectHierarchyPluginLogic, nodes that are hidden when they are added get none; as in
qSlicerSubjectHierarchySegmentationsPlugin, segments come and go by the events of their node.
"""

# ruff: noqa: N802  (Slicer's own names)
from __future__ import annotations

import slicer
import vtk

LISTED = (
    slicer.vtkMRMLDisplayableNode,
    slicer.vtkMRMLTableNode,
    slicer.vtkMRMLPlotChartNode,
    slicer.vtkMRMLPlotSeriesNode,
)
SEGMENT = "segmentID"


def follow(scene):
    """List the nodes of the scene from now on, as they come and go."""
    scene.AddObserver(scene.NodeAddedEvent, onNodeAdded)
    scene.AddObserver(scene.NodeAboutToBeRemovedEvent, onNodeAboutToBeRemoved)


@vtk.calldata_type(vtk.VTK_OBJECT)
def onNodeAdded(scene, event, node):
    if scene.IsImporting() or node.GetHideFromEditors() or not isinstance(node, LISTED):
        return
    hierarchy = scene.GetSubjectHierarchyNode()
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    if isinstance(node, slicer.vtkMRMLSegmentationNode):
        for change in (slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved):
            node.AddObserver(change, onSegmentsChanged)


@vtk.calldata_type(vtk.VTK_OBJECT)
def onNodeAboutToBeRemoved(scene, event, node):
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node) if hierarchy and hierarchy is not node else 0
    if item:
        hierarchy.RemoveItem(item, False, True)


def onSegmentsChanged(node, event):
    """List the segments by their names, also where one event stands for many."""
    hierarchy, listed = slicer.mrmlScene.GetSubjectHierarchyNode(), segments(node)
    segmentation = node.GetSegmentation()
    for segment in set(listed) - set(segmentation.GetSegmentIDs()):
        hierarchy.RemoveItem(listed[segment])
    for segment in segmentation.GetSegmentIDs():
        name = segmentation.GetSegment(segment).GetName()
        if segment in listed:
            hierarchy.SetItemName(listed[segment], name)
        else:
            item = hierarchy.CreateHierarchyItem(hierarchy.GetItemByDataNode(node), name, "Segment")
            hierarchy.SetItemAttribute(item, SEGMENT, segment)


def segments(node):
    """Return the items of a segmentation's segments by the IDs of these."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetItemByDataNode(node), items)
    children = [items.GetId(i) for i in range(items.GetNumberOfIds())]
    return {hierarchy.GetItemAttribute(item, SEGMENT): item for item in children}
