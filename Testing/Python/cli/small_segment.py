"""A case that the command line segments in an instant, and the command for it."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

FAST = ["--method", "GMM", "--classes", "2", "--max-iterations", "10"]


def write_case(folder: Path) -> Path:
    """Write an image of two classes, its region, and a table of that one case; return `folder`."""
    rng = np.random.default_rng(0)
    level = np.where(np.arange(16) < 8, 100, 200)
    for name, array in (
        ("LGE", rng.normal(level, 9, (2, 14, 16))),
        ("roi", np.ones((2, 14, 16), np.uint8)),
    ):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"{name}.nii.gz"))
    (folder / "cases.csv").write_text("case,LGE,roi\na,LGE.nii.gz,roi.nii.gz\n")
    return folder


def arguments_of(case: Path, *options: str) -> list[str]:
    return ["segment", str(case / "LGE.nii.gz"), "--roi", str(case / "roi.nii.gz"), *FAST, *options]
