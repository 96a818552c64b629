"""The command ``deepgmm prior``: a prior from labelled cases."""

from __future__ import annotations

import argparse
from typing import Any

from .console import say, show_reading
from .options import CASES_TABLE, add_case_options, add_command, resolve_output

PRIOR = f"""\
Estimate a prior from labelled cases: how each tissue looks in each sequence, and where in the
region it lies.

Example:
  deepgmm prior --from cases.csv --out prior.json \\
          --tissues "blood pool" "healthy myocardium" edema scar

{CASES_TABLE} Here it needs a column truth, too: label maps with 1 for the first tissue
and so on, or .seg.nrrd files with named segments."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
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
    add_case_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm prior``."""
    from ..io.cohort import load_case, read_cases
    from ..io.writing import write_bytes
    from ..training.prior_estimation import estimate_prior

    out = resolve_output(args)
    files = read_cases(args.cases)
    tissues = tuple(args.tissues)
    prior = estimate_prior(
        (load_case(case, tissues, resample=args.resample) for case in show_reading(files)),
        tissues,
        name=args.name or out.stem,
        source=args.source or f"{len(files)} labelled cases.",
    )
    write_bytes(out, (prior.to_json() + "\n").encode())
    say(f"{'Tissue':<20} {'part':>6} " + " ".join(f"{role:>14}" for role in prior.means))
    for k, tissue in enumerate(prior.tissues):
        looks = " ".join(
            f"{prior.means[role][k]:>6.2f} ± {prior.deviations[role][k]:<5.2f}"
            for role in prior.means
        )
        say(f"{tissue:<20} {prior.proportions[k]:>6.3f} {looks}")
    say(f"Written to {out}.")
