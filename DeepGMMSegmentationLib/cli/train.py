"""The command ``deepgmm train``: one network from many cases."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..errors import Cancelled, InvalidInput
from ..priors import Prior
from ..settings import Settings
from ..training.settings import DEPTH, Training
from .console import say, show_progress, show_reading
from .drawn import add_drawn, train_on_drawings
from .options import (
    CASES_TABLE,
    add_case_options,
    add_command,
    add_fields,
    add_settings,
    collect_fields,
    resolve_output,
    resolve_settings,
)

if TYPE_CHECKING:
    from ..training.trainer import History

TRAIN = f"""\
Train one network over many cases, without labels. What it has learned, it answers for a new case
in one pass: deepgmm segment … --network FILE.

Example:
  deepgmm train cases.csv --out network.safetensors

{CASES_TABLE} All cases need the same sequences.

Without --settings and --paper, the settings are those for myocardial infarction with its prior and
a network of depth {DEPTH}; --prior takes another prior. Writes besides:
  network.safetensors.csv         the losses after every epoch
  network.safetensors.checkpoint  until it is done: the same command goes on from there

The networks that come with the program have learned from drawn hearts; make your own by
  deepgmm train --drawn tissues --out tissues.safetensors

torchrun shares each batch among processes:
  torchrun --nproc-per-node 2 -m DeepGMMSegmentationLib train cases.csv --out network.safetensors"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm train``."""
    summary = "train a network over many cases, without labels"
    usage = "(CASES | --drawn tissues|region) --out FILE"
    parser = add_command(subparsers, "train", usage, summary, TRAIN)
    parser.add_argument("cases", nargs="?", metavar="CASES", help="the table of the cases")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="where the network goes (.safetensors)"
    )
    parser.add_argument(
        "--tensorboard", metavar="FOLDER", help="log the losses for TensorBoard there, too"
    )
    add_case_options(parser)
    add_drawn(parser)
    add_fields(parser.add_argument_group("training"), Training())
    add_settings(parser, Settings.infarct(Prior.infarct().means, method="deepSVG", depth=DEPTH))
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm train``."""
    if args.drawn:
        train_on_drawings(args)
        return
    if not args.cases:
        raise InvalidInput("CASES is missing; give a table of cases, or --drawn.")
    from ..io.cohort import load_case, read_cases
    from ..io.writing import remove
    from ..training import distributed
    from ..training.trainer import train as train_network

    out = resolve_output(args)
    checkpoint, table = (out.with_name(out.name + ending) for ending in (".checkpoint", ".csv"))
    if table.exists() and not (checkpoint.exists() or args.force):
        raise InvalidInput(f"{table} exists; name another network, or add --force.")
    files = read_cases(args.cases)
    settings = resolve_settings(args, infarct=files[0].images, method="deepSVG", depth=DEPTH)
    settings = dataclasses.replace(settings, device=distributed.own_device(settings.device))
    given = collect_fields(args, Training)
    training = Training.paper(**given) if args.paper else Training(**given)
    with distributed.joined(settings.device) as first:
        cases = (load_case(case, resample=args.resample) for case in show_reading(files, first))
        try:
            with show_progress() as progress, _log(table, args.tensorboard) as log:
                network = train_network(
                    cases,
                    settings,
                    training,
                    checkpoint_file=checkpoint,
                    progress=progress if first else None,
                    log=log if first else None,
                )
        except (Cancelled, KeyboardInterrupt) as error:
            advice = f"the same command goes on from {checkpoint}." if checkpoint.exists() else ""
            raise Cancelled(advice) from error
        if first:
            network.save(out)
            remove(checkpoint)
            best = network.training
            say(
                f"Trained on {best['cases']} cases. The best epoch was {best['epoch']}: held-out "
                f"loss {best['held_out_loss']:.4f}, NLL {best['held_out_nll']:.4f}."
            )
            say(f"Written to {out}; deepgmm segment --network {out} asks it.")


@contextmanager
def _log(table: Path, folder: Optional[str]) -> Iterator[Callable[[History], None]]:
    """Write the losses as a table and, where a folder is given, for TensorBoard."""
    from ..io.writing import write_bytes
    from ..report.tables import csv_text

    writer = None
    if folder:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InvalidInput(
                "TensorBoard is not installed; install tensorboard, or leave --tensorboard out."
            ) from error
        writer = SummaryWriter(folder)

    def log(history: History) -> None:
        rows = [list(history[-1]), *(row.values() for row in history)]
        write_bytes(table, csv_text(rows).encode())
        if writer is not None:
            for name, value in history[-1].items():
                writer.add_scalar(name, value, history[-1]["epoch"])

    try:
        yield log
    finally:
        if writer is not None:
            writer.close()
