"""The paper's two experiments: every method on every slice, and a split by patients."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from ..case import Case
from ..errors import InvalidInput
from ..io.identity import identify
from ..io.locks import hidden
from ..io.writing import write_bytes
from ..mixture.matching import dice, match
from ..mixture.region import prepare
from ..result import ProgressCallback, Result
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
NAMED = ("SVGMMμ", "deepSVGμ", "deepSVG prior", "infarct EM", "infarct network")
BATCH = 4  # slices behind a gradient step of our trainings
PAPERS = ("deepSVG", "deepSVGμ")  # trained as the paper's authors did; the others as we do
COLLAPSED = 0.01  # of the region: a class that has less is not there


def reproduce(
    slices: Sequence[Slice],
    protocol: Protocol,
    folder: Path,
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
        Which methods are run, and for how long.
    folder : Path
        Where finished slices and epochs are stored: where it holds some, the run goes on from
        there. The caller may remove it afterwards.
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
        If the folder belongs to another run, or there is one patient only.
    """
    training, test = split(slices)
    runs = [
        (table, method, slices if table == 1 else test)
        for table, methods in TABLES.items()
        for method in methods
        if method in protocol.methods
    ]
    settings_by_method = {m: settings_of(m, protocol, training) for m in protocol.methods}
    _claim(folder, slices, protocol)
    costs = [_cost(*run, len(training), protocol) for run in runs]
    begin, whole = 0.0, sum(costs)
    scores: list[Score] = []
    notes: list[str] = []
    for (table, method, chosen), cost in zip(runs, costs):
        stage = f"Table {table}, {method}"
        settings = settings_by_method[method]
        network = None
        if table == 2 and method in TEACHERS:
            part = _part(progress, begin, whole, cost, f"{stage}, training")
            network, note = _train(method, settings, protocol, training, folder, part)
            notes.append(note)
        for n, item in enumerate(chosen):
            file = label_file(folder, table, method, item).with_suffix(".json")
            if not file.exists():
                case, step = item.case, cost / len(chosen)
                part = _part(
                    progress, begin + n * step, whole, step, f"{stage}, {n + 1} of {len(chosen)}"
                )
                result = segment(
                    case.images,
                    case.roi,
                    settings,
                    network=network,
                    spacing=case.spacing,
                    roles=case.roles,
                    progress=None if network else part,
                )
                _save(
                    label_file(folder, table, method, item),
                    _permute(result.labels, np.asarray(case.truth)),
                )
                rows = [dataclasses.asdict(score) for score in _scores(table, method, item, result)]
                write_bytes(file, json.dumps(rows).encode())
            for values in json.loads(file.read_bytes()):
                scores.append(Score(**{**values, "dice": tuple(values["dice"])}))
        begin += cost
    return scores, notes


def label_file(folder: Path, table: int, method: str, item: Slice) -> Path:
    """Return where a run stores a method's labels of a slice, paired with the truth's."""
    return folder / f"{table} {_ascii(method)} {item.patient} {item.number}.npy"


def discard(folder: Path) -> None:
    """Remove what a run has stored, by one step, so that none goes on with half of it."""
    shutil.rmtree(folder.rename(hidden(folder)))


def _save(path: Path, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_bytes(path, buffer.getvalue())


def _claim(folder: Path, slices: Sequence[Slice], protocol: Protocol) -> None:
    """Make the folder of this run, or see that it is there; refuse that of another one."""
    names = [(item.patient, item.number, item.case.spacing) for item in slices]
    voxels = [array for item in slices for array in (item.case.images, item.case.truth)]
    identity = identify(__version__, protocol, names, *voxels).encode()
    file = folder / "identity"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = hidden(folder)
        shutil.rmtree(new, ignore_errors=True)  # what a killed run has left
        new.mkdir()
        write_bytes(new / file.name, identity)
        new.rename(folder)
    elif not file.is_file() or file.read_bytes() != identity:
        raise InvalidInput(
            f"{folder} belongs to a run with other cases or options; give these again to go on "
            "with it, or remove it to begin anew."
        )


def _part(
    progress: Optional[ProgressCallback], begin: float, whole: float, share: float, stage: str
) -> Optional[ProgressCallback]:
    """Return what a part of the run hands its progress to; see `Progress.within`."""
    if progress is None:
        return None
    return lambda event: progress(event.within(begin, whole, share, stage=stage))


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
    folder: Path,
    progress: Optional[ProgressCallback],
) -> tuple[TrainedNetwork, str]:
    """Return a trained network, and how its training went."""
    checkpoint, note = (folder / (_ascii(method) + ending) for ending in (".checkpoint", ".txt"))
    training = Training.paper(epochs=protocol.epochs)
    if method not in PAPERS:
        training = Training(teacher=TEACHERS[method], epochs=protocol.epochs, batch=BATCH)
        if len({item.patient for item in slices}) == 1:  # of whom none can be held out
            training = dataclasses.replace(training, held_out=0.0)
    resumed, began = checkpoint.exists(), time.perf_counter()
    trained = train(
        [item.case for item in slices],
        settings,
        training,
        checkpoint_file=checkpoint,
        progress=progress,
    )
    if not note.exists():
        seconds = f"{time.perf_counter() - began:.0f} s{' since an interruption' * resumed}"
        text = (
            f"{method} was trained on {len(slices)} slices for at most {protocol.epochs} epochs; "
            f"the network is that of epoch {trained.training['epoch']}; {seconds}."
        )
        write_bytes(note, text.encode())
    return trained, note.read_text(encoding="utf-8")


def _permute(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return labels paired with the truth's such that the mean Dice is highest."""
    partner = match(labels, truth, len(TISSUES))
    return np.append(0, partner + 1).astype(np.uint8)[labels]


def _scores(table: int, method: str, item: Slice, result: Result) -> list[Score]:
    truth, classes = np.asarray(item.case.truth), len(TISSUES)
    counts = np.bincount(result.labels[item.case.roi], minlength=classes + 1)[1:]
    labels = {"permuted": _permute(result.labels, truth)}
    if method in NAMED:
        labels["named"] = result.labels
    return [
        Score(
            table=table,
            method=method,
            rule=rule,
            patient=item.patient,
            slice=item.number,
            dice=tuple(dice(renamed, truth, classes).tolist()),
            nll=result.history[-1] + _log_scale(item.case, result),
            seconds=result.seconds,
            collapsed=bool((counts < COLLAPSED * counts.sum()).any()),
        )
        for rule, renamed in labels.items()
    ]


def _log_scale(case: Case, result: Result) -> float:
    """Return what the method's own normalisation has taken from the NLL of the crop's z-scores."""
    region = prepare(case.images, case.roi, case.spacing, case.roles, result.settings)
    return float(np.log(region.scale).sum())
