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
        help="gradient steps (default: as for the shipped networks)",
    )


def train_on_drawings(args: argparse.Namespace) -> None:
    """Run ``deepgmm train --drawn``.

    Raises
    ------
    Cancelled
        If the user stopped it; the same command goes on from its checkpoint.
    InvalidInput
        If an option or the file of ranges cannot be used.
    """
    from ..hearts.ranges import Ranges
    from ..result import Progress
    from ..training import distributed
    from ..training.drawn import DrawnTask, DrawnTraining
    from ..training.drawn_files import train_to_file
    from ..training.drawn_region import RegionTask
    from ..training.drawn_tissues import TissueTask

    if args.cases:
        raise InvalidInput("--drawn needs no table of cases; remove one of the two.")
    out = resolve_output(args)
    ranges = Ranges.load(args.drawing)
    task: DrawnTask = TissueTask(ranges) if args.drawn == "tissues" else RegionTask(ranges)
    training = DrawnTraining(seed=getattr(args, "seed", 0))
    if args.steps is not None:
        training = dataclasses.replace(training, steps=args.steps)
    device = distributed.own_device(getattr(args, "device", "auto"))
    with distributed.joined(device) as first, show_progress() as show:

        def report(done: int, loss: float) -> None:
            part = done / training.steps
            if first:
                show(Progress("Training", done, training.steps, loss, part, device))

        try:
            train_to_file(task, out, training, device=device, progress=report)
        except (Cancelled, KeyboardInterrupt) as error:
            kept = f"the same command goes on from the checkpoint beside {out}."
            raise Cancelled(kept) from error
        if first:
            say(f"Written to {out}.")
