"""What the module does, with or without its panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

import slicer
from slicer import (
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

import DeepGMMSegmentationLib
from DeepGMMSegmentationLib.io.sequences import role
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.result import ProgressCallback
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import CONTEXT, Tissue, tissue

from .parameters import DeepGMMSegmentationParameterNode
from .scene import owned_nodes, result_nodes, tables
from .scene.guard import Guard
from .scene.images import checkVolumes, readArrays, readSpacing
from .scene.inputs import checkInputs
from .scene.labels import readStrokes
from .scene.measuring import checkInsertion, readMarks, writeReport
from .scene.prior_estimation import estimate
from .scene.region import regionArray, regionName
from .scene.stored_result import readRecord

RESOURCES = Path(__file__).resolve().parents[1] / "Resources"


def loadTerminology() -> None:
    """Make the tissues' terms and colours known to the Terminologies module."""
    logic = slicer.modules.terminologies.logic()
    if not logic.IsTerminologyContextLoaded(CONTEXT):
        logic.LoadTerminologyFromFile(str(RESOURCES / "DeepGMMSegmentation.term.json"))


class DeepGMMSegmentationLogic(ScriptedLoadableModuleLogic):
    """What the module does, with or without its panel."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self._parameterNode: Optional[DeepGMMSegmentationParameterNode] = None
        loadTerminology()

    def getParameterNode(self) -> DeepGMMSegmentationParameterNode:
        """Return the scene's parameter node, wrapped once."""
        node = super().getParameterNode()
        if self._parameterNode is None or self._parameterNode.parameterNode is not node:
            self._parameterNode = DeepGMMSegmentationParameterNode(node)
        return self._parameterNode

    def process(
        self,
        volumes: Sequence[vtkMRMLScalarVolumeNode],
        region: Any,
        segment: str = "",
        *,
        settings: Optional[Settings] = None,
        network: Any = None,
        refine: int = 0,
        roles: Optional[Sequence[str]] = None,
        tissues: Optional[Sequence[Tissue]] = None,
        strokes: Any = None,
        rvInsertion: Optional[vtkMRMLMarkupsFiducialNode] = None,
        remote: Any = None,
        output: Optional[vtkMRMLSegmentationNode] = None,
        maps: bool = False,
        progress: Optional[ProgressCallback] = None,
        heartbeat: Optional[Callable[[], None]] = None,
    ) -> vtkMRMLSegmentationNode:
        """Divide a region of aligned volumes into tissues.

        Parameters
        ----------
        volumes : sequence of vtkMRMLScalarVolumeNode
            On one grid; that of the first is the result's.
        region : vtkMRMLSegmentationNode, LabelMapVolumeNode, MarkupsClosedCurveNode, MarkupsROINode
            Where to look.
        segment : str
            Name or ID of the segment, where the region is a segmentation of several.
        settings : Settings, optional
            The method and its choices; by default the network's, or ``Settings()``.
        network : path or TrainedNetwork, optional
            A trained network, or its file, that decides in place of a fit.
        refine : int
            The gradient steps by which the network is fitted to the case.
        roles : sequence of str, optional
            What the sequences are; by default LGE, T2 or bSSFP where a volume's name says so,
            else that name.
        tissues : sequence of Tissue, optional
            Names and colors of the classes; by default those that the result gives.
        strokes : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
            Voxels whose tissue is known: segments named as tissues, or labels in their order.
        rvInsertion : vtkMRMLMarkupsFiducialNode, optional
            Its first point divides the wall into the segments of the AHA.
        remote : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
            Remote myocardium for n-SD; by default the healthy class.
        output : vtkMRMLSegmentationNode, optional
            A segmentation whose content is replaced, until `undo`; by default a new one.
        maps : bool
            Whether to add the probabilities and their entropy as volumes.
        progress, heartbeat : callable, optional
            As in `DeepGMMSegmentationLib.segment`; either may raise `Cancelled`.

        Returns
        -------
        vtkMRMLSegmentationNode
            With the result's tables, charts and maps as node references.

        Raises
        ------
        InvalidInput, OutOfMemory, Cancelled
            As the library does. The scene is then as it was before.
        """
        checkInputs(volumes, region, segment, strokes, remote, output)
        images, inside = readArrays(volumes), regionArray(region, segment, volumes[0])
        marks = readMarks(rvInsertion, remote, volumes[0])
        spacing = readSpacing(volumes[0])
        checkInsertion(marks, inside, spacing)
        if isinstance(network, (str, Path)):
            from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

            network = TrainedNetwork.load(network)
        settings = settings or (network.settings if network else Settings())
        tissues = tissues or [tissue(name, i) for i, name in enumerate(settings.tissues)]
        seeds = None
        if strokes is not None:
            seeds = readStrokes(strokes, [tissue.name for tissue in tissues], volumes[0])
        name = _("{region} tissues").format(region=regionName(region, segment))
        guard = Guard([*volumes, region, output], progress, heartbeat)
        result = DeepGMMSegmentationLib.segment(
            images,
            inside,
            settings,
            network=network,
            refine=refine,
            spacing=spacing,
            roles=roles or _rolesByName(volumes),
            progress=guard.progress,
            heartbeat=guard.heartbeat,
            seeds=seeds,
        )
        guard.heartbeat()
        return result_nodes.addResult(result, tissues, volumes, images, name, marks, output, maps)

    def recompute(
        self,
        segmentation: vtkMRMLSegmentationNode,
        rvInsertion: Optional[vtkMRMLMarkupsFiducialNode] = None,
        remote: Any = None,
    ) -> dict[str, Any]:
        """Measure a result again after its segments were edited, and update its tables in place.

        Segments may be edited and renamed; one that was added counts by its name. Expected
        volumes, their intervals and the entropy are of the fit, as a note says.

        Parameters
        ----------
        segmentation : vtkMRMLSegmentationNode
            What `process` returned.
        rvInsertion, remote
            As in `process`.

        Returns
        -------
        dict
            The measures, as `DeepGMMSegmentationLib.cardiac.measures.Measures.to_dict` gives them.

        Raises
        ------
        InvalidInput
            If the segmentation is no result, or a segment is none of its tissues. Nothing is
            changed then.
        """
        result_nodes.recompute(segmentation, rvInsertion, remote)
        return readRecord(segmentation)["measures"]

    def undo(self, segmentation: vtkMRMLSegmentationNode) -> None:
        """Bring back what a segmentation was before its last result; undone itself by a second.

        Raises
        ------
        InvalidInput
            If there is no earlier version.
        """
        result_nodes.undo(segmentation)

    def tableText(self, segmentation: vtkMRMLSegmentationNode) -> str:
        """Return the table of measures with tabs between its columns, as spreadsheets paste it."""
        readRecord(segmentation)  # or there is no table
        return "\n".join(
            map(tables.tableText, owned_nodes.ownedNodes(segmentation, [owned_nodes.TABLE]))
        )

    def saveReport(
        self,
        segmentation: vtkMRMLSegmentationNode,
        path: Union[str, Path],
        rvInsertion: Optional[vtkMRMLMarkupsFiducialNode] = None,
        remote: Any = None,
    ) -> tuple[Path, Path]:
        """Write the report of a result, edited or not, as an HTML file and a CSV file beside it.

        Neither holds anything from the images' metadata or the names of nodes; the case is called
        as the file is.

        Returns
        -------
        tuple of Path
            The two files.

        Raises
        ------
        InvalidInput
            If the segmentation is no result, an image is gone, or a file cannot be written.
        """
        return writeReport(segmentation, Path(path), rvInsertion, remote)

    def estimatePrior(
        self,
        volumes: Sequence[vtkMRMLScalarVolumeNode],
        region: Any,
        segment: str,
        labelled: vtkMRMLSegmentationNode,
        roles: Optional[Sequence[str]] = None,
    ) -> Prior:
        """Return how the tissues of a labelled segmentation look and where in the region they lie.

        ``Settings.infarct(roles, prior=prior)`` uses it.

        Parameters
        ----------
        volumes, region, segment, roles
            As in `process`.
        labelled : vtkMRMLSegmentationNode
            A segment per tissue, named.

        Raises
        ------
        InvalidInput
            If something is missing, or a tissue does not occur in the region.
        """
        checkVolumes(volumes)
        inside = regionArray(region, segment, volumes[0])
        return estimate(volumes, inside, labelled, roles or _rolesByName(volumes))


def _rolesByName(volumes: Sequence[vtkMRMLScalarVolumeNode]) -> list[str]:
    """Return LGE, T2 or bSSFP where a volume's name says so, else that name."""
    names = [volume.GetName() for volume in volumes]
    return [role(name) or name for name in names]
