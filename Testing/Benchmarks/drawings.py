"""A contact sheet of drawn hearts, with their truth, and how fast they are drawn.

python Testing/Benchmarks/drawings.py --out drawings.png --seed 5
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from matplotlib.figure import Figure
from shared import machine

from DeepGMMSegmentationLib.hearts.drawing import draw
from DeepGMMSegmentationLib.hearts.ranges import Ranges

ROWS, HEARTS = 4, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="drawings.png", help="the picture to write")
    parser.add_argument("--drawing", help="a drawing file of your own")
    parser.add_argument("--seed", type=int, default=5, help="of the stream")
    arguments = parser.parse_args()
    print(machine())
    ranges = Ranges.load(arguments.drawing)
    begun = time.perf_counter()
    slices = sum(len(draw(arguments.seed, i, ranges).images) for i in range(10))
    print(f"{slices / (time.perf_counter() - begun):.0f} slices/s")

    drawn = draw(arguments.seed, 0, ranges, hearts=HEARTS, slices=1)
    columns = len(drawn.roles) + 1
    figure = Figure(figsize=(1.5 * columns * HEARTS // ROWS, 1.55 * ROWS), layout="constrained")
    axes = figure.subplots(ROWS, columns * HEARTS // ROWS)
    for ax in axes.flat:
        ax.axis("off")
    for i, row in enumerate(axes.reshape(HEARTS, columns)):
        own = drawn.codes[i, 0].numpy()
        for ax, role, image, there in zip(row, drawn.roles, drawn.images[i], drawn.present[i]):
            ax.imshow(image, cmap="gray")
            ax.contour(drawn.regions[i].numpy(), [0.5], colors="gold", linewidths=0.6)
            ax.set_title(role if there else f"({role} not shown)", fontsize=7)
        row[-1].imshow(np.where(own < 7, own, 0), vmin=0, vmax=7, cmap="nipy_spectral")
    figure.savefig(arguments.out, dpi=80)


if __name__ == "__main__":
    main()
