"""What the commands write while they run: lines, and how far they are."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..io.cohort import CaseFiles
    from ..result import Progress, ProgressCallback


def quiet_itk() -> None:
    """Keep ITK from warning on stderr: what matters is an error of ours, that says what to do."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)


def say(text: str) -> None:
    """Write a line on stdout."""
    sys.stdout.write(text + "\n")


@contextmanager
def show_progress() -> Iterator[ProgressCallback]:
    """Show the part done, the remaining time and the NLL on stderr, where that is a terminal."""
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    bars: list[tqdm] = []  # none before the first event: an error in the input is one line alone

    def show(event: Progress) -> None:
        if not bars:
            bars.append(tqdm(total=1.0, bar_format=form, file=sys.stderr, disable=None))
        where = f" on {event.device}" if event.fraction < 1 else ""
        bars[0].set_description_str(event.stage + where, refresh=False)
        bars[0].set_postfix_str(f"NLL {event.nll:.4f}", refresh=False)
        bars[0].update(event.fraction - bars[0].n)

    try:
        yield show
        for bar in bars:
            bar.update(bar.total - bar.n)
    finally:
        for bar in bars:
            bar.close()


def show_reading(files: Iterable[CaseFiles], shown: bool = True) -> Iterable[CaseFiles]:
    """Show on stderr, if `shown` and a terminal, how many of the cases are read."""
    from tqdm import tqdm

    return tqdm(files, desc="Reading", unit="case", disable=None if shown else True, leave=False)
