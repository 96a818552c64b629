"""The settings of a run as parameters of the module's node, derived from the `Settings` record."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import slicer
from slicer.parameterNodeWrapper import Choice, WithinRange

from DeepGMMSegmentationLib.settings import CHOICES, RANGES, Settings

# What a clinician gets who changes nothing.
DEFAULTS = Settings.infarct(["LGE", "T2", "bSSFP"])
# Made by other choices in the panel, or only from Python: not parameters of their own.
ELSEWHERE = ("means", "prior")
# In the panel 0 stands for the None of the record: Gaussian components.
GAUSSIAN = "degrees_of_freedom"
# In place of infinity, for which a spin box would be 300 digits wide.
MOST = {int: 2**31 - 1, float: 1e6}


def _annotation(name: str, default: Any) -> Any:
    if name in CHOICES:
        choices = [choice for choice in CHOICES[name] if choice != "means"]
        return Annotated[str, Choice(choices)]
    if name in RANGES:
        least, most = RANGES[name]
        least = 0.0 if name == GAUSSIAN else least
        return Annotated[type(least), WithinRange(least, min(most, MOST[type(least)]))]
    return type(default)


_FIELDS = {
    field.name: getattr(DEFAULTS, field.name)
    for field in dataclasses.fields(Settings)
    if field.name not in ELSEWHERE
}

# A base class for the module's parameter node: one parameter per field, with the record's range
# and choices. Slicer's wrapper reads annotations, so that is what is made here.
SettingsParameters = type(
    "SettingsParameters",
    (),
    {
        **_FIELDS,
        "__annotations__": {name: _annotation(name, value) for name, value in _FIELDS.items()},
    },
)


def readSettings(parameterNode: SettingsParameters, **others: Any) -> Settings:
    """Return the settings that the node holds, with `others` (the fields made elsewhere).

    Raises
    ------
    InvalidInput
        If the choices do not go together.
    """
    values = {name: getattr(parameterNode, name) for name in _FIELDS}
    values[GAUSSIAN] = values[GAUSSIAN] or None
    return Settings(**values, **others)


def writeSettings(parameterNode: SettingsParameters, settings: Settings) -> None:
    """Set every parameter of the node to what the settings say."""
    with slicer.util.NodeModify(parameterNode):
        for name in _FIELDS:
            value = getattr(settings, name)
            setattr(parameterNode, name, 0.0 if value is None else value)
