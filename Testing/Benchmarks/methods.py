"""Every method on synthetic hearts (no patient's): how well, and how fast.

Unnamed classes are matched to the truth at the best mean Dice of the whole heart; those of the
infarct preset keep the names they come with. Where a run has no edema class, edema counts as
healthy myocardium in the truth too.

    python Testing/Benchmarks/methods.py --out methods.csv --hearts 20
"""

from __future__ import annotations

import argparse

import numpy as np
from shared import machine, write_csv

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.hearts.sample import ROLES, heart
from DeepGMMSegmentationLib.mixture.matching import dice, match
from DeepGMMSegmentationLib.settings import METHODS

FIRST_SEED = 1000  # hearts that nothing was tuned on

preset = Settings.infarct

CONTENDERS = [
    *((f"{method}, paper", ROLES, Settings.paper(method)) for method in ("GMM", "SVGMM")),
    ("SVGMM, paper's text", ROLES, Settings.paper("SVGMM", start="random")),
    *((f"{method}, default", ROLES, Settings(method=method)) for method in METHODS),
    *(
        (f"{method}, infarct, {source}", ROLES, preset(ROLES, method=method, anatomy_from=source))
        for method in METHODS
        for source in ("depth", "network")
    ),
    *(
        (f"SVGMM, infarct, {' + '.join(roles)}", roles, preset(roles))
        for roles in (("LGE", "T2"), ("LGE", "bSSFP"), ("T2", "bSSFP"), ("LGE",))
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="methods.csv", help="the CSV to write")
    parser.add_argument("--hearts", type=int, default=20, help="how many synthetic hearts")
    arguments = parser.parse_args()
    print(machine())
    hearts = [heart(FIRST_SEED + seed) for seed in range(arguments.hearts)]
    rows = []
    for name, roles, settings in CONTENDERS:
        scores, seconds = [], []
        for drawn in hearts:
            use = [drawn.roles.index(role) for role in roles]
            result = segment(
                drawn.images[use], drawn.roi, settings, spacing=drawn.spacing, roles=roles
            )
            labels, truth, classes = result.labels, drawn.labels, len(result.tissues)
            if classes == 3:
                truth = np.array([0, 1, 2, 2, 3])[truth]
            if settings.prior is None:
                labels = np.append(0, match(labels, truth, classes) + 1)[labels]
            scores.append(np.nan_to_num(dice(labels, truth, classes)))
            seconds.append(result.seconds)
        blood, healthy, *edema, scar = np.mean(scores, axis=0)
        row = {
            "method": name,
            "blood": blood,
            "healthy": healthy,
            "edema": edema[0] if edema else float("nan"),
            "scar": scar,
            "mean": np.mean(scores),
            "deviation": np.mean(scores, axis=1).std(ddof=1),
            "seconds": float(np.median(seconds)),
        }
        rows.append({key: v if key == "method" else round(float(v), 3) for key, v in row.items()})
        print(rows[-1], flush=True)
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
