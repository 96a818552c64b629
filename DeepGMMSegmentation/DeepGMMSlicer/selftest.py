"""The module's self-test: what a user does, on the synthetic heart."""

# ruff: noqa: PT009, PT027  (Slicer runs the self-test by unittest)
from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable
from unittest import mock

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import Tissue, tissue

from .panel import choices
from .panel.request import makeRequest
from .parameters import UNNAMED
from .scene import owned_nodes, sampledata
from .scene.images import checkVolumes
from .scene.owned_nodes import CHART
from .scene.region import regionArray
from .scene.stored_result import readRecord
from .selftest_comparison import ComparisonTests
from .selftest_log import CleanLog
from .selftest_result import ResultTests
from .selftest_safety import SafetyTests


def segmentsOf(node: Any) -> list[Any]:
    """Return the segments of a segmentation, and none of any other node."""
    if not isinstance(node, slicer.vtkMRMLSegmentationNode):
        return []
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegment(i) for i in range(segmentation.GetNumberOfSegments())]


class DeepGMMSegmentationTest(
    ResultTests, ComparisonTests, SafetyTests, CleanLog, ScriptedLoadableModuleTest
):
    """What a user does, done by a machine: in Slicer's Reload and Test, by CTest or by pytest."""

    def setUp(self) -> None:
        """Begin with the synthetic heart in an empty scene."""
        self.watchLog()
        slicer.mrmlScene.Clear()
        *self.volumes, self.region, self.truth, self.insertion = sampledata.loadSample()
        self.quick = Settings(method="GMM", max_iterations=3, min_iterations=1)
        self.representation = slicer.modules.deepgmmsegmentation.widgetRepresentation()
        self.representation.enter()
        self.logic = self.panel.logic

    def tearDown(self) -> None:
        """Leave the module, as a user does who goes on to the next."""
        slicer.modules.deepgmmsegmentation.widgetRepresentation().exit()

    @property
    def panel(self) -> Any:
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

    def apply(self) -> None:
        """Click Apply, and let the window live until the run has ended."""
        self.click(self.panel.ui.applyButton)

    def click(self, button: Any) -> None:
        """Click a button that begins a run, and let the window live until that has ended."""
        button.click()
        self.letRun(lambda: self.panel.ui.applyButton.text == _("Apply"))

    def letRun(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Let the window live until something is so, and fail if it never is."""
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "It did not happen in time.")
            slicer.app.processEvents()
            time.sleep(0.005)

    def test_SampleHoldsImagesRegionAndTruth(self) -> None:
        """The sample is an aligned three-sequence heart whose truth fills the region."""
        self.assertEqual([volume.GetName() for volume in self.volumes], ["LGE", "T2", "bSSFP"])
        checkVolumes(self.volumes)
        inside = regionArray(self.region, "LV", self.volumes[0])
        names = [segment.GetName() for segment in segmentsOf(self.truth)]
        self.assertEqual(names[:4], ["blood pool", "healthy myocardium", "edema", "scar"])
        truth = [regionArray(self.truth, name, self.volumes[0]) for name in names]
        self.assertEqual(sum(voxels.sum() for voxels in truth), inside.sum())

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
            table = owned_nodes.ownedNodes(node, [owned_nodes.TABLE])[0].GetTable()
            voxels = [int(table.GetValue(row, 1).ToString()) for row in range(4)]
            self.assertEqual(sum(voxels), inside)
            painted = [
                slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, self.volumes[0]).sum()
                for segment in node.GetSegmentation().GetSegmentIDs()
            ]
            self.assertEqual(voxels, painted)
            self.assertEqual(len(owned_nodes.ownedNodes(node, [CHART])), 4)
            self.assertEqual(readRecord(node)["settings"]["method"], method)

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
        self.logic.process(self.volumes, self.region, settings=self.quick, output=output)
        before = len(self.scene())  # with one earlier version, however often it is replaced
        names = [Tissue(f"T{i}", (i, 0, 0), tissue("", i).terminology, False) for i in range(4)]
        again = self.logic.process(
            self.volumes, self.region, settings=self.quick, output=output, tissues=names
        )
        self.assertIs(again, output)
        self.assertEqual(len(self.scene()), before)
        given = [segment.GetName() for segment in segmentsOf(output)]
        self.assertEqual(given, ["T0", "T1", "T2", "T3"])

    def test_SavedSceneBringsBackChoicesAndResult(self) -> None:
        """What is chosen and found survives an .mrb file."""
        node = self.logic.getParameterNode()
        choices.pickByName(node)
        node.preset = UNNAMED
        node.method = "deepG"
        node.smoothing = 2.5
        node.tissues = [("mud", "#010203"), *node.tissues[1:]]
        request = {**makeRequest(node), "settings": self.quick}
        node.output = self.logic.process(**request)
        name, record = node.output.GetName(), readRecord(node.output)
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
        self.assertEqual(readRecord(node.output), record)
        self.assertEqual(len(owned_nodes.ownedNodes(node.output, [CHART])), 4)
        measures = self.logic.recompute(node.output)
        self.assertEqual(measures["sizes"], record["measures"]["sizes"])
        self.assertEqual(measures["volumes"], record["measures"]["volumes"])

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
        self.apply()
        names = [
            segment.GetName() for segment in segmentsOf(self.panel.logic.getParameterNode().output)
        ]
        self.assertEqual(names, ["dark", "Class 2", "Class 3"])
        self.assertEqual(ui.applyButton.text, _("Apply"))

    def test_ApplyIsVisibleInASmallPanel(self) -> None:
        """The sections shrink, and neither a long text nor Slicer's panel hides the button."""
        ui = self.panel.ui
        self.panel.status.tell("A long text that is about a certain heart. " * 9)
        panel = ui.applyButton.parent()
        self.assertFalse(panel.hasHeightForWidth())
        self.assertLess(panel.minimumSizeHint.height(), 200)
        self.assertLess(ui.sections.layout().minimumSize().width(), 350)  # pixels at 100 %

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

    def beginEndlessRun(self) -> None:
        """Click Apply for a run that would not end, and wait for its first iterations."""
        ui, node = self.panel.ui, self.logic.getParameterNode()
        node.method, node.tolerance, node.max_iterations = "SVGMM", 0.0, 100_000
        ui.applyButton.click()
        self.letRun(lambda: "iteration" in ui.statusLabel.text)

    def test_PanelStaysAliveAndCancels(self) -> None:
        """During a long run the window never waits; Cancel takes no time and changes nothing."""
        ui, before = self.panel.ui, self.scene()
        self.beginEndlessRun()
        self.assertEqual(ui.applyButton.text, _("Cancel"))
        gaps: list[float] = []
        for _i in range(100):
            begin = time.process_time()  # of this process, however busy the machine is
            slicer.app.processEvents()
            gaps.append(time.process_time() - begin)
            time.sleep(0.01)
        self.assertLess(max(gaps), 0.1)
        begin = time.process_time()
        ui.applyButton.click()
        self.assertEqual(ui.applyButton.text, _("Apply"))
        self.assertLess(time.process_time() - begin, 0.1)  # and 0.1 s in `Worker.stop` at most
        self.assertEqual(self.scene(), before)

    def test_ClosingTheSceneEndsARun(self) -> None:
        """The run stops by itself, and the panel starts afresh with the empty scene."""
        self.beginEndlessRun()
        slicer.mrmlScene.Clear()
        self.assertEqual(self.panel.ui.applyButton.text, _("Apply"))
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0)
        self.assertFalse(self.panel.ui.applyButton.enabled)

    def test_RunGoesOnInAnotherModuleAndItsResultWaits(self) -> None:
        """Leaving the module ends nothing; the result is there on return."""
        node = self.logic.getParameterNode()
        self.panel.ui.applyButton.click()
        self.representation.exit()
        self.assertEqual(self.panel.ui.applyButton.text, _("Cancel"))
        self.letRun(lambda: node.output is not None)
        self.representation.enter()
        self.assertIs(self.panel.ui.outputSelector.currentNode(), node.output)
        self.assertIn("Infarct", self.panel.ui.findingsBrowser.toPlainText())
        slicer.app.processEvents()
        (table,) = owned_nodes.ownedNodes(node.output, [owned_nodes.TABLE])
        shown = slicer.app.applicationLogic().GetSelectionNode().GetActiveTableID()
        self.assertEqual(shown, table.GetID())

    def test_CrashOfTheComputationIsTold(self) -> None:
        """A process that dies ends the run with a reason, and the next one computes again."""
        node, ui, before = self.logic.getParameterNode(), self.panel.ui, self.scene()
        self.beginEndlessRun()
        self.logic.worker._process.kill()
        with mock.patch.object(sys, "excepthook"), mock.patch("traceback.print_exc"):
            self.letRun(lambda: ui.applyButton.text == _("Apply"))
        self.assertIn("ended unexpectedly", ui.statusLabel.text)
        self.assertEqual(self.scene(), before)
        ui.defaultsButton.click()
        self.apply()
        self.assertIsNotNone(node.output)

    def test_ConsoleNeedNotWait(self) -> None:
        """`wait=False` returns at once; the end is told, and only one run goes on."""
        ends = []
        run = self.logic.process(
            self.volumes, self.region, settings=self.quick, wait=False,
            whenDone=lambda node, error: ends.append((node, error)),
        )  # fmt: skip
        with self.assertRaisesRegex(InvalidInput, "A run is going on"):
            self.logic.process(self.volumes, self.region, settings=self.quick)
        self.letRun(lambda: bool(ends))
        self.assertTrue(run.done)
        ((node, error),) = ends
        self.assertIsNone(error)
        self.assertEqual(len(segmentsOf(node)), 4)

    def test_PanelCanBeReloaded(self) -> None:
        """After Reload the new panel shows the scene's choices."""
        self.logic.getParameterNode().classes = 4
        self.logic.getParameterNode().smoothing = 1.5
        slicer.util.reloadScriptedModule("DeepGMMSegmentation")
        self.assertEqual(self.panel.ui.smoothingSpinBox.value, 1.5)
        self.assertTrue(self.panel.ui.applyButton.enabled)
