"""The command ``deepgmm demo``: a synthetic heart, segmented from its files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..priors import Prior
from ..settings import Settings
from .console import say, show_progress
from .options import add_command, add_settings, resolve_settings
from .segment import add_output, segment_files, wanted_of

DEMO = """\
Draw a synthetic heart (no patient's), write it as files, segment these, and compare with the
truth."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm demo``."""
    summary = "segment a synthetic heart and compare with its truth"
    parser = add_command(subparsers, "demo", "[--out FOLDER]", summary, DEMO)
    parser.add_argument(
        "--out", default="demo", metavar="FOLDER", help="where the files go (default: demo)"
    )
    add_output(parser)
    add_settings(parser, Settings.infarct(Prior.infarct().means))
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm demo``."""
    import numpy as np
    import SimpleITK as sitk

    from ..hearts.sample import ROLES, heart
    from ..io.cohort import CaseFiles
    from ..io.folders import whole_folder
    from ..io.images import write_image
    from ..report.result_folder import OUTPUTS
    from .text_tables import dice_table, size_table

    settings = resolve_settings(args, infarct=ROLES)
    drawn = heart(settings.seed)
    arrays = dict(zip(drawn.roles, drawn.images))
    arrays.update(lv=drawn.roi.astype(np.uint8), truth=drawn.labels)
    patterns = ("images", *(f"images/{name}.nii.gz" for name in arrays))
    patterns += ("result", *(f"result/{pattern}" for pattern in OUTPUTS))
    with whole_folder(args.out, patterns, args.force) as new:
        files = {name: new / "images" / f"{name}.nii.gz" for name in arrays}
        (new / "images").mkdir()
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(drawn.spacing[::-1])
            write_image(image, files[name])
        case = CaseFiles("demo", {role: files[role] for role in drawn.roles}, files["lv"])
        with show_progress() as progress:
            result, measures = segment_files(
                case,
                settings,
                new / "result",
                wanted_of(args, "synthetic heart", drawn.rv_insertion),
                progress=progress,
            )
    say(size_table(result, measures.warnings))
    matched = result.naming is None
    how = "matched to the truth afterwards, for they have no names" if matched else "by name"
    say(f"Dice against the truth of this synthetic heart (drawn, not a patient's), classes {how}:")
    label_names = dict(enumerate(result.tissues, 1))
    say(
        dice_table(
            result.labels,
            drawn.labels,
            matched,
            label_names,
            dict(enumerate(drawn.tissues, 1)),
            drawn.spacing,
        )
    )
    images = Path(args.out) / "images"
    say(f"Images in {images}, result in {Path(args.out) / 'result'}. On your own images:")
    named = " ".join(str(images / f"{role}.nii.gz") for role in drawn.roles)
    say(f"  deepgmm segment {named} --roi {images / 'lv.nii.gz'} --infarct --report --out out")
