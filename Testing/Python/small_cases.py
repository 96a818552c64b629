"""Small cases, quick to train on: a disc of blood, muscle around it and a bright sector, noisy."""

import csv

import numpy as np
import SimpleITK as sitk

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.case import Case
from DeepGMMSegmentationLib.priors import Prior

ROLES = ("LGE", "T2")
TISSUES = ("blood pool", "healthy myocardium", "scar")
SPACING = (8.0, 1.5, 1.5)
PRIOR = Prior(
    "small",
    "these tests",
    TISSUES,
    means={"LGE": (0.0, -1.0, 1.5), "T2": (1.0, -0.8, -0.8)},
    deviations={"LGE": (0.4, 0.4, 0.4), "T2": (0.4, 0.4, 0.4)},
    proportions=(0.4, 0.45, 0.15),
    depth=((0.05, 0.7, 0.25), (0.5, 0.35, 0.15), (0.9, 0.07, 0.03)),
)


def small_settings(**overrides) -> Settings:
    values = {
        "method": "deepSVG",
        "classes": 3,
        "prior": PRIOR,
        "start": "prior",
        "prior_weight": 0.1,
        "smoothing": 1.5,
        "anatomy": 0.5,
        "filters": 4,
        "depth": 1,
        "margin": 4.0,
    }
    return Settings(**{**values, **overrides})


def small_case(seed: int, size: int = 24, spacing=SPACING) -> Case:
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[:2, :size, :size]
    y, x = (coordinate - (size - 1) / 2 - rng.uniform(-1, 1) for coordinate in (y, x))
    radius, angle = np.hypot(y, x) * 24 / size, np.arctan2(y, x)
    truth = np.zeros(z.shape, np.uint8)
    truth[radius < 9] = 2
    turn = (angle - rng.uniform(-np.pi, np.pi) + np.pi) % (2 * np.pi) - np.pi
    truth[(radius < 9) & (np.abs(turn) < 0.9)] = 3
    truth[radius < 5] = 1
    levels = {"LGE": (50, 60, 20, 110), "T2": (45, 95, 40, 42)}
    gain = rng.uniform(0.5, 2)
    images = [
        gain * (np.array(levels[role])[truth] + rng.normal(0, 8, truth.shape)) for role in ROLES
    ]
    images = np.stack(images).astype(np.float32)
    return Case(f"case {seed}", images, truth > 0, ROLES, spacing, truth, TISSUES)


def small_cases(count: int) -> list[Case]:
    return [small_case(seed) for seed in range(count)]


def write_cases(folder, count: int):
    """Write small cases as files; return the path of their table."""
    rows = []
    for case in small_cases(count):
        arrays = dict(zip(ROLES, case.images))
        arrays.update(roi=case.roi.astype(np.uint8), truth=case.truth)
        row = {"case": case.name}
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(case.spacing[::-1])
            row[name] = f"{case.name} {name}.nii.gz"
            sitk.WriteImage(image, str(folder / row[name]))
        rows.append(row)
    path = folder / "cases.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path
