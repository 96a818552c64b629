"""What is reported of the cases that a clinic brings, as a table.

Figures are of one synthetic heart; warnings are counted over several.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from off_the_map import redrawn

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.anatomy.interchange import are_interchanged
from DeepGMMSegmentationLib.anatomy.placement import place_on_ventricle
from DeepGMMSegmentationLib.cardiac.measures import Measures, measure
from DeepGMMSegmentationLib.cardiac.region_quality import doubt_placement
from DeepGMMSegmentationLib.case import check_region_values
from DeepGMMSegmentationLib.hearts.sample import Heart, heart
from DeepGMMSegmentationLib.io.sequences import role
from DeepGMMSegmentationLib.mixture.matching import dice


def report(case: Heart, **options) -> Measures:
    """Segment and measure a heart with the infarct preset of its sequences."""
    settings = Settings.infarct(case.roles, **options)
    result = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
    return measure(result, case.images, rv_insertion=case.rv_insertion)


def only(case: Heart, *roles: str) -> Heart:
    """Return the heart with some of its sequences."""
    places = [case.roles.index(name) for name in roles]
    return replace(case, images=case.images[places], roles=roles)


def infarct(measures: Measures) -> str:
    """Return the infarct's size, or that there is none."""
    size = measures.infarct.infarct
    return "no infarct size" if size is None else f"infarct {size.percent_of_myocardium:.1f} %"


def told(measures: Measures, words: str) -> str:
    """Return the warnings and notes that hold the words."""
    texts = (*measures.warnings, *measures.notes)
    return " / ".join(text for text in texts if words in text) or "nothing said"


def fwhm(measures: Measures) -> str:
    """Return what FWHM says."""
    sizes = [y.percent_of_myocardium for y in measures.yardsticks if y.method == "FWHM"]
    return f"FWHM {sizes[0]:.2f} %" if sizes else told(measures, "No FWHM")


def misplaced(case: Heart, millimetres: float = 0, slices: int = 0) -> bool:
    """Return whether a region so far beside, or along the stack, raises a warning."""
    roi = np.roll(case.roi, round(millimetres / case.spacing[1]), axis=1)
    roi = np.roll(roi, slices, axis=0)
    roi[slice(slices) if slices >= 0 else slice(slices, None)] = False
    place = place_on_ventricle(case.images, roi, case.spacing, case.roles)
    assert place is not None
    return bool(doubt_placement(vars(place)))


def interchanged(case: Heart, order: tuple[int, ...] = (0, 1, 2)) -> bool:
    """Return whether sequences in another order raise the warning of LGE and bSSFP."""
    return are_interchanged(case.images[list(order)], case.roi, case.spacing, case.roles)


def count(hearts: list[Heart], raises: Callable[[Heart], bool]) -> str:
    """Return in how many hearts there is a warning."""
    return f"a warning in {sum(map(raises, hearts))} of {len(hearts)} hearts"


def row(what: str, answer: str) -> None:
    """Print a row of the table."""
    print(f"| {what} | {answer} |", flush=True)


def print_images(case: Heart) -> None:
    """Print what is told of images that are not fit to be measured."""
    clipped = case.images.copy()
    clipped[0] = np.minimum(clipped[0], np.quantile(clipped[0][case.roi], 0.8))
    measures = report(replace(case, images=clipped))
    row("LGE clipped at the brightest fifth", f"{infarct(measures)}; {told(measures, 'clipped')}")
    moved = case.images.copy()
    for z, slice_ in enumerate(moved[0]):
        moved[0, z] = np.roll(slice_, (3, -3, 0)[z % 3], axis=0)
    measures = report(replace(case, images=moved))
    row("LGE 4 mm off in two of three slices", told(measures, "breath holds"))


