"""``deepgmm segment --cases``: what is done is skipped, a bad case stops nothing, ranks share."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Callable, Optional

from ..errors import Cancelled, DeepGMMError, InvalidInput
from ..io.cohort import CaseFiles, read_cases
from ..io.folders import check_folder, whole_folder
from ..io.identity import identify
from ..report.result_folder import Wanted
from ..report.tables import cohort_csv
from ..result import Progress
from ..settings import Settings
from ..training import distributed
from .console import say, show_progress
from .options import resolve_network, resolve_settings
from .segment import segment_files

SUMMARY = "cohort.csv"
# The other processes may still have most of a cohort before them when this one is done.
PATIENCE = timedelta(days=30)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one case: ``state`` is "segmented", "skipped" or "failed"."""

    case: str
    state: str
    reason: str = ""


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
    mine = share(cases)

    def settings_of(roles: Iterable[str]) -> Settings:
        infarct = roles if args.infarct else None
        settings = resolve_settings(args, network.settings if network else None, infarct)
        return dataclasses.replace(settings, device=distributed.own_device(settings.device))

    def wanted(case: CaseFiles) -> Wanted:
        return Wanted(args.probabilities, args.report, name=case.name)

    settings_of({role for case in cases for role in case.images})  # refuses what suits no case
    with show_progress() as show:

        def run(case: CaseFiles, target: Path) -> None:
            place = mine.index(case)

            def progress(event: Progress) -> None:
                stage = f"{case.name} ({place + 1} of {len(mine)}), {event.stage}"
                show(event.within(place, len(mine), stage=stage))

            segment_files(
                case,
                settings_of(case.images),
                target,
                wanted(case),
                network=network,
                refine=args.refine,
                resample=args.resample,
                force=True,
                progress=progress,
            )

        def is_done(case: CaseFiles, target: Path) -> bool:
            name = network.named(args.refine) if network else None
            settings = settings_of(case.images)
            return not args.force and holds_result(target, settings, name, wanted(case))

        outcomes = go_over(mine, folder, run, is_done)

    with distributed.joined("cpu", PATIENCE) as first:
        outcomes = [outcome for part in distributed.gather(outcomes) for outcome in part]
    if first:
        bad = [outcome.case for outcome in outcomes if outcome.state == "failed"]
        done = [case.name for case in cases if case.name not in bad]
        _conclude(outcomes, folder, write_summary(done, folder))


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
        In the order in which they are run.
    folder : Path
        Where each case gets a folder of its name.
    run : callable
        Segments a case into its folder.
    is_done : callable
        Whether a case's folder holds its result already; may raise `InvalidInput`.

    Raises
    ------
    Cancelled
        If the user stopped it; the results of the cases before stay.
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

    Parameters
    ----------
    folder : Path
        It need not exist.
    settings : Settings
        Its device does not matter.
    network : str, optional
        What `TrainedNetwork.named` returned.
    wanted : Wanted
        The files that must be there.

    Raises
    ------
    InvalidInput
        If it holds a result of other settings or of another network.
    """
    if not all(list(folder.glob(pattern)) for pattern in wanted.patterns):
        return False
    try:
        stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return False  # cut short: not done
    earlier = identify(Settings.from_dict(stored["settings"]), stored.get("network"))
    if earlier != identify(settings, network):
        raise InvalidInput(
            f"{folder} holds a result of other settings, or of another network; name another "
            "folder, or add --force."
        )
    return True


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


def _conclude(outcomes: Sequence[Outcome], folder: Path, summarised: bool) -> None:
    """Say what became of the cases; raise `DeepGMMError` if one failed."""
    states = Counter(outcome.state for outcome in outcomes)
    say(
        f"{len(outcomes)} cases: {states['segmented']} segmented, {states['skipped']} skipped as "
        f"done before, {states['failed']} failed."
    )
    if summarised:
        say(f"Results in {folder}, the measures of all in {folder / SUMMARY}.")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        width = max(len(outcome.case) for outcome in failed)
        say("\n".join(["", f"{'Failed':<{width}}  Reason"]))
        say("\n".join(f"{outcome.case:<{width}}  {outcome.reason}" for outcome in failed))
        raise DeepGMMError(
            f"{len(failed)} of {len(outcomes)} cases failed; repair them and run it again."
        )
