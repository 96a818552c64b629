"""The paper's two experiments: every method on every slice, and a split by patients."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from .case import segment
from .cohort import Case
from .errors import InvalidInput
from .estimate import estimate_prior
from .measures import dice, match
from .myops import TISSUES, Slice
from .paper import Score
from .priors import Prior
from .region import prepare
from .result import Progress, ProgressCallback, Result
from .settings import Settings
from .trained import TrainedNetwork
from .training import train
from .training_settings import Training

TABLES = {
    1: ("GMM", "deepG", "SVGMM", "deepSVG"),
    2: ("SVGMM", "deepSVG", "SVGMMμ", "deepSVGμ", "infarct EM", "infarct network"),
}
METHODS = tuple(dict.fromkeys(method for methods in TABLES.values() for method in methods))
# What is trained on the training slices in table 2, and towards what.
TEACHERS = {"deepSVG": "none", "deepSVGμ": "none", "infarct network": "em"}
# Whose classes come out as the tissues that they are taken for.
NAMED = ("SVGMMμ", "deepSVGμ", "infarct EM", "infarct network")
TEST_PATIENTS = ("109", "114", "117", "120", "122")
BATCH = 4  # slices behind a gradient step
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
    device : str
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
    patients = sorted({each.patient for each in slices})
    if len(patients) < 2:
        raise InvalidInput("There is one patient only; give at least two to train and to test.")
    paper = set(TEST_PATIENTS) <= set(patients)
    test = TEST_PATIENTS if paper else patients[4::5] or patients[-1:]
    return (
        [each for each in slices if each.patient not in test],
        [each for each in slices if each.patient in test],
    )


def reproduce(
    slices: Sequence[Slice], protocol: Protocol, progress: Optional[ProgressCallback] = None
) -> tuple[list[Score], list[str]]:
    """Run the methods of both tables.

    Table 1 fits every slice by itself. Table 2 has the test patients' slices only; what a method
    knows beforehand it has from the training patients' slices.

    Parameters
    ----------
    slices : sequence of Slice
        From `read_myops`.
    protocol : Protocol
    progress : callable, optional
        Called with a `Progress` after every iteration and epoch; may raise `Cancelled`.

    Returns
    -------
    scores : list of Score
    notes : list of str
        How the trainings went, one sentence each.
    """
    training, test = split(slices)
    runs = [
        (table, method, slices if table == 1 else test)
        for table, methods in TABLES.items()
        for method in methods
        if method in protocol.methods
    ]
    costs = np.array([_cost(*run, len(training), protocol) for run in runs], dtype=float)
    begins = np.cumsum(costs) - costs
    scores: list[Score] = []
    notes: list[str] = []
    for (table, method, chosen), begin, cost in zip(runs, begins, costs):
        part = _Part(progress, f"Table {table}, {method}", begin / costs.sum(), cost / costs.sum())
        settings = _settings(method, protocol, training)
        network = None
        if table == 2 and method in TEACHERS:
            network, note = _train(method, settings, protocol, training, part)
            notes.append(note)
        for n, each in enumerate(chosen):
            case = each.case
            result = segment(
                case.images,
                case.roi,
                settings,
                network=network,
                spacing=case.spacing,
                roles=case.roles,
                progress=None if network else part.of(n, len(chosen)),
            )
            scores.extend(_scores(table, method, each, result))
    return scores, notes


@dataclass(frozen=True)
class _Part:
    """A part of the run: from where to where it takes the bar."""

    progress: Optional[ProgressCallback]
    stage: str
    begin: float
    share: float

    def of(self, n: int, count: int) -> Optional[ProgressCallback]:
        """Return what step n of as many hands its progress to."""
        if self.progress is None:
            return None

        def report(event: Progress) -> None:
            stage = f"{self.stage}, {n + 1} of {count}"
            fraction = self.begin + self.share * (n + event.fraction) / count
            self.progress(dataclasses.replace(event, stage=stage, fraction=fraction))

        return report


def _cost(
    table: int, method: str, chosen: Sequence[Slice], training: int, protocol: Protocol
) -> int:
    """Return about how long a method takes, in passes of a network."""
    if table == 2 and method in TEACHERS:
        return training * protocol.epochs
    return len(chosen) * (protocol.iterations if method.startswith("deep") else 1)


def _train(
    method: str,
    settings: Settings,
    protocol: Protocol,
    slices: Sequence[Slice],
    part: _Part,
) -> tuple[TrainedNetwork, str]:
    began = time.perf_counter()
    choices = Training(teacher=TEACHERS[method], epochs=protocol.epochs, batch=BATCH)
    trained = train([each.case for each in slices], settings, choices, progress=part.of(0, 1))
    note = (
        f"{method} was trained on {len(slices)} slices for at most {protocol.epochs} epochs; the "
        f"best was epoch {trained.training['epoch']}; "
        f"{time.perf_counter() - began:.0f} s."
    )
    return trained, note


def estimated_prior(slices: Sequence[Slice]) -> Prior:
    """Return the prior that labelled slices give."""
    cases = [each.case for each in slices]
    source = f"estimated on {len(cases)} labelled slices of the reproduction"
    return estimate_prior(cases, TISSUES, name="Myocardial infarction", source=source)


def mean_intensities(slices: Sequence[Slice]) -> np.ndarray:
    """Return the paper's μ_data: mean intensities of the tissues, ``(4, 3)``, over the slices."""
    return np.mean(
        [
            [
                each.case.images[:, each.case.truth == k + 1].mean(axis=1)
                for k in range(len(TISSUES))
            ]
            for each in slices
        ],
        axis=0,
    )


def _settings(method: str, protocol: Protocol, training: Sequence[Slice]) -> Settings:
    common: dict[str, Any] = {"seed": protocol.seed, "device": protocol.device}
    if method.startswith("infarct"):
        form = "deepSVG" if method.endswith("network") else "SVGMM"
        roles = training[0].case.roles
        prior = estimated_prior(training)
        return Settings.infarct(roles, method=form, prior=prior, scope="slice", **common)
    common["margin"] = WHOLE_IMAGE
    if method.startswith("deep"):
        common.update(max_iterations=protocol.iterations, filters=protocol.filters)
    if method == "SVGMMμ":
        means = tuple(map(tuple, mean_intensities(training)))
        return Settings.paper("SVGMM", start="means", means=means, **common)
    if method == "deepSVGμ":
        prior = estimated_prior(training)
        return Settings.paper("deepSVG", prior=prior, mean_penalty=1.0, **common)
    return Settings.paper(method, **common)


def _scores(table: int, method: str, each: Slice, result: Result) -> Iterator[Score]:
    truth, classes = each.case.truth, len(TISSUES)
    partner = match(result.labels, truth, classes)
    labels = {"permuted": np.append(0, partner + 1)[result.labels]}
    if method in NAMED:
        labels["named"] = result.labels
    for rule, renamed in labels.items():
        yield Score(
            table=table,
            method=method,
            rule=rule,
            patient=each.patient,
            slice=each.number,
            dice=tuple(dice(renamed, truth, classes).tolist()),
            nll=result.history[-1] + _log_scale(each.case, result),
            seconds=result.seconds,
        )


def _log_scale(case: Case, result: Result) -> float:
    """Return what the method's own normalisation has taken from the NLL of the crop's z-scores."""
    region = prepare(case.images, case.roi, case.spacing, case.roles, result.settings)
    return float(np.log(region.scale).sum())
