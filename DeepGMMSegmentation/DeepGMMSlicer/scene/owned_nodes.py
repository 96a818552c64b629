"""The nodes that belong to a segmentation: its tables, charts, maps and probabilities."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

# References from the segmentation: tables of measures, of segments and of a comparison with an
# earlier result, charts with the series and tables that they draw, maps, and a hidden volume with a
# component per class.
ROLES = ("Table", "Segments", "Comparison", "Chart", "Series", "Map", "Entropy", "Probabilities")
OWNED = tuple(f"DeepGMMSegmentation.{role}" for role in ROLES)
TABLE, SEGMENTS, COMPARISON, CHART, SERIES, MAP, ENTROPY, PROBABILITIES = OWNED
SNAPSHOT = "DeepGMMSegmentation.Snapshot"  # to a hidden segmentation, what this was before
AUXILIARY = (SERIES, PROBABILITIES)  # hidden: not worth a place in any list of nodes


def makeNode(className: str, name: str, hidden: bool = False) -> Any:
    """Return a node that is to be added to the scene."""
    node = slicer.mrmlScene.CreateNodeByClass(className)
    node.UnRegister(None)  # created for us
    node.SetName(name)
    node.SetHideFromEditors(hidden)
    return node


def addNode(className: str, name: str, hidden: bool = False) -> Any:
    """Add a node to the scene; a hidden one is so from the first, for no list looks again."""
    return slicer.mrmlScene.AddNode(makeNode(className, name, hidden))


def ownedNodes(node: Any, roles: Iterable[str] = OWNED) -> list[Any]:
    """Return the tables, charts, series and maps that belong to a segmentation."""
    return [
        node.GetNthNodeReference(role, i)
        for role in roles
        for i in range(node.GetNumberOfNodeReferences(role))
        if node.GetNthNodeReference(role, i)
    ]


def replaceOwned(node: Any, owned: Sequence[tuple[str, Any]]) -> list[Any]:
    """Make these nodes, with their roles, the segmentation's own; return those that it had."""
    earlier = ownedNodes(node)
    with slicer.util.NodeModify(node):
        for role in OWNED:
            node.RemoveNodeReferenceIDs(role)
        for role, member in owned:
            node.AddNodeReferenceID(role, member.GetID())
    return earlier


def removeUnused(members: Iterable[Any]) -> None:
    """Remove those nodes to which no segmentation refers, such as a copy made by a script."""
    scene = slicer.mrmlScene
    for member in members:
        if scene.IsNodePresent(member) and not any(
            segmentation.HasNodeReferenceID(role, member.GetID())
            for segmentation in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
            for role in (*OWNED, SNAPSHOT)
        ):
            scene.RemoveNode(member)


@contextlib.contextmanager
def allOrNothing() -> Iterator[None]:
    """Take out again whatever was added to the scene if something goes wrong."""
    before = {node.GetID() for node in slicer.mrmlScene.GetNodes()}
    try:
        yield
    except BaseException:
        for node in list(slicer.mrmlScene.GetNodes()):
            if node.GetID() not in before:
                slicer.mrmlScene.RemoveNode(node)
        raise


def placeBeside(reference: Any, node: Any, owned: Sequence[tuple[str, Any]]) -> None:
    """Put the segmentation beside the image in the subject hierarchy, its own in a folder."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    image = hierarchy.GetItemByDataNode(reference)
    parent = hierarchy.GetItemParent(image) if image else hierarchy.GetSceneItemID()
    _place(hierarchy, node, parent)
    title = _("{name}: table, plots and maps").format(name=node.GetName())
    folder = hierarchy.GetItemChildWithName(parent, title)
    folder = folder or hierarchy.CreateFolderItem(parent, title)
    for role, member in owned:
        if role not in AUXILIARY:
            _place(hierarchy, member, folder)


def _place(hierarchy: Any, node: Any, parent: int) -> None:
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(parent, node)
    hierarchy.SetItemParent(item, parent)
