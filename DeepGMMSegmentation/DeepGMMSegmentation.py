"""Tissues of the heart in aligned MR sequences, found without labels: the Slicer module."""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any, Optional

import qt
import slicer
import vtk
from slicer import vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

if importlib.util.find_spec("DeepGMMSegmentationLib") is None:
    # Run from the sources, where the library lies beside the module's folder.
    sys.path.append(str(Path(__file__).resolve().parents[1]))

import DeepGMMSlicer.panel.connectors  # noqa: F401  makes itself known to Slicer's wrapper
from DeepGMMSlicer.logic import RESOURCES, DeepGMMSegmentationLogic, loadTerminology
from DeepGMMSlicer.panel import choices, dependencies, presets, texts
from DeepGMMSlicer.panel.applying import Applying
from DeepGMMSlicer.panel.consequences import Consequences
from DeepGMMSlicer.panel.findings import Findings
from DeepGMMSlicer.panel.log import LogHandler
from DeepGMMSlicer.panel.placement import InsertionPlacement, Placement
from DeepGMMSlicer.panel.request import checkRequest, makeRequest
from DeepGMMSlicer.panel.result_buttons import ResultButtons
from DeepGMMSlicer.panel.running import Running
from DeepGMMSlicer.panel.settings_buttons import SettingsButtons
from DeepGMMSlicer.panel.status import Status
from DeepGMMSlicer.panel.ventricle import VentricleFinder
from DeepGMMSlicer.parameters import (
    FIELDS,
    UNNAMED,
    DeepGMMSegmentationParameterNode,
)
from DeepGMMSlicer.scene import sampledata
from DeepGMMSlicer.scene.owned_nodes import PROBABILITIES, ownedNodes, removeUnused
from DeepGMMSlicer.scene.snapshot import earlierVersion
from DeepGMMSlicer.selftest import DeepGMMSegmentationTest  # noqa: F401  found by its name
from DeepGMMSlicer.turns import Turns

from DeepGMMSegmentationLib import fields
from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.settings import Settings

HOMEPAGE = "https://github.com/DeepGMMSegmentation/DeepGMMSegmentation"
TUTORIAL = f"{HOMEPAGE}/blob/main/docs/slicer.md#tutorial-from-images-to-sizes-in-ten-steps"


