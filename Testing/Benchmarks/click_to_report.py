"""How long it takes from a click into a heart of 12 slices to its report, part by part.

Once in a process in which all is loaded, as 3D Slicer's child process is, and once by the command
line from files, which has all to load.

    python Testing/Benchmarks/click_to_report.py --out click_to_report.csv
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import SimpleITK as sitk
from shared import machine, write_csv

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.anatomy.click import trace_at
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.report.html import render_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="click_to_report.csv", help="the CSV to write")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each; the median counts")
    arguments = parser.parse_args()
    print(machine())
    case = heart(1, slices=12)
    reference = sitk.GetImageFromArray(case.labels)
    reference.SetSpacing(case.spacing[::-1])
    middle = len(case.roi) // 2
    y, x = np.argwhere(case.roi[middle]).mean(axis=0)
    point = reference.TransformContinuousIndexToPhysicalPoint([x, y, float(middle)])
    taken: dict[str, list[float]] = {}

    def timed(part: str, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a part does, and note its seconds."""
        began = time.perf_counter()
        answer = action(*args, **kwargs)
        taken.setdefault(part, []).append(time.perf_counter() - began)
        return answer

    def all_parts() -> None:
        images, roles, settings = case.images, case.roles, Settings.infarct(case.roles)
        region, insertion, _doubts = timed("region", trace_at, images, reference, roles, point)
        options = {"spacing": case.spacing, "roles": roles}
        result = timed("tissues", segment, images, region, settings, **options)
        marks = {"reference": reference, "rv_insertion": insertion}
        measures = timed("measures", measure, result, images, **marks)
        timed("report", render_report, measures, result, images, reference.GetDirection())

    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / f"{role}.nii.gz") for role in case.roles]
        for array, file in zip(case.images, files):
            image = sitk.GetImageFromArray(array.astype(np.float32))
            image.CopyInformation(reference)
            sitk.WriteImage(image, file)
        command = [sys.executable, "-m", "DeepGMMSegmentationLib", "segment", *files, "--infarct"]
        command += ["--at", *map(str, point), "--report", "--force", "--out", f"{folder}/result"]
        for _repeat in range(arguments.repeats + 1):  # the first one loads, or warms the disk cache
            timed("all parts", all_parts)
            timed("command line", subprocess.run, command, check=True, capture_output=True)
    rows = [
        {"part": part, "median_s": round(statistics.median(seconds[1:]), 2)}
        for part, seconds in taken.items()
    ]
    print(*rows, sep="\n")
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
