"""``deepgmm train --drawn``: the networks that drawn hearts teach."""

from __future__ import annotations

import argparse
import dataclasses

from ..errors import Cancelled, InvalidInput
from .console import say, show_progress
from .options import resolve_output

NETWORKS = ("tissues", "region")


def add_drawn(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training on drawings."""
    group = parser.add_argument_group("drawn hearts, in place of CASES")
    group.add_argument(
        "--drawn",
        choices=NETWORKS,
        help="train the network that tells tissues, or the one that finds the ventricle",
    )
    group.add_argument(
        "--drawing", metavar="FILE", help="the ranges of what is drawn (default: as shipped)"
    )
    group.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="gradient steps, of each stage (default: as for the shipped networks)",
    )


def train_on_drawings(args: argparse.Namespace) -> None:
    """Run ``deepgmm train --drawn``.

    Raises
    ------
    Cancelled
        If the user stopped it; the same command goes on from its checkpoints.
    InvalidInput
        If an option or the file of ranges cannot be used.
    """
    from ..hearts.ranges import Ranges
    from ..result import Progress
    from ..training import distributed
    from ..training.drawn import DrawnTraining
    from ..training.drawn_files import STAGES, train_tissues
    from ..training.drawn_region import train_region

    if args.cases:
        raise InvalidInput("--drawn needs no table of cases; remove one of the two.")
    out = resolve_output(args)
    ranges = Ranges.load(args.drawing)
    device = distributed.own_device(getattr(args, "device", "auto"))
    usual = STAGES if args.drawn == "tissues" else (DrawnTraining(),)
    seed = getattr(args, "seed", 0)
    stages = tuple(
        dataclasses.replace(stage, steps=args.steps or stage.steps, seed=stage.seed + seed)
        for stage in usual
    )
    with distributed.joined(device) as first, show_progress() as show:

        def report(number: int, done: int, loss: float) -> None:
            if not first:
                return
            steps = stages[number].steps
            event = Progress("Training", done, steps, loss, done / steps, device)
            show(event.within(number, len(stages), stage=f"Stage {number + 1}"))

        try:
            if args.drawn == "tissues":
                train_tissues(out, stages, ranges=ranges, device=device, progress=report)
            else:
                train_region(
                    out,
                    stages[0],
                    ranges=ranges,
                    device=device,
                    progress=lambda done, loss: report(0, done, loss),
                )
        except (Cancelled, KeyboardInterrupt) as error:
            kept = f"the same command goes on from the checkpoints beside {out}."
            raise Cancelled(kept) from error
        if first:
            say(f"Written to {out}.")
