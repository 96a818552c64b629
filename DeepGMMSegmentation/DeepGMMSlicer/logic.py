"""What the module does, with or without its panel."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
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

from DeepGMMSegmentationLib.result import ProgressCallback
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import CONTEXT, Tissue, tissue
from DeepGMMSegmentationLib.worker.parent import Worker
from DeepGMMSegmentationLib.worker.requests import Answer, RegionRequest, SampleRequest

from .parameters import DeepGMMSegmentationParameterNode
from .result_logic import ResultLogic
from .run import Done, Run, Runs
from .scene import result_nodes, sampledata
from .scene.images import checkVolumes, makeGrid, readArrays, toLPS
from .scene.inputs import checkInputs
from .scene.region import regionName
from .scene.request import readRequest, rolesByName
from .scene.segmentation_nodes import addRegion
from .scene.snapshot import isEdited

RESOURCES = Path(__file__).resolve().parents[1] / "Resources"


def loadTerminology() -> None:
    """Make the tissues' terms and colours known to the Terminologies module."""
    logic = slicer.modules.terminologies.logic()
    if not logic.IsTerminologyContextLoaded(CONTEXT):
        logic.LoadTerminologyFromFile(str(RESOURCES / "DeepGMMSegmentation.term.json"))


class DeepGMMSegmentationLogic(ResultLogic, ScriptedLoadableModuleLogic):
    """What the module does, with or without its panel."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self._parameterNode: Optional[DeepGMMSegmentationParameterNode] = None
        self.worker = Worker(shutil.which("PythonSlicer") or sys.executable)
        self._runs = Runs(self.worker)
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
        changes: Optional[Mapping[str, Any]] = None,
        keepEdits: bool = False,
        progress: Optional[ProgressCallback] = None,
        heartbeat: Optional[Callable[[], None]] = None,
        wait: bool = True,
        whenDone: Optional[Done] = None,
    ) -> Union[vtkMRMLSegmentationNode, Run]:
        """Divide a region of aligned volumes into tissues, in a process of its own.

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
        changes : mapping, optional
            Settings in which a network's own are changed.
        keepEdits : bool
            Whether a new segmentation is added where `output` was edited or drawn by the user.
        progress : callable, optional
            Called with a `Progress` once per iteration; may raise `Cancelled`.
        heartbeat : callable, optional
            Called 20 times a second while this waits; may raise `Cancelled`.
        wait : bool
            Whether to return when the result is in the scene, or at once.
        whenDone : callable, optional
            Called at the end with the segmentation and None, or None and the error, where this
            does not wait.

        Returns
        -------
        vtkMRMLSegmentationNode or Run
            With the result's tables, charts and maps as node references; the run where this does
            not wait.

        Raises
        ------
        InvalidInput, OutOfMemory, Cancelled
            As the library does. The scene is then as it was before.
        """
        checkInputs(volumes, region, segment, strokes, remote, output)
        request = readRequest(
            volumes,
            region,
            segment,
            settings=settings,
            network=network,
            refine=refine,
            roles=roles,
            tissues=tissues,
            strokes=strokes,
            rvInsertion=rvInsertion,
            remote=remote,
            changes=changes,
        )
        name = _("{region} tissues").format(region=regionName(region, segment))

        def finish(answer: Answer) -> Generator[Any, None, None]:
            shown = tissues or [tissue(name, i) for i, name in enumerate(answer.result.tissues)]
            target = None if output and keepEdits and isEdited(output) else output
            images = request.arguments["images"]
            return result_nodes.addResult(answer, shown, volumes, images, name, target, maps)

        nodes = [node for node in (*volumes, region, output) if node is not None]
        return self._runs.begin(
            request,
            nodes,
            finish,
            progress=progress,
            heartbeat=heartbeat,
            wait=wait,
            whenDone=whenDone,
        )

    def findRegion(
        self,
        volumes: Sequence[vtkMRMLScalarVolumeNode],
        point: Sequence[float],
        roles: Optional[Sequence[str]] = None,
        *,
        wait: bool = True,
        whenDone: Optional[Done] = None,
    ) -> Any:
        """Find the left ventricle, blood and wall, around a point in its blood.

        Parameters
        ----------
        volumes : sequence of vtkMRMLScalarVolumeNode
            On one grid, short-axis slices.
        point : sequence of float
            In the world, RAS, in mm.
        roles : sequence of str, optional
            See `process`.
        wait, whenDone
            As in `process`; at the end called with what is returned else, and None.

        Returns
        -------
        segmentation : vtkMRMLSegmentationNode
            New, with the segment "LV", to be corrected in the Segment Editor.
        insertion : tuple of float or None
            Where the right ventricle meets the wall in front, RAS, if it is to be seen.
        doubts : tuple of str
            What to check, one sentence each.

        Raises
        ------
        InvalidInput
            If the point is outside the images, or no ventricle is there; nothing is added then.
        """
        checkVolumes(volumes)
        arguments = {
            "images": readArrays(volumes),
            "reference": makeGrid(volumes[0]),
            "roles": roles or rolesByName(volumes),
            "point": toLPS(point),
        }

        def finish(answer: Any) -> Generator[Any, None, None]:
            region, insertion, doubts = answer
            name = slicer.mrmlScene.GenerateUniqueName(_("LV region"))
            segmentation = addRegion(name, region, volumes[0])
            yield segmentation, insertion and toLPS(insertion), doubts

        request = RegionRequest(arguments)
        return self._runs.begin(request, list(volumes), finish, wait=wait, whenDone=whenDone)

    def drawSample(self, seed: int = 0, *, whenDone: Optional[Done] = None) -> Run:
        """Draw a synthetic heart and add it to the scene, without waiting for that.

        Parameters
        ----------
        seed : int
            Of the heart.
        whenDone
            As in `process`; called with the nodes that `sampledata.addSample` adds.
        """
        request = SampleRequest(seed)
        return self._runs.begin(request, [], sampledata.addSample, wait=False, whenDone=whenDone)
