"""The self-test of what must never be lost or left behind: choices, edits, marks, a clean scene."""

# ruff: noqa: PT009, PT027  (Slicer runs the self-test by unittest)
from __future__ import annotations

import time
from collections import Counter
from typing import Any
from unittest import mock

import numpy as np
import qt
import slicer
import vtk

from DeepGMMSegmentationLib.errors import InvalidInput

from .parameters import HEALTHY, PRESETS
from .scene import sampledata
from .scene.owned_nodes import AUXILIARY, CHART, PROBABILITIES, TABLE, ownedNodes
from .scene.region import regionArray
from .scene.snapshot import isEdited
from .scene.stored_result import readRecord
from .selftest_result import newSegmentation, paint


def itemChildren(node: Any, recursive: bool = False) -> list[str]:
    """Return the names of what the Data module lists under a node, or under the scene."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node) if node else hierarchy.GetSceneItemID()
    children = vtk.vtkIdList()
    hierarchy.GetItemChildren(item, children, recursive)
    return [hierarchy.GetItemName(children.GetId(i)) for i in range(children.GetNumberOfIds())]


class SafetyTests:
    """Mixed into the self-test: what a clumsy user does, and what it must not cost."""

    def test_VanishedChoiceIsNoneAndNoNeighbour(self) -> None:
        """Deleting what is chosen leaves nothing chosen, so that Apply cannot touch another."""
        node, others = self.logic.getParameterNode(), [newSegmentation("Z"), newSegmentation("A")]
        node.output = self.logic.process(self.volumes, self.region, "LV", settings=self.quick)
        for parameter in ("output", "lge", "region", "rvInsertion"):
            with self.subTest(parameter):
                slicer.mrmlScene.RemoveNode(getattr(node, parameter))
                slicer.app.processEvents()
                self.assertIsNone(getattr(node, parameter))
                self.assertIsNone(getattr(self.panel.ui, f"{parameter}Selector").currentNode())
        self.assertIs(node.t2, self.volumes[1])
        self.assertEqual([segmentation.GetName() for segmentation in others], ["Z", "A"])

    def test_DeletedSegmentIsNoneAndNoNeighbour(self) -> None:
        """Where the region's segment is deleted, no other one takes its place."""
        node, first = self.logic.getParameterNode(), self.volumes[0]
        paint(self.region, "blood", regionArray(self.region, "LV", first), first)
        paint(self.region, "other", regionArray(self.region, "LV", first), first)
        segmentation = self.region.GetSegmentation()
        self.assertEqual(segmentation.GetSegment(node.segment).GetName(), "LV")
        segmentation.RemoveSegment(node.segment)
        slicer.app.processEvents()
        self.assertEqual(node.segment, "")
        self.assertFalse(self.panel.ui.applyButton.enabled)
        self.assertIn("select one of its segments", self.panel.ui.applyButton.toolTip)

    def test_EditedOrForeignSegmentationIsNotReplaced(self) -> None:
        """Apply writes beside what the user drew or corrected, and over its own result only."""
        node, first = self.logic.getParameterNode(), self.volumes[0]
        node.max_iterations = 4
        self.apply()
        result = node.output
        self.assertFalse(isEdited(result))
        self.apply()
        self.assertIs(node.output, result)
        scar = regionArray(result, "scar", first)
        corrected = scar & (np.cumsum(scar).reshape(scar.shape) > 30)
        paint(result, "scar", corrected, first)
        drawn = newSegmentation("Endo and epi")
        paint(drawn, "epi", regionArray(self.region, "LV", first), first)
        for output, name in ((result, "scar"), (drawn, "epi")):
            voxels = regionArray(output, name, first)
            node.output = output
            self.apply()
            self.assertIsNot(node.output, output)
            np.testing.assert_array_equal(regionArray(output, name, first), voxels)
            self.assertFalse(output.GetDisplayVisibility())  # the result would hide it anyhow
            self.assertTrue(node.output.GetDisplayVisibility())
            self.assertIn(output.GetName(), self.panel.ui.logEdit.toPlainText())

    def test_UndoBringsBackTheEarlierResultAndItsTables(self) -> None:
        """One click gives segments, figures and charts of before; another those of after."""
        node = self.logic.getParameterNode()
        self.assertFalse(self.panel.ui.undoButton.enabled)
        node.max_iterations = 4
        self.apply()
        self.assertFalse(self.panel.ui.undoButton.enabled)
        before = self.voxels(node.output), readRecord(node.output), itemChildren(node.output)
        node.preset = HEALTHY
        self.apply()
        after = self.voxels(node.output), readRecord(node.output), itemChildren(node.output)
        self.assertNotEqual(before, after)
        for wanted in (before, after, before):
            self.panel.status.show("")
            self.panel.ui.undoButton.click()
            self.letRun(lambda: "before" in self.panel.ui.statusLabel.text)
            shown = self.voxels(node.output), readRecord(node.output), itemChildren(node.output)
            self.assertEqual(shown, wanted)
            charts = [chart.GetID() for chart in ownedNodes(node.output, [CHART])]
            self.assertEqual(len(charts), 4)
            selection = slicer.app.applicationLogic().GetSelectionNode()
            self.assertEqual(selection.GetActivePlotChartID(), charts[1])  # the first histogram
            measures = self.logic.recompute(node.output, rvInsertion=self.insertion)
            self.assertEqual(measures["sizes"], wanted[1]["measures"]["sizes"])
            self.assertFalse(isEdited(node.output))
        with self.assertRaisesRegex(InvalidInput, "no earlier version"):
            self.logic.undo(self.region)

    def test_ReplacedSegmentationIsBroughtBackFromTheConsole(self) -> None:
        """Whatever `output` was, a drawing for one, `undo` returns it."""
        first = self.volumes[0]
        drawn = newSegmentation("Drawn")
        paint(drawn, "epi", regionArray(self.region, "LV", first), first)
        voxels = regionArray(drawn, "epi", first)
        self.logic.process(self.volumes, self.region, settings=self.quick, output=drawn)
        self.assertEqual(len(ownedNodes(drawn, [TABLE])), 1)
        self.logic.undo(drawn)
        np.testing.assert_array_equal(regionArray(drawn, "epi", first), voxels)
        self.assertEqual(ownedNodes(drawn), [])
        self.assertTrue(isEdited(drawn))

    def test_ChangeWhileMeasuringIsRefused(self) -> None:
        """The figures are those of the segments as they are, or nothing is shown."""
        node, first = self.infarct(), self.volumes[0]
        record, table, told = readRecord(node), self.voxels(node), []
        self.logic.recompute(node, wait=False, whenDone=lambda *answer: told.append(answer))
        with self.assertRaisesRegex(InvalidInput, "A run is going on"):
            self.logic.recompute(node)
        paint(node, "scar", regionArray(node, "scar", first)[:, :, ::-1], first)
        self.letRun(lambda: bool(told))
        ((measures, error),) = told
        self.assertIsNone(measures)
        self.assertIn("was changed while it was measured", str(error))
        self.assertEqual((readRecord(node), self.voxels(node)), (record, table))

    def test_EventsComeBetweenTheStepsOfAResult(self) -> None:
        """However long a step takes, the window lives before the next."""
        order: list[str] = []

        def step(*_answer: Any) -> None:
            time.sleep(0.05)
            order.append("step")

        def addSlowly(_heart: Any) -> Any:
            for answer in (None, None, "all", None, None):
                step()
                yield answer

        timer = qt.QTimer()
        timer.setInterval(10)
        timer.connect("timeout()", lambda: order.append("event"))
        timer.start()
        with mock.patch.object(sampledata, "addSample", addSlowly):
            self.logic.drawSample(whenDone=step)
            self.letRun(lambda: order.count("step") == 6)
        timer.stop()
        self.assertNotIn("step step", " ".join(order[order.index("step") :]))

    def test_DeletedResultTakesItsHiddenNodesAlong(self) -> None:
        """Neither probabilities nor an earlier version stays behind, but what others refer to."""
        segmentations = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        output = self.infarct()
        (probabilities,) = ownedNodes(output, [PROBABILITIES])
        self.infarct(output=output)
        slicer.mrmlScene.RemoveNode(output)
        slicer.app.processEvents()
        self.assertFalse(slicer.mrmlScene.IsNodePresent(probabilities))
        self.assertEqual(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"), segmentations)
        output = self.infarct()
        (probabilities,) = ownedNodes(output, [PROBABILITIES])
        self.truth.AddNodeReferenceID(PROBABILITIES, probabilities.GetID())
        slicer.mrmlScene.RemoveNode(output)
        slicer.app.processEvents()
        self.assertTrue(slicer.mrmlScene.IsNodePresent(probabilities))

    def test_GivingUpThePlacementKeepsThePoint(self) -> None:
        """The insertion stays until a new one is placed, which is then the only one."""
        ui = self.panel.ui
        before = self.insertion.GetNthControlPointPositionWorld(0)
        ui.placeButton.click()
        self.assertIn("right ventricle", ui.statusLabel.text)
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)  # the arrow does
        self.assertEqual(self.insertion.GetNumberOfDefinedControlPoints(), 1)
        self.assertEqual(tuple(self.insertion.GetNthControlPointPositionWorld(0)), tuple(before))
        slicer.app.processEvents()
        self.assertIn("stays where it was", ui.statusLabel.text)
        ui.placeButton.click()
        self.insertion.AddControlPointWorld(vtk.vtkVector3d(1, 2, 3))
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        slicer.app.processEvents()
        self.assertEqual(self.insertion.GetNumberOfControlPoints(), 1)
        self.assertEqual(tuple(self.insertion.GetNthControlPointPositionWorld(0)), (1, 2, 3))

    def test_OutputWithFewerClassesLeavesNoItemsBehind(self) -> None:
        """The Data module lists the segments that there are, and none of an earlier result."""
        node = self.logic.getParameterNode()
        node.max_iterations = 2
        self.apply()
        self.assertEqual(len(itemChildren(node.output)), 4)
        self.panel.ui.presetSelector.currentIndex = PRESETS.index(HEALTHY)
        self.apply()
        self.assertEqual(itemChildren(node.output), ["blood pool", "healthy myocardium"])

    def test_ApplyAddsOneItemAndItsFolder(self) -> None:
        """Series, raw tables, probabilities and snapshots are in no list of nodes."""
        before = itemChildren(None, recursive=True)
        output = self.infarct()
        self.infarct(output=output)
        added = (Counter(itemChildren(None, recursive=True)) - Counter(before)).elements()
        names = ["LGE", "T2", "bSSFP"]
        name = output.GetName()
        wanted = [name, f"{name}: table, plots and maps", *itemChildren(output)]
        wanted += [f"{name}: measures", f"{name}: AHA segments", f"{name}: NLL per iteration"]
        wanted += [f"{name}: histogram of {role}" for role in names]
        self.assertEqual(sorted(added), sorted(wanted))
        self.assertNotIn(name, itemChildren(None))
        for auxiliary in ownedNodes(output, AUXILIARY):
            self.assertTrue(auxiliary.GetHideFromEditors(), auxiliary.GetName())
        tables = slicer.util.getNodesByClass("vtkMRMLTableNode")
        self.assertEqual(len([table for table in tables if not table.GetHideFromEditors()]), 2)
