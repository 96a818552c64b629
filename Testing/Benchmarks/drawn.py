"""What the tissue network gives, alone and in the mixture, on synthetic hearts it never saw.

For every subset of the sequences: the network alone, the mixture with the depth in the wall in its
place, and both, as the infarct preset takes them. The hearts, with and without an infarct, are no
patient's; `sample` painted them, not the drawer that taught the network. Where a preset has no
class for a tissue, it counts as healthy myocardium in the truth too.

    python Testing/Benchmarks/drawn.py --out drawn.csv --hearts 40
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from itertools import combinations
from typing import NamedTuple, Optional

import numpy as np
from shared import machine, write_csv

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.anatomy.proportions import infer_proportions
from DeepGMMSegmentationLib.hearts import sample
from DeepGMMSegmentationLib.mixture.matching import dice

FIRST_SEED = 1000  # hearts that nothing was tuned on
SUBSETS = [chosen for n in (3, 2, 1) for chosen in combinations(sample.ROLES, n)]
PARTS = ("network", "depth", "both")


class Answer(NamedTuple):
    """What a part says of a heart; where it does not weigh evidence, its scar is the evidence."""

    labels: np.ndarray
    infarct: Optional[float]
    intervals: Optional[dict[str, tuple[float, float, float]]]


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


def answer(part: str, heart: sample.Heart, settings: Settings, roles: tuple[str, ...]) -> Answer:
    """Segment a heart by the network alone, or by the mixture."""
    images = heart.images[[heart.roles.index(role) for role in roles]]
    if part == "network":
        drawn = infer_proportions(images, heart.roi, heart.spacing, roles, settings)
        labels = np.where(heart.roi, drawn.probabilities.argmax(axis=0) + 1, 0)
        intervals = drawn.intervals(drawn.probabilities, heart.spacing)
        return Answer(labels, drawn.evidence.infarct, intervals)
    result = segment(images, heart.roi, settings, spacing=heart.spacing, roles=roles)
    return Answer(result.labels, (result.presence or {}).get("infarct"), result.intervals)


def judge(
    part: str, infarcted: list[sample.Heart], healthy: list[sample.Heart], roles: tuple[str, ...]
) -> dict[str, float]:
    """Return the mean Dice of every tissue, and how an infarct is told from none."""
    settings = Settings.infarct(roles, anatomy_from="depth" if part == "depth" else "network")
    tissues = settings.tissues
    classes = [0, *(tissues.index(t if t in tissues else tissues[1]) + 1 for t in sample.TISSUES)]
    scar = tissues.index("scar") + 1 if "scar" in tissues else None
    scores, evidence, sizes, held, seconds = [], [], [], [], []
    for heart in (*infarcted, *healthy):
        begun = time.perf_counter()
        given = answer(part, heart, settings, roles)
        seconds.append(time.perf_counter() - begun)
        truth = np.array(classes)[heart.labels]
        sizes.append([100 * (a == scar).sum() / (a > 1).sum() for a in (given.labels, truth)])
        evidence.append(sizes[-1][0] if given.infarct is None else given.infarct)
        if len(scores) < len(infarcted):
            scores.append(dice(given.labels, truth, len(tissues)))
            ml = float(np.prod(heart.spacing)) / 1000
            for tissue, (_, low, high) in (given.intervals or {}).items():
                if tissue in tissues:
                    volume = (truth == tissues.index(tissue) + 1).sum() * ml
                    held.append(low <= volume <= high)
    mean = dict(zip(tissues, np.nanmean(scores, axis=0)))
    count = len(infarcted)
    ill, well = np.array(evidence[:count]), np.array(evidence[count:])
    above = (ill[:, None] > well) + 0.5 * (ill[:, None] == well)
    row = {tissue: mean.get(tissue, np.nan) for tissue in sample.TISSUES[:4]}
    row |= {"mean": np.mean(list(mean.values())), "AUC": above.mean()}
    sizes = np.array(sizes)
    row |= {
        "scar without infarct": sizes[count:, 0].mean(),
        "size bias": np.subtract(*sizes[:count].T).mean(),
        "size r": np.corrcoef(sizes[:count].T)[0, 1] if scar else np.nan,
        "intervals that hold": np.mean(held) if held else np.nan,
        "seconds": np.median(seconds),
    }
    return {name: round(float(value), 3) for name, value in row.items()}


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
        for part in PARTS:
            row = {"sequences": " + ".join(roles), "part": part}
            rows.append({**row, **judge(part, infarcted, healthy, roles)})
            print(rows[-1], flush=True)
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
