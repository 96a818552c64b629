"""Tissues of the heart in aligned MR sequences, found without labels: the Slicer module."""

# ruff: noqa: PT009, PT027  (Slicer runs the self-test by unittest)
from __future__ import annotations

import importlib.util
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Callable, Optional, Union

import qt
import slicer
import vtk
from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsClosedCurveNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

if importlib.util.find_spec("DeepGMMSegmentationLib") is None:
    # Run from the sources, where the library lies beside the module's folder.
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from DeepGMMSlicer import choices, dependencies, outputs, sampledata, texts
from DeepGMMSlicer.connectors import TissueList, VolumeList
from DeepGMMSlicer.images import arrays, checkVolumes, roleOf, spacing
from DeepGMMSlicer.parameters import SettingsParameters, writeSettings
from DeepGMMSlicer.region import regionArray, regionName
from DeepGMMSlicer.run import LogHandler, Run

import DeepGMMSegmentationLib
from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import CONTEXT, PRESETS, Tissue, tissue

RESOURCES = Path(__file__).resolve().parent / "Resources"


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
            "bSSFP) into tissues without any labels, and measures them."
        )
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


def loadTerminology() -> None:
    """Make the tissues' terms and colours known to the Terminologies module."""
    logic = slicer.modules.terminologies.logic()
    if not logic.IsTerminologyContextLoaded(CONTEXT):
        logic.LoadTerminologyFromFile(str(RESOURCES / "DeepGMMSegmentation.term.json"))


@parameterNodeWrapper
class DeepGMMSegmentationParameterNode(SettingsParameters):
    """The choices in the panel; those of `Settings` come with the base class.

    lge, t2, bssfp, others - The aligned images.
    region, segment - Where to look: a node and, of a segmentation, the segment's ID.
    preset, tissues - Which tissues, and the name and color ("#rrggbb") of each.
    output - The segmentation that is replaced; a new one if none.
    show3D, probabilityMaps - Whether to show surfaces and to add the probability maps.
    """

    lge: vtkMRMLScalarVolumeNode
    t2: vtkMRMLScalarVolumeNode
    bssfp: vtkMRMLScalarVolumeNode
    others: VolumeList
    region: Union[
        vtkMRMLSegmentationNode,
        vtkMRMLLabelMapVolumeNode,
        vtkMRMLMarkupsClosedCurveNode,
        vtkMRMLMarkupsROINode,
        None,
    ]
    segment: str
    preset: Annotated[str, Choice([*PRESETS, choices.UNNAMED])] = next(iter(PRESETS))
    tissues: TissueList = choices.tissueRows(next(iter(PRESETS.values())))
    output: vtkMRMLSegmentationNode
    show3D: bool = True
    probabilityMaps: bool = False


class DeepGMMSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. It wires widgets, parameters and logic; what they do lies in DeepGMMSlicer."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Optional[DeepGMMSegmentationLogic] = None
        self._parameterNode: Optional[DeepGMMSegmentationParameterNode] = None
        self._parameterNodeGuiTag = None
        self._preset = ""
        self._run: Optional[Run] = None
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
        self.logic = DeepGMMSegmentationLogic()
        scene = slicer.mrmlScene
        for event in (scene.StartCloseEvent, scene.StartImportEvent):
            self.addObserver(scene, event, self.onSceneAboutToChange)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneChanged)
        for button, slot in (
            (self.ui.applyButton, self.onApply),
            (self.ui.loadSampleButton, self.onLoadSample),
            (self.ui.resampleButton, self.onResample),
            (self.ui.installButton, self.onInstall),
            (self.ui.paperButton, self.onPaper),
            (self.ui.defaultsButton, self.onDefaults),
            (self.ui.showResultButton, self.onShowResult),
        ):
            button.connect("clicked(bool)", slot)
        self._logHandler = LogHandler(self.ui.logEdit.appendPlainText)
        logging.getLogger("DeepGMMSegmentationLib").addHandler(self._logHandler)
        self._showRunning(False)
        self._showTorch()
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Let go when the module is reloaded or the application ends."""
        self._closed = True
        self._cancel()
        logging.getLogger("DeepGMMSegmentationLib").removeHandler(self._logHandler)
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """Connect to the scene when the user opens the module."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """Disconnect when the user leaves the module, which ends a run."""
        self._cancel()
        self.setParameterNode(None)

    def onSceneAboutToChange(self, caller: Any, event: Any) -> None:
        """Let go of nodes that are about to vanish or to be overwritten."""
        self._cancel()
        self.setParameterNode(None)

    def onSceneChanged(self, caller: Any, event: Any) -> None:
        """Show the choices of the scene that was closed or loaded, where the panel is shown."""
        if self.parent.isEntered:
            self.initializeParameterNode()

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
            self._preset = node.preset
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
        if node.preset != self._preset:
            self._preset = node.preset
            choices.applyPreset(node)
        choices.matchTissuesToClasses(node)
        self._showSegments()
        self.ui.classesSpinBox.enabled = node.preset == choices.UNNAMED
        self.ui.methodDescription.text = texts.methodDescription(node.method)
        self.ui.showResultButton.enabled = bool(node.output and outputs.ownedNodes(node.output))
        differing = choices.differingVolumes(node)
        self.ui.resampleLabel.text = "\n".join(
            f"{volume.GetName()}: {difference}" for volume, difference in differing.items()
        )
        for widget in (self.ui.resampleLabel, self.ui.resampleButton):
            widget.setVisible(bool(differing))
        if self._run is None:
            self._showReadiness()

    def _showReadiness(self) -> None:
        """Enable Apply, or say in its tooltip why it cannot be clicked."""
        try:
            choices.request(self._parameterNode)
            reason = ""
        except InvalidInput as error:
            reason = str(error)
        self.ui.applyButton.enabled = not reason
        self.ui.applyButton.toolTip = reason or _("Divide the region into its tissues.")

    def _showSegments(self) -> None:
        region = self._parameterNode.region
        segmented = isinstance(region, vtkMRMLSegmentationNode)
        self.ui.segmentSelector.setCurrentNode(region if segmented else None)
        self.ui.segmentSelector.setVisible(segmented)
        self.ui.segmentLabel.setVisible(segmented)

    def _translateChoices(self) -> None:
        """Call the choices by the words for them."""
        labels = texts.choiceLabels()
        for name in ("method", "scope", "covariance", "normalize", "start", "preset"):
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
        with slicer.util.tryWithErrorDisplay(_("The segmentation failed.")):
            try:
                self._apply()
            except Cancelled as cancelled:
                self._tell(str(cancelled))
            except Exception as error:
                self._tell(str(error))
                raise

    def _apply(self) -> None:
        node = self._parameterNode
        self._run = Run(self._showProgress)
        self._showRunning(True)
        try:
            self._tell(_("Loading PyTorch…"))
            slicer.app.processEvents()
            dependencies.ensure()
            request = choices.request(node)
            self._tell(request["settings"].to_json())
            output = self.logic.process(
                **request, progress=self._run.progress, heartbeat=self._run.heartbeat
            )
            node.output = output
            if node.show3D:
                output.CreateClosedSurfaceRepresentation()
            self._tell(texts.summary(outputs.recordOf(output)))
        finally:
            self._run = None
            self._showRunning(False)
        self.onShowResult()

    def _cancel(self) -> None:
        if self._run:
            self._run.cancel()

    def onLoadSample(self, checked: bool = False) -> None:
        """Load the synthetic heart and select it."""
        with slicer.util.tryWithErrorDisplay(_("The sample could not be made."), waitCursor=True):
            lge, t2, bssfp, region, _truth = sampledata.loadSample()
            node = self._parameterNode
            with slicer.util.NodeModify(node):
                node.lge, node.t2, node.bssfp, node.others = lge, t2, bssfp, []
                node.region = region

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
        writeSettings(node, Settings.paper(node.method, classes=node.classes))

    def onDefaults(self, checked: bool = False) -> None:
        """Set the advanced values to their defaults."""
        node = self._parameterNode
        writeSettings(node, Settings(method=node.method, classes=node.classes))

    def onShowResult(self, checked: bool = False) -> None:
        """Show the table and a plot of the output segmentation."""
        outputs.show(self._parameterNode.output)

    # What the panel says

    def _tell(self, text: str) -> None:
        if not self._closed:
            self.ui.statusLabel.text = text.splitlines()[0] if text.strip() else ""
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
            self._showTorch()
            self.update()

    def _showProgress(self, event: Any, secondsLeft: float) -> None:
        self.ui.progressBar.value = int(1000 * event.fraction)
        self.ui.statusLabel.text = texts.progressText(event, secondsLeft)

    def _showTorch(self) -> None:
        self.ui.torchLabel.text = dependencies.torchStatus()
        self.ui.installButton.setVisible(bool(dependencies.missing()))


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
        roles: Optional[Sequence[str]] = None,
        tissues: Optional[Sequence[Tissue]] = None,
        output: Optional[vtkMRMLSegmentationNode] = None,
        probabilityMaps: bool = False,
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
            The method and its choices; by default ``Settings()``.
        roles : sequence of str, optional
            What the sequences are; by default LGE, T2 or bSSFP where a volume's name says so,
            else that name.
        tissues : sequence of Tissue, optional
            Names and colors of the classes; by default those that the result gives.
        output : vtkMRMLSegmentationNode, optional
            A segmentation whose content is replaced; by default a new one.
        probabilityMaps : bool
            Whether to add the probability maps as volumes.
        progress, heartbeat : callable, optional
            As in `DeepGMMSegmentationLib.segment`; either may raise `Cancelled`.

        Returns
        -------
        vtkMRMLSegmentationNode
            With the result's table, charts and maps as node references.

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
        names = [volume.GetName() for volume in volumes]
        name = _("{region} tissues").format(region=regionName(region, segment))
        nodes = [*volumes, region, *([] if output is None else [output])]

        def alive() -> None:
            if heartbeat:
                heartbeat()
            for node in nodes:
                if not slicer.mrmlScene.IsNodePresent(node):
                    raise InvalidInput(
                        _("{name} was deleted during the run; nothing was changed.").format(
                            name=node.GetName()
                        )
                    )

        def report(event: Any) -> None:
            if progress:
                progress(event)
            alive()

        result = DeepGMMSegmentationLib.segment(
            images,
            inside,
            settings,
            spacing=spacing(volumes[0]),
            roles=roles or [roleOf(each) or each for each in names],
            progress=report,
            heartbeat=alive,
        )
        alive()
        tissues = tissues or [tissue(each, i) for i, each in enumerate(result.tissues)]
        return outputs.addResult(result, tissues, volumes, images, name, output, probabilityMaps)


class DeepGMMSegmentationTest(ScriptedLoadableModuleTest):
    """What a user does, done by a machine: in Slicer's Reload and Test, by CTest or by pytest."""

    def setUp(self) -> None:
        """Begin with the synthetic heart in an empty scene."""
        slicer.mrmlScene.Clear()
        self.logic = DeepGMMSegmentationLogic()
        *self.volumes, self.region, self.truth = sampledata.loadSample()
        self.quick = Settings(method="GMM", max_iterations=3, min_iterations=1)
        self.representation = slicer.modules.deepgmmsegmentation.widgetRepresentation()
        self.representation.enter()

    def tearDown(self) -> None:
        """Leave the module, as a user does who goes on to the next."""
        slicer.modules.deepgmmsegmentation.widgetRepresentation().exit()

    @property
    def panel(self) -> DeepGMMSegmentationWidget:
        """The panel; another one after a reload."""
        return self.representation.self()

    def scene(self) -> dict[str, Any]:
        """Return what the scene holds, to tell whether it was changed."""
        return {
            node.GetID(): (node.GetName(), [
                (segment.GetName(), segment.GetColor(), segment.GetLabelValue())
                for segment in segmentsOf(node)
            ])
            for node in slicer.mrmlScene.GetNodes()
        }  # fmt: skip

    def waitUntil(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Let the window live until something is so, and fail if it never is."""
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "It did not happen in time.")
            slicer.app.processEvents()

    def test_SampleHoldsImagesRegionAndTruth(self) -> None:
        """The sample is an aligned three-sequence heart whose truth fills the region."""
        self.assertEqual([each.GetName() for each in self.volumes], ["LGE", "T2", "bSSFP"])
        checkVolumes(self.volumes)
        inside = regionArray(self.region, "LV", self.volumes[0])
        names = [segment.GetName() for segment in segmentsOf(self.truth)]
        self.assertEqual(names[:4], ["blood pool", "healthy myocardium", "edema", "scar"])
        truth = [regionArray(self.truth, name, self.volumes[0]) for name in names]
        self.assertEqual(sum(each.sum() for each in truth), inside.sum())

    def test_EveryMethodGivesColoredNamedSegmentsAndTheirSizes(self) -> None:
        """By each of the four methods the segments fill the region and the table adds up."""
        inside = regionArray(self.region, "LV", self.volumes[0]).sum()
        for method in ("GMM", "SVGMM", "deepG", "deepSVG"):
            settings = Settings(
                method=method, max_iterations=3, min_iterations=1, filters=4, depth=2
            )
            node = self.logic.process(self.volumes, self.region, "LV", settings=settings)
            segments = segmentsOf(node)
            self.assertEqual(len({segment.GetName() for segment in segments}), 4)
            self.assertEqual(len({segment.GetColor() for segment in segments}), 4)
            for segment in segments:
                entry = slicer.vtkSlicerTerminologyEntry()
                logic = slicer.modules.terminologies.logic()
                self.assertTrue(logic.DeserializeTerminologyEntry(segment.GetTerminology(), entry))
            table = outputs.ownedNodes(node, [outputs.TABLE])[0].GetTable()
            voxels = [int(table.GetValue(row, 1).ToString()) for row in range(4)]
            self.assertEqual(sum(voxels), inside)
            painted = [
                slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, self.volumes[0]).sum()
                for segment in node.GetSegmentation().GetSegmentIDs()
            ]
            self.assertEqual(voxels, painted)
            self.assertEqual(len(outputs.ownedNodes(node, [outputs.CHART])), 4)
            self.assertEqual(outputs.recordOf(node)["settings"]["method"], method)

    def test_CancelledOrFailedRunChangesNothing(self) -> None:
        """Neither the scene nor an existing output is touched."""
        output = self.logic.process(self.volumes, self.region, settings=self.quick)
        before = self.scene()

        def cancel(event: Any) -> None:
            raise Cancelled("enough")

        with self.assertRaises(Cancelled):
            self.logic.process(self.volumes, self.region, output=output, progress=cancel)
        with self.assertRaises(InvalidInput):
            self.logic.process(self.volumes, self.region, "RV", output=output)
        self.assertEqual(self.scene(), before)

    def test_AnExistingOutputIsReplaced(self) -> None:
        """A second run into the same segmentation leaves one result, not two."""
        output = self.logic.process(self.volumes, self.region, settings=self.quick)
        before = len(self.scene())
        names = [Tissue(f"T{i}", (i, 0, 0), tissue("", i).terminology, False) for i in range(4)]
        again = self.logic.process(
            self.volumes, self.region, settings=self.quick, output=output, tissues=names
        )
        self.assertIs(again, output)
        self.assertEqual(len(self.scene()), before)
        self.assertEqual([each.GetName() for each in segmentsOf(output)], ["T0", "T1", "T2", "T3"])

    def test_SavedSceneBringsBackChoicesAndResult(self) -> None:
        """What is chosen and found survives an .mrb file."""
        node = self.logic.getParameterNode()
        choices.pickByName(node)
        node.smoothing, node.method, node.preset = 2.5, "deepG", choices.UNNAMED
        node.tissues = [("mud", "#010203"), *node.tissues[1:]]
        request = {**choices.request(node), "settings": self.quick}
        node.output = self.logic.process(**request)
        name, record = node.output.GetName(), outputs.recordOf(node.output)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "scene.mrb")
            self.assertTrue(slicer.mrmlScene.WriteToMRB(path))
            slicer.mrmlScene.Clear()
            self.assertTrue(slicer.mrmlScene.ReadFromMRB(path))
        node = self.logic.getParameterNode()
        self.assertEqual((node.smoothing, node.method), (2.5, "deepG"))
        self.assertEqual([node.lge.GetName(), node.region.GetName()], ["LGE", "LV region"])
        self.assertEqual(node.tissues[0], ("mud", "#010203"))
        self.assertEqual(node.output.GetName(), name)
        self.assertEqual(segmentsOf(node.output)[0].GetName(), "mud")
        self.assertEqual(outputs.recordOf(node.output), record)
        self.assertEqual(len(outputs.ownedNodes(node.output, [outputs.CHART])), 4)

    def test_PanelAppliesWhatIsChosen(self) -> None:
        """Images picked by name, a method chosen, Apply clicked: a result, and the panel ready."""
        ui, node = self.panel.ui, self.logic.getParameterNode()
        self.assertIs(ui.t2Selector.currentNode(), self.volumes[1])
        self.assertEqual(ui.segmentSelector.currentSegmentID(), node.segment)
        ui.presetSelector.currentIndex = ui.presetSelector.count - 1
        ui.classesSpinBox.value = 3
        ui.max_iterationsSpinBox.value = 12
        ui.tissueTable.item(0, 0).setText("dark")
        self.assertTrue(ui.applyButton.enabled, ui.applyButton.toolTip)
        ui.applyButton.click()
        names = [
            segment.GetName() for segment in segmentsOf(self.panel.logic.getParameterNode().output)
        ]
        self.assertEqual(names, ["dark", "Class 2", "Class 3"])
        self.assertEqual(ui.applyButton.text, _("Apply"))

    def test_PanelSaysWhyItCannotApply(self) -> None:
        """A missing region, or one that is the output as well, is told in the tooltip."""
        ui = self.panel.ui
        ui.outputSelector.setCurrentNode(self.region)
        self.assertFalse(ui.applyButton.enabled)
        self.assertIn(self.region.GetName(), ui.applyButton.toolTip)
        ui.outputSelector.setCurrentNode(None)
        ui.regionSelector.setCurrentNode(None)
        self.assertFalse(ui.applyButton.enabled)
        self.assertIn(_("region"), ui.applyButton.toolTip)

    def test_PanelStaysAliveAndCancels(self) -> None:
        """During a long run a timer ticks, and Cancel leaves the scene as it was."""
        ui, node = self.panel.ui, self.logic.getParameterNode()
        node.method, node.tolerance, node.max_iterations = "deepSVG", 0.0, 100_000
        before, texts_ = self.scene(), []

        def cancel() -> None:
            texts_.append(ui.applyButton.text)
            ui.applyButton.click()

        qt.QTimer.singleShot(1500, cancel)
        ui.applyButton.click()
        self.assertEqual(texts_, [_("Cancel")])
        self.assertEqual(self.scene(), before)
        self.assertEqual(ui.applyButton.text, _("Apply"))

    def test_ClosingTheSceneEndsARun(self) -> None:
        """The run stops by itself, and the panel starts afresh with the empty scene."""
        node = self.logic.getParameterNode()
        node.method, node.tolerance, node.max_iterations = "deepSVG", 0.0, 100_000
        qt.QTimer.singleShot(1500, slicer.mrmlScene.Clear)
        self.panel.ui.applyButton.click()
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0)
        self.assertFalse(self.panel.ui.applyButton.enabled)

    def test_PanelCanBeReloaded(self) -> None:
        """After Reload the new panel shows the scene's choices."""
        self.logic.getParameterNode().classes = 4
        self.logic.getParameterNode().smoothing = 1.5
        slicer.util.reloadScriptedModule("DeepGMMSegmentation")
        self.assertEqual(self.panel.ui.smoothingSpinBox.value, 1.5)
        self.assertTrue(self.panel.ui.applyButton.enabled)


def segmentsOf(node: Any) -> list[Any]:
    """Return the segments of a segmentation, and none of any other node."""
    if not isinstance(node, vtkMRMLSegmentationNode):
        return []
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegment(i) for i in range(segmentation.GetNumberOfSegments())]