def print_counts(hearts: list[Heart]) -> None:
    """Print in how many hearts there is a warning, where it is not in all."""
    row("the region as it should be", count(hearts, misplaced))
    for millimetres in (-3, 3):
        name = "small" if millimetres < 0 else "large"
        row(
            f"the region {abs(millimetres)} mm too {name}",
            count(hearts, lambda heart, off=millimetres: misplaced(redrawn(heart, off))),
        )
    for millimetres in (4, 6, 8):
        row(
            f"the region {millimetres} mm beside",
            count(hearts, lambda heart, off=millimetres: misplaced(heart, off)),
        )
    row("the region a slice too near the apex", count(hearts, lambda h: misplaced(h, slices=-1)))
    row("the region a slice too near the base", count(hearts, lambda h: misplaced(h, slices=1)))
    row("LGE and bSSFP as they should be", count(hearts, interchanged))
    swapped = count(hearts, lambda h: interchanged(h, (2, 1, 0)))
    row("LGE and bSSFP taken for each other", swapped)


def main() -> None:
    """Print a row per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--hearts", type=int, default=20, help="over which warnings are counted")
    arguments = parser.parse_args()
    case = heart(arguments.seed)
    whole = report(case)

    scar = 100 * (case.labels == 4).sum() / (case.labels > 1).sum()
    risk = 100 * (case.labels > 2).sum() / (case.labels > 1).sum()
    row("truth", f"infarct {scar:.1f} %, area at risk {risk:.1f} %")
    row("all three sequences", infarct(whole))
    row("area at risk", f"{whole.infarct.area_at_risk.percent_of_myocardium:.1f} %")
    row("FWHM", fwhm(whole))
    blind = report(only(case, "bSSFP"))
    row("bSSFP alone", f"{infarct(blind)}; {told(blind, 'no LGE image, so that')}")
    partial = case.images.copy()
    partial[1, :6] = np.nan
    measures = report(replace(case, images=partial))
    covered = sum(part.area_at_risk is not None for part in measures.slices)
    answer = f"{infarct(measures)}, area at risk in {covered} slices and not of the heart"
    row("T2 in 4 of 10 slices", f"{answer}; {told(measures, 'lacks slices')}")
    hollow = report(replace(case, roi=case.labels > 1))
    row("the wall alone", f"{infarct(hollow)}; {told(hollow, 'hole in most')}")
    try:
        check_region_values(case.images[0], "LGE.nii.gz")
    except InvalidInput as error:
        row("an image as the region", str(error))
    z, y, x = np.argwhere(case.labels == 4)[0]
    hot, negative = case.images.copy(), case.images.copy()
    hot[0, z, y, x], negative[0, 0, 0, 0] = 100 * hot[0].max(), -1
    row("one hot voxel in the scar", fwhm(report(replace(case, images=hot))))
    row("one negative voxel in the air", fwhm(report(replace(case, images=negative))))
    coded = case.images.copy()
    coded[0] = 4096 + 4 * (coded[0] - np.median(coded[0][case.labels == 2]))
    row("PSIR coded with an offset", fwhm(report(replace(case, images=coded))))
    names = ("T2prep_SSFP", "plan de coupe", "PSMDE", "IR_TFE", "BTFE", "TIRM", "DHE", "DB_LGE")
    row("roles by name", ", ".join(f"{name}: {role(name)}" for name in names))
    viable = f"{whole.aha.viable} of {whole.aha.judged} segments viable"
    row("transmurality", viable)
    shaded = case.images.copy()
    shaded[2] *= np.exp(0.7 * np.linspace(-1, 1, shaded.shape[1]))[:, None, None]
    lone = only(replace(case, images=shaded), "bSSFP")
    settings = Settings.infarct(lone.roles)
    result = segment(lone.images, lone.roi, settings, spacing=case.spacing, roles=lone.roles)
    score = dice(result.labels, np.minimum(case.labels, 2), 2).mean()
    row("bSSFP, four times as bright at the base", f"mean Dice {score:.2f}")
    hearts = [heart(seed) for seed in range(20, 20 + arguments.hearts)]
    print_images(case)
    print_counts(hearts)


if __name__ == "__main__":
    main()
