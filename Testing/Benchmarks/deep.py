"""deepSVG on one slice: the paper's settings against the defaults, side by side.

One slice of 160 × 160 pixels with a central left ventricle per seed, from the synthetic heart
(no patient's). Reported are seconds and iterations until the settings' own stopping rule, the
floating-point operations of the forward and backward passes, and the mean Dice over the four
tissues at the best matching of the unnamed classes.

    python Testing/Benchmarks/deep.py --out deep.csv --seeds 20
"""

from __future__ import annotations

import argparse

import numpy as np
from shared import machine, write_csv
from torch.utils.flop_counter import FlopCounterMode

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.hearts.sample import PIXELS, heart
from DeepGMMSegmentationLib.mixture.matching import dice, match

SIZE, CLASSES = 160, 4
CONTENDERS = {
    "paper": Settings.paper("deepSVG", margin=1000.0),  # the whole 160 × 160 slice
    "default": Settings(method="deepSVG"),
}


def slice_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (3, 160, 160) and labels of the slice with the most infarct."""
    drawn = heart(seed)
    z = max(range(len(drawn.labels)), key=lambda z: np.bincount(drawn.labels[z].ravel())[3:].prod())
    before = (SIZE - PIXELS) // 2
    border = ((before, SIZE - PIXELS - before),) * 2
    images = np.stack([np.pad(image[z], border, mode="reflect") for image in drawn.images])
    return images, np.pad(drawn.labels[z], border)


def run(settings: Settings, images: np.ndarray, labels: np.ndarray, spacing: tuple) -> dict:
    """Segment once for the time, and count the operations of a run of one iteration."""
    with FlopCounterMode(display=False) as counter:
        segment(
            images,
            labels > 0,
            Settings(**{**vars(settings), "max_iterations": 2}),
            spacing=spacing,
        )
    result = segment(images, labels > 0, settings, spacing=spacing)
    order = match(result.labels, labels, CLASSES)
    scores = dice(np.append(0, order + 1)[result.labels], labels, CLASSES)
    # Two iterations are two forward passes and one backward pass, of twice the operations.
    per_iteration = counter.get_total_flops() * 3 / 4
    return {
        "seconds": result.seconds,
        "iterations": result.iterations,
        "GFLOP": per_iteration * result.iterations / 1e9,
        "dice": float(np.nan_to_num(scores).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="deep.csv", help="the CSV to write")
    parser.add_argument("--seeds", type=int, default=20, help="synthetic hearts")
    arguments = parser.parse_args()
    print(machine())
    rows = []
    for seed in range(arguments.seeds):
        images, labels = slice_of(seed)
        for name, settings in CONTENDERS.items():
            scores = run(settings, images, labels, (1.4, 1.4))
            rows.append({"seed": seed, "settings": name, **scores})
            print({key: round(v, 3) if isinstance(v, float) else v for key, v in rows[-1].items()})
    write_csv(arguments.out, rows)
    means = {
        name: {
            key: np.mean([row[key] for row in rows if row["settings"] == name])
            for key in ("seconds", "iterations", "GFLOP", "dice")
        }
        for name in CONTENDERS
    }
    for name, values in means.items():
        print(name, {key: round(float(value), 3) for key, value in values.items()})
    ratios = [means["paper"][key] / means["default"][key] for key in ("seconds", "GFLOP")]
    print(f"paper / default: {ratios[0]:.1f} times the seconds, {ratios[1]:.1f} times the FLOP")


if __name__ == "__main__":
    main()
