"""What a run reports while it goes on (`Progress`) and what it returns (`Result`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Callable, Optional

import numpy as np

from .settings import Settings
from .tissues import tissue

# What `Result.presence` answers, and the tissue that is absent where the answer is no.
QUESTIONS = {"infarct": "scar", "edema": "edema", "no_reflow": "no-reflow"}
# The probability below which the answer is no. Small infarcts and edema are easily missed: they are
# taken away only where that is clear.
PRESENT = {"infarct": 0.3, "edema": 0.25, "no_reflow": 0.5}
# Between these probabilities it is undecided.
UNDECIDED = (0.2, 0.6)
# Fields of a result that are arrays over voxels, and those with an entry per mixture.
VOXELWISE = ("labels", "probabilities")
PER_MIXTURE = ("slices", "proportions", "means", "covariances")


@dataclass(frozen=True)
class Progress:
    """One iteration of a run, as handed to the progress callback.

    Attributes
    ----------
    stage : str
        What is being done, in words a user understands: "EM", "deepSVG" …
    iteration, limit : int
        The iteration just finished, from 1, and the most there can be in this stage.
    nll : float
        Mean negative log-likelihood per voxel of the region.
    fraction : float
        The part of the whole run that is done, 0 to 1.
    device : str
        Where it is computed: "cpu", "cuda:0" …
    """

    stage: str
    iteration: int
    limit: int
    nll: float
    fraction: float
    device: str = "cpu"

    def within(
        self, begin: float, whole: float, share: float = 1.0, *, stage: Optional[str] = None
    ) -> Progress:
        """Return the progress of the larger run that this one is a part of.

        Parameters
        ----------
        begin : float
            How much of the larger run comes before this part.
        whole : float
            How much the larger run is, in the same unit.
        share : float
            How much this part is.
        stage : str, optional
            What the larger run calls it; by default the stage stays.
        """
        fraction = (begin + share * self.fraction) / whole
        return replace(self, fraction=fraction, stage=self.stage if stage is None else stage)


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Result:
    """A segmentation of the region into K tissues, and the mixture that explains it.

    B is the number of mixtures: one per slice of the region (``scope="slice"``) or one.

    Attributes
    ----------
    labels : ndarray of uint8, shape ``(Z, Y, X)`` or ``(Y, X)``
        0 outside the region, ``i + 1`` where ``tissues[i]`` is the most probable tissue.
    probabilities : ndarray of float32, shape ``(K, *labels.shape)``
        Responsibilities; they sum to 1 inside the region and are 0 outside.
    tissues : tuple of str
        The K names.
    naming : tuple of float or None
        Per tissue, how sure its name is: by how much the class would fit its tissue worse under
        the best other assignment, in squared deviations of the prior (below 0: another
        assignment fits better). None where the classes were ordered by rule and not named.
    means : ndarray of float64, shape ``(B, K, M)``
        In input intensity units.
    covariances : ndarray of float64, shape ``(B, K, M, M)``
        In squared input intensity units. With Student-t components the scale matrices: their
        covariances are ν / (ν − 2) times as large.
    proportions : ndarray of float64, shape ``(B, K)``
        Mean responsibility of each tissue in the region of each mixture.
    slices : tuple of tuple of int
        Which slices (first spatial index) each mixture covers.
    history : tuple of float
        The mean NLL per voxel after each iteration, in normalised intensity units; of several
        restarts, of the one that is best on the whole.
    converged : bool
        Whether every mixture met the tolerance before the iteration limit; a trained network makes
        as many steps as were asked for, and always has.
    iterations : int
        How many iterations were made.
    agreement : tuple of float or None
        With several restarts: per tissue, the mean pairwise Dice between their segmentations.
    device : str
        Where it was computed.
    seconds : float
        How long it took.
    settings : Settings
        What was asked for.
    spacing : tuple of float
        Millimetres per voxel, in array order, of the same length as ``labels.shape``.
    roles : tuple of str
        The names of the M sequences.
    network : str or None
        Which trained network gave the responsibilities, and the gradient steps after that; None
        where the method was fitted to this case alone.
    notes : tuple of str
        What the user should know about this run, one sentence each.
    presence : dict of str to float or None
        How probable it is, by the tissue network, that the heart has an "infarct", "edema" and
        "no_reflow" at all (None for what its sequences cannot tell); None without that network.
    intervals : dict of str to (float, float, float) or None
        Expected volume, and the ends of its 90 % interval, of each tissue and the "infarct" in mL.
        The interval is as the tissue network was calibrated, and holds what is expected; None
        without the network, or in one slice.
    placement : dict of str to float or None
        How the region lies on the left ventricle that the region network sees in its place: the
        fields of `anatomy.placement.Placement`; None where it was not asked.
    doubts : tuple of str
        What speaks against the images being what they were taken for; each is a warning.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    tissues: tuple[str, ...]
    naming: Optional[tuple[float, ...]]
    means: np.ndarray
    covariances: np.ndarray
    proportions: np.ndarray
    slices: tuple[tuple[int, ...], ...]
    history: tuple[float, ...]
    converged: bool
    iterations: int
    agreement: Optional[tuple[float, ...]]
    device: str
    seconds: float
    settings: Settings
    spacing: tuple[float, ...]
    roles: tuple[str, ...]
    network: Optional[str] = None
    notes: tuple[str, ...] = ()
    presence: Optional[dict[str, Optional[float]]] = None
    intervals: Optional[dict[str, tuple[float, float, float]]] = None
    placement: Optional[dict[str, float]] = None
    doubts: tuple[str, ...] = ()

    @property
    def absent(self) -> dict[str, float]:
        """What the heart is taken to have none of: its tissue, and how probable it is."""
        absent = {}
        for question, p in (self.presence or {}).items():
            if QUESTIONS[question] in self.tissues and p is not None and p < PRESENT[question]:
                absent[QUESTIONS[question]] = p
        return absent

    def to_record(self) -> dict[str, Any]:
        """Return all of a result but its voxels, ready for JSON.

        Spacing is in mm in array order (z, y, x); means and covariances are in input intensity
        units. Numbers that are not finite, which JSON has not, are None.
        """
        record = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in (*VOXELWISE, *PER_MIXTURE)
        }
        record["tissues"] = [
            {"label": i + 1, "name": name, "color": tissue(name, i).color}
            for i, name in enumerate(self.tissues)
        ]
        record["mixtures"] = [
            {name: getattr(self, name)[b] for name in PER_MIXTURE} for b in range(len(self.slices))
        ]
        return to_json_values(record)

    @classmethod
    def from_record(
        cls, record: Mapping[str, Any], labels: np.ndarray, probabilities: np.ndarray
    ) -> Result:
        """Return the result of a record that `to_record` made and of its voxels.

        Raises
        ------
        KeyError
            If the record lacks a field.
        InvalidInput
            If its settings are none.
        """
        scalars = {
            field.name: _to_tuple(record[field.name])
            for field in fields(cls)
            if field.name in record and field.name not in (*VOXELWISE, *PER_MIXTURE)
        }
        mixtures = record["mixtures"]
        scalars["tissues"] = tuple(entry["name"] for entry in record["tissues"])
        scalars["settings"] = Settings.from_dict(record["settings"])
        if record["agreement"] is not None:
            scalars["agreement"] = tuple(
                math.nan if dice is None else dice for dice in record["agreement"]
            )
        return cls(
            labels=labels,
            probabilities=probabilities,
            slices=tuple(tuple(mixture["slices"]) for mixture in mixtures),
            means=np.array([mixture["means"] for mixture in mixtures]),
            covariances=np.array([mixture["covariances"] for mixture in mixtures]),
            proportions=np.array([mixture["proportions"] for mixture in mixtures]),
            **scalars,
        )


def to_json_values(value: Any) -> Any:
    """Turn records, arrays, tuples and NumPy numbers into what JSON has; None for NaN."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_json_values(asdict(value))
    if isinstance(value, Mapping):
        return {key: to_json_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [to_json_values(item) for item in value]
    if isinstance(value, np.generic):
        return to_json_values(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _to_tuple(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _to_tuple(item) for key, item in value.items()}
    return tuple(map(_to_tuple, value)) if isinstance(value, list) else value
