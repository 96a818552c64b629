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
from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.io.sequences import role
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import CONTEXT, Tissue

from .panel import choices
from .panel.run import Guard
from .parameters import DeepGMMSegmentationParameterNode
from .scene import result_nodes, tables
from .scene.images import arrays, checkVolumes, spacing
from .scene.labels import strokes as painted
from .scene.measuring import checkInsertion, marks, writeReport
from .scene.prior_estimation import estimate
from .scene.region import regionArray, regionName
from .scene.stored_result import recordOf

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
        progress: Optional[Callable[[Any], None]] = None,
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
            A trained network, or its file, that is asked instead of fitting.
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
            A segmentation whose content is replaced; by default a new one.
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
        checkVolumes(volumes)
        if output is not None and output is region:
            raise InvalidInput(
                _("{name} is both region and output; choose another output.").format(
                    name=output.GetName()
                )
            )
        images, inside = arrays(volumes), regionArray(region, segment, volumes[0])
        marked = marks(rvInsertion, remote, volumes[0])
        checkInsertion(marked, inside, spacing(volumes[0]))
        if isinstance(network, (str, Path)):
            from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

            network = TrainedNetwork.load(network)
        settings = settings or (network.settings if network else Settings())
        tissues = tissues or choices.usualTissues(settings)
        seeds = None
        if strokes is not None:
            seeds = painted(strokes, [each.name for each in tissues], volumes[0])
        names = [volume.GetName() for volume in volumes]
        name = _("{region} tissues").format(region=regionName(region, segment))
        guard = Guard([*volumes, region, output], progress, heartbeat)
        result = DeepGMMSegmentationLib.segment(
            images,
            inside,
            settings,
            network=network,
            refine=refine,
            spacing=spacing(volumes[0]),
            roles=roles or [role(each) or each for each in names],
            progress=guard.progress,
            heartbeat=guard.heartbeat,
            seeds=seeds,
        )
        guard.heartbeat()
        return result_nodes.addResult(result, tissues, volumes, images, name, marked, output, maps)

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
            As of `process`.

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
        return recordOf(segmentation)["measures"]

    def tableText(self, segmentation: vtkMRMLSegmentationNode) -> str:
        """Return the table of measures with tabs between its columns, as spreadsheets paste it."""
        recordOf(segmentation)  # or there is no table
        return "\n".join(
            map(tables.text, result_nodes.ownedNodes(segmentation, [result_nodes.TABLE]))
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
            As of `process`.
        labelled : vtkMRMLSegmentationNode
            A segment per tissue, named.

        Raises
        ------
        InvalidInput
            If something is missing, or a tissue does not occur in the region.
        """
        checkVolumes(volumes)
        roles = roles or [role(volume.GetName()) or volume.GetName() for volume in volumes]
        return estimate(volumes, regionArray(region, segment, volumes[0]), labelled, roles)
