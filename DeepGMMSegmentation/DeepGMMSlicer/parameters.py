"""The choices in the panel as parameters of the module's node, most from the `Settings` record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Union

import slicer
from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from DeepGMMSegmentationLib import tissues
from DeepGMMSegmentationLib.fields import choices, ranges
from DeepGMMSegmentationLib.settings import Settings

from .scene.region import KINDS

VolumeList = list[vtkMRMLScalarVolumeNode]
TissueList = list[tuple[str, str]]  # name and "#rrggbb" of every class

INFARCT, HEALTHY = tissues.PRESETS
NO_REFLOW = "Myocardial infarction with no-reflow"
ESTIMATED = "As estimated from a segmentation"
UNNAMED = "Unnamed classes"
PRESETS = [INFARCT, NO_REFLOW, HEALTHY, ESTIMATED, UNNAMED]

# What a clinician gets who changes nothing.
DEFAULTS = Settings.infarct(["LGE", "T2", "bSSFP"])
# Made by other choices in the panel, or only from Python: not parameters of their own.
ELSEWHERE = ("means", "prior")
# In the panel 0 stands for the None of the record: Gaussian components.
GAUSSIAN = "degrees_of_freedom"
# In place of infinity, for which a spin box would be 300 digits wide.
MOST = {int: 2**31 - 1, float: 1e6}


def _annotation(name: str, default: Any) -> Any:
    if name in choices(Settings):
        options = [option for option in choices(Settings)[name] if option != "means"]
        return Annotated[str, Choice(options)]
    if name in ranges(Settings):
        least, most = ranges(Settings)[name]
        least = 0.0 if name == GAUSSIAN else least
        return Annotated[type(least), WithinRange(least, min(most, MOST[type(least)]))]
    return type(default)


FIELDS = {
    field.name: getattr(DEFAULTS, field.name)
    for field in dataclasses.fields(Settings)
    if field.name not in ELSEWHERE
}


def tissueRows(names: Sequence[str]) -> TissueList:
    """Return the rows of the tissue table for tissues of those names, in their usual colours."""
    colors = [tissues.tissue(name, i).color for i, name in enumerate(names)]
    return [(name, "#" + bytes(color).hex()) for name, color in zip(names, colors)]


# A base class for the module's parameter node: one parameter per field, with the record's range
# and choices. Slicer's wrapper reads annotations, so that is what is made here.
SettingsParameters = type(
    "SettingsParameters",
    (),
    {
        **FIELDS,
        "__annotations__": {name: _annotation(name, value) for name, value in FIELDS.items()},
    },
)


@parameterNodeWrapper
class DeepGMMSegmentationParameterNode(SettingsParameters):
    """The choices in the panel; those of `Settings` come with the base class.

    lge, t2, bssfp, others - The aligned images.
    region, segment - Where to look: a node and, of a segmentation, the segment's ID.
    preset, tissues - Which tissues, and the name and color ("#rrggbb") of each.
    strokes - Voxels whose tissue the user knows; see `DeepGMMSlicer.scene.labels.strokes`.
    labelled, estimatedPrior - The segmentation to estimate a prior from, and that prior, as JSON.
    network, refine - The file of a trained network that is asked instead of fitting, and by how
        many gradient steps it is fitted after all.
    output - The segmentation that is replaced; a new one if none.
    rvInsertion, remote - What is marked for the measures; see `scene.measuring.marks`.
    baseline - The result of an earlier examination.
    show3D, maps - Whether to show surfaces and to add the maps of probability and entropy.
    """

    lge: vtkMRMLScalarVolumeNode
    t2: vtkMRMLScalarVolumeNode
    bssfp: vtkMRMLScalarVolumeNode
    others: VolumeList
    region: Union[(*KINDS, None)]
    segment: str
    preset: Annotated[str, Choice(PRESETS)] = INFARCT
    tissues: TissueList = tissueRows(DEFAULTS.prior.tissues)
    strokes: Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode, None]
    labelled: vtkMRMLSegmentationNode
    estimatedPrior: str
    network: str
    refine: Annotated[int, WithinRange(0, 10_000)] = 0
    output: vtkMRMLSegmentationNode
    rvInsertion: vtkMRMLMarkupsFiducialNode
    remote: Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode, None]
    baseline: vtkMRMLSegmentationNode
    show3D: bool = False
    maps: bool = False


def readSettings(parameterNode: SettingsParameters, **others: Any) -> Settings:
    """Return the settings that the node holds, with `others` (the fields made elsewhere).

    Raises
    ------
    InvalidInput
        If the choices do not go together.
    """
    values = {name: getattr(parameterNode, name) for name in FIELDS}
    values[GAUSSIAN] = values[GAUSSIAN] or None
    return Settings(**values, **others)


def writeSettings(
    parameterNode: SettingsParameters, settings: Settings, keep: Sequence[str] = ()
) -> None:
    """Set the parameters of the node to what the settings say, but those that are to be kept."""
    with slicer.util.NodeModify(parameterNode):
        for name in FIELDS:
            if name not in keep:
                value = getattr(settings, name)
                setattr(parameterNode, name, 0.0 if value is None else value)
