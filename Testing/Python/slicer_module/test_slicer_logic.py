"""The logic beyond the self-test: geometry, bad input, and that nothing is left behind."""

# ruff: noqa: PT009, PT027  (Slicer runs these by unittest)
import unittest
from unittest import mock

import numpy as np
import slicer
import vtk
from DeepGMMSlicer.scene import owned_nodes, result_nodes, sampledata
from DeepGMMSlicer.scene.images import gridDifference, resampleVolume, voxelToWorld
from DeepGMMSlicer.scene.region import regionArray
from DeepGMMSlicer.scene.stored_result import readRecord
from DeepGMMSlicer.scene.views import showHeart
from DeepGMMSlicer.selftest import segmentsOf

from DeepGMMSegmentation import DeepGMMSegmentationLogic
from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
from DeepGMMSegmentationLib.tissues import CONTEXT, TISSUES

QUICK = Settings(method="GMM", max_iterations=2, min_iterations=1)


def content(scene):
    return {node.GetID(): (node.GetName(), node.GetMTime()) for node in scene.GetNodes()}


class LogicTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.logic = DeepGMMSegmentationLogic()  # whose process takes seconds to start

    def setUp(self):
        slicer.mrmlScene.Clear()
        *self.volumes, self.region, self.truth, self.insertion = sampledata.loadSample()

    def process(self, **changes):
        arguments = {"volumes": self.volumes, "region": self.region, "settings": QUICK, **changes}
        return self.logic.process(**arguments)

    def test_result_lies_where_the_image_lies(self):
        turned = vtk.vtkMatrix4x4()
        self.volumes[0].GetIJKToRASMatrix(turned)
        turned.SetElement(0, 3, 33.0)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "T")
        for volume in self.volumes:
            volume.SetIJKToRASMatrix(turned)
            volume.SetAndObserveTransformNodeID(transform.GetID())
        shift = vtk.vtkMatrix4x4()
        shift.SetElement(0, 3, -33.0)  # back to where the region is
        transform.SetMatrixTransformToParent(shift)
        node = self.process(maps=True)
        self.assertEqual(node.GetParentTransformNode(), transform)
        maps = owned_nodes.ownedNodes(node, [owned_nodes.MAP])
        self.assertEqual(len(maps), 4)
        for probability in maps:
            self.assertEqual(gridDifference(probability, self.volumes[0]), "")
        total = sum(slicer.util.arrayFromVolume(probability) for probability in maps)
        inside = slicer.util.arrayFromSegmentBinaryLabelmap(
            self.region, self.region.GetSegmentation().GetNthSegmentID(0), self.volumes[0]
        )
        np.testing.assert_allclose(total, inside, atol=1e-5)
        painted = sum(
            slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, self.volumes[0])
            for segment in node.GetSegmentation().GetSegmentIDs()
        )
        np.testing.assert_array_equal(painted, inside)

    def test_views_show_the_slice_with_most_infarct_in_its_own_plane(self):
        turn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        rotation = vtk.vtkTransform()
        rotation.RotateWXYZ(40, 1, 2, 0.5)
        turn.SetMatrixTransformToParent(rotation.GetMatrix())
        for node in (*self.volumes, self.region):
            node.SetAndObserveTransformNodeID(turn.GetID())
        views = {
            view.GetLayoutName(): view for view in slicer.util.getNodesByClass("vtkMRMLSliceNode")
        }
        if "Red" not in views:
            red = slicer.vtkMRMLSliceNode()
            red.SetLayoutName("Red")
            views["Red"] = slicer.mrmlScene.AddNode(red)
        settings = Settings.infarct(["LGE", "T2", "bSSFP"], max_iterations=4, min_iterations=1)
        node = self.process(segment="LV", settings=settings)
        for _step in showHeart(node):
            pass
        scar = regionArray(node, "scar", self.volumes[0])
        to_world = voxelToWorld(self.volumes[0])
        red = slicer.util.arrayFromVTKMatrix(views["Red"].GetSliceToRAS())
        normal = to_world[:3, 2] / np.linalg.norm(to_world[:3, 2])
        self.assertAlmostEqual(abs(red[:3, 2] @ normal), 1, places=5)
        x, y, z, _one = np.linalg.inv(to_world) @ red[:, 3]
        self.assertAlmostEqual(z, scar.sum(axis=(1, 2)).argmax(), places=3)
        inside = np.argwhere(regionArray(self.region, "LV", self.volumes[0]))
        self.assertTrue(np.allclose([y, x], inside.mean(axis=0)[1:], atol=0.5))
        width, height, _depth = views["Red"].GetFieldOfView()
        size = np.ptp(inside, axis=0)[1:] * self.volumes[0].GetSpacing()[0]
        self.assertTrue(size.max() < min(width, height) < 2 * size.max())

    def test_inputs_are_untouched_and_the_result_is_beside_them(self):
        before = content(slicer.mrmlScene)
        arrays = [slicer.util.arrayFromVolume(volume).copy() for volume in self.volumes]
        node = self.process()
        after = content(slicer.mrmlScene)
        for node in (*self.volumes, self.region, self.truth):
            self.assertEqual(after[node.GetID()], before[node.GetID()], node.GetName())
        for volume, array in zip(self.volumes, arrays):
            np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), array)
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        parents = {
            hierarchy.GetItemParent(hierarchy.GetItemByDataNode(sibling))
            for sibling in (*self.volumes, node)
        }
        self.assertEqual(len(parents), 1)
        self.assertNotEqual(parents, {hierarchy.GetSceneItemID()})

    def test_failure_while_the_result_is_added_leaves_no_trace(self):
        output = self.process()
        names = [segment.GetName() for segment in segmentsOf(output)]
        before = content(slicer.mrmlScene)
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        for target in (None, output):
            items = hierarchy.GetNumberOfItems()
            full = mock.patch.object(result_nodes, "placeBeside", side_effect=MemoryError("full"))
            with full, self.assertRaises(MemoryError):
                self.process(output=target, settings=Settings(method="GMM", classes=3))
            self.assertEqual(set(content(slicer.mrmlScene)), set(before))
            self.assertEqual(hierarchy.GetNumberOfItems(), items)
        self.assertEqual([segment.GetName() for segment in segmentsOf(output)], names)

    def test_input_deleted_during_the_run(self):
        def delete(event):
            slicer.mrmlScene.RemoveNode(self.volumes[1])

        with self.assertRaisesRegex(InvalidInput, "T2 was deleted during the run"):
            self.process(progress=delete)
        segmentations = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        self.assertEqual(set(segmentations), {self.region, self.truth})

    def test_heartbeat_may_cancel(self):
        before = content(slicer.mrmlScene)

        def cancel():
            raise Cancelled("stop")

        with self.assertRaises(Cancelled):
            self.process(settings=Settings(method="deepSVG", filters=4), heartbeat=cancel)
        self.assertEqual(content(slicer.mrmlScene), before)

    def test_bad_input_is_named_and_changes_nothing(self):
        scene = slicer.mrmlScene
        bare = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Bare")
        vector = slicer.util.addVolumeFromArray(
            np.zeros((10, 128, 128, 3)), name="Vector", nodeClassName="vtkMRMLVectorVolumeNode"
        )
        sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Frames")
        small = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5)), name="Small")
        bent = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5)), name="Bent")
        bspline = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
        bspline.SetAndObserveTransformFromParent(vtk.vtkThinPlateSplineTransform())
        bent.SetAndObserveTransformNodeID(bspline.GetID())
        flat = slicer.util.addVolumeFromArray(
            np.ones(slicer.util.arrayFromVolume(self.volumes[0]).shape), name="Flat"
        )
        flat.CopyOrientation(self.volumes[0])
        before = content(scene)
        first = self.volumes[:1]
        for changes, text in (
            ({"volumes": []}, "There is no image"),
            ({"region": None}, "There is no region"),
            ({"volumes": [*first, bare]}, "Bare holds no image"),
            ({"volumes": [*first, vector]}, "Vector has several values per voxel"),
            ({"volumes": [*first, sequence]}, "Frames is not a volume"),
            (
                {"volumes": [*first, small]},
                "Small lies on another grid than LGE .size .5, 4, 3.",
            ),
            ({"volumes": [*first, bent]}, "Bent is under a transform that bends it"),
            ({"volumes": [*first, *first]}, "selected twice"),
            ({"volumes": [*first, flat]}, "constant|Flat|same"),
            ({"output": self.region}, "both an input and the output"),
            ({"roles": ["A", "A", "B"]}, "different names"),
        ):
            with self.subTest(text), self.assertRaisesRegex(InvalidInput, text):
                self.process(**changes)
            self.assertEqual(content(scene), before)

    def test_grids_are_told_apart_and_resampled(self):
        volume, reference = self.volumes[1], self.volumes[0]
        self.assertEqual(gridDifference(volume, reference), "")
        original = slicer.util.arrayFromVolume(volume).copy()
        coarse = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(coarse)
        for element in ((0, 3), (1, 3), (2, 3)):  # rounding, as headers have it
            changed = vtk.vtkMatrix4x4()
            changed.DeepCopy(coarse)
            changed.SetElement(*element, coarse.GetElement(*element) + 0.02)
            volume.SetIJKToRASMatrix(changed)
            self.assertEqual(gridDifference(volume, reference), "")
        for what, element, value in (
            ("origin", (0, 3), 0.5),
            ("spacing", (1, 1), 1.5),
            ("direction", (2, 2), -coarse.GetElement(2, 2)),
        ):
            changed = vtk.vtkMatrix4x4()
            changed.DeepCopy(coarse)
            changed.SetElement(*element, value)
            volume.SetIJKToRASMatrix(changed)
            self.assertIn(what, gridDifference(volume, reference))
        shifted = vtk.vtkMatrix4x4()
        shifted.DeepCopy(coarse)
        shifted.SetElement(0, 3, coarse.GetElement(0, 3) + coarse.GetElement(0, 0))  # one column
        volume.SetIJKToRASMatrix(shifted)
        copy = resampleVolume(volume, reference)
        self.assertEqual(gridDifference(copy, reference), "")
        np.testing.assert_allclose(
            slicer.util.arrayFromVolume(copy)[:, :, 1:], original[:, :, :-1], rtol=1e-5
        )
        self.assertTrue(np.isnan(slicer.util.arrayFromVolume(copy)[:, :, 0]).all())  # not reached
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), original)

    def test_roles_names_and_record(self):
        self.volumes[2].SetName("perfusion")
        node = self.process(segment="LV")
        record = readRecord(node)
        self.assertEqual(record["roles"], ["LGE", "T2", "perfusion"])
        self.assertEqual(node.GetName(), "LV tissues")
        self.assertEqual(record["settings"]["method"], "GMM")
        self.assertLessEqual({"python", "torch", "slicer"}, set(record["versions"]))
        reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        self.assertIs(reference, self.volumes[0])

    def test_a_volume_called_psir_has_no_fwhm(self):
        self.volumes[0].SetName("PSIR sa")
        roles = ["LGE", "T2", "bSSFP"]
        quick = Settings.infarct(roles, max_iterations=2, min_iterations=1)
        node = self.process(segment="LV", settings=quick)
        for measures in (readRecord(node)["measures"], self.logic.recompute(node)):
            self.assertNotIn("FWHM", {yardstick["method"] for yardstick in measures["yardsticks"]})
            told = [note for note in measures["notes"] if "No FWHM" in note and "name" in note]
            self.assertTrue(told, measures["notes"])
        self.volumes[0].SetName("LGE")
        measures = self.logic.recompute(node)
        self.assertIn("FWHM", {yardstick["method"] for yardstick in measures["yardsticks"]})

    def test_a_volume_in_the_place_of_another_sequence_is_warned_of(self):
        node = self.process(segment="LV", roles=["bSSFP", "T2", "LGE"])
        warnings = readRecord(node)["measures"]["warnings"]
        self.assertEqual(sum("by its own name" in text for text in warnings), 2, warnings)

    def test_terms_are_known_to_slicer(self):
        logic = slicer.modules.terminologies.logic()
        self.assertTrue(logic.IsTerminologyContextLoaded(CONTEXT))
        colors = {}
        category, kind = slicer.vtkSlicerTerminologyCategory(), slicer.vtkSlicerTerminologyType()
        for i in range(logic.GetNumberOfCategoriesInTerminology(CONTEXT)):
            logic.GetNthCategoryInTerminology(CONTEXT, i, category)
            for j in range(logic.GetNumberOfTypesInTerminologyCategory(CONTEXT, category)):
                logic.GetNthTypeInTerminologyCategory(CONTEXT, category, j, kind)
                codes = category.GetCodeValue(), kind.GetCodeValue(), kind.GetCodeMeaning()
                colors[codes] = tuple(kind.GetRecommendedDisplayRGBValue())
        for usual in TISSUES.values():
            entry = slicer.vtkSlicerTerminologyEntry()
            self.assertTrue(logic.DeserializeTerminologyEntry(usual.terminology, entry))
            category, kind = entry.GetCategoryObject(), entry.GetTypeObject()
            codes = category.GetCodeValue(), kind.GetCodeValue(), kind.GetCodeMeaning()
            self.assertEqual(colors[codes], usual.color, usual.name)
            self.assertEqual(entry.GetRegionObject().GetCodeMeaning(), "Left Ventricle")
