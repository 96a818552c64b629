"""The protocol of the paper's experiments: the methods, their settings and the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInput
from ..priors import Prior
from ..settings import Settings
from ..training.prior_estimation import estimate_prior
from ..training.settings import DEPTH
from .myops import TISSUES, Slice

TABLES = {
    1: ("GMM", "deepG", "SVGMM", "SVGMM random", "deepSVG"),
    2: (
        *("SVGMM", "deepSVG", "SVGMMμ", "deepSVGμ"),
        *("deepSVG prior", "infarct EM", "infarct network"),
    ),
}
METHODS = tuple(dict.fromkeys(method for methods in TABLES.values() for method in methods))
# What is trained on the training slices in table 2, and towards what.
TEACHERS = {
    "deepSVG": "none",
    "deepSVGμ": "none",
    "deepSVG prior": "none",
    "infarct network": "em",
}
MEAN_SLICES = 10  # labelled slices that give the paper's μ_data
TEST_PATIENTS = ("109", "114", "117", "120", "122")
WHOLE_IMAGE = 1000.0  # a margin, in mm, that keeps all of the crop


@dataclass(frozen=True)
class Protocol:
    """What of the experiments is run, and how long.

    Attributes
    ----------
    methods : tuple of str
        Some of `METHODS`.
    iterations : int
        The most that a deep method makes on a slice; 200 in the paper.
    epochs : int
        The most times that a training sees all slices.
    filters : int
        First filters of the paper's networks; 32 there.
    seed : int
        Of every random choice.
    device : str
        Where it is computed; see `Settings`.
    """

    methods: tuple[str, ...] = METHODS
    iterations: int = 200
    epochs: int = 100
    filters: int = 32
    seed: int = 0
    device: str = "auto"


def split(slices: Sequence[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Part the slices by patients, for training and for testing.

    The paper's five test patients, where all are there; else every fifth patient, or the last.
    """
    patients = sorted({item.patient for item in slices})
    if len(patients) < 2:
        raise InvalidInput("There is one patient only; give at least two to train and to test.")
    paper = set(TEST_PATIENTS) <= set(patients)
    test = TEST_PATIENTS if paper else patients[4::5] or patients[-1:]
    return (
        [item for item in slices if item.patient not in test],
        [item for item in slices if item.patient in test],
    )


def settings_of(method: str, protocol: Protocol, training: Sequence[Slice]) -> Settings:
    """Return the settings of a method; its prior and means are those of the training slices."""
    common: dict[str, Any] = {"seed": protocol.seed, "device": protocol.device}
    if method.startswith("infarct"):
        common.update(prior=estimated_prior(training), scope="slice", method="SVGMM")
        if method.endswith("network"):
            common.update(method="deepSVG", depth=DEPTH)
        # As the documented tables were made; the tissue network has its own measurements.
        return Settings.infarct(training[0].case.roles, anatomy_from="depth", **common)
    common["margin"] = WHOLE_IMAGE
    if method.startswith("deep"):
        common.update(max_iterations=protocol.iterations, filters=protocol.filters)
    if method.endswith("μ"):
        means = mean_intensities(training, protocol.seed).tolist()
        return Settings.paper(method[:-1], means=means, **common)
    if method == "SVGMM random":
        return Settings.paper("SVGMM", start="random", **common)
    if method == "deepSVG prior":
        return Settings.paper("deepSVG", prior=estimated_prior(training), **common)
    return Settings.paper(method, **common)


def estimated_prior(slices: Sequence[Slice]) -> Prior:
    """Return the prior that labelled slices give."""
    cases = [item.case for item in slices]
    source = f"estimated on {len(cases)} labelled slices of the reproduction"
    return estimate_prior(cases, TISSUES, name="Myocardial infarction", source=source)


def mean_intensities(slices: Sequence[Slice], seed: int) -> np.ndarray:
    """Return the paper's μ_data: mean z-scores of the tissues over ten slices, ``(4, 3)``.

    Parameters
    ----------
    slices : sequence of Slice
        The training slices, ten of which are drawn; all where there are fewer.
    seed : int
        Draws them.
    """
    drawn = np.random.default_rng(seed).permutation(len(slices))[:MEAN_SLICES]
    return np.mean(
        [
            [
                item.case.images[:, item.case.truth == k + 1].mean(axis=1)
                for k in range(len(TISSUES))
            ]
            for item in (slices[i] for i in drawn)
        ],
        axis=0,
    )
