"""EM against scikit-learn's GaussianMixture: same data, start, iterations and tolerance.

Every fit runs in a process of its own, so that its peak memory is its own; the time is that of
the fit alone. Both compute in float64.

    python Testing/Benchmarks/em.py --out em.csv
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings

from shared import machine, write_csv

SEQUENCES, CLASSES, ITERATIONS = 3, 4, 20


def data(voxels: int):
    import numpy as np

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, SEQUENCES)) * 2
    x = centres[rng.integers(CLASSES, size=voxels)] + rng.normal(size=(voxels, SEQUENCES))
    return x, centres + rng.normal(size=centres.shape) * 0.3


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit_ours(x, means, covariance: str) -> tuple[float, float, list]:
    import numpy as np
    import torch

    from DeepGMMSegmentationLib import Settings
    from DeepGMMSegmentationLib.mixture import em
    from DeepGMMSegmentationLib.mixture.model import Mixture
    from DeepGMMSegmentationLib.mixture.observations import Observations

    settings = Settings(
        method="GMM", covariance=covariance, tolerance=0.0, max_iterations=ITERATIONS
    )
    eye = np.broadcast_to(np.eye(SEQUENCES), (1, CLASSES, SEQUENCES, SEQUENCES)).copy()
    proportions = np.full((1, CLASSES), 1 / CLASSES)
    start = Mixture(*(torch.from_numpy(value) for value in (proportions, means[None], eye)))
    image = torch.from_numpy(np.ascontiguousarray(x.T))[None]
    observations = Observations(image, torch.ones(1, len(x), dtype=torch.bool))
    before, began = peak_megabytes(), time.perf_counter()
    fitted = em.fit(observations, start, settings)
    seconds = time.perf_counter() - began
    return seconds, peak_megabytes() - before, fitted.mixture.means[0].tolist()


def fit_scikit_learn(x, means, covariance: str) -> tuple[float, float, list]:
    import numpy as np
    from sklearn.mixture import GaussianMixture

    ones = np.ones((CLASSES, SEQUENCES))
    model = GaussianMixture(
        CLASSES,
        covariance_type=covariance,
        tol=0.0,
        reg_covar=1e-3,
        max_iter=ITERATIONS,
        weights_init=np.full(CLASSES, 1 / CLASSES),
        means_init=means,
        precisions_init=ones if covariance == "diag" else np.stack([np.eye(SEQUENCES)] * CLASSES),
    )
    before, began = peak_megabytes(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It has not converged: the iterations are the same.
        model.fit(x)
    return time.perf_counter() - began, peak_megabytes() - before, model.means_.tolist()


FITS = {"ours": fit_ours, "scikit-learn": fit_scikit_learn}


def run_one(who: str, covariance: str, voxels: int) -> None:
    x, means = data(voxels)
    FITS[who](x[:1000], means, covariance)  # Warm up: imports, allocators, threads.
    seconds, megabytes, fitted_means = FITS[who](x, means, covariance)
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "means": fitted_means}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="em.csv", help="the CSV to write")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the fastest counts")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.one[0], arguments.one[1], int(arguments.one[2]))
        return
    import numpy as np

    print(machine())
    rows = []
    for voxels in (10**4, 10**5, 10**6):
        for covariance in ("diag", "full"):
            best = {}
            for _ in range(arguments.repeats):
                for who in FITS:
                    command = [sys.executable, __file__, "--one", who, covariance, str(voxels)]
                    output = subprocess.run(command, check=True, capture_output=True, text=True)
                    run = json.loads(output.stdout)
                    if who not in best or run["seconds"] < best[who]["seconds"]:
                        best[who] = run
            ours, theirs = best["ours"], best["scikit-learn"]
            row = {
                "voxels": voxels,
                "covariance": covariance,
                "ours_s": round(ours["seconds"], 4),
                "sklearn_s": round(theirs["seconds"], 4),
                "times_faster": round(theirs["seconds"] / ours["seconds"], 1),
                "ours_MB": round(ours["megabytes"], 1),
                "sklearn_MB": round(theirs["megabytes"], 1),
                "largest_difference_of_means": float(
                    np.abs(np.array(ours["means"]) - theirs["means"]).max()
                ),
            }
            print(row, flush=True)
            rows.append(row)
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
