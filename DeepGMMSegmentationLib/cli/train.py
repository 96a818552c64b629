"""The sub-commands ``prior`` and ``train``: what is learned from many cases."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..errors import Cancelled, InvalidInput
from ..training.settings import DEPTH, Training
from .console import add_command, progress_bar, say
from .options import add_fields, add_settings, chosen_fields, chosen_settings

if TYPE_CHECKING:
    from ..io.cohort import CaseFiles
    from ..training.trainer import History

TABLE = """\
The table has a row per case and the columns: roi, one per sequence, whose header is its role
(LGE, T2, bSSFP or any name), and, if wanted, case (a name) and segment. Paths are relative to the
table."""

PRIOR = f"""\
Estimate a prior from labelled cases: how each tissue looks in each sequence, and where in the
region it lies.

Example:
  deepgmm prior --from cases.csv --out prior.json \\
          --tissues "blood pool" "healthy myocardium" edema scar

{TABLE} Here it needs a column truth, too: label maps with 1 for the first tissue
and so on, or .seg.nrrd files with named segments."""

TRAIN = f"""\
Train one network over many cases, without labels. What it has learned, it answers for a new case
in one pass: deepgmm segment … --network FILE.

Example:
  deepgmm train cases.csv --out network.safetensors

{TABLE} All cases need the same sequences.

Without --settings and --paper, the settings are those for myocardial infarction with its prior and
a network of depth {DEPTH}; --prior takes another prior. Writes besides:
  network.safetensors.csv         the losses after every epoch
  network.safetensors.checkpoint  until it is done: the same command goes on from there

torchrun shares each batch among processes:
  torchrun --nproc-per-node 2 -m DeepGMMSegmentationLib train cases.csv --out network.safetensors"""


def add_prior(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm prior``."""
    summary = "estimate a prior from labelled cases"
    parser = add_command(subparsers, "prior", "--from CASES --out FILE", summary, PRIOR)
    parser.add_argument(
        "--from", dest="cases", required=True, metavar="CASES", help="the table of the cases"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="where the prior goes (JSON)")
    parser.add_argument(
        "--tissues",
        nargs="+",
        default=(),
        metavar="NAME",
        help="what the labels 1, 2, … are (default: told by .seg.nrrd files)",
    )
    parser.add_argument("--name", help="what the prior is called (default: that of its file)")
    parser.add_argument("--source", help="where its figures come from (default: how many cases)")
    _add_common(parser)
    parser.set_defaults(run=prior)
    return parser


def add_train(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm train``."""
    summary = "train a network over many cases, without labels"
    parser = add_command(subparsers, "train", "CASES --out FILE", summary, TRAIN)
    parser.add_argument("cases", metavar="CASES", help="the table of the cases")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="where the network goes (.safetensors)"
    )
    parser.add_argument(
        "--tensorboard", metavar="FOLDER", help="log the losses for TensorBoard there, too"
    )
    _add_common(parser)
    add_fields(parser.add_argument_group("training"), Training)
    add_settings(parser)
    parser.set_defaults(run=train)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resample",
        action="store_true",
        help="bring what is on another grid onto the first image's of its case",
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier file")


def prior(args: argparse.Namespace) -> None:
    """Run ``deepgmm prior``."""
    from ..io.cohort import load_case, read_cases
    from ..io.writing import write_bytes
    from ..training.prior_estimation import estimate_prior

    out = _new_file(args)
    files = read_cases(args.cases)
    tissues = tuple(args.tissues)
    found = estimate_prior(
        (load_case(each, tissues, resample=args.resample) for each in _shown(files)),
        tissues,
        name=args.name or out.stem,
        source=args.source or f"{len(files)} labelled cases.",
    )
    write_bytes(out, (found.to_json() + "\n").encode())
    say(f"{'Tissue':<20} {'part':>6} " + " ".join(f"{role:>14}" for role in found.means))
    for k, tissue in enumerate(found.tissues):
        looks = " ".join(
            f"{found.means[role][k]:>6.2f} ± {found.deviations[role][k]:<5.2f}"
            for role in found.means
        )
        say(f"{tissue:<20} {found.proportions[k]:>6.3f} {looks}")
    say(f"Written to {out}.")


def train(args: argparse.Namespace) -> None:
    """Run ``deepgmm train``."""
    from ..io.cohort import load_case, read_cases
    from ..training import distributed
    from ..training.trainer import train as train_network

    out = _new_file(args)
    checkpoint, table = (out.with_name(out.name + ending) for ending in (".checkpoint", ".csv"))
    if table.exists() and not (checkpoint.exists() or args.force):
        raise InvalidInput(f"{table} exists; name another network, or add --force.")
    files = read_cases(args.cases)
    settings = chosen_settings(args, infarct=files[0].images, method="deepSVG", depth=DEPTH)
    settings = dataclasses.replace(settings, device=distributed.own_device(settings.device))
    training = Training(**chosen_fields(args, Training))
    with distributed.joined(settings.device) as first:
        cases = (load_case(each, resample=args.resample) for each in _shown(files, first))
        try:
            with progress_bar() as progress, _log(table, args.tensorboard) as log:
                network = train_network(
                    cases,
                    settings,
                    training,
                    checkpoint_file=checkpoint,
                    progress=progress if first else None,
                    log=log if first else None,
                )
        except (Cancelled, KeyboardInterrupt) as error:
            kept = f"the same command goes on from {checkpoint}." if checkpoint.exists() else ""
            raise Cancelled(kept) from error
        if first:
            network.save(out)
            checkpoint.unlink(missing_ok=True)
            best = network.training
            say(
                f"Trained on {best['cases']} cases. The best epoch was {best['epoch']}: held-out "
                f"loss {best['held_out_loss']:.4f}, NLL {best['held_out_nll']:.4f}."
            )
            say(f"Written to {out}; deepgmm segment --network {out} asks it.")


def _new_file(args: argparse.Namespace) -> Path:
    out = Path(args.out)
    if out.exists() and not args.force:
        raise InvalidInput(f"{out} exists; name another file, or add --force.")
    if not out.parent.is_dir():
        raise InvalidInput(f"{out.parent} is no folder; make it, or name another one.")
    return out


def _shown(files: Sequence[CaseFiles], first: bool = True) -> Iterable[CaseFiles]:
    """Show on stderr how many of the cases are read."""
    from tqdm import tqdm

    return tqdm(files, desc="Reading", unit="case", disable=not first, leave=False)


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
