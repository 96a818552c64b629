"""What the sub-commands share: how they are added, talk and show that they go on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..result import Progress, ProgressCallback


def add_command(
    subparsers: Any, name: str, usage: str, summary: str, description: str
) -> argparse.ArgumentParser:
    """Add a sub-command and return its parser."""
    return subparsers.add_parser(
        name,
        help=summary,
        usage=f"deepgmm {name} {usage} [options]",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def say(text: str) -> None:
    """Write a line on stdout."""
    sys.stdout.write(text + "\n")


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """Show the part done, the remaining time and the NLL on stderr."""
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    bars: list[tqdm] = []  # none before the first event: an error in the input is one line alone

    def show(event: Progress) -> None:
        if not bars:
            bars.append(tqdm(total=1.0, bar_format=form, file=sys.stderr))
        bars[0].set_description_str(f"{event.stage} on {event.device}", refresh=False)
        bars[0].set_postfix_str(f"NLL {event.nll:.4f}", refresh=False)
        bars[0].update(event.fraction - bars[0].n)

    try:
        yield show
        for bar in bars:
            bar.update(bar.total - bar.n)
    finally:
        for bar in bars:
            bar.close()
