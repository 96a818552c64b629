"""The command ``deepgmm evaluate``: two label maps compared, or readers over a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from .console import say
from .options import add_command

if TYPE_CHECKING:
    from ..io.cohort import CaseFiles

EVALUATE = """\
Compare two label maps on one grid: Dice coefficient, 95 % Hausdorff distance, mean distance of the
surfaces, and volumes of every label.

Example:
  deepgmm evaluate out/labels.nii.gz truth.nii.gz --match

Or a cohort: how well the program agrees with one reader (the column truth of the table) and with a
second one (the column reader), and they with each other. Bland-Altman limits, ICC(2,1) and
correlation of every tissue's volume, and of the infarct's % of the myocardium:
  deepgmm evaluate --cases cases.csv --results cohort/ --out agreement/

writes into agreement/:
  agreement.csv      two and two readers on each figure
  overlap.csv        Dice, distances and volumes, case by case
  bland_altman.png   their differences over their means"""

PROGRAM, FIRST, SECOND = "program", "reader 1", "reader 2"
OUTPUTS = ("agreement.csv", "overlap.csv", "bland_altman.png")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm evaluate``."""
    summary = "agreement of two label maps, or of readers over a cohort"
    usage = "(LABELS TRUTH | --cases FILE --results FOLDER)"
    parser = add_command(subparsers, "evaluate", usage, summary, EVALUATE)
    parser.add_argument(
        "labels",
        nargs="?",
        metavar="LABELS",
        help="the label map to judge (NIfTI, NRRD, .seg.nrrd, MHA)",
    )
    parser.add_argument("truth", nargs="?", metavar="TRUTH", help="the label map to judge it by")
    parser.add_argument(
        "--match",
        action="store_true",
        help="pair the labels with the truth's so that the mean Dice is highest (labels of "
        "unnamed classes have no order of their own)",
    )
    parser.add_argument(
        "--resample", action="store_true", help="bring the truth onto the labels' grid"
    )
    parser.add_argument("--cases", metavar="FILE", help="the table of a cohort")
    parser.add_argument(
        "--results", metavar="FOLDER", help="where `deepgmm segment --cases` put its results"
    )
    parser.add_argument("--out", metavar="FOLDER", help="where a cohort's tables and plot go")
    parser.add_argument("--force", action="store_true", help="replace an earlier evaluation")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm evaluate``."""
    pair, cohort = (args.labels, args.truth), (args.cases, args.results)
    if all(cohort) and not any(pair) and not args.match:
        _evaluate_cohort(args)
    elif all(pair) and not any((*cohort, args.out)):
        _evaluate_pair(args)
    else:
        raise InvalidInput(
            "Give LABELS and TRUTH (and --match), or --cases and --results (and --out)."
        )


def _evaluate_pair(args: argparse.Namespace) -> None:
    from ..io.images import read_labels, read_segments
    from .text_tables import dice_table

    labels, image = read_labels(args.labels)
    truth, truth_image = read_labels(args.truth, image, args.resample)
    names, truth_names = (
        {segment.value: segment.name for segment in read_segments(label_map)}
        for label_map in (image, truth_image)
    )
    spacing = image.GetSpacing()[::-1]
    say(dice_table(labels, truth, args.match, names, truth_names, spacing))


def _evaluate_cohort(args: argparse.Namespace) -> None:
    from ..cardiac.readers import measure_figures
    from ..io.cohort import read_cases
    from ..io.folders import check_folder, whole_folder
    from ..report.readers import HEADER, agreement_csv, agreement_rows, draw_bland_altman
    from ..report.tables import csv_text
    from .text_tables import aligned, overlap_rows

    if args.out:
        check_folder(args.out, OUTPUTS, args.force)
    figures: dict[str, dict[str, dict[str, float]]] = {PROGRAM: {}, FIRST: {}, SECOND: {}}
    overlap = []
    for case in read_cases(args.cases):
        read, tissues, spacing = _read(case, Path(args.results) / case.name, args.resample)
        for reader, labels in read.items():
            figures[reader][case.name] = measure_figures(labels, tissues, spacing)
        overlap += [(case.name, *row) for row in overlap_rows(read, tissues, spacing)]
    rows = agreement_rows(figures)
    if not rows:
        raise InvalidInput(f"{args.cases} has no truth and no reader; add such a column.")
    say(aligned([HEADER, *rows]))
    if args.out:
        titles = ("case", "first", "second", "tissue", "dice", "hd95_mm", "surface_distance_mm")
        with whole_folder(args.out, OUTPUTS, args.force) as new:
            agreement, cases, plot = (new / name for name in OUTPUTS)
            agreement.write_text(agreement_csv(figures), encoding="utf-8")
            cases.write_text(csv_text([titles, *overlap]), encoding="utf-8")
            draw_bland_altman(figures).savefig(plot, dpi=120)
        say(f"Written to {args.out}.")


def _read(
    case: CaseFiles, folder: Path, resample: bool
) -> tuple[dict[str, Any], tuple[str, ...], tuple[float, ...]]:
    """Return the label maps of a case by reader, the tissues, and mm per voxel in array order."""
    from ..io.cohort import read_named_labels
    from ..io.images import read_labels
    from ..report.record import read_result

    record = read_result(folder)
    if record is None:
        raise InvalidInput(f"{folder} holds no whole result; segment the cohort first.")
    tissues = tuple(tissue["name"] for tissue in record["tissues"])
    labels, image = read_labels(folder / "labels.nii.gz")
    read = {PROGRAM: labels}
    for reader, path in ((FIRST, case.truth), (SECOND, case.reader)):
        if path is not None:
            read[reader], _ = read_named_labels(path, image, tissues, resample)
    return read, tissues, image.GetSpacing()[::-1]
