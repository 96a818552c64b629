"""Going over a cohort: what is done is skipped, a bad case stops nothing, ranks share the list."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Callable, Optional

from ..errors import Cancelled, DeepGMMError, InvalidInput
from ..io.cohort import CaseFiles
from ..io.folders import whole_folder
from ..report.result_folder import Wanted
from ..report.tables import cohort_csv
from ..settings import Settings

SUMMARY = "cohort.csv"
# A folder that holds all of them holds a whole result.
FILES = ("segmentation.seg.nrrd", "labels.nii.gz", "result.json", "figure.png")
# The other processes may still have most of a cohort before them when this one is done.
PATIENCE = timedelta(days=30)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one case: ``state`` is "segmented", "skipped" or "failed"."""

    case: str
    state: str
    reason: str = ""


def share(cases: Sequence[CaseFiles]) -> list[CaseFiles]:
    """Return this process's part of the cases: all, or what RANK and WORLD_SIZE say."""
    rank, processes = (int(os.environ.get(name, d)) for name, d in (("RANK", 0), ("WORLD_SIZE", 1)))
    return list(cases[rank::processes])


def go_over(
    cases: Iterable[CaseFiles],
    folder: Path,
    run: Callable[[CaseFiles, Path], None],
    is_done: Callable[[CaseFiles, Path], bool],
) -> list[Outcome]:
    """Run every case that is not done yet, and go on after one that fails.

    Parameters
    ----------
    cases : iterable of CaseFiles
    folder : Path
        Each case gets a folder of its name there.
    run : callable
        Segments a case into its folder.
    is_done : callable
        Whether a case's folder holds its result already; may raise `InvalidInput`.

    Raises
    ------
    Cancelled
        If the user stopped it; the cases before are kept.
    """
    outcomes = []
    for case in cases:
        target = folder / case.name
        try:
            if is_done(case, target):
                outcomes.append(Outcome(case.name, "skipped"))
                continue
            run(case, target)
        except (Cancelled, KeyboardInterrupt) as error:
            raise Cancelled(
                f"{case.name} was not finished; the cases before it are kept, and the same "
                "command goes on with it."
            ) from error
        except Exception as error:
            logger.info("%s failed", case.name, exc_info=True)
            kind = "" if isinstance(error, DeepGMMError) else f"unexpected {type(error).__name__}: "
            outcomes.append(Outcome(case.name, "failed", kind + " ".join(str(error).split())))
        else:
            outcomes.append(Outcome(case.name, "segmented"))
    return outcomes


def holds_result(folder: Path, settings: Settings, network: Optional[str], wanted: Wanted) -> bool:
    """Return whether a folder holds a whole result of these settings and this trained network.

    Probability maps and a report must be there where they are wanted. On which device it was
    computed does not matter.

    Raises
    ------
    InvalidInput
        If it holds one of others.
    """
    needed = [
        *FILES,
        *["report.html"] * wanted.report,
        *["probability_*.nii.gz"] * wanted.probabilities,
    ]
    if not all(list(folder.glob(name)) for name in needed):
        return False
    try:
        stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return False  # cut short: not done
    same = Settings.from_dict({**stored["settings"], "device": settings.device}) == settings
    if not same or stored.get("network") != network:
        raise InvalidInput(
            f"{folder} holds a result of other settings, or of another network; name another "
            "folder, or add --force."
        )
    return True


def gather(outcomes: list[Outcome]) -> Optional[list[Outcome]]:
    """Return the outcomes of all processes that torchrun started, in the first of them.

    The others get None. torchrun ends all when one fails, so that none may end before all are done;
    this waits for them.
    """
    if "MASTER_ADDR" not in os.environ:
        return outcomes
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        parts = [None] * dist.get_world_size() if dist.get_rank() == 0 else None
        dist.gather_object(outcomes, parts)
        dist.barrier()
    finally:
        dist.destroy_process_group()
    return None if parts is None else [outcome for part in parts for outcome in part]


def write_summary(names: Iterable[str], folder: Path) -> bool:
    """Write the measures of those of the cases that are done as one table, one row per case.

    Processes that know nothing of each other each write it: the last has all cases. Returns
    whether there was any.
    """
    records = []
    for name in names:
        path = folder / name / "result.json"
        if path.is_file():
            record = json.loads(path.read_text(encoding="utf-8"))["measures"]
            records.append({**record, "case": name})
    if records:
        with whole_folder(folder, (SUMMARY,), force=True) as new:
            (new / SUMMARY).write_text(cohort_csv(records), encoding="utf-8")
    return bool(records)
