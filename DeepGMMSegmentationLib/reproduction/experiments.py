"""The paper's two experiments: every method on every slice, and a split by patients."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from ..case import Case
from ..errors import InvalidInput
from ..io.writing import write_bytes
from ..mixture.matching import dice, match
from ..mixture.region import prepare
from ..result import Progress, ProgressCallback, Result
from ..segmentation import segment
from ..settings import Settings
from ..training.settings import Training
from ..training.trained_network import TrainedNetwork
from ..training.trainer import train
from ..version import __version__
from .myops import TISSUES, Slice
from .protocol import TABLES, TEACHERS, Protocol, settings_of, split
from .scores import Score

# Whose classes come out as the tissues that they are taken for.
NAMED = ("SVGMMμ", "deepSVGμ", "infarct EM", "infarct network")
BATCH = 4  # slices behind a gradient step


def reproduce(
    slices: Sequence[Slice],
    protocol: Protocol,
    kept: Path,
    progress: Optional[ProgressCallback] = None,
) -> tuple[list[Score], list[str]]:
    """Run the methods of both tables.

    Table 1 fits every slice by itself. Table 2 has the test patients' slices only; what a method
    knows beforehand it has from the training patients' slices.

    Parameters
    ----------
    slices : sequence of Slice
        From `read_myops`.
    protocol : Protocol
    kept : Path
        A folder for what is done, slice by slice and epoch by epoch: where it holds something, the
        run goes on from there. Whoever calls may remove it afterwards.
    progress : callable, optional
        Called with a `Progress` after every iteration and epoch; may raise `Cancelled`.

    Returns
    -------
    scores : list of Score
    notes : list of str
        How the trainings went, one sentence each.

    Raises
    ------
    InvalidInput
        If the folder holds what another run has kept, or there is one patient only.
    """
    training, test = split(slices)
    runs = [
        (table, method, slices if table == 1 else test)
        for table, methods in TABLES.items()
        for method in methods
        if method in protocol.methods
    ]
    settings_by_method = {m: settings_of(m, protocol, training) for m in protocol.methods}
    _claim(kept, slices, protocol)
    costs = np.array([_cost(*run, len(training), protocol) for run in runs], dtype=float)
    begins = np.cumsum(costs) - costs
    scores: list[Score] = []
    notes: list[str] = []
    for (table, method, chosen), begin, cost in zip(runs, begins, costs):
        part = _Part(progress, f"Table {table}, {method}", begin / costs.sum(), cost / costs.sum())
        settings = settings_by_method[method]
        network = None
        if table == 2 and method in TEACHERS:
            network, note = _train(method, settings, protocol, training, kept, part)
            notes.append(note)
        for n, each in enumerate(chosen):
            file = kept / f"{table} {_ascii(method)} {each.patient} {each.number}.json"
            if not file.exists():
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
                found = _scores(table, method, each, result)
                write_bytes(file, json.dumps(list(map(dataclasses.asdict, found))).encode())
            for values in json.loads(file.read_bytes()):
                scores.append(Score(**{**values, "dice": tuple(values["dice"])}))
    return scores, notes


def _claim(kept: Path, slices: Sequence[Slice], protocol: Protocol) -> None:
    """Make the folder of this run, or see that it is there; refuse that of another one."""
    digest = hashlib.sha256(__version__.encode())
    # On which device it runs does not make it another run.
    digest.update(repr(dataclasses.replace(protocol, device="auto")).encode())
    for each in slices:
        digest.update(repr((each.patient, each.number, each.case.spacing)).encode())
        digest.update(each.case.images.tobytes() + each.case.truth.tobytes())
    file, identity = kept / "identity", digest.hexdigest().encode()
    if not kept.exists():
        kept.mkdir(parents=True)
        write_bytes(file, identity)
    elif not file.is_file() or file.read_bytes() != identity:
        raise InvalidInput(
            f"{kept} belongs to a run with other cases or options; give these again to go on with "
            "it, or remove it to begin anew."
        )


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


def _ascii(method: str) -> str:
    """Return a method's name for a file, whatever letters the system can put into names."""
    return method.replace("μ", "mu")


def _train(
    method: str,
    settings: Settings,
    protocol: Protocol,
    slices: Sequence[Slice],
    kept: Path,
    part: _Part,
) -> tuple[TrainedNetwork, str]:
    """Return a trained network, and how its training went."""
    checkpoint, note = (kept / (_ascii(method) + ending) for ending in (".checkpoint", ".txt"))
    resumed, began = checkpoint.exists(), time.perf_counter()
    trained = train(
        [each.case for each in slices],
        settings,
        Training(teacher=TEACHERS[method], epochs=protocol.epochs, batch=BATCH),
        checkpoint_file=checkpoint,
        progress=part.of(0, 1),
    )
    if not note.exists():
        seconds = f"{time.perf_counter() - began:.0f} s{' since an interruption' * resumed}"
        text = (
            f"{method} was trained on {len(slices)} slices for at most {protocol.epochs} epochs; "
            f"the best was epoch {trained.training['epoch']}; {seconds}."
        )
        write_bytes(note, text.encode())
    return trained, note.read_text(encoding="utf-8")


def _scores(table: int, method: str, each: Slice, result: Result) -> list[Score]:
    truth, classes = each.case.truth, len(TISSUES)
    partner = match(result.labels, truth, classes)
    labels = {"permuted": np.append(0, partner + 1)[result.labels]}
    if method in NAMED:
        labels["named"] = result.labels
    return [
        Score(
            table=table,
            method=method,
            rule=rule,
            patient=each.patient,
            slice=each.number,
            dice=tuple(dice(renamed, truth, classes).tolist()),
            nll=result.history[-1] + _log_scale(each.case, result),
            seconds=result.seconds,
        )
        for rule, renamed in labels.items()
    ]


def _log_scale(case: Case, result: Result) -> float:
    """Return what the method's own normalisation has taken from the NLL of the crop's z-scores."""
    region = prepare(case.images, case.roi, case.spacing, case.roles, result.settings)
    return float(np.log(region.scale).sum())
