"""The self-test of what a user does with a result, and with what the user knows beforehand."""

# ruff: noqa: PT009, PT027  (Slicer runs the self-test by unittest)
from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.settings import Settings

from .parameters import ESTIMATED, NO_REFLOW
from .scene import owned_nodes
from .scene.measuring import REMOTE
from .scene.owned_nodes import CHART, SERIES
from .scene.region import regionArray
from .scene.stored_result import readRecord

ROLES = ["LGE", "T2", "bSSFP"]


def paint(node: Any, name: str, voxels: np.ndarray, reference: Any) -> None:
    """Make a segment, which is added where there is none of that name, cover these voxels."""
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegmentIdBySegmentName(name) or segmentation.AddEmptySegment("", name)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        voxels.astype(np.uint8), node, segment, reference
    )


def newSegmentation(name: str) -> Any:
    """Add an empty segmentation to the scene."""
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)


class ResultTests:
    """Mixed into the self-test: measures, edits, reports, strokes, priors and networks."""

    def infarct(self, **changes: Any) -> Any:
        """Return a result of the preset, the quickest way."""
        settings = Settings.infarct(ROLES, max_iterations=4, min_iterations=1)
        arguments = {"settings": settings, "rvInsertion": self.insertion, **changes}
        return self.logic.process(self.volumes, self.region, "LV", **arguments)

    def column(self, node: Any, role: str, column: int) -> list[str]:
        """Return a column of the table in that role."""
        (table,) = (member.GetTable() for member in owned_nodes.ownedNodes(node, [role]))
        return [table.GetValue(row, column).ToString() for row in range(table.GetNumberOfRows())]

    def voxels(self, node: Any) -> dict[str, int]:
        """Return the voxels of each tissue, as the table has them."""
        names = self.column(node, owned_nodes.TABLE, 0)
        return dict(zip(names, map(int, self.column(node, owned_nodes.TABLE, 1))))

    def test_TableHoldsWhatAClinicianAsks(self) -> None:
        """Tissues, infarct, area at risk, usual thresholds; the same figures as in the record."""
        node = self.infarct()
        table, measures = self.voxels(node), readRecord(node)["measures"]
        tissues = ["blood pool", "healthy myocardium", "edema", "scar"]
        self.assertEqual(list(table)[:7], [*tissues, "myocardium", "infarct", "area at risk"])
        thresholds = [*(f"{n}-SD" for n in range(2, 7)), "FWHM", "grey zone, 2- to 5-SD"]
        thresholds += ["weighted above 2-SD", "grey zone, 35 to 50 %", "Otsu"]
        self.assertEqual(list(table)[7:], [f"infarct by {name}" for name in thresholds])
        self.assertEqual(table["area at risk"], table["edema"] + table["scar"])
        index = 1 - table["infarct"] / table["area at risk"]
        self.assertAlmostEqual(measures["infarct"]["salvage_index"], index)
        self.assertEqual(self.column(node, owned_nodes.TABLE, 8)[6], f"{index:.2f}")
        self.assertEqual(self.logic.tableText(node).count("\n"), len(table))

    def test_RecomputeFollowsAnEdit(self) -> None:
        """Scar that is given to the healthy wall leaves the table, which stays the same node."""
        node = self.infarct()
        first, before = self.volumes[0], self.voxels(node)
        owned = owned_nodes.ownedNodes(node)

        def charts() -> dict[str, int]:
            members = owned_nodes.ownedNodes(node, [CHART, SERIES])
            return {member.GetID(): member.GetMTime() for member in members}

        drawn = charts()
        scar, healthy = (regionArray(node, name, first) for name in ("scar", "healthy myocardium"))
        taken = scar & (np.cumsum(scar).reshape(scar.shape) <= 50)
        paint(node, "scar", scar & ~taken, first)
        paint(node, "healthy myocardium", healthy | taken, first)
        measures = self.logic.recompute(node, rvInsertion=self.insertion)
        after = self.voxels(node)
        self.assertEqual(after["scar"], before["scar"] - 50)
        self.assertEqual(after["healthy myocardium"], before["healthy myocardium"] + 50)
        self.assertEqual(after["blood pool"], before["blood pool"])
        self.assertEqual(owned_nodes.ownedNodes(node), owned)
        self.assertEqual(charts(), drawn)
        self.assertIn("The labels were changed after the fit", " ".join(measures["notes"]))
        self.assertEqual(measures["infarct"]["infarct"]["voxels"], after["infarct"])

    def test_RenamedAndAddedSegmentsCountAsTheTissuesTheyAreNamedFor(self) -> None:
        """Unnamed classes become tissues when the user names them; what fits none is refused."""
        node = self.infarct(settings=self.quick)
        self.assertNotIn("infarct", self.voxels(node))
        segmentation = node.GetSegmentation()
        names = ["scar", "blood pool", "healthy myocardium", "edema"]
        for i, name in enumerate(names):
            segmentation.GetNthSegment(i).SetName(name)
        self.logic.recompute(node)
        table = self.voxels(node)
        self.assertEqual(list(table)[:4], names)
        cores = readRecord(node)["measures"]["infarct"]["no_reflow"]  # dark, enclosed by scar
        self.assertEqual(table["infarct"], table["scar"] + (cores["voxels"] if cores else 0))
        added = segmentation.AddEmptySegment("", "fat")
        before = self.scene(), readRecord(node)
        with self.assertRaisesRegex(InvalidInput, "fat is none of the tissues scar"):
            self.logic.recompute(node)
        self.assertEqual((self.scene(), readRecord(node)), before)
        segmentation.GetSegment(added).SetName("edema")
        segmentation.GetNthSegment(3).SetName("scar")
        with self.assertRaisesRegex(InvalidInput, "Two classes stand for scar"):
            self.logic.recompute(node)

    def test_RVInsertionDividesTheWall(self) -> None:
        """17 segments with the point, thirds without; Recompute follows; a bad one is refused."""
        node = self.infarct(rvInsertion=None)
        thirds = self.column(node, owned_nodes.SEGMENTS, 1)
        self.assertEqual(thirds, ["basal third", "mid third", "apical third", "apex"])
        self.logic.recompute(node, rvInsertion=self.insertion)
        self.assertEqual(
            self.column(node, owned_nodes.SEGMENTS, 0), [str(i + 1) for i in range(17)]
        )
        infarct = dict(zip(*(self.column(node, owned_nodes.SEGMENTS, column) for column in (1, 3))))
        # The sample's infarct is anteroseptal.
        self.assertEqual(max(infarct, key=lambda wall: float(infarct[wall] or 0)),
                         "mid anteroseptal")  # fmt: skip
        before = self.scene()
        self.insertion.SetNthControlPointPositionWorld(0, 0, 0, 5000)
        with self.assertRaisesRegex(InvalidInput, "outside the slices"):
            self.infarct()
        self.insertion.RemoveAllControlPoints()
        with self.assertRaisesRegex(InvalidInput, "RV insertion has no point"):
            self.infarct()
        self.assertEqual(self.scene(), before)

    def test_RemoteRegionMovesTheThresholds(self) -> None:
        """A drawn remote region takes the place of the healthy class in n-SD."""
        node = self.infarct()
        healthy = regionArray(self.truth, "healthy myocardium", self.volumes[0])
        image = slicer.util.arrayFromVolume(self.volumes[0])
        bright = healthy & (image > np.median(image[healthy]))
        remote = newSegmentation("Drawn")
        paint(remote, "other", healthy, self.volumes[0])
        paint(remote, REMOTE, bright, self.volumes[0])
        measures = self.logic.recompute(node, remote=remote)
        two = next(entry for entry in measures["yardsticks"] if entry["method"] == "2-SD")
        names = ("healthy myocardium", "edema", "scar")
        wall = np.any([regionArray(node, name, self.volumes[0]) for name in names], axis=0)
        values = image[bright & wall]
        expected = values.mean() + 2 * values.std(ddof=1)
        self.assertAlmostEqual(two["threshold"] / expected, 1, places=5)

    def test_ReportHoldsTheFiguresAndNoNames(self) -> None:
        """The HTML and CSV files tell the edited result, and nothing that identifies anybody."""
        for identified in (*self.volumes, self.region):
            identified.SetName(f"DOE^JOHN {identified.GetName()}")
        node = self.infarct(roles=ROLES)
        with tempfile.TemporaryDirectory() as folder:
            page, table = self.logic.saveReport(node, Path(folder) / "case7.html")
            self.assertEqual([page.name, table.name], ["case7.html", "case7.csv"])
            text = page.read_text(encoding="utf-8") + table.read_text(encoding="utf-8")
            self.assertFalse("DOE^" in text or "JOHN" in text, "The report names somebody.")
            figure = f"case7,tissue,scar,voxels,,{self.voxels(node)['scar']}"
            self.assertTrue(figure in text and "data:image/png;base64" in text)
            with self.assertRaisesRegex(InvalidInput, "cannot be written"):
                self.logic.saveReport(node, Path(folder) / "missing" / "case.html")
            slicer.mrmlScene.RemoveNode(self.volumes[1])
            with self.assertRaisesRegex(InvalidInput, "not in the scene"):
                self.logic.saveReport(node, Path(folder) / "again.html")
            self.assertFalse((Path(folder) / "again.html").exists())

    def test_MapsOfProbabilityAndEntropy(self) -> None:
        """Where one tissue is certain the entropy is 0, where two are alike it is higher."""
        node = self.infarct(maps=True)
        (entropy,) = owned_nodes.ownedNodes(node, [owned_nodes.ENTROPY])
        maps = owned_nodes.ownedNodes(node, [owned_nodes.MAP])
        p = np.stack([slicer.util.arrayFromVolume(probability) for probability in maps]).astype(
            float
        )
        values = slicer.util.arrayFromVolume(entropy)
        expected = -np.sum(np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0), 0) / np.log(4)
        np.testing.assert_allclose(values, np.abs(expected), atol=1e-5)
        self.assertGreater(values.max(), 0.5)

    def test_StrokesHoldTheirTissue(self) -> None:
        """What is painted as scar is scar, by name or by number; an unknown name is refused."""
        first = self.volumes[0]
        healthy = regionArray(self.truth, "healthy myocardium", first)
        stroke = healthy & (np.cumsum(healthy).reshape(healthy.shape) <= 40)
        self.assertFalse(regionArray(self.infarct(), "scar", first)[stroke].all())
        strokes = newSegmentation("Strokes")
        paint(strokes, "Scar", stroke, first)
        numbers = slicer.util.addVolumeFromArray(
            4 * stroke.astype(np.uint8), name="Numbers", nodeClassName="vtkMRMLLabelMapVolumeNode"
        )
        numbers.CopyOrientation(first)
        for node in (strokes, numbers):
            scar = regionArray(self.infarct(strokes=node), "scar", first)
            self.assertTrue(scar[stroke].all(), node.GetName())
        paint(strokes, "fat", ~stroke, first)
        before = self.scene()
        with self.assertRaisesRegex(InvalidInput, "segment fat; name it as one of the tissues"):
            self.infarct(strokes=strokes)
        with self.assertRaisesRegex(InvalidInput, "are empty"):
            self.infarct(strokes=newSegmentation("Blank"))
        slicer.mrmlScene.RemoveNode(slicer.util.getNode("Blank"))
        self.assertEqual(self.scene(), before)

    def test_PriorOfALabelledSegmentationNamesTheClasses(self) -> None:
        """Estimated at a click, it is the preset, survives in the scene, and gives its names."""
        ui, node = self.panel.ui, self.logic.getParameterNode()
        self.assertFalse(ui.estimateButton.enabled)
        node.preset = ESTIMATED
        self.assertIn("no estimated prior", ui.applyButton.toolTip)
        self.truth.GetSegmentation().GetNthSegment(3).SetName("late scar")
        ui.labelledSelector.setCurrentNode(self.truth)
        ui.estimateButton.click()
        names = ["blood pool", "healthy myocardium", "edema", "late scar"]
        self.assertEqual([name for name, color in node.tissues], names)
        self.assertIn("late scar", ui.priorEdit.toPlainText())
        self.assertNotIn("True tissues", node.estimatedPrior)
        self.assertTrue(ui.applyButton.enabled, ui.applyButton.toolTip)
        self.apply()
        for name, least in (("blood pool", 0.85), ("healthy myocardium", 0.7), ("late scar", 0.5)):
            labels, true = (
                regionArray(source, name, self.volumes[0]) for source in (node.output, self.truth)
            )
            self.assertGreater(2 * (labels & true).sum() / (labels.sum() + true.sum()), least, name)
        self.assertEqual(readRecord(node.output)["settings"]["prior"]["tissues"], names)

    def test_PresetWithNoReflow(self) -> None:
        """It looks for a dark core within the scar as well."""
        node = self.logic.getParameterNode()
        node.preset = NO_REFLOW
        names = ["blood pool", "healthy myocardium", "edema", "scar", "no-reflow"]
        self.assertEqual([name for name, color in node.tissues], names)
        self.apply()
        table = self.voxels(node.output)
        self.assertEqual(list(table)[:5], names)
        self.assertEqual(table["infarct"], table["scar"] + table["no-reflow"])

    def test_TrainedNetworkIsAskedInsteadOfFitting(self) -> None:
        """A network's file, chosen in the panel, decides; a damaged or missing one is refused."""
        from DeepGMMSegmentationLib.mixture.unet import unet_for
        from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

        settings = Settings.infarct(ROLES, method="deepSVG", filters=2, depth=1)
        weights = unet_for(settings, len(ROLES)).state_dict()
        network = TrainedNetwork(settings, tuple(ROLES), 1.4, weights, {})
        ui, node = self.panel.ui, self.logic.getParameterNode()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.safetensors"
            network.save(path)
            ui.networkEdit.currentPath = str(path)
            for widget in (ui.methodSelector, ui.filtersSpinBox, ui.paperButton):
                self.assertFalse(widget.enabled)
            for widget in (ui.deviceEdit, ui.seedSpinBox, ui.min_islandSpinBox, ui.densitySpinBox):
                self.assertTrue(widget.enabled)
            ui.deviceEdit.text = "tpu"
            self.assertIn("device is 'tpu'", ui.applyButton.toolTip)
            ui.deviceEdit.text = "cpu"
            self.assertTrue(ui.applyButton.enabled, ui.applyButton.toolTip)
            ui.refineSpinBox.value = 2
            ui.min_islandSpinBox.value = 5
            self.apply()
            record = readRecord(node.output)
            self.assertEqual(record["network"], network.named(2))
            self.assertEqual(record["settings"]["filters"], 2)
            self.assertEqual(record["settings"]["min_island"], 5)
            settings = dataclasses.replace(settings, filters=4)
            with self.assertRaisesRegex(InvalidInput, "trained with filters 2"):
                self.infarct(network=path, settings=settings)
            path.write_bytes(path.read_bytes()[:-8])
            before = self.scene()
            with self.assertRaisesRegex(InvalidInput, "cannot be read as a trained network"):
                self.infarct(network=path, settings=None)
            self.assertEqual(self.scene(), before)
        self.panel.update()
        self.assertIn("There is no file", ui.applyButton.toolTip)
        ui.networkEdit.currentPath = ""
        self.assertTrue(ui.applyButton.enabled, ui.applyButton.toolTip)