class DeepGMMSegmentation(ScriptedLoadableModule):
    """What Slicer knows of the module before it is opened."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("DeepGMM Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "SubjectHierarchy", "Terminologies"]
        self.parent.contributors = ["The DeepGMMSegmentation contributors"]
        self.parent.helpText = _(
            "Divides a region, foremost the left ventricle, of aligned MR sequences (LGE, T2, "
            'bSSFP) into tissues without any labels, and measures them. <a href="{tutorial}">'
            "Tutorial in ten steps</a>."
        ).format(tutorial=TUTORIAL)
        self.parent.acknowledgementText = _(
            "Methods: M. Schwab, A. Mayr, M. Haltmeier, Deep Gaussian mixture model for "
            'unsupervised image segmentation, <a href="https://arxiv.org/abs/2404.12252">'
            "arXiv:2404.12252</a>. Not for clinical use."
        )
        slicer.app.connect("startupCompleted()", onStartupCompleted)


def onStartupCompleted() -> None:
    """Do what needs the other modules to be there."""
    loadTerminology()
    sampledata.registerSampleData(RESOURCES / "Icons")


class DeepGMMSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. It wires widgets, parameters and logic; what they do lies in DeepGMMSlicer."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Optional[DeepGMMSegmentationLogic] = None
        self._parameterNode: Optional[DeepGMMSegmentationParameterNode] = None
        self._parameterNodeGuiTag = None

    # The life of the panel

    def setup(self) -> None:
        """Build the panel when it is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DeepGMMSegmentation.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        for widget in vars(self.ui).values():
            if hasattr(widget, "sizeAdjustPolicy"):  # or another theme would widen the panel
                widget.sizeAdjustPolicy = qt.QComboBox.AdjustToMinimumContentsLengthWithIcon
        self.ui.tissueTable.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        self.logic = DeepGMMSegmentationLogic()
        self.status = Status(self.ui)
        self.running = Running(self.ui, self.status, self.onRunEnded)
        self.placement = Placement(self.ui.scrollArea)
        self.turns = Turns()
        self.insertion = InsertionPlacement(self.ui, self.logic, self.status, self.placement)
        self.finder = VentricleFinder(
            self.ui, self.logic, self.status, self.placement, self.running
        )
        self.applying = Applying(
            self.ui,
            self.logic,
            self.status,
            self.running,
            self.turns,
            lambda: self.parent.isEntered,
        )
        self.settingsButtons = SettingsButtons(self.ui, self.logic, self.status)
        self.resultButtons = ResultButtons(
            self.ui, self.logic, self.status, self.running, self.turns, self.update
        )
        scene = slicer.mrmlScene
        for event in (scene.StartCloseEvent, scene.StartImportEvent):
            self.addObserver(scene, event, self.onSceneAboutToChange)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneChanged)
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodeAdded)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self.onNodeAboutToBeRemoved)
        self.ui.loadSampleButton.connect("clicked(bool)", self.onLoadSample)
        self.ui.resampleButton.connect("clicked(bool)", self.onResample)
        self.ui.installButton.connect("clicked(bool)", self.onInstall)
        self._logHandler = LogHandler(self.ui.logEdit.appendPlainText)
        logging.getLogger("DeepGMMSegmentationLib").addHandler(self._logHandler)
        self.findings = Findings(self.ui)
        brought = {"preset", "tissues", *FIELDS} - set(presets.FREE)
        self._broughtByNetwork = [self.ui.paperButton, self.ui.defaultsButton] + [
            widget
            for widget in vars(self.ui).values()
            if widget.property("SlicerParameterName") in brought
        ]
        self._showTorch()
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Let go when the module is reloaded or the application ends."""
        self.placement.giveUp()
        self.turns.giveUp()
        self.running.close()
        self.findings.close()
        self.logic.worker.stop()
        logging.getLogger("DeepGMMSegmentationLib").removeHandler(self._logHandler)
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """Connect to the scene when the user opens the module."""
        self.initializeParameterNode()
        self.applying.showUnseen()

    def exit(self) -> None:
        """Disconnect when the user leaves the module; a run goes on."""
        self.placement.giveUp()
        self.setParameterNode(None)

    def onSceneAboutToChange(self, caller: Any, event: Any) -> None:
        """Let go of nodes that are about to vanish or to be overwritten."""
        self.status.show("")
        self.placement.giveUp()
        self.turns.giveUp()
        self.running.cancel()
        self.setParameterNode(None)

    def onSceneChanged(self, caller: Any, event: Any) -> None:
        """Show the choices of the scene that was closed or loaded, where the panel is shown."""
        self.ui.imagesButton.collapsed = False
        if self.parent.isEntered:
            self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(self, caller: Any, event: Any, node: Any) -> None:
        """Look at a new node once it has its name and its data."""

        def pick() -> None:
            if self._parameterNode and slicer.mrmlScene.IsNodePresent(node):
                choices.pickAmong(self._parameterNode, [node])

        if self._parameterNode and node.IsA("vtkMRMLDisplayableNode"):
            qt.QTimer.singleShot(0, pick)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAboutToBeRemoved(self, caller: Any, event: Any, node: Any) -> None:
        """Choose nothing in place of a node that vanishes, before the selectors take another.

        What is hidden, and of use to that node alone, vanishes after it.
        """
        if self._parameterNode:
            choices.forget(self._parameterNode, node)
        if node.IsA("vtkMRMLSegmentationNode"):
            hidden = [*ownedNodes(node, [PROBABILITIES]), *earlierVersion(node)]
            if hidden:
                qt.QTimer.singleShot(0, lambda: removeUnused(hidden))

    def onRunEnded(self) -> None:
        """Show what packages there are by now, and whether the next run can begin."""
        self._showTorch()
        self.update()

    def onReload(self) -> None:
        """Reload the module's parts and the library with it."""
        for name in list(sys.modules):
            if name.partition(".")[0] in ("DeepGMMSlicer", "DeepGMMSegmentationLib"):
                del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    # Parameters

    def initializeParameterNode(self) -> None:
        """Connect to the scene's parameter node, and pick images by name where none is picked."""
        self.setParameterNode(self.logic.getParameterNode())
        choices.pickByName(self._parameterNode)

    def setParameterNode(self, node: Optional[DeepGMMSegmentationParameterNode]) -> None:
        """Connect the widgets to another parameter node, or to none."""
        if node is self._parameterNode:
            return
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.update)
        self._parameterNode = node
        if node:
            self._consequences = Consequences(node)
            self._showSegments()  # before the segment is written to the widget
            self._parameterNodeGuiTag = node.connectGui(self.ui)
            self._translateChoices()
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.update)
            self.update()

    def update(self, caller: Any = None, event: Any = None) -> None:
        """Show what follows from the parameters, first of all whether Apply can be clicked."""
        node = self._parameterNode
        if node is None:
            return
        self._consequences.draw()
        self._showSegments()
        fitted = not node.network  # a trained network brings its tissues and most settings
        for widget in self._broughtByNetwork:
            widget.enabled = fitted
        self.ui.classesSpinBox.enabled = fitted and node.preset == UNNAMED
        self.ui.refineSpinBox.enabled = not fitted
        self.ui.methodDescription.text = texts.methodDescription(node.method if fitted else "")
        self.ui.estimateButton.enabled = node.labelled is not None
        self.findings.show(node.output)
        self.resultButtons.update()
        differing = choices.differingVolumes(node)
        self.ui.resampleLabel.text = "\n".join(
            f"{volume.GetName()}: {difference}" for volume, difference in differing.items()
        )
        for widget in (self.ui.resampleLabel, self.ui.resampleButton):
            widget.setVisible(bool(differing))
        self.ui.loadSampleButton.setVisible(not choices.chosenVolumes(node))
        if not self.running.active:
            self._showReadiness()

    def _showReadiness(self) -> None:
        """Enable Apply, or say in its tooltip why it cannot be clicked."""
        try:
            checkRequest(makeRequest(self._parameterNode))
            reason = ""
            if not self.logic.worker.running and not dependencies.missing():
                self.logic.worker.prepare()  # it takes seconds to load PyTorch
        except InvalidInput as error:
            reason = str(error)
        self.ui.applyButton.enabled = not reason
        self.ui.applyButton.toolTip = reason or _("Divide the region into its tissues.")

    def _showSegments(self) -> None:
        """Offer the segments of the region, and select the one that is chosen."""
        node, selector = self._parameterNode, self.ui.segmentSelector
        segmented = isinstance(node.region, vtkMRMLSegmentationNode)
        region = node.region if segmented else None
        if selector.currentNode() is not region:
            blocked = selector.blockSignals(True)
            selector.setCurrentSegmentID("")  # or it would select the first one by itself
            selector.setCurrentNode(region)
            selector.setCurrentSegmentID(node.segment)
            selector.blockSignals(blocked)
        selector.setVisible(segmented)
        self.ui.segmentLabel.setVisible(segmented)

    def _translateChoices(self) -> None:
        """Call the choices by the words for them."""
        labels = texts.choiceLabels()
        for name in ("preset", *fields.choices(Settings)):
            selector = getattr(self.ui, f"{name}Selector")
            for i in range(selector.count):
                choice = selector.itemText(i)
                selector.setItemText(i, labels.get(choice, choice))

    # Buttons

    def onLoadSample(self, checked: bool = False) -> None:
        """Load the synthetic heart and select it."""
        failure = _("The sample could not be made.")
        with self.status.telling(failure):
            self.running.begin(
                self.logic.drawSample, self._chooseSample, failure, _("Drawing a heart…")
            )

    def _chooseSample(self, nodes: list[Any]) -> None:
        lge, t2, bssfp, region, _truth, rvInsertion = nodes
        node = self.logic.getParameterNode()
        with slicer.util.NodeModify(node):
            node.lge, node.t2, node.bssfp, node.others = lge, t2, bssfp, []
            node.region, node.rvInsertion = region, rvInsertion
        self.status.tell(_("The synthetic heart is loaded; click Apply."))

    def onResample(self, checked: bool = False) -> None:
        """Replace the images on other grids by copies on that of the first."""
        with self.status.telling(_("Resampling failed."), waitCursor=True):
            choices.resampleDiffering(self._parameterNode)

    def onInstall(self, checked: bool = False) -> None:
        """Install what is missing."""
        with self.status.telling(_("The installation failed.")):
            dependencies.ensure()
        self._showTorch()

    def _showTorch(self) -> None:
        self.ui.torchLabel.text = dependencies.torchStatus()
        self.ui.installButton.setVisible(bool(dependencies.missing()))
