"""3D Slicer's own reader loads the contours where they were drawn."""

# ruff: noqa: PT009
import json
import math
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
import slicer

from DeepGMMSegmentationLib.report.contours import contours_json

TISSUES = ("blood pool", "healthy myocardium")
SPACING = (8.0, 1.5, 1.2)


def disc():
    """Three slices of a disc of blood, 20 mm wide, in a ring that is 10 mm thick."""
    y, x = np.indices((60, 70))
    radius = np.hypot((y - 30) * SPACING[1], (x - 36) * SPACING[2])
    labels = np.zeros((4, 60, 70), np.uint8)
    labels[1:, radius < 20] = 2
    labels[1:, radius < 10] = 1
    return labels


def grid(shape):
    image = sitk.Image(shape[::-1], sitk.sitkUInt8)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin((10.0, -20.0, 30.0))
    c, s = math.cos(0.4), math.sin(0.4)
    image.SetDirection((c, 0, s, 0, 1, 0, -s, 0, c))
    return image


class ContoursTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear()
        self.labels = disc()
        self.reference = grid(self.labels.shape)

    def load(self, tissues=TISSUES):
        """Return the curves in the scene by name, once Slicer has read the file."""
        logic = slicer.vtkSlicerMarkupsLogic()
        logic.SetMRMLScene(slicer.mrmlScene)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "contours.mrk.json"
            path.write_text(contours_json(self.labels, tissues, self.reference))
            logic.LoadMarkupsFromJson(str(path))
        nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsClosedCurveNode")
        return {node.GetName(): node for node in nodes}

    def test_slicer_reads_every_curve_at_its_place(self):
        curves = self.load()
        names = [f"{name} {z}" for name in ("epicardium", "endocardium") for z in (2, 3, 4)]
        self.assertEqual(list(curves), names)
        for name, radius in (("epicardium 3", 20), ("endocardium 3", 10)):
            points = slicer.util.arrayFromMarkupsControlPoints(curves[name])
            center = self.reference.TransformIndexToPhysicalPoint((36, 30, 2))
            center = np.array(center) * (-1, -1, 1)  # LPS to RAS
            distances = np.linalg.norm(points - center, axis=1)
            self.assertLess(np.abs(distances - radius).max(), 1.5)  # mm, about a pixel
            length = curves[name].GetCurveLengthWorld()
            self.assertAlmostEqual(length / (2 * np.pi * radius), 1, delta=0.06)

    def test_unnamed_classes_have_the_outline_of_the_region_alone(self):
        self.assertEqual(
            list(self.load(("Class 1", "Class 2"))), ["region 2", "region 3", "region 4"]
        )

    def test_the_file_has_what_the_schema_requires(self):
        written = json.loads(contours_json(self.labels, TISSUES, self.reference))
        self.assertIn("markups-schema-v1.0.3.json", written["@schema"])
        for markup in written["markups"]:
            self.assertEqual(markup["type"], "ClosedCurve")
            self.assertEqual((markup["coordinateSystem"], markup["coordinateUnits"]), ("LPS", "mm"))
            statuses = {point["positionStatus"] for point in markup["controlPoints"]}
            self.assertEqual(statuses, {"defined"})
