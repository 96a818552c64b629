"""The self-test of two examinations of one heart, and of the remote myocardium proposed."""

# ruff: noqa: PT009, PT027  (Slicer runs the self-test by unittest)
from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import slicer

from DeepGMMSegmentationLib.errors import InvalidInput

from .panel import result_buttons
from .scene.owned_nodes import COMPARISON, ownedNodes
from .scene.region import regionArray
from .scene.stored_result import readRecord
from .selftest_result import paint


class ComparisonTests:
    """Mixed into the self-test."""

    def test_TwoExaminationsAreCompared(self) -> None:
        """What was scar and is healthy is told in grams, in a table and in files."""
        ui, node, first = self.panel.ui, self.logic.getParameterNode(), self.volumes[0]
        acute, late = self.infarct(), self.infarct()
        scar, healthy = (regionArray(late, name, first) for name in ("scar", "healthy myocardium"))
        healed = scar & (np.cumsum(scar).reshape(scar.shape) <= 50)
        paint(late, "scar", scar & ~healed, first)
        paint(late, "healthy myocardium", healthy | healed, first)
        self.logic.recompute(late, rvInsertion=self.insertion)
        node.output = late
        self.assertFalse(ui.compareButton.enabled)
        ui.baselineSelector.setCurrentNode(acute)
        self.assertTrue(ui.compareButton.enabled)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "change.html"
            with mock.patch.object(result_buttons, "savePath", return_value=str(path)):
                ui.compareButton.click()
            self.assertIn("data:image/png;base64", path.read_text(encoding="utf-8"))
            lines = list(csv.reader(path.with_suffix(".csv").read_text().splitlines()))
        grams = {name: float(change) for name, unit, *_values, change in lines[1:] if unit == "g"}
        expected = (
            -50 * np.prod(first.GetSpacing()) / 1000 * readRecord(late)["measures"]["density"]
        )
        self.assertAlmostEqual(grams["infarct"], expected, places=6)
        self.assertAlmostEqual(grams["area at risk"], expected, places=6)
        (table,) = ownedNodes(late, [COMPARISON])
        self.assertIn("infarct, g", self.column(late, COMPARISON, 0))
        selection = slicer.app.applicationLogic().GetSelectionNode()
        self.assertEqual(selection.GetActiveTableID(), table.GetID())
        self.logic.compare(acute, late)
        self.assertEqual(len(ownedNodes(late, [COMPARISON])), 1)
        self.logic.recompute(late)
        self.assertEqual(ownedNodes(late, [COMPARISON]), [])  # for it would no longer be true

    def test_WhatCannotBeComparedIsTold(self) -> None:
        """The same result twice, no result, and classes without names change nothing."""
        late = self.infarct()
        unnamed = self.infarct(settings=self.quick)
        before = self.scene()
        for baseline, reason in (
            (late, "the same result"),
            (self.region, "no result"),
            (unnamed, "baseline has no mass of myocardium"),
        ):
            with self.assertRaisesRegex(InvalidInput, reason):
                self.logic.compare(baseline, late)
        self.assertEqual(self.scene(), before)

    def test_ProposedRemoteMyocardiumCanBeChanged(self) -> None:
        """The sector taken by itself is drawn; as it is it changes nothing, edited it does."""
        ui, node, first = self.panel.ui, self.logic.getParameterNode(), self.volumes[0]
        self.assertFalse(ui.proposeButton.enabled)
        node.output = self.infarct()

        def thresholds() -> dict[str, float]:
            yardsticks = readRecord(node.output)["measures"]["yardsticks"]
            return {entry["method"]: entry["threshold"] for entry in yardsticks}

        before = thresholds()
        ui.proposeButton.click()
        self.assertIs(ui.remoteSelector.currentNode(), node.remote)
        remote = regionArray(node.remote, "remote", first)
        self.assertFalse((remote & regionArray(self.truth, "scar", first)).any())
        self.click(ui.recomputeButton)
        self.assertEqual(thresholds(), before)
        image = slicer.util.arrayFromVolume(first)
        paint(node.remote, "remote", remote & (image > np.median(image[remote])), first)
        self.click(ui.recomputeButton)
        self.assertGreater(thresholds()["2-SD"], before["2-SD"])
        slicer.mrmlScene.RemoveNode(first)
        node.remote = None
        with self.assertRaisesRegex(InvalidInput, "LGE image it came from"):
            self.panel.resultButtons.onPropose()
        self.assertIsNone(node.remote)
