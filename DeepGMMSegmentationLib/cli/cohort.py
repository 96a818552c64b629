"""``deepgmm segment --cases``: what is done is skipped, a bad case stops nothing, ranks share."""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Callable, Optional

from ..errors import Cancelled, DeepGMMError, InvalidInput
from ..io.cohort import CaseFiles, read_cases
from ..io.folders import check_folder
from ..io.identity import identify
from ..io.locks import locked
from ..io.sealed import RECORD, find_changed, keep_copies
from ..io.writing import write_bytes
from ..report.record import read_result
from ..report.result_folder import OUTPUTS, Wanted
from ..report.tables import cohort_csv
from ..result import Progress
from ..settings import Settings
from ..training import distributed
from .console import say, show_progress
from .one_case import segment_files
from .options import resolve_network, resolve_settings
from .segment import wanted_of

SUMMARY = "cohort.csv"
SUMMARY_PATIENCE = 600.0  # seconds that a process waits for others that write the summary, too
# The other processes may still have most of a cohort before them when this one is done.
PATIENCE = timedelta(days=30)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Attributes
    ----------
    case : str
        Its name.
    state : {"segmented", "skipped", "failed"}
        Skipped is what was done before.
    reason : str
        Why it failed, or what of an earlier result was damaged, so that it was done again.
    """

    case: str
    state: str
    reason: str = ""


def check_summary(file: Path) -> None:
    """Refuse to replace what is no summary that this program wrote.

    Raises
    ------
    InvalidInput
        If there is such a thing.
    """
    if not file.exists():
        return
    try:
        with file.open(encoding="utf-8") as stream:
            header = stream.readline(10_000).rstrip("\n").split(",")
    except (OSError, UnicodeDecodeError):
        header = []
    if header[:2] != ["case", "fit_method"]:
        raise InvalidInput(f"{file} is in the way; move it, or name another --out-dir.")


def segment_cohort(args: argparse.Namespace) -> None:
    """Run ``deepgmm segment --cases``.

    Raises
    ------
    DeepGMMError
        At the end, if a case failed.
    """
    if args.debug:
        logging.basicConfig(level=logging.INFO)
    folder = Path(args.out_dir)
    cases = read_cases(args.cases, missing_ok=True)
    network = resolve_network(args)
    check_folder(folder, ())
    check_summary(folder / SUMMARY)
    if SUMMARY in [case.name.casefold() for case in cases]:
        raise InvalidInput(f"{args.cases} has a case named {SUMMARY}; give it another name.")
    mine = share(cases)

    def settings_of(roles: Iterable[str]) -> Settings:
        infarct = roles if args.preset else None
        settings = resolve_settings(args, network.settings if network else None, infarct)
        return dataclasses.replace(settings, device=distributed.own_device(settings.device))

    def wanted(case: CaseFiles) -> Wanted:
        return wanted_of(args, case.name)

    wanted_of(args, SUMMARY)  # refuses a PDF that cannot be made
    settings_of({role for case in cases for role in case.images})  # refuses what suits no case
    with show_progress() as show:

        def run(case: CaseFiles, place: int) -> Outcome:
            def progress(event: Progress) -> None:
                stage = f"{case.name} ({place + 1} of {len(mine)}), {event.stage}"
                show(event.within(place, len(mine), stage=stage))

            target, settings = folder / case.name, settings_of(case.images)
            damaged = None
            if not args.force:
                identity = identify(settings, network and network.named(args.refine))
                damaged = find_damage(target, identity, case.digests(), wanted(case))
                if damaged == []:
                    return Outcome(case.name, "skipped")
                keep_copies(target, damaged or ())
            segment_files(
                case,
                settings,
                target,
                wanted(case),
                network=network,
                refine=args.refine,
                resample=args.resample,
                force=args.force or damaged is not None,
                apart=True,
                progress=progress,
            )
            return Outcome(case.name, "segmented", ", ".join(damaged or ()))

        outcomes = go_over(mine, run)

    with distributed.joined("cpu", PATIENCE) as first:
        outcomes = [outcome for part in distributed.gather(outcomes) for outcome in part]
    if first:
        bad = {outcome.case for outcome in outcomes if outcome.state == "failed"}
        done = [case.name for case in cases if case.name not in bad]
        _conclude(outcomes, folder, bool(write_summary(done, folder)))


def share(cases: Sequence[CaseFiles]) -> list[CaseFiles]:
    """Return this process's part of the cases: all, or what RANK and WORLD_SIZE say."""
    rank, processes = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and processes.isdecimal() and int(rank) < int(processes)):
        raise InvalidInput(
            f"The environment's RANK is {rank!r} and WORLD_SIZE {processes!r}; give whole numbers, "
            "the first from 0 and below the second, or neither."
        )
    return list(cases[int(rank) :: int(processes)])


