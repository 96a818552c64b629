"""Tissues: names, colours that stay apart, and terms that agree with the terminology file."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from DeepGMMSegmentationLib.tissues import PRESETS, TISSUES, tissue

TERMINOLOGY = (
    Path(__file__).parents[2] / "DeepGMMSegmentation/Resources/DeepGMMSegmentation.term.json"
)

# Full dichromacy on linear RGB: Viénot, Brettel and Mollon, Color Res. Appl. 24, 1999.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}
LINEAR_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def lab(color, vision):
    """CIELAB (D65) of an sRGB colour as seen with the given kind of vision."""
    srgb = np.array(color) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    x, y, z = np.cbrt(LINEAR_TO_XYZ @ seen / LINEAR_TO_XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    "tissues",
    [list(TISSUES.values()), [tissue(f"Class {i + 1}", i) for i in range(8)]],
    ids=["named", "neutral"],
)
def test_colours_stay_apart_for_every_kind_of_vision(tissues, vision):
    # A difference of 2.3 is just noticeable; 10 is plain at a glance.
    for one, other in combinations(tissues, 2):
        distance = np.linalg.norm(lab(one.color, vision) - lab(other.color, vision))
        assert distance > 10, (one.name, other.name, distance)


def test_presets_name_known_tissues_and_only_blood_is_not_wall():
    assert set().union(*PRESETS.values()) <= set(TISSUES)
    assert {name for name, known in TISSUES.items() if known.wall} == {
        "healthy myocardium",
        "edema",
        "scar",
        "no-reflow",
    }


def test_named_tissue_keeps_its_colour_wherever_it_stands():
    assert tissue("scar", 0) is tissue("scar", 3) is TISSUES["scar"]


def test_any_other_name_is_kept_and_gets_a_neutral_colour():
    assert tissue("grey matter", 1).name == "grey matter"
    assert tissue("grey matter", 1).color == tissue("Class 2", 1).color
    assert tissue("Class 1", 0).color not in {known.color for known in TISSUES.values()}


def test_terminology_file_of_the_slicer_module_says_the_same():
    context = json.loads(TERMINOLOGY.read_text(encoding="utf-8"))
    entries = {
        tuple(code[key] for code in (category, kind) for key in ("CodeValue", "CodeMeaning")): kind
        for category in context["SegmentationCodes"]["Category"]
        for kind in category["Type"]
    }
    for known in TISSUES.values():
        name, category, kind, *_ = known.terminology.split("~")
        assert name == context["SegmentationCategoryTypeContextName"]
        codes = tuple(part for code in (category, kind) for part in code.split("^")[1:])
        assert codes in entries, known.name
        assert entries[codes]["recommendedDisplayRGBValue"] == list(known.color)
