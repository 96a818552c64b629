"""The panel beyond the self-test: every choice, every button, and every way a run can end."""

# ruff: noqa: PT009, PT027  (Slicer runs these by unittest)
import sys
import tempfile
import time
import unittest
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import qt
import slicer
import vtk
from DeepGMMSlicer import parameters
from DeepGMMSlicer.panel import dependencies, findings, result_buttons
from DeepGMMSlicer.panel.request import makeRequest
from DeepGMMSlicer.parameters import HEALTHY, PRESETS, UNNAMED
from DeepGMMSlicer.scene import owned_nodes, sampledata, stored_result
from DeepGMMSlicer.scene.images import voxelToWorld
from DeepGMMSlicer.scene.owned_nodes import CHART, SERIES
from DeepGMMSlicer.scene.region import regionArray
from DeepGMMSlicer.selftest import segmentsOf

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.errors import DeepGMMError, InvalidInput

ENDLESS = {"method": "GMM", "tolerance": 0.0, "max_iterations": 100_000}


class PanelTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear()
        *self.volumes, self.region, self.truth, self.insertion = sampledata.loadSample()
        self.representation = slicer.modules.deepgmmsegmentation.widgetRepresentation()
        self.representation.enter()
        self.node = self.panel.logic.getParameterNode()

    def tearDown(self):
        self.representation.exit()

    @property
    def panel(self):
        return self.representation.self()

    @property
    def ui(self):
        return self.panel.ui

    def quick(self):
        self.node.method, self.node.min_iterations, self.node.max_iterations = "GMM", 1, 2

    def apply(self):
        self.click(self.ui.applyButton)

    def click(self, button):
        """Click a button, and let the window live until the run has ended."""
        button.click()
        self.let_run(lambda: self.ui.applyButton.text == "Apply")
        slicer.app.processEvents()  # which shows the result

    def let_run(self, condition, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "It did not happen in time.")
            slicer.app.processEvents()
            time.sleep(0.005)

    def during(self, action):
        """Start a run that would not end, and do something while it goes on."""
        for name, value in ENDLESS.items():
            setattr(self.node, name, value)
        self.ui.applyButton.click()
        self.let_run(lambda: "iteration" in self.ui.statusLabel.text)
        action()
        self.let_run(lambda: self.ui.applyButton.text == "Apply")

    def segmentations(self):
        return set(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))

    # One click

    def test_the_ventricle_is_found_from_a_click_and_becomes_the_region(self):
        truth = regionArray(self.region, "LV", self.volumes[0])
        z = len(truth) // 2
        y, x = np.argwhere(truth[z]).mean(axis=0)
        point = (voxelToWorld(self.volumes[0]) @ [x, y, z, 1])[:3]
        self.node.region = self.node.rvInsertion = None
        self.panel.finder.find(point)
        self.assertEqual(self.ui.applyButton.text, "Cancel")
        self.let_run(lambda: self.ui.applyButton.text == "Apply")
        inside = regionArray(self.node.region, self.node.segment, self.volumes[0])
        self.assertGreater(2 * (inside & truth).sum() / (inside.sum() + truth.sum()), 0.8)
        self.assertIsNot(self.node.region, self.region)
        self.assertEqual(self.node.rvInsertion.GetNumberOfDefinedControlPoints(), 1)
        self.assertIn("correct it in the Segment Editor", self.ui.statusLabel.text)

    def test_a_click_beside_the_images_changes_nothing(self):
        nodes = {node.GetID() for node in slicer.mrmlScene.GetNodes()}
        with self.assertRaises(InvalidInput):
            self.panel.logic.findRegion(self.volumes, (1e4, 0, 0))
        self.assertEqual({node.GetID() for node in slicer.mrmlScene.GetNodes()}, nodes)
        self.assertEqual(self.node.region, self.region)

    # Choices

    def test_every_setting_is_in_the_panel_or_deliberately_elsewhere(self):
        names = {widget.property("SlicerParameterName") for widget in vars(self.ui).values()}
        for name in vars(Settings()):
            self.assertEqual(name in names, name not in parameters.ELSEWHERE, name)
        self.assertEqual(names - {None}, set(self.node.allParameters))

    def test_settings_go_through_the_node_unchanged(self):
        for settings in (
            Settings(),
            Settings(method="GMM", covariance="full", degrees_of_freedom=4.5, smoothing=2.25),
            *(Settings.paper(method) for method in ("GMM", "SVGMM", "deepG", "deepSVG")),
        ):
            self.representation.exit()  # or the panel would recommend others for the method
            parameters.writeSettings(self.node, settings)
            self.assertEqual(parameters.readSettings(self.node), settings)
            self.representation.enter()
            self.assertEqual(parameters.readSettings(self.node), settings)
            # The widgets must not have rounded or clipped anything.
            self.assertEqual(self.ui.learning_rateSpinBox.value, settings.learning_rate)
            self.assertEqual(self.ui.variance_floorSpinBox.value, settings.variance_floor)
            self.assertEqual(self.ui.toleranceSpinBox.value, settings.tolerance)

    def test_paper_and_defaults_buttons(self):
        def settings():
            return makeRequest(self.node)["settings"]

        roles = ["LGE", "T2", "bSSFP"]
        self.assertEqual(settings(), Settings.infarct(roles))
        self.node.method = "deepG"
        self.assertEqual(settings(), Settings.infarct(roles, method="deepG"))
        self.ui.paperButton.click()
        prior = settings().prior
        self.assertEqual(settings(), Settings.paper("deepG", prior=prior))
        self.ui.defaultsButton.click()
        self.assertEqual(settings(), Settings.infarct(roles, method="deepG"))
        self.node.preset = UNNAMED
        self.assertEqual(settings(), Settings(method="deepG"))

    def test_choices_of_machine_and_measures_outlast_another_method(self):
        kept = {"device": "cpu", "seed": 7, "min_island": 20.0, "density": 1.0}
        for name, value in kept.items():
            setattr(self.node, name, value)
        self.node.method = "deepSVG"
        self.node.t2 = None
        wanted = Settings.infarct(["LGE", "bSSFP"], method="deepSVG", **kept)
        self.assertEqual(makeRequest(self.node)["settings"], wanted)
        self.ui.defaultsButton.click()
        wanted = Settings.infarct(["LGE", "bSSFP"], method="deepSVG")
        self.assertEqual(makeRequest(self.node)["settings"], wanted)

    def test_recommended_smoothing_can_be_typed(self):
        self.ui.smoothingSpinBox.value = 5
        self.ui.smoothingSpinBox.value = 1.75
        self.assertEqual(self.node.smoothing, 1.75)

    def test_tissue_without_a_name_is_refused(self):
        self.ui.tissueTable.item(2, 0).setText(" ")
        self.assertFalse(self.ui.applyButton.enabled)
        self.assertIn("A tissue has no name", self.ui.applyButton.toolTip)

    def test_names_of_labelled_tissues_may_be_capitalized(self):
        segments = segmentsOf(self.truth)
        for segment in segments:
            segment.SetName(f"{segment.GetName().capitalize()} ")
        self.ui.labelledSelector.setCurrentNode(self.truth)
        self.ui.estimateButton.click()
        names = ["blood pool", "healthy myocardium", "edema", "scar"]
        self.assertEqual([name for name, color in self.node.tissues], names)
        self.ui.tissueTable.item(3, 0).setText("Scar")
        self.apply()
        record = stored_result.readRecord(self.node.output)
        self.assertIsNotNone(record["measures"]["infarct"])
        scar = segmentsOf(self.node.output)[3]
        self.assertEqual(scar.GetName(), "Scar")
        self.assertIn("12402003", scar.GetTerminology())

    def test_segmentation_of_one_tissue_or_none_gives_no_prior(self):
        before = makeRequest(self.node)
        blank = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Blank")
        for labelled, reason in ((blank, "Blank is empty"), (self.region, "has 1 tissues")):
            self.ui.labelledSelector.setCurrentNode(labelled)
            with self.assertRaisesRegex(InvalidInput, reason):
                self.panel.settingsButtons.onEstimate()  # as by a click, whose exception Qt shows
        self.node.labelled = None
        self.assertEqual(makeRequest(self.node), before)

    def test_tissues_follow_the_images(self):
        """Without T2 and bSSFP there is no edema to be seen."""

        def names():
            return [name for name, color in self.node.tissues]

        self.node.t2 = None
        self.assertEqual(names(), ["blood pool", "healthy myocardium", "edema", "scar"])
        self.node.bssfp = None
        self.assertEqual(names(), ["blood pool", "healthy myocardium", "scar"])
        self.assertEqual(self.ui.classesSpinBox.value, 3)
        self.volumes[1].SetName("T1")
        self.node.others = [self.volumes[1]]
        self.node.lge = None
        self.assertFalse(self.ui.applyButton.enabled)
        self.assertIn("at least one of LGE, T2, bSSFP", self.ui.applyButton.toolTip)

    def test_the_preset_names_each_tissue_where_it_is(self):
        """The clicks of the tutorial find each tissue where it is."""
        self.apply()
        self.assertEqual(
            [segment.GetName() for segment in segmentsOf(self.node.output)],
            ["blood pool", "healthy myocardium", "edema", "scar"],
        )
        for name, least in (("blood pool", 0.85), ("healthy myocardium", 0.6), ("scar", 0.4)):
            labels, true = (
                regionArray(node, name, self.volumes[0]) for node in (self.node.output, self.truth)
            )
            self.assertGreater(2 * (labels & true).sum() / (labels.sum() + true.sum()), least, name)

    def test_preset_brings_tissues_and_their_number(self):
        def names():
            table = self.ui.tissueTable
            return [table.item(row, 0).text() for row in range(table.rowCount)]

        self.assertEqual(names(), ["blood pool", "healthy myocardium", "edema", "scar"])
        self.assertFalse(self.ui.classesSpinBox.enabled)
        self.ui.presetSelector.currentIndex = PRESETS.index(HEALTHY)
        self.assertEqual((names(), self.node.classes), (["blood pool", "healthy myocardium"], 2))
        self.ui.presetSelector.currentIndex = PRESETS.index(UNNAMED)
        self.assertTrue(self.ui.classesSpinBox.enabled)
        self.ui.classesSpinBox.value = 5
        self.assertEqual(names(), [f"Class {i + 1}" for i in range(5)])
        self.ui.classesSpinBox.value = 3
        self.assertEqual(len(names()), 3)

    def test_names_and_colors_of_the_table_are_those_of_the_segments(self):
        self.quick()
        self.ui.presetSelector.currentIndex = PRESETS.index(UNNAMED)
        self.ui.tissueTable.item(3, 0).setText("scar")
        self.ui.tissueTable.cellWidget(0, 1).setColor(qt.QColor(1, 2, 3))
        self.apply()
        segments = segmentsOf(self.node.output)
        self.assertEqual([round(255 * value) for value in segments[0].GetColor()], [1, 2, 3])
        self.assertEqual(segments[3].GetName(), "scar")
        self.assertIn("12402003", segments[3].GetTerminology())

    def test_device_that_is_not_there_is_refused_with_the_reason(self):
        self.ui.deviceEdit.text = "tpu"
        self.assertFalse(self.ui.applyButton.enabled)
        self.assertIn("device", self.ui.applyButton.toolTip)
        self.ui.deviceEdit.text = "cpu"
        self.assertTrue(self.ui.applyButton.enabled)

    def test_further_images_are_checked_in_the_list(self):
        further = slicer.util.addVolumeFromArray(
            slicer.util.arrayFromVolume(self.volumes[0]) ** 0.5, name="T1"
        )
        further.CopyOrientation(self.volumes[0])
        slicer.app.processEvents()
        self.ui.othersSelector.setCheckState(further, qt.Qt.Checked)
        self.assertEqual(list(self.node.others), [further])
        self.assertEqual(makeRequest(self.node)["roles"], ["LGE", "T2", "bSSFP", "T1"])
        self.node.others = []
        self.assertEqual(len(self.ui.othersSelector.checkedNodes()), 0)

    def test_images_on_other_grids_are_named_and_resampled_at_a_click(self):
        moved = vtk.vtkMatrix4x4()
        self.volumes[1].GetIJKToRASMatrix(moved)
        moved.SetElement(0, 3, 0.7)
        self.volumes[1].SetIJKToRASMatrix(moved)
        self.panel.update()
        self.assertFalse(self.ui.applyButton.enabled)
        self.assertIn("T2", self.ui.resampleLabel.text)
        self.assertFalse(self.ui.resampleButton.isHidden())
        self.ui.resampleButton.click()
        self.assertTrue(self.ui.applyButton.enabled, self.ui.applyButton.toolTip)
        self.assertTrue(self.ui.resampleButton.isHidden())
        self.assertIsNot(self.node.t2, self.volumes[1])
        self.assertIs(self.ui.t2Selector.currentNode(), self.node.t2)

    def test_sample_button_selects_what_it_loads(self):
        slicer.mrmlScene.Clear()
        self.assertFalse(self.ui.applyButton.enabled)
        self.ui.loadSampleButton.click()
        self.assertEqual(self.ui.applyButton.text, "Cancel")
        self.let_run(lambda: self.ui.applyButton.text == "Apply")
        self.assertTrue(self.ui.applyButton.enabled, self.ui.applyButton.toolTip)
        self.assertEqual(self.ui.bssfpSelector.currentNode().GetName(), "bSSFP")
        self.assertEqual(self.ui.regionSelector.currentNode().GetName(), "LV region")

    def test_sample_that_is_cancelled_leaves_nothing(self):
        slicer.mrmlScene.Clear()
        before = slicer.mrmlScene.GetNumberOfNodes()
        self.ui.loadSampleButton.click()
        self.ui.applyButton.click()
        self.assertEqual(self.ui.applyButton.text, "Apply")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assertIn("nothing was changed", self.ui.statusLabel.text)

    def test_result_is_shown_in_the_table_and_plot_views(self):
        self.quick()
        self.ui.mapsCheckBox.checked = True
        self.ui.show3DCheckBox.checked = True
        self.apply()
        output = self.node.output
        surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        self.assertTrue(output.GetSegmentation().ContainsRepresentation(surface))
        selection = slicer.app.applicationLogic().GetSelectionNode()
        table, = owned_nodes.ownedNodes(output, [owned_nodes.TABLE])  # fmt: skip
        self.assertEqual(selection.GetActiveTableID(), table.GetID())
        chart = slicer.mrmlScene.GetNodeByID(selection.GetActivePlotChartID())
        self.assertIn(chart, owned_nodes.ownedNodes(output, [CHART]))
        self.assertEqual(len(owned_nodes.ownedNodes(output, [owned_nodes.MAP])), 4)
        for series in owned_nodes.ownedNodes(output, [SERIES]):
            if series.IsA("vtkMRMLPlotSeriesNode"):
                columns = series.GetTableNode().GetTable()
                for name in (series.GetXColumnName(), series.GetYColumnName()):
                    values = columns.GetColumnByName(name)
                    self.assertTrue(np.isfinite(vtk.util.numpy_support.vtk_to_numpy(values)).all())
        self.assertIn("GMM", self.ui.statusLabel.text)
        self.assertIn("method: GMM", self.ui.logEdit.toPlainText())

    # After a run

    def test_buttons_of_the_result_wait_for_one(self):
        buttons = [self.ui.recomputeButton, self.ui.copyButton, self.ui.reportButton]
        self.assertFalse(any(button.enabled for button in buttons))
        self.node.output = self.truth  # a segmentation, but no result
        self.assertFalse(any(button.enabled for button in buttons))
        self.node.output = None
        self.apply()
        self.assertTrue(all(button.enabled for button in buttons))

    def test_findings_and_bulls_eye_are_shown_and_follow_a_recomputation(self):
        self.assertTrue(self.ui.findingsBrowser.isHidden())
        self.node.max_iterations = 4
        self.apply()
        self.assertIn("Infarct: ", self.ui.findingsBrowser.toPlainText())
        self.assertIn("Warning: The fit had not converged", self.ui.findingsBrowser.toPlainText())
        self.assertIn("Warning: The fit had not converged", self.ui.logEdit.toPlainText())
        picture, said = self.ui.bullseyeLabel.pixmap, self.ui.findingsBrowser.toPlainText()
        self.assertGreater(picture.width(), 200)  # of one, with numbers 11 pixels high
        pixels = picture.toImage()
        self.node.output.GetSegmentation().GetNthSegment(3).RemoveAllRepresentations()
        self.click(self.ui.recomputeButton)
        self.assertNotEqual(self.ui.findingsBrowser.toPlainText(), said)
        self.assertIn("Infarct: 0.0 g", self.ui.findingsBrowser.toPlainText())
        self.assertNotEqual(self.ui.bullseyeLabel.pixmap.toImage(), pixels)
        self.assertIn("Recomputed", self.ui.statusLabel.text)
        self.node.output = None
        self.assertTrue(self.ui.bullseyeSection.isHidden())

    def test_bulls_eye_follows_the_theme(self):
        self.apply()
        before, theme = qt.QApplication.palette(), qt.QApplication.palette()
        theme.setColor(qt.QPalette.WindowText, qt.QColor("#123456"))
        with mock.patch.object(findings, "drawBullseye", wraps=findings.drawBullseye) as draw:
            slicer.app.setPalette(theme)
        slicer.app.setPalette(before)
        *_what, ink = draw.call_args.args
        self.assertEqual(ink.name(), "#123456")

    def test_measuring_and_writing_leave_the_window_free(self):
        self.apply()
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "heart.html")
            for button in (self.ui.recomputeButton, self.ui.reportButton):
                with mock.patch.object(result_buttons, "savePath", return_value=path):
                    button.click()
                self.assertEqual(self.ui.applyButton.text, "Cancel")
                self.ui.applyButton.click()
                self.assertEqual(self.ui.applyButton.text, "Apply")
                self.assertIn("Cancelled", self.ui.statusLabel.text)
            self.assertEqual(list(Path(folder).iterdir()), [])

    def test_copied_table_can_be_pasted(self):
        self.apply()
        self.ui.copyButton.click()
        lines = [line.split("\t") for line in qt.QApplication.clipboard().text().splitlines()]
        self.assertEqual(lines[0][:3], ["Tissue", "Voxels", "Volume [mL]"])
        self.assertEqual({len(line) for line in lines}, {len(lines[0])})
        scar = regionArray(self.node.output, "scar", self.volumes[0]).sum()
        self.assertIn(["scar", str(scar)], [line[:2] for line in lines])

    def test_report_goes_where_the_user_says(self):
        self.apply()
        with tempfile.TemporaryDirectory() as folder:
            for path in ("", str(Path(folder) / "heart.html")):
                with mock.patch.object(result_buttons, "savePath", return_value=path):
                    self.click(self.ui.reportButton)
            names = sorted(file.name for file in Path(folder).iterdir())
        self.assertEqual(names, ["heart.csv", "heart.html"])
        self.assertIn("heart.html", self.ui.statusLabel.text)

    def test_insertion_is_placed_where_there_is_none(self):
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        slicer.mrmlScene.RemoveNode(self.insertion)
        self.ui.placeButton.click()
        self.assertEqual(interaction.GetCurrentInteractionMode(), interaction.Place)
        self.assertEqual(self.node.rvInsertion.GetName(), "RV insertion")
        self.node.rvInsertion.AddControlPointWorld(vtk.vtkVector3d(1, 2, 3))
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        slicer.app.processEvents()
        self.assertEqual(self.node.rvInsertion.GetNumberOfDefinedControlPoints(), 1)
        self.assertIn("is placed", self.ui.statusLabel.text)

    def test_insertion_that_is_given_up_is_none(self):
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        slicer.mrmlScene.RemoveNode(self.insertion)
        before = slicer.mrmlScene.GetNumberOfNodes()
        self.ui.placeButton.click()
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)  # the arrow does
        slicer.app.processEvents()
        self.assertIsNone(self.node.rvInsertion)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assertTrue(self.ui.applyButton.enabled, self.ui.applyButton.toolTip)

    def test_click_into_the_ventricle_that_is_given_up_leaves_no_point(self):
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        arrow = partial(interaction.SetCurrentInteractionMode, interaction.ViewTransform)
        escape = self.ui.scrollArea.findChild(qt.QShortcut).activated.emit
        for give_up in (arrow, escape, self.representation.exit, self.ui.placeButton.click):
            before = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
            self.ui.findButton.click()
            self.assertIn("Click into the blood", self.ui.statusLabel.text)
            give_up()
            slicer.app.processEvents()
            after = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
            self.assertEqual(after, before)
            self.assertEqual(self.ui.applyButton.text, "Apply")
            self.representation.enter()

    def test_second_placement_follows_one_that_was_given_up(self):
        for x in (1.0, 2.0):
            self.ui.placeButton.click()
            self.ui.placeButton.click()
            slicer.app.processEvents()
            self.assertIn("Click where", self.ui.statusLabel.text)
            self.insertion.AddControlPointWorld(vtk.vtkVector3d(x, 2, 3))
            slicer.app.processEvents()
            self.assertEqual(self.insertion.GetNumberOfControlPoints(), 1)
            self.assertEqual(self.insertion.GetNthControlPointPositionWorld(0)[0], x)

    def test_region_is_picked_by_its_name_or_because_it_is_alone(self):
        for node in (self.region, self.truth):
            slicer.mrmlScene.RemoveNode(node)
        inside = np.ones(slicer.util.arrayFromVolume(self.volumes[0]).shape, np.uint8)

        def add(*names):
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "S")
            for name in names:
                segment = node.GetSegmentation().AddEmptySegment("", name)
                slicer.util.updateSegmentBinaryLabelmapFromArray(
                    inside, node, segment, self.volumes[0]
                )
            slicer.app.processEvents()
            return node

        for names, likely in (
            (("Segment_1",), "Segment_1"),
            (("RV", "Left Ventricle", "aorta"), "Left Ventricle"),
            (("aorta", "endo", "epi"), "epi"),
            (("scar", "healthy myocardium"), None),
            (("scar",), None),
            (("Myocard", "LV epi"), "LV epi"),
        ):
            with self.subTest(names):
                node = add(*names)
                self.assertIs(self.node.region, node if likely else None)
                if likely:
                    segment = node.GetSegmentation().GetSegment(self.node.segment)
                    self.assertEqual(segment.GetName(), likely)
                    self.assertTrue(self.ui.applyButton.enabled, self.ui.applyButton.toolTip)
                slicer.mrmlScene.RemoveNode(node)
        self.ui.regionSelector.setCurrentNode(add("aorta", "LV"))
        segmentation = self.node.region.GetSegmentation()
        self.assertEqual(segmentation.GetSegment(self.node.segment).GetName(), "LV")

    # The ends of a run

    def test_work_goes_on_during_a_run(self):
        """What is drawn meanwhile stays: the result is written beside it."""
        self.quick()
        drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Drawn")
        self.node.output = drawn
        self.ui.applyButton.click()
        segment = drawn.GetSegmentation().AddEmptySegment("", "mine")
        inside = regionArray(self.region, "LV", self.volumes[0]).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(inside, drawn, segment, self.volumes[0])
        self.let_run(lambda: self.ui.applyButton.text == "Apply")
        self.assertIsNot(self.node.output, drawn)
        self.assertEqual([segment.GetName() for segment in segmentsOf(drawn)], ["mine"])

    def test_reloading_the_module_ends_a_run(self):
        before = dict(sys.modules)
        try:
            self.during(self.panel.onReload)
        finally:
            sys.modules.update(before)
            slicer.util.reloadScriptedModule("DeepGMMSegmentation")
        self.assertEqual(self.segmentations(), {self.region, self.truth})
        self.assertTrue(self.ui.applyButton.enabled, self.ui.applyButton.toolTip)

    def test_deleting_an_input_ends_a_run_with_a_reason(self):
        self.failing(lambda: self.during(lambda: slicer.mrmlScene.RemoveNode(self.volumes[2])))
        self.assertIn("bSSFP was deleted", self.ui.statusLabel.text)
        self.assertEqual(self.segmentations(), {self.region, self.truth})
        self.assertEqual(self.ui.applyButton.text, "Apply")

    def failing(self, action):
        """Do what fails inside a slot, whose exception Qt shows and does not hand on."""
        with mock.patch.object(sys, "excepthook"), mock.patch("traceback.print_exc"):
            action()

    def test_failure_is_told_and_changes_nothing(self):
        self.quick()
        before = slicer.mrmlScene.GetNumberOfNodes()
        slicer.util.arrayFromVolume(self.volumes[0])[:] = 7
        self.failing(self.apply)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assertIn("LGE", self.ui.statusLabel.text)
        self.assertTrue(self.ui.applyButton.enabled)

    # Installation

    def test_missing_torch_is_told_with_the_next_step(self):
        lost = mock.patch.object(
            dependencies, "installed", lambda package: "" if package == "torch" else "1.0"
        )
        none = mock.patch.dict(sys.modules, {"PyTorchUtils": None})
        with lost, none:
            self.panel._showTorch()
            self.assertFalse(self.ui.installButton.isHidden())
            self.assertIn("torch", self.ui.torchLabel.text)
            with self.assertRaisesRegex(DeepGMMError, "Extensions Manager"):
                dependencies.ensure()
        self.panel._showTorch()
        self.assertTrue(self.ui.installButton.isHidden())
        self.assertIn(dependencies.installed("torch"), self.ui.torchLabel.text)
