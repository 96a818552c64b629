"""How often the tissue network's 90 % intervals hold the truth, on drawn hearts new to it.

Of every tissue, the hearts that have it; and how well an infarct is told from none where LGE is.

    python Testing/Benchmarks/intervals.py --out intervals.csv --hearts 80
"""

from __future__ import annotations

import argparse

import numpy as np
from shared import machine, write_csv

from DeepGMMSegmentationLib.anatomy.evidence import volume_tissues, volumes, weigh
from DeepGMMSegmentationLib.anatomy.tissues import cool, shipped
from DeepGMMSegmentationLib.hearts.ranges import Ranges
from DeepGMMSegmentationLib.training.drawn_calibration import SPACING, answers, present

FIRST = 5000  # of the calibration's stream, which it has not come to
INFARCT = (3, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="intervals.csv", help="the CSV to write")
    parser.add_argument("--hearts", type=int, default=80, help="how many drawn hearts")
    arguments = parser.parse_args()
    print(machine())
    network, record = shipped()
    held: dict[str, list[bool]] = {name: [] for name in volume_tissues()}
    told: dict[bool, list[float]] = {True: [], False: []}
    for heart in answers(network, Ranges.load(), arguments.hearts, first=FIRST):
        probabilities = cool(heart.probabilities, record["temperature"])
        evidence = weigh(probabilities, SPACING, heart.roles)
        spans = volumes(probabilities, SPACING, evidence)
        for name, tissues in volume_tissues().items():
            if present(heart.truth, tissues):
                volume = heart.truth[list(tissues)].sum() * np.prod(SPACING) / 1000
                held[name].append(spans[name][1] <= volume <= spans[name][2])
        if evidence.infarct is not None:
            told[present(heart.truth, INFARCT)].append(evidence.infarct)
    rows = [
        {"tissue": name, "hearts": len(holds), "held": round(float(np.mean(holds)), 3)}
        for name, holds in held.items()
    ]
    for row in rows:
        print(row)
    ill, well = (np.array(told[has]) for has in (True, False))
    area = (ill[:, None] > well).mean() + 0.5 * (ill[:, None] == well).mean()
    print(f"Infarct told from none: {len(ill)} and {len(well)} hearts with LGE, AUC {area:.3f}")
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
