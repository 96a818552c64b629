"""The command ``deepgmm compare``: two results of one heart, acute and late."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from .console import say
from .options import add_command

COMPARE = """\
Compare two results of one heart: what became of infarct, edema and microvascular obstruction, and
how much of the acute area at risk was saved. Volumes are compared, not voxels.

Example:
  deepgmm compare acute/ late/ --out change/

writes into change/ comparison.html, a page for reading, and comparison.csv."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm compare``."""
    summary = "compare two results of one heart, acute and late"
    parser = add_command(subparsers, "compare", "BASELINE FOLLOWUP", summary, COMPARE)
    parser.add_argument(
        "baseline", metavar="BASELINE", help="the folder of the acute examination's result"
    )
    parser.add_argument("followup", metavar="FOLLOWUP", help="that of the late one")
    parser.add_argument("--out", metavar="FOLDER", help="where a page and a table go")
    parser.add_argument(
        "--name",
        default="case",
        help="what the page calls the heart; not a patient's name (default: case)",
    )
    parser.add_argument(
        "--pdf", action="store_true", help="write comparison.pdf too (needs WeasyPrint)"
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier comparison")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm compare``."""
    from ..cardiac.comparison import compare
    from ..io.folders import whole_folder
    from ..report.comparison import (
        HEADER,
        OUTPUTS,
        comparison_csv,
        comparison_rows,
        render_comparison,
    )
    from ..report.pdf import load_weasyprint, write_pdf
    from .text_tables import aligned

    if args.pdf and not args.out:
        raise InvalidInput("--pdf goes with --out; add that, or remove it.")
    if args.pdf:
        load_weasyprint()
    baseline, followup = (_measures(Path(folder)) for folder in (args.baseline, args.followup))
    comparison = compare(baseline, followup)
    say(aligned([HEADER, *comparison_rows(comparison)]))
    for text in comparison.warnings:
        say(f"Warning: {text}")
    say("\n".join(comparison.notes))
    if args.out:
        with whole_folder(args.out, OUTPUTS, args.force) as new:
            page = render_comparison(comparison, args.name)
            html, table, pdf = (new / name for name in OUTPUTS)
            html.write_text(page, encoding="utf-8")
            table.write_text(comparison_csv(comparison), encoding="utf-8")
            if args.pdf:
                write_pdf(page, pdf)
        say(f"Written to {args.out}; open {OUTPUTS[0]}.")


def _measures(folder: Path) -> Any:
    """Return the measures of the result in a folder."""
    from ..io.sealed import RECORD
    from ..report.record import read_result

    record = read_result(folder)
    if record is None:
        raise InvalidInput(
            f"{folder} holds no result, or its {RECORD} was changed; name a folder that deepgmm "
            "segment wrote."
        )
    return record["measures"]
