"""The region from every kind of node, against masks that are known beforehand."""

# ruff: noqa: N802, PT009, PT027  (Slicer runs these by unittest)
import unittest

import numpy as np
import slicer
import vtk
from DeepGMMSlicer.scene.region import regionArray

from DeepGMMSegmentationLib.errors import InvalidInput

SHAPE = (4, 20, 24)  # slices, rows, columns
SPACING = (1.5, 2.0, 8.0)  # x, y, z


def matrix(rows):
    result = vtk.vtkMatrix4x4()
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            result.SetElement(i, j, value)
    return result


def oblique():
    """A grid turned by 30 degrees about one axis, off the origin."""
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    x, y, z = SPACING
    return matrix([[-x, 0, 0, 40], [0, -y * c, z * s, -7], [0, y * s, z * c, 12], [0, 0, 0, 1]])


class RegionTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear()
        self.volume = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.int16), oblique(), "LGE")
        self.mask = np.zeros(SHAPE, np.uint8)
        self.mask[1:3, 5:12, 8:20] = 1

    def segmentation(self, *masks):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Heart")
        node.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        for i, mask in enumerate(masks):
            segment = node.GetSegmentation().AddEmptySegment(f"S{i}", f"Part {i}")
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, self.volume)
        return node

    def toWorld(self, column, row, slice_):
        return self.ijkToRAS().MultiplyPoint((column, row, slice_, 1))[:3]

    def ijkToRAS(self):
        result = vtk.vtkMatrix4x4()
        self.volume.GetIJKToRASMatrix(result)
        return result

    def check(self, node, segment="", expected=None):
        inside = regionArray(node, segment, self.volume)
        self.assertEqual(inside.dtype, bool)
        np.testing.assert_array_equal(inside, (self.mask if expected is None else expected) > 0)

    def test_segment_by_name_by_id_and_the_only_one(self):
        node = self.segmentation(self.mask)
        for segment in ("Part 0", "S0", ""):
            self.check(node, segment)

    def test_one_of_several_segments_that_share_a_label_map(self):
        other = np.zeros(SHAPE, np.uint8)
        other[1:3, 14:18, 8:20] = 1
        node = self.segmentation(self.mask, other)
        node.GetSegmentation().CollapseBinaryLabelmaps()
        self.assertEqual(node.GetSegmentation().GetNumberOfLayers(), 1)
        self.check(node, "Part 0", self.mask)
        self.check(node, "Part 1", other)

    def test_segment_of_a_closed_surface(self):
        mask = np.zeros(SHAPE, np.uint8)
        mask[1:3, 4:16, 4:20] = 1
        node = self.segmentation(mask)
        segmentation = node.GetSegmentation()
        surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        segmentation.SetConversionParameter("Smoothing factor", "0.0")
        self.assertTrue(node.CreateClosedSurfaceRepresentation())
        segmentation.SetSourceRepresentationName(surface)
        node.RemoveBinaryLabelmapRepresentation()
        inside = regionArray(node, "", self.volume)
        overlap = 2 * (inside & (mask > 0)).sum() / (inside.sum() + mask.sum())
        self.assertGreater(overlap, 0.9)
        self.assertFalse(segmentation.ContainsRepresentation(binary), "the input was changed")

    def test_segment_under_a_transform_is_taken_where_it_is_seen(self):
        node = self.segmentation(self.mask)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        step = np.subtract(self.toWorld(2, 0, 0), self.toWorld(0, 0, 0))
        transform.SetMatrixTransformToParent(
            matrix([[1, 0, 0, step[0]], [0, 1, 0, step[1]], [0, 0, 1, step[2]], [0, 0, 0, 1]])
        )
        node.SetAndObserveTransformNodeID(transform.GetID())
        self.check(node, "", np.roll(self.mask, 2, axis=2))
        # With the image under the same transform they lie on each other again.
        self.volume.SetAndObserveTransformNodeID(transform.GetID())
        self.check(node)

    def test_label_map_of_several_labels_and_of_a_finer_grid(self):
        labels = slicer.util.addVolumeFromArray(
            self.mask * np.arange(1, 5, dtype=np.uint8)[:, None, None],
            self.ijkToRAS(),
            nodeClassName="vtkMRMLLabelMapVolumeNode",
        )
        self.check(labels)
        fine = self.ijkToRAS()
        for axis in range(3):  # half the voxels' width, their centres a quarter off
            corner = fine.GetElement(axis, 3) - 0.25 * fine.GetElement(axis, 0)
            fine.SetElement(axis, 3, corner)
            fine.SetElement(axis, 0, fine.GetElement(axis, 0) / 2)
        labels = slicer.util.addVolumeFromArray(
            np.repeat(self.mask, 2, axis=2), fine, nodeClassName="vtkMRMLLabelMapVolumeNode"
        )
        self.check(labels)

    def test_closed_curve_encloses_its_slice(self):
        curve = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsClosedCurveNode", "Curve")
        curve.SetCurveTypeToLinear()
        for column, row in ((4.5, 3.5), (15.5, 3.5), (15.5, 10.5), (4.5, 10.5)):
            curve.AddControlPointWorld(self.toWorld(column, row, 2))
        expected = np.zeros(SHAPE, np.uint8)
        expected[2, 4:11, 5:16] = 1
        self.check(curve, "", expected)

    def test_closed_curve_must_stay_in_a_slice_and_have_three_points(self):
        curve = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsClosedCurveNode", "Curve")
        with self.assertRaisesRegex(InvalidInput, "Curve has fewer than 3 points"):
            regionArray(curve, "", self.volume)
        for point in ((4, 3, 0), (15, 3, 1), (15, 10, 2)):
            curve.AddControlPointWorld(self.toWorld(*point))
        with self.assertRaisesRegex(InvalidInput, "several slices of LGE"):
            regionArray(curve, "", self.volume)

    def test_box_markup_turned_as_the_image_is(self):
        box = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
        axes = self.ijkToRAS()
        for column, step in enumerate(SPACING):
            for row in range(3):
                axes.SetElement(row, column, axes.GetElement(row, column) / step)
        for row, value in enumerate(self.toWorld(13.5, 8, 1.5)):
            axes.SetElement(row, 3, value)
        box.SetSize(12 * SPACING[0], 7 * SPACING[1], 2 * SPACING[2])
        box.SetAndObserveObjectToNodeMatrix(axes)
        self.check(box)

    def test_what_cannot_be_a_region_is_named(self):
        outside = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
        outside.SetCenter(1000, 1000, 1000)
        outside.SetSize(5, 5, 5)
        empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty")
        blank = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Blank")
        blank.GetSegmentation().AddEmptySegment("S", "Nothing")
        several = self.segmentation(self.mask, self.mask)
        bare = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Bare")
        for node, segment, text in (
            (None, "", "There is no region"),
            (outside, "", "Box is empty or lies outside LGE"),
            (empty, "", "Empty has no segment"),
            (blank, "", "Nothing of Blank is empty"),
            (several, "", "Heart has no segment"),
            (several, "RV", "Heart has no segment RV"),
            (bare, "", "Bare holds no image"),
            (self.volume, "", "LGE cannot be a region"),
        ):
            with self.subTest(text), self.assertRaisesRegex(InvalidInput, text):
                regionArray(node, segment, self.volume)
