"""``deepgmm segment --cases``: the same for every case of a cohort."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DeepGMMError
from .console import progress_bar, say
from .options import chosen_network, chosen_settings

if TYPE_CHECKING:
    from ..io.cohort import CaseFiles
    from ..result import Progress
    from ..settings import Settings


def segment_cases(args: argparse.Namespace) -> None:
    """Run ``deepgmm segment --cases``.

    Raises
    ------
    DeepGMMError
        At the end, if a case failed.
    """
    from ..io.cohort import read_cases
    from ..io.folders import check_folder
    from ..report.result_folder import Wanted
    from ..training.distributed import own_device
    from .batch import SUMMARY, gather, go_over, holds_result, share, write_summary
    from .job import segment_files

    if args.debug:
        logging.basicConfig(level=logging.INFO)
    folder = Path(args.out_dir)
    cases = read_cases(args.cases, missing_ok=True)
    network = chosen_network(args)
    check_folder(folder, ())
    mine = share(cases)

    def settings_of(roles: Iterable[str]) -> Settings:
        infarct = roles if args.infarct else None
        settings = chosen_settings(args, network and network.settings, infarct)
        return dataclasses.replace(settings, device=own_device(settings.device))

    def wanted(case: CaseFiles) -> Wanted:
        return Wanted(args.probabilities, args.report, name=case.name)

    settings_of({role for case in cases for role in case.images})  # refuses what suits no case
    with progress_bar() as show:

        def run(case: CaseFiles, target: Path) -> None:
            place = mine.index(case)

            def progress(event: Progress) -> None:
                stage = f"{case.name} ({place + 1} of {len(mine)}), {event.stage}"
                fraction = (place + event.fraction) / len(mine)
                show(dataclasses.replace(event, stage=stage, fraction=fraction))

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
            name = network and network.named(args.refine)
            settings = settings_of(case.images)
            return not args.force and holds_result(target, settings, name, wanted(case))

        outcomes = go_over(mine, folder, run, is_done)

    outcomes = gather(outcomes)
    if outcomes is None:
        return
    states = Counter(outcome.state for outcome in outcomes)
    say(
        f"{len(outcomes)} cases: {states['segmented']} segmented, {states['skipped']} skipped as "
        f"done before, {states['failed']} failed."
    )
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    bad = {outcome.case for outcome in failed}
    if write_summary([case.name for case in cases if case.name not in bad], folder):
        say(f"Results in {folder}, the measures of all in {folder / SUMMARY}.")
    if failed:
        width = max(len(outcome.case) for outcome in failed)
        say("\n".join(["", f"{'Failed':<{width}}  Reason"]))
        say("\n".join(f"{outcome.case:<{width}}  {outcome.reason}" for outcome in failed))
        raise DeepGMMError(
            f"{len(failed)} of {len(outcomes)} cases failed; repair them and run it again."
        )
