"""The command ``deepgmm evaluate``: two label maps compared."""

from __future__ import annotations

import argparse
from typing import Any

from .console import say
from .options import add_command

EVALUATE = """\
Compare two label maps on one grid: Dice coefficient, 95 % Hausdorff distance, mean distance of the
surfaces, and volumes of every label.

Example:
  deepgmm evaluate out/labels.nii.gz truth.nii.gz --match"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm evaluate``."""
    summary = "compare two label maps: Dice, distances and volumes per label"
    parser = add_command(subparsers, "evaluate", "LABELS TRUTH", summary, EVALUATE)
    parser.add_argument(
        "labels", metavar="LABELS", help="the label map to judge (NIfTI, NRRD, .seg.nrrd, MHA)"
    )
    parser.add_argument("truth", metavar="TRUTH", help="the label map to judge it by")
    parser.add_argument(
        "--match",
        action="store_true",
        help="pair the labels with the truth's so that the mean Dice is highest (labels of "
        "unnamed classes have no order of their own)",
    )
    parser.add_argument(
        "--resample", action="store_true", help="bring the truth onto the labels' grid"
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm evaluate``."""
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