def go_over(cases: Iterable[CaseFiles], run: Callable[[CaseFiles, int], Outcome]) -> list[Outcome]:
    """Run every case, and go on after one that fails.

    Parameters
    ----------
    cases : iterable of CaseFiles
        In the order in which they are run.
    run : callable
        Segments a case, given with its place among the cases, and says what became of it.

    Raises
    ------
    Cancelled
        If the user stopped it; the results of the cases before stay.
    """
    outcomes = []
    for place, case in enumerate(cases):
        try:
            outcomes.append(run(case, place))
        except (Cancelled, KeyboardInterrupt) as error:
            raise Cancelled(
                f"{case.name} was not finished; the cases before it are kept, and the same "
                "command goes on with it."
            ) from error
        except Exception as error:
            logger.info("%s failed", case.name, exc_info=True)
            kind = "" if isinstance(error, DeepGMMError) else f"unexpected {type(error).__name__}: "
            outcomes.append(Outcome(case.name, "failed", kind + " ".join(str(error).split())))
    return outcomes


def find_damage(
    folder: Path, identity: str, inputs: Mapping[str, Optional[str]], wanted: Wanted
) -> Optional[list[str]]:
    """Return which files of a case's result are missing or not as they were written.

    Parameters
    ----------
    folder : Path
        It need not exist.
    identity : str
        Of the settings and the trained network, if any, that are asked for.
    inputs : mapping of str to str
        Digests of the case's files; None where there is none, which is no other one.
    wanted : Wanted
        The files that must be there.

    Returns
    -------
    list of str, optional
        Names of files; empty for a whole result, None where there is no result.

    Raises
    ------
    InvalidInput
        If it holds a result of other settings, of another network or of other images.
    """
    if not (folder / RECORD).is_file():
        return None
    present = {path.name for pattern in OUTPUTS for path in folder.glob(pattern)}
    record = read_result(folder)
    if record is None:
        return sorted(present)
    earlier = identify(Settings.from_dict(record["settings"]), record["network"])
    if earlier != identity:
        raise InvalidInput(
            f"{folder} holds a result of other settings, or of another network; name another "
            "folder, or add --force."
        )
    for name, digest in inputs.items():
        if digest is not None and record["inputs"].get(name, digest) != digest:
            raise InvalidInput(
                f"{folder} holds a result of another {name}; name another folder, or add --force."
            )
    outputs = record["outputs"]
    missing = [name for name in wanted.patterns if not fnmatch.filter([*outputs, RECORD], name)]
    damaged = find_changed(folder, outputs)
    return [*missing, *damaged, *sorted(present - {*outputs, RECORD})] if missing or damaged else []


def write_summary(names: Iterable[str], folder: Path) -> list[str]:
    """Write the measures of those of the cases that are done as one table, one row per case.

    Processes that know nothing of each other each write it: the last has all cases. Returns
    the cases in it.
    """
    with locked(folder / SUMMARY, SUMMARY_PATIENCE):
        check_summary(folder / SUMMARY)
        records = {name: read_result(folder / name) for name in names}
        rows = [{**record["measures"], "case": name} for name, record in records.items() if record]
        if rows:
            write_bytes(folder / SUMMARY, cohort_csv(rows).encode())
    return [row["case"] for row in rows]


def _conclude(outcomes: Sequence[Outcome], folder: Path, summarised: bool) -> None:
    """Say what became of the cases; raise `DeepGMMError` if one failed."""
    states = Counter(outcome.state for outcome in outcomes)
    say(
        f"{len(outcomes)} cases: {states['segmented']} segmented, {states['skipped']} skipped as "
        f"done before, {states['failed']} failed."
    )
    if summarised:
        say(f"Results in {folder}, the measures of all in {folder / SUMMARY}.")
    for outcome in outcomes:
        if outcome.state == "segmented" and outcome.reason:
            say(
                f"{outcome.case} was done again, for these files were missing, damaged or changed: "
                f"{outcome.reason}. What was there is kept as FILE.changed-1."
            )
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        width = max(len(outcome.case) for outcome in failed)
        say("\n".join(["", f"{'Failed':<{width}}  Reason"]))
        say("\n".join(f"{outcome.case:<{width}}  {outcome.reason}" for outcome in failed))
        raise DeepGMMError(
            f"{len(failed)} of {len(outcomes)} cases failed; repair them and run it again."
        )
