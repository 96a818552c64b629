"""The tissues that have a name: their colours, clinical terms and presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

CONTEXT = "DeepGMMSegmentation"
GENERAL_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"

# SNOMED CT codes, as (scheme, code, meaning).
_TISSUE = ("SCT", "85756007", "Tissue")
_ANATOMY = ("SCT", "123037004", "Anatomical Structure")
_ALTERED = ("SCT", "49755003", "Morphologically Altered Structure")
_LEFT_VENTRICLE = ("SCT", "87878005", "Left Ventricle")
_NONE = ("", "", "")

# Eight colours that suggest no tissue and stay apart for colour-blind eyes: P. Tol, "Colour
# schemes" (SRON/EPS/TN/09-002, 2021), the muted scheme without its indigo, which is lost on dark
# images.
_NEUTRAL = (
    (204, 102, 119),
    (136, 204, 238),
    (221, 204, 119),
    (17, 119, 51),
    (170, 68, 153),
    (68, 170, 153),
    (136, 34, 85),
    (153, 153, 51),
)


@dataclass(frozen=True)
class Tissue:
    """A tissue as it is shown and stored.

    Attributes
    ----------
    name : str
        What it is called in results, tables and segmentations.
    color : tuple of int
        Red, green and blue, 0 to 255.
    terminology : str
        3D Slicer's serialised terminology entry:
        ``context~category~type~modifier~region context~region~region modifier``, each code as
        ``scheme^value^meaning``.
    wall : bool
        Whether it counts as myocardium when sizes are given in percent of the myocardium.
    """

    name: str
    color: tuple[int, int, int]
    terminology: str
    wall: bool


def _entry(
    context: str,
    category: tuple[str, str, str],
    kind: tuple[str, str, str],
    region: tuple[str, str, str] = _NONE,
) -> str:
    what = ["^".join(code) for code in (category, kind, _NONE)]
    where = ["^".join(code) for code in (region, _NONE)]
    return "~".join([context, *what, REGION_CONTEXT, *where])


def _left_ventricular(
    name: str,
    color: tuple[int, int, int],
    category: tuple[str, str, str],
    kind: tuple[str, str, str],
    *,
    wall: bool = True,
) -> Tissue:
    return Tissue(name, color, _entry(CONTEXT, category, kind, _LEFT_VENTRICLE), wall)


# Colours: M. Okabe and K. Ito's colour-blind-safe palette. SNOMED CT has no morphology for
# no-reflow (microvascular obstruction); what it marks is the necrotic core of the infarct.
TISSUES: dict[str, Tissue] = {
    tissue.name: tissue
    for tissue in (
        _left_ventricular(
            "blood pool", (213, 94, 0), _TISSUE, ("SCT", "87612001", "Blood"), wall=False
        ),
        _left_ventricular(
            "healthy myocardium", (0, 158, 115), _ANATOMY, ("SCT", "74281007", "Myocardium")
        ),
        _left_ventricular("edema", (86, 180, 233), _ALTERED, ("SCT", "79654002", "Edema")),
        _left_ventricular("scar", (240, 228, 66), _TISSUE, ("SCT", "12402003", "Scar tissue")),
        _left_ventricular("no-reflow", (204, 121, 167), _ALTERED, ("SCT", "6574001", "Necrosis")),
    )
}

PRESETS: dict[str, tuple[str, ...]] = {
    "Myocardial infarction": ("blood pool", "healthy myocardium", "edema", "scar"),
    "Blood and myocardium": ("blood pool", "healthy myocardium"),
}


def usual_name(name: str) -> str:
    """Return a tissue's name as `TISSUES` has it, where only case or outer spaces differ."""
    plain = name.strip().casefold()
    return plain if plain in TISSUES else name


# What drawn hearts are made of, and what each counts as where it is no class: no-reflow is a part
# of the scar, scar without LGE is taken for edema, and edema lies in the healthy myocardium.
DRAWN: dict[str, tuple[str, ...]] = {
    "blood pool": (),
    "healthy myocardium": (),
    "edema": ("healthy myocardium",),
    "scar": ("edema", "healthy myocardium"),
    "no-reflow": ("scar", "edema", "healthy myocardium"),
}


def drawn_class(tissue: str, classes: Sequence[str]) -> Optional[str]:
    """Return the class that a tissue of drawn hearts counts to; None where there is none."""
    return next((name for name in (tissue, *DRAWN[tissue]) if name in classes), None)


def are_drawn(classes: Sequence[str]) -> bool:
    """Return whether drawn hearts show just these classes."""
    return {drawn_class(tissue, classes) for tissue in DRAWN} == set(classes)


def class_names(count: int) -> tuple[str, ...]:
    """Return the names of classes that are no known tissues: Class 1, Class 2 and so on."""
    return tuple(f"Class {k + 1}" for k in range(count))


def tissue(name: str, index: int) -> Tissue:
    """Return the named tissue, or a neutral one for a class without a name of its own.

    Parameters
    ----------
    name : str
        A key of `TISSUES`, "Class 1" … or any other name.
    index : int
        The place of the class in the result, from 0; it picks the neutral colour.
    """
    if name in TISSUES:
        return TISSUES[name]
    color = _NEUTRAL[index % len(_NEUTRAL)]
    return Tissue(name, color, _entry(GENERAL_CONTEXT, _TISSUE, _TISSUE), wall=False)
