"""Tissues of the heart in aligned MR sequences, found without labels: the Slicer module."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
import time
from collections.abc import Iterator, Sequence
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
from DeepGMMSlicer.panel.findings import Findings
from DeepGMMSlicer.panel.log import LogHandler
from DeepGMMSlicer.panel.request import checkRequest, makeRequest
from DeepGMMSlicer.parameters import (
    ESTIMATED,
    FIELDS,
    UNNAMED,
    DeepGMMSegmentationParameterNode,
    writeSettings,
)
from DeepGMMSlicer.run import Run
from DeepGMMSlicer.scene import sampledata, views
from DeepGMMSlicer.scene.images import checkVolumes
from DeepGMMSlicer.scene.owned_nodes import PROBABILITIES, SNAPSHOT, ownedNodes, removeUnused
from DeepGMMSlicer.scene.snapshot import earlierVersion
from DeepGMMSlicer.scene.stored_result import readRecord
from DeepGMMSlicer.selftest import DeepGMMSegmentationTest  # noqa: F401  found by its name

from DeepGMMSegmentationLib import fields
from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
from DeepGMMSegmentationLib.result import Progress
from DeepGMMSegmentationLib.settings import Settings

HOMEPAGE = "https://github.com/DeepGMMSegmentation/DeepGMMSegmentation"
TUTORIAL = f"{HOMEPAGE}#tutorial-from-images-to-sizes-in-ten-steps"


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


def savePath() -> str:
    """Ask where the report is to go, and return that, or an empty text."""
    return qt.QFileDialog.getSaveFileName(
        slicer.util.mainWindow(), _("Save report"), "report.html", _("Report (*.html)")
    )


class DeepGMMSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. It wires widgets, parameters and logic; what they do lies in DeepGMMSlicer."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Optional[DeepGMMSegmentationLogic] = None
        self._parameterNode: Optional[DeepGMMSegmentationParameterNode] = None
        self._parameterNodeGuiTag = None
        self._basis: tuple = ()
        self._region: tuple[Any, str] = (None, "")
        self._run: Optional[Run] = None
        self._began = 0.0
        self._target: Any = None
        self._unseen: Any = None
        self._click: Any = None
        self._closed = False

    # The life of the panel

    def setup(self) -> None:
        """Build the panel when it is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DeepGMMSegmentation.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.tissueTable.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        self._showStatus("")
        self.ui.statusLabel.setFixedHeight(2 * self.ui.statusLabel.fontMetrics().lineSpacing())
        self.logic = DeepGMMSegmentationLogic()
        scene = slicer.mrmlScene
        for event in (scene.StartCloseEvent, scene.StartImportEvent):
            self.addObserver(scene, event, self.onSceneAboutToChange)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneChanged)
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodeAdded)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self.onNodeAboutToBeRemoved)
        for button, slot in (
            (self.ui.applyButton, self.onApply),
            (self.ui.loadSampleButton, self.onLoadSample),
            (self.ui.resampleButton, self.onResample),
            (self.ui.installButton, self.onInstall),
            (self.ui.paperButton, self.onPaper),
            (self.ui.defaultsButton, self.onDefaults),
            (self.ui.estimateButton, self.onEstimate),
            (self.ui.placeButton, self.onPlace),
            (self.ui.findButton, self.onFind),
            (self.ui.showResultButton, self.onShowResult),
            (self.ui.recomputeButton, self.onRecompute),
            (self.ui.undoButton, self.onUndo),
            (self.ui.copyButton, self.onCopy),
            (self.ui.reportButton, self.onReport),
        ):
            button.connect("clicked(bool)", slot)
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
        self._showRunning(False)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Let go when the module is reloaded or the application ends."""
        self._closed = True
        self._cancel()
        self.logic.worker.stop()
        logging.getLogger("DeepGMMSegmentationLib").removeHandler(self._logHandler)
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """Connect to the scene when the user opens the module."""
        self.initializeParameterNode()
        self._showUnseen()

    def exit(self) -> None:
        """Disconnect when the user leaves the module; a run goes on."""
        self._forgetClick()
        self.setParameterNode(None)

    def onSceneAboutToChange(self, caller: Any, event: Any) -> None:
        """Let go of nodes that are about to vanish or to be overwritten."""
        self._showStatus("")
        self._cancel()
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
            self._basis, self._region = presets.basis(node), (node.region, node.segment)
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
        self._followChoices()
        self._followRegion()
        self._showSegments()
        fitted = not node.network  # a trained network brings its tissues and most settings
        for widget in self._broughtByNetwork:
            widget.enabled = fitted
        self.ui.classesSpinBox.enabled = fitted and node.preset == UNNAMED
        self.ui.refineSpinBox.enabled = not fitted
        self.ui.methodDescription.text = texts.methodDescription(node.method if fitted else "")
        self.ui.estimateButton.enabled = node.labelled is not None
        self.findings.show(node.output)
        snapshot = node.output and node.output.GetNodeReference(SNAPSHOT)
        self.ui.undoButton.enabled = bool(snapshot)
        differing = choices.differingVolumes(node)
        self.ui.resampleLabel.text = "\n".join(
            f"{volume.GetName()}: {difference}" for volume, difference in differing.items()
        )
        for widget in (self.ui.resampleLabel, self.ui.resampleButton):
            widget.setVisible(bool(differing))
        self.ui.loadSampleButton.setVisible(not choices.chosenVolumes(node))
        if self._run is None:
            self._showReadiness()

    def _followChoices(self) -> None:
        """Bring settings and tissues into line with a changed preset, method or set of images."""
        node, before = self._parameterNode, self._basis
        self._basis = presets.basis(node)
        with slicer.util.NodeModify(node):
            if self._basis != before:
                presets.applyRecommended(node, keep=presets.FREE)
                if (self._basis[0], self._basis[2]) != (before[0], before[2]):
                    presets.resetTissues(node)
            presets.matchTissuesToClasses(node)

    def _followRegion(self) -> None:
        """Choose a likely segment of another region, unless one was chosen with it."""
        node = self._parameterNode
        before, self._region = self._region, (node.region, node.segment)
        if node.region is not before[0] and node.segment in ("", before[1]):
            segmented = isinstance(node.region, vtkMRMLSegmentationNode)
            node.segment = choices.likelyRegion([node.region])[1] if segmented else ""
            self._region = node.region, node.segment

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

    def onApply(self, checked: bool = False) -> None:
        """Run, or cancel the run."""
        if self._run:
            self._cancel()
            return
        node = self._parameterNode
        with slicer.util.tryWithErrorDisplay(_("The segmentation failed.")), self._telling():
            dependencies.ensure(network=bool(node.network))
            self._showTorch()
            request = makeRequest(node)
            self._began, self._target = time.monotonic(), node.output
            self._run = self.logic.process(
                **request,
                keepEdits=True,
                progress=self._showProgress,
                wait=False,
                whenDone=self._onDone,
            )
            if "settings" in request:
                self._tell(texts.settingsText(request["settings"]))
            self._tell(_("Preparing…"))
            self._showRunning(True)

    def _onDone(self, output: Any, error: Optional[Exception]) -> None:
        """Show the result of a run, or say why there is none."""
        self._run = None
        self._showRunning(False)
        with slicer.util.tryWithErrorDisplay(_("The segmentation failed.")), self._telling():
            if isinstance(error, Cancelled):
                self._tell(str(error))
                return
            if error:
                raise error
            node = self.logic.getParameterNode()
            node.output = output
            if node.show3D:
                output.CreateClosedSurfaceRepresentation()
            self._tell(texts.summary(readRecord(output)))
            if self._target and output is not self._target:
                self._tell(texts.writtenBeside(output.GetName(), self._target.GetName()))
            self._unseen = output
            if self._parameterNode:  # or the user is in another module, whose views these are
                self._showUnseen()

    def _showUnseen(self) -> None:
        """Show a result that is new since the panel was seen."""
        output, self._unseen = self._unseen, None
        if output and slicer.mrmlScene.IsNodePresent(output):
            self.ui.imagesButton.collapsed = True  # so that the findings have room
            self.ui.resultButton.collapsed = False
            self.ui.scrollArea.ensureWidgetVisible(self.ui.findingsBrowser)
            in3D = self._parameterNode.show3D
            qt.QTimer.singleShot(0, lambda: views.showResult(output, in3D))

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Say in the status line why something failed."""
        try:
            yield
        except Exception as error:
            self._tell(str(error))
            raise

    def _cancel(self) -> None:
        if self._run:
            self._run.cancel()

    def onLoadSample(self, checked: bool = False) -> None:
        """Load the synthetic heart and select it."""
        with slicer.util.tryWithErrorDisplay(_("The sample could not be made."), waitCursor=True):
            lge, t2, bssfp, region, _truth, rvInsertion = sampledata.loadSample()
            node = self._parameterNode
            with slicer.util.NodeModify(node):
                node.lge, node.t2, node.bssfp, node.others = lge, t2, bssfp, []
                node.region, node.rvInsertion = region, rvInsertion

    def onResample(self, checked: bool = False) -> None:
        """Replace the images on other grids by copies on that of the first."""
        with slicer.util.tryWithErrorDisplay(_("Resampling failed."), waitCursor=True):
            choices.resampleDiffering(self._parameterNode)

    def onInstall(self, checked: bool = False) -> None:
        """Install what is missing."""
        with slicer.util.tryWithErrorDisplay(_("The installation failed.")):
            dependencies.ensure()
        self._showTorch()

    def onPaper(self, checked: bool = False) -> None:
        """Set the advanced values to those of the paper."""
        node = self._parameterNode
        prior = presets.presetPrior(node)
        writeSettings(node, Settings.paper(node.method, classes=node.classes, prior=prior))

    def onDefaults(self, checked: bool = False) -> None:
        """Set the advanced values to what is recommended."""
        presets.applyRecommended(self._parameterNode)

    def onEstimate(self, checked: bool = False) -> None:
        """Make the prior of the preset from a labelled segmentation."""
        node = self._parameterNode
        with slicer.util.tryWithErrorDisplay(_("No prior could be estimated."), waitCursor=True):
            dependencies.ensure()
            chosen = choices.chosenVolumes(node)
            prior = self.logic.estimatePrior(
                list(chosen), node.region, node.segment, node.labelled, roles=list(chosen.values())
            )
            with slicer.util.NodeModify(node):
                node.estimatedPrior, node.preset = prior.to_json(), ESTIMATED

    def onFind(self, checked: bool = False) -> None:
        """Let the user click into the left ventricle, which is then found."""
        with slicer.util.tryWithErrorDisplay(_("The left ventricle cannot be looked for.")):
            dependencies.ensure()
            checkVolumes(list(choices.chosenVolumes(self._parameterNode)))
            self._forgetClick()
            point = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("In the LV"))
            point.SetHideFromEditors(True)
            self._click = point
            placed = slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent
            self.addObserver(point, placed, self.onClickedIntoVentricle)
            slicer.modules.markups.logic().SetActiveList(point)
            slicer.modules.markups.logic().StartPlaceMode(False)
            self._tell(_("Click into the blood of the left ventricle, in a slice of its middle."))

    def onClickedIntoVentricle(self, point: Any, event: Any) -> None:
        """Find the ventricle around the click, once that has been made."""
        place = point.GetNthControlPointPositionWorld(0)
        placed = slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent
        self.removeObserver(point, placed, self.onClickedIntoVentricle)

        def find() -> None:
            self._forgetClick()
            self.findRegion(place)

        qt.QTimer.singleShot(0, find)  # not while the point is still being placed

    def _forgetClick(self) -> None:
        """Remove the point of a click, whether it was made or given up."""
        point, self._click = self._click, None
        if point and slicer.mrmlScene.IsNodePresent(point):
            slicer.mrmlScene.RemoveNode(point)

    def findRegion(self, point: Sequence[float]) -> None:
        """Look for the ventricle around a point, RAS."""
        chosen = choices.chosenVolumes(self._parameterNode)
        with slicer.util.tryWithErrorDisplay(_("No ventricle was found.")), self._telling():
            self._run = self.logic.findRegion(
                list(chosen), point, list(chosen.values()), wait=False, whenDone=self._onFound
            )
            self._tell(_("Looking for the ventricle…"))
            self._showRunning(True)

    def _onFound(self, found: Any, error: Optional[Exception]) -> None:
        """Choose the ventricle as region; and its RV insertion if none is chosen."""
        self._run = None
        self._showRunning(False)
        with slicer.util.tryWithErrorDisplay(_("No ventricle was found.")), self._telling():
            if isinstance(error, Cancelled):
                self._tell(str(error))
                return
            if error:
                raise error
            node, (region, insertion, doubts) = self.logic.getParameterNode(), found
            with slicer.util.NodeModify(node):
                node.region, node.segment = region, "Segment_1"
                if insertion is not None and node.rvInsertion is None:
                    node.rvInsertion = slicer.mrmlScene.AddNewNodeByClass(
                        "vtkMRMLMarkupsFiducialNode", _("RV insertion")
                    )
                    node.rvInsertion.AddControlPointWorld(insertion, "RV")
            advice = _("Look at the region in every slice, and correct it in the Segment Editor.")
            self._tell(" ".join([*doubts, advice]))

    def onPlace(self, checked: bool = False) -> None:
        """Let the user place the RV insertion by a click into a slice view."""
        node, markups = self._parameterNode, slicer.modules.markups.logic()
        if node.rvInsertion is None:
            node.rvInsertion = slicer.mrmlScene.AddNewNodeByClass(
                "vtkMRMLMarkupsFiducialNode", _("RV insertion")
            )
        placed = slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent
        if not self.hasObserver(node.rvInsertion, placed, self.onPlaced):
            self.addObserver(node.rvInsertion, placed, self.onPlaced)
        markups.SetActiveList(node.rvInsertion)
        markups.StartPlaceMode(False)
        self._tell(
            _("Click where the right ventricle meets the left in front, in a slice view of the "
              "base; Escape leaves the point where it is.")
        )  # fmt: skip

    def onPlaced(self, points: Any, event: Any) -> None:
        """Let the new point take the place of those before it."""

        def removeEarlier() -> None:
            while points.GetNumberOfDefinedControlPoints() > 1:
                points.RemoveNthControlPoint(0)

        qt.QTimer.singleShot(0, removeEarlier)  # not while the point is still being placed
        self._tell(_("The RV insertion is placed; Recompute divides the wall by it."))

    def onShowResult(self, checked: bool = False) -> None:
        """Show the table and a plot of the output segmentation."""
        views.showResult(self._parameterNode.output, in3D=False)

    def onRecompute(self, checked: bool = False) -> None:
        """Measure the output segmentation as the user has edited it."""
        node = self._parameterNode
        with slicer.util.tryWithErrorDisplay(_("Recomputing failed."), waitCursor=True):
            dependencies.ensure()
            self.logic.recompute(node.output, rvInsertion=node.rvInsertion, remote=node.remote)
            self._tell(texts.recomputed(readRecord(node.output)))
            self.update()

    def onUndo(self, checked: bool = False) -> None:
        """Bring back what the output was before the last result, or that result again."""
        output = self._parameterNode.output
        with slicer.util.tryWithErrorDisplay(_("Nothing was brought back."), waitCursor=True):
            self.logic.undo(output)
            self._tell(_("{name} is what it was before.").format(name=output.GetName()))
            self.update()

    def onCopy(self, checked: bool = False) -> None:
        """Put the table of measures on the clipboard."""
        qt.QApplication.clipboard().setText(self.logic.tableText(self._parameterNode.output))
        self._tell(_("The table is on the clipboard; paste it into a spreadsheet."))

    def onReport(self, checked: bool = False) -> None:
        """Ask for a file, and write the report."""
        node = self._parameterNode
        path = savePath()
        if path:
            with slicer.util.tryWithErrorDisplay(_("No report was saved."), waitCursor=True):
                dependencies.ensure()
                marks = {"rvInsertion": node.rvInsertion, "remote": node.remote}
                page, table = self.logic.saveReport(node.output, path, **marks)
                self._tell(_("Saved {page} and {table}.").format(page=page, table=table))

    # What the panel says

    def _tell(self, text: str) -> None:
        if not self._closed:
            self._showStatus(text.splitlines()[0] if text.strip() else "")
            self.ui.logEdit.appendPlainText(text)

    def _showRunning(self, running: bool) -> None:
        if self._closed:
            return
        self.ui.applyButton.text = _("Cancel") if running else _("Apply")
        self.ui.progressBar.setVisible(running)
        self.ui.progressBar.value = 0
        if running:
            self.ui.applyButton.toolTip = _("End the run; nothing will be changed.")
        else:
            self.update()

    def _showProgress(self, event: Progress) -> None:
        elapsed = time.monotonic() - self._began
        secondsLeft = elapsed * (1 - event.fraction) / event.fraction
        self.ui.progressBar.value = int(1000 * event.fraction)
        self._showStatus(texts.progressText(event, secondsLeft))

    def _showStatus(self, text: str) -> None:
        label = self.ui.statusLabel
        label.text = label.toolTip = text
        # A text that wraps would let Slicer scroll the panel, and hide Apply, rather than let the
        # sections shrink.
        policy = label.sizePolicy
        policy.setHeightForWidth(False)
        label.setSizePolicy(policy)

    def _showTorch(self) -> None:
        self.ui.torchLabel.text = dependencies.torchStatus()
        self.ui.installButton.setVisible(bool(dependencies.missing()))
