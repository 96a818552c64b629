"""The synthetic heart as sample data: three volumes, region, true tissues, RV insertion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.tissues import tissue

from .result_nodes import addRegion, addSegmentation

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
    """Add the synthetic heart to the scene.

    Returns
    -------
    list of nodes
        The volumes LGE, T2 and bSSFP, a segmentation "LV region" with the segment "LV", a
        segmentation "True tissues", and the point list "RV insertion".
    """
    from DeepGMMSegmentationLib.hearts.sample import heart

    sample = heart(seed)
    z, y, x = sample.spacing
    ijkToRAS = vtk.vtkMatrix4x4()  # the sample's frame is LPS with its origin at 0
    for axis, step in enumerate((-x, -y, z)):
        ijkToRAS.SetElement(axis, axis, step)
    volumes = [
        slicer.util.addVolumeFromArray(image, ijkToRAS, name=role)
        for role, image in zip(sample.roles, sample.images)
    ]
    region = addRegion("LV region", sample.roi, volumes[0])
    tissues = [tissue(name, i) for i, name in enumerate(sample.tissues)]
    truth = addSegmentation("True tissues", sample.labels, tissues, volumes[0])
    truth.GetDisplayNode().SetVisibility(False)
    insertion = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "RV insertion")
    x, y, z = sample.rv_insertion
    insertion.AddControlPointWorld((-x, -y, z), "RV")  # given in LPS
    insertion.CreateDefaultDisplayNodes()
    nodes = [*volumes, region, truth, insertion]
    _folder(_("Synthetic heart"), nodes)
    slicer.app.applicationLogic().GetSelectionNode().SetActiveVolumeID(volumes[0].GetID())
    slicer.app.applicationLogic().PropagateVolumeSelection()
    return nodes


def _folder(name: str, nodes: list[Any]) -> None:
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), name)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
        hierarchy.SetItemParent(item, folder)
