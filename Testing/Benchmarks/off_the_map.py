"""What the tissue network loses where an image is not as usual: synthetic hearts, changed.

Turned images, small and large pixels, a region that is too large or small, one slice alone, and
images with 256 grey values. The Dice is that of the changed heart's own truth within its region.

    python Testing/Benchmarks/off_the_map.py --out off_the_map.csv --hearts 10
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product

import numpy as np
from scipy import ndimage
from shared import machine, write_csv

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.anatomy.proportions import infer_proportions
from DeepGMMSegmentationLib.hearts.sample import ROLES, TISSUES, Heart, heart
from DeepGMMSegmentationLib.mixture.matching import dice

FIRST_SEED = 1000


def turned(drawn: Heart, degrees: float) -> Heart:
    """Return a heart turned in plane."""
    turn = {"angle": degrees, "axes": (-2, -1), "reshape": False, "mode": "nearest"}
    return replace(
        drawn,
        images=ndimage.rotate(drawn.images, order=1, **turn),
        roi=ndimage.rotate(drawn.roi.astype(np.uint8), order=0, **turn) > 0,
        labels=ndimage.rotate(drawn.labels, order=0, **turn),
    )


def resampled(drawn: Heart, pixel: float) -> Heart:
    """Return a heart with pixels of another size, in mm."""
    z, y, x = drawn.spacing
    factors = (1, y / pixel, x / pixel)
    # Coarse pixels average what lies in them.
    blur = [0, 0, *(max(0.0, 0.4 * (pixel / side - 1)) for side in (y, x))]
    images = ndimage.zoom(ndimage.gaussian_filter(drawn.images, blur), (1, *factors), order=1)
    labels = ndimage.zoom(drawn.labels, factors, order=0)
    return replace(drawn, images=images, labels=labels, roi=labels > 0, spacing=(z, pixel, pixel))


def redrawn(drawn: Heart, millimetres: float) -> Heart:
    """Return a heart whose region is so much too large, or too small where below 0."""
    regions = []
    for inside in drawn.roi:
        grown = inside ^ (millimetres < 0)
        distance = ndimage.distance_transform_edt(~grown, sampling=drawn.spacing[1:])
        regions.append((distance <= abs(millimetres)) ^ (millimetres < 0))
    return replace(drawn, roi=np.stack(regions) & drawn.roi.any(axis=(1, 2))[:, None, None])


def middle(drawn: Heart) -> Heart:
    """Return the middle slice alone."""
    z = [len(drawn.roi) // 2]
    return replace(drawn, images=drawn.images[:, z], roi=drawn.roi[z], labels=drawn.labels[z])


def in_steps(drawn: Heart) -> Heart:
    """Return a heart of 256 grey values."""
    top = drawn.images.max(axis=(1, 2, 3), keepdims=True)
    return replace(drawn, images=np.round(255 * drawn.images / top))


CHANGES = {
    "as it is": lambda drawn: drawn,
    "turned by 37 degrees": lambda drawn: turned(drawn, 37),
    "0.7 mm pixels": lambda drawn: resampled(drawn, 0.7),
    "2.5 mm pixels": lambda drawn: resampled(drawn, 2.5),
    "region 3 mm too large": lambda drawn: redrawn(drawn, 3),
    "region 3 mm too small": lambda drawn: redrawn(drawn, -3),
    "one slice": middle,
    "256 grey values": in_steps,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="off_the_map.csv", help="the CSV to write")
    parser.add_argument("--hearts", type=int, default=10, help="how many synthetic hearts")
    arguments = parser.parse_args()
    print(machine())
    hearts = [heart(FIRST_SEED + seed) for seed in range(arguments.hearts)]
    rows = []
    for roles, (name, change) in product((ROLES, ("LGE",)), CHANGES.items()):
        settings = Settings.infarct(roles)
        tissues = settings.tissues
        classes = [0, *(tissues.index(t if t in tissues else tissues[1]) + 1 for t in TISSUES)]
        scores = []
        for drawn in map(change, hearts):
            images = drawn.images[[drawn.roles.index(role) for role in roles]]
            told = infer_proportions(images, drawn.roi, drawn.spacing, roles, settings)
            known = drawn.roi & (drawn.labels > 0)
            labels = (told.probabilities.argmax(axis=0) + 1) * known
            scores.append(dice(labels, np.take(classes, drawn.labels) * known, len(tissues)))
        values = np.nanmean(scores, axis=0)
        row = {"sequences": " ".join(roles), "change": name, "mean": round(float(values.mean()), 3)}
        rows.append({**row, **dict(zip(tissues, np.round(values, 3).tolist()))})
        print(rows[-1], flush=True)
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
