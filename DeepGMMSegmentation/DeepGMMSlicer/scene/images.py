"""Volumes as the library wants them: which is which, on one grid, as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.io.grids import Grid, grid_differences


def checkVolumes(volumes: Sequence[Any]) -> None:
    """Refuse what is no image of one value per voxel, or not on the first image's grid.

    Raises
    ------
    InvalidInput
        Naming the volume, what is wrong with it and what to do.
    """
    if not volumes:
        raise InvalidInput(_("There is no image; select at least one volume."))
    for volume in volumes:
        name = volume.GetName()
        if not isinstance(volume, slicer.vtkMRMLScalarVolumeNode):
            raise InvalidInput(
                _("{name} is not a volume; select a scalar volume (of a sequence, one frame).")
                .format(name=name)
            )  # fmt: skip
        image = volume.GetImageData()
        if image is None or image.GetPointData().GetScalars() is None:
            raise InvalidInput(_("{name} holds no image; load it again.").format(name=name))
        if image.GetNumberOfScalarComponents() != 1:
            raise InvalidInput(
                _("{name} has several values per voxel; select a scalar volume.").format(name=name)
            )
        transform = volume.GetParentTransformNode()
        if transform is not None and not transform.IsTransformToWorldLinear():
            raise InvalidInput(
                _("{name} is under a transform that bends it; harden the transform.")
                .format(name=name)
            )  # fmt: skip
    if len(set(volumes)) < len(volumes):
        raise InvalidInput(_("A volume is selected twice; select each once."))
    for volume in volumes[1:]:
        difference = gridDifference(volume, volumes[0])
        if difference:
            raise InvalidInput(
                _("{name} lies on another grid than {first} ({difference}); resample it.").format(
                    name=volume.GetName(), first=volumes[0].GetName(), difference=difference
                )
            )


def gridDifference(volume: Any, reference: Any) -> str:
    """Return in words how the grids of two volumes differ in the world, or an empty text."""
    return ", ".join(grid_differences(_grid(volume), _grid(reference)))


def voxelToWorld(volume: Any) -> np.ndarray:
    """Return the 4 × 4 matrix from voxels (x, y, z) to the world (RAS), transforms included."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    toWorld = slicer.util.arrayFromVTKMatrix(matrix)
    transform = volume.GetParentTransformNode()
    if transform is not None:
        transform.GetMatrixTransformToWorld(matrix)
        toWorld = slicer.util.arrayFromVTKMatrix(matrix) @ toWorld
    return toWorld


def _grid(volume: Any) -> Grid:
    """Return where the volume's voxels lie in the world (RAS)."""
    toWorld = voxelToWorld(volume)
    axes = toWorld[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    size = volume.GetImageData().GetDimensions()
    return Grid(size, spacing.tolist(), toWorld[:3, 3].tolist(), (axes / spacing).ravel().tolist())


def orientedImage(volume: Any) -> Any:
    """Return a copy of the volume's image with its place in the world, transforms included."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    image = logic.CreateOrientedImageDataFromVolumeNode(volume)
    image.UnRegister(None)  # created for us
    return image


def resampledImage(image: Any, reference: Any, linear: bool = False, outside: float = 0.0) -> Any:
    """Return an oriented image on the grid of the reference volume, with a value outside."""
    result = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        image, orientedImage(reference), result, linear, False, None, outside
    )
    return result


def resampleVolume(volume: Any, reference: Any) -> Any:
    """Add a copy of the volume on the reference's grid to the scene, linearly interpolated.

    It is NaN where the volume does not reach, so that nothing takes that for measured.
    """
    name = slicer.mrmlScene.GenerateUniqueName(
        _("{name} (resampled)").format(name=volume.GetName())
    )
    source = orientedImage(volume)
    cast = vtk.vtkImageCast()
    cast.SetOutputScalarTypeToFloat()
    cast.SetInputData(source)
    cast.Update()
    source.DeepCopy(cast.GetOutput())  # keeps its place in the world
    image = resampledImage(source, reference, linear=True, outside=math.nan)
    copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.vtkSlicerSegmentationsModuleLogic.CopyOrientedImageDataToVolumeNode(image, copy)
    copy.CreateDefaultDisplayNodes()
    copy.GetDisplayNode().CopyContent(volume.GetDisplayNode()) if volume.GetDisplayNode() else None
    return copy


def makeGrid(volume: Any) -> sitk.Image:
    """Return an empty image on the volume's grid in the world, in SimpleITK's LPS frame."""
    grid = _grid(volume)
    image = sitk.Image(grid.size, sitk.sitkUInt8)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(toLPS(grid.origin))
    image.SetDirection([-value for value in grid.direction[:6]] + grid.direction[6:])
    return image


def toLPS(point: Sequence[float]) -> tuple[float, float, float]:
    """Return a point in the LPS frame of files, given in Slicer's RAS frame."""
    x, y, z = point
    return -x, -y, z


def readArrays(volumes: Sequence[Any]) -> np.ndarray:
    """Return the volumes as one array of shape ``(M, Z, Y, X)``, copied."""
    return np.stack([slicer.util.arrayFromVolume(volume) for volume in volumes])


def readSpacing(volume: Any) -> tuple[float, ...]:
    """Return millimetres per voxel in array order."""
    return tuple(reversed(volume.GetSpacing()))
