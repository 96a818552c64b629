"""The tissue network alone on synthetic hearts of a style that its training never saw.

Every subset of the sequences, and the same hearts without an infarct (no patient's, and painted
by `sample`, not by the drawer that taught the network). Where T2 is missing edema counts as
healthy myocardium on both sides.

    python Testing/Benchmarks/drawn.py --out drawn.csv --hearts 40
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from itertools import combinations

import numpy as np
from shared import machine, write_csv

from DeepGMMSegmentationLib.anatomy.evidence import settle, volumes, weigh
from DeepGMMSegmentationLib.anatomy.tissues import TISSUES, tissue_probabilities
from DeepGMMSegmentationLib.hearts import sample
from DeepGMMSegmentationLib.mixture.matching import dice

FIRST_SEED = 1000  # hearts that nothing was tuned on
SUBSETS = [chosen for n in (3, 2, 1) for chosen in combinations(sample.ROLES, n)]


def healthy_heart(seed: int, slices: int = 10) -> sample.Heart:
    """Return the heart of a seed as it was before its infarct."""
    rng = np.random.default_rng(seed)
    rng.uniform(0.4, 1)
    anatomy = sample._Anatomy(rng, 0.0, False)
    anatomy.edema_depth = 0.0
    fractions = sample._fractions(anatomy, slices)
    inside = fractions[: len(sample.TISSUES)]
    roi = inside.sum(axis=0) > 0.5
    return dataclasses.replace(
        sample.heart(seed, slices=slices),
        images=np.stack([sample._image(rng, role, fractions) for role in sample.ROLES]),
        roi=roi,
        labels=np.where(roi, inside.argmax(axis=0) + 1, 0).astype(np.uint8),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="drawn.csv", help="the CSV to write")
    parser.add_argument("--hearts", type=int, default=40, help="how many synthetic hearts")
    arguments = parser.parse_args()
    print(machine())
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.hearts)
    infarcted, healthy = ([draw(s) for s in seeds] for draw in (sample.heart, healthy_heart))
    rows = []
    for roles in SUBSETS:
        rows.append({"sequences": " + ".join(roles), **judge(infarcted, healthy, roles)})
        print(rows[-1], flush=True)
    write_csv(arguments.out, rows)


def judge(
    infarcted: list[sample.Heart], healthy: list[sample.Heart], roles: tuple[str, ...]
) -> dict[str, float]:
    """Return the mean Dice of every tissue, and how an infarct is told from none."""
    scores, evidence, sizes, false, seconds, held = [], [], [], [], [], []
    for heart, ill in [*((h, True) for h in infarcted), *((h, False) for h in healthy)]:
        use = [heart.roles.index(role) for role in roles]
        begun = time.perf_counter()
        raw = tissue_probabilities(heart.images[use], heart.roi, heart.spacing, roles)
        seconds.append(time.perf_counter() - begun)
        told = weigh(raw, heart.spacing, roles)
        labels = settle(raw, told).argmax(axis=0) + 1
        labels[labels == 5] = 4  # these hearts have no dark core: no-reflow is part of the scar
        labels[~heart.roi] = 0
        truth = heart.labels
        if "T2" not in roles:
            labels, truth = (np.array([0, 1, 2, 2, 4])[each] for each in (labels, truth))
        evidence.append(told.infarct)
        wall = (truth > 1).sum()
        sizes.append([100 * (each == 4).sum() / wall for each in (labels, truth)])
        if not ill:
            false.append(sizes[-1][0])
            continue
        score = dice(labels, truth, 4)
        scores.append([score[k] for k in range(4) if k != 2 or "T2" in roles])
        spans = volumes(raw, heart.spacing, told)
        ml = float(np.prod(heart.spacing)) / 1000
        held.append(
            [spans[n][1] <= (truth == k).sum() * ml <= spans[n][2] for n, k in HELD.items()]
        )
    mean = np.nanmean(scores, axis=0)
    count = len(infarcted)
    sizes = np.array(sizes[:count])
    with_infarct, without = np.array(evidence[:count]), np.array(evidence[count:])
    above = with_infarct[:, None] > without
    names = [TISSUES[k] for k in range(4) if k != 2 or "T2" in roles]
    return {
        **{tissue: round(float(value), 3) for tissue, value in zip(names, mean)},
        "edema": round(float(mean[2]), 3) if "T2" in roles else float("nan"),
        "mean": round(float(mean.mean()), 3),
        "AUC": round(float((above + 0.5 * (with_infarct[:, None] == without)).mean()), 3),
        "accuracy": round(float(np.mean([*(with_infarct > 0.5), *(without <= 0.5)])), 3),
        "scar without infarct": round(float(np.mean(false)), 2),
        "size bias": round(float(np.mean(sizes[:, 0] - sizes[:, 1])), 2),
        "size r": round(float(np.corrcoef(sizes.T)[0, 1]), 3),
        **{f"{n} held": round(float(h), 2) for n, h in zip(HELD, np.mean(held, axis=0))},
        "seconds": round(float(np.median(seconds)), 2),
    }


HELD = {"blood pool": 1, "infarct": 4}  # volumes whose intervals are to hold the truth


if __name__ == "__main__":
    main()
