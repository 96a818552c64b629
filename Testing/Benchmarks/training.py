"""Trained networks on synthetic hearts that they have not seen: algorithm 4 and the EM teacher.

Every network is trained without labels on the same hearts and judged on others, drawn from other
seeds; Dice is against the truth, with the names as they come out ("named") and permuted, slice by
slice, so that it is highest ("permuted"). These hearts are synthetic, not patients'.

    python Testing/Benchmarks/training.py --out training.csv
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np
from shared import machine, write_csv

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.case import Case
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture.matching import dice, match
from DeepGMMSegmentationLib.training.settings import Training
from DeepGMMSegmentationLib.training.trainer import train

UNSEEN = 1000  # the first seed of the hearts that judge


def case(seed: int) -> Case:
    drawn = heart(seed)
    return Case(
        f"heart {seed}",
        drawn.images,
        drawn.roi,
        drawn.roles,
        drawn.spacing,
        drawn.labels,
        drawn.tissues,
    )


def methods(filters: int, depth: int) -> dict[str, tuple[Settings, str]]:
    """Return settings and teacher of every network that is compared."""
    roles = ("LGE", "T2", "bSSFP")
    preset = Settings.infarct(
        roles, method="deepSVG", anatomy_from="depth", filters=filters, depth=depth
    )
    plain = dataclasses.replace(
        preset, prior_weight=0.0, smoothing=0.0, anatomy=0.0, degrees_of_freedom=None
    )
    return {
        "EM teacher, preset": (preset, "em"),
        "algorithm 4, preset, λ = 1": (dataclasses.replace(preset, mean_penalty=1.0), "none"),
        "algorithm 4, λ = 1": (dataclasses.replace(plain, mean_penalty=1.0), "none"),
        "algorithm 4, no prior": (
            dataclasses.replace(plain, mean_penalty=0.0, prior=None, start="kmeans"),
            "none",
        ),
    }


def scores(cases: list[Case], settings: Settings, **options) -> dict[str, float]:
    """Return mean Dice coefficients and the time of a slice over unseen hearts."""
    named, permuted, seconds, slices = [], [], 0.0, 0
    for unseen in cases:
        result = segment(
            unseen.images,
            unseen.roi,
            settings,
            spacing=unseen.spacing,
            roles=unseen.roles,
            **options,
        )
        seconds, slices = seconds + result.seconds, slices + len(unseen.roi)
        named.append(dice(result.labels, unseen.truth, 4))
        for labels, truth in zip(result.labels, unseen.truth):
            order = match(labels, truth, 4)
            permuted.append(np.nanmean(dice(np.append(0, order + 1)[labels], truth, 4)))
    by_tissue = np.nanmean(named, axis=0)
    return {
        "named": by_tissue.mean(),
        **dict(zip(cases[0].tissues, by_tissue)),
        "permuted": np.mean(permuted),
        "ms_per_slice": 1000 * seconds / slices,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="training.csv", help="the CSV to write")
    parser.add_argument("--train", type=int, default=16, help="hearts to train on")
    parser.add_argument("--test", type=int, default=5, help="other hearts to judge on")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--only", help="only the networks whose names hold this text")
    for field in ("batch", "initial_rate", "rotation", "zoom", "intensity"):
        default = getattr(Training, field)
        parser.add_argument("--" + field, type=type(default), default=default)
    arguments = parser.parse_args()
    print(machine())
    cases = [case(seed) for seed in range(arguments.train)]
    unseen = [case(UNSEEN + seed) for seed in range(arguments.test)]
    rows = []

    def add(method: str, seconds: float, epochs: int, measured: dict[str, float]) -> None:
        row = {"method": method, "training_s": round(seconds, 1), "epochs": epochs}
        row.update((name, round(float(value), 3)) for name, value in measured.items())
        print(row, flush=True)
        rows.append(row)

    compared = methods(arguments.filters, arguments.depth)
    em = dataclasses.replace(compared["EM teacher, preset"][0], method="SVGMM")
    add("the teacher itself (EM, preset)", 0.0, 0, scores(unseen, em))
    for method, (settings, teacher) in compared.items():
        if arguments.only and arguments.only not in method:
            continue
        training = Training(
            teacher=teacher,
            epochs=arguments.epochs,
            batch=arguments.batch,
            initial_rate=arguments.initial_rate,
            rotation=arguments.rotation,
            zoom=arguments.zoom,
            intensity=arguments.intensity,
        )
        history = []
        began = time.perf_counter()
        network = train(cases, settings, training, log=lambda rows: history.append(rows[-1]))  # noqa: B023
        seconds = time.perf_counter() - began
        for refine in (0, 10):
            name = f"{method}, refined by {refine} steps" if refine else method
            add(name, seconds, len(history), scores(unseen, None, network=network, refine=refine))
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
