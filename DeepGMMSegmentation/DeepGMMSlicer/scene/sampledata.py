"""The synthetic heart as sample data: three volumes, region, true tissues, RV insertion."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.tissues import tissue

from .segmentation_nodes import addRegion, addSegmentation
from .views import showVolume

NAME = "Synthetic heart (LGE, T2, bSSFP)"
CATEGORY = "DeepGMM Segmentation"


def registerSampleData(icons: Path) -> None:
    """Offer the synthetic heart in Slicer's Sample Data module."""
    from SampleData import SampleDataLogic

    SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=[],
        fileNames=[],
        nodeNames=[],
        thumbnailFileName=str(icons / "SyntheticHeart.png"),
        customDownloader=lambda source=None: loadSample(),
    )


def loadSample(seed: int = 0) -> list[Any]:
    """Draw the synthetic heart, add it to the scene, and return its nodes as `addSample` does."""
    from DeepGMMSegmentationLib.hearts.sample import heart

    return next(filter(None, list(addSample(heart(seed)))))


def addSample(sample: Any) -> Generator[Any, None, None]:
    """Add a synthetic heart to the scene, in steps between which the window lives.

    Yields
    ------
    list of nodes
        Once all is there: the volumes LGE, T2 and bSSFP, a segmentation "LV region" with the
        segment "LV", a segmentation "True tissues", and the point list "RV insertion". None before,
        and while the first volume is shown.
    """
    z, y, x = sample.spacing
    ijkToRAS = vtk.vtkMatrix4x4()  # the sample's frame is LPS with its origin at 0
    for axis, step in enumerate((-x, -y, z)):
        ijkToRAS.SetElement(axis, axis, step)
    nodes: list[Any] = []
    try:
        for role, image in zip(sample.roles, sample.images):
            nodes.append(slicer.util.addVolumeFromArray(image, ijkToRAS, name=role))
            yield None
        nodes.append(addRegion("LV region", sample.roi, nodes[0]))
        yield None
        tissues = [tissue(name, i) for i, name in enumerate(sample.tissues)]
        nodes.append(addSegmentation("True tissues", sample.labels, tissues, nodes[0]))
        nodes[-1].GetDisplayNode().SetVisibility(False)
        yield None
        insertion = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "RV insertion")
        nodes.append(insertion)
        x, y, z = sample.rv_insertion
        insertion.AddControlPointWorld((-x, -y, z), "RV")  # given in LPS
        insertion.CreateDefaultDisplayNodes()
        yield None
    except BaseException:
        for node in nodes:
            slicer.mrmlScene.RemoveNode(node)
        raise
    _folder(_("Synthetic heart"), nodes)
    slicer.app.applicationLogic().GetSelectionNode().SetActiveVolumeID(nodes[0].GetID())
    yield nodes
    yield from showVolume(nodes[0])


def _folder(name: str, nodes: list[Any]) -> None:
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), name)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
        hierarchy.SetItemParent(item, folder)
