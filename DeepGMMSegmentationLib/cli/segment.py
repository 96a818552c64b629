"""The sub-commands ``segment``, ``demo`` and ``evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from .console import add_command, progress_bar, say
from .options import add_network, add_settings, chosen_network, chosen_settings
from .segment_cases import segment_cases

SEGMENT = """\
Divide a region of aligned images into tissues.

Example:
  deepgmm segment LGE.nii.gz T2.nii.gz bSSFP.nii.gz --roi lv.nii.gz --classes 4 \\
          --method deepSVG --out out/

writes into out/:
  segmentation.seg.nrrd   opens in 3D Slicer, with names, colours and terminology
  labels.nii.gz           0 outside the region, 1…K inside
  result.json             measures, fitted parameters, history, settings, versions
  figure.png              contours, labels, histograms with the fitted components

For a heart with an infarct, with named tissues and a report for reading, report.html:
  deepgmm segment LGE.nii.gz T2.nii.gz bSSFP.nii.gz --roi lv.nii.gz --infarct --report --out out/

A whole cohort:
  deepgmm segment --cases cases.csv --out-dir out/ --method SVGMM

The table has a row per case and the columns: case (a name), roi, and one per sequence, whose
header is its role (LGE, T2, bSSFP or any name); further, if wanted, segment. Paths are relative
to the table; a cell is empty where the case lacks the sequence. Each case gets a folder with the
files above; cohort.csv has the measures of all. A case that is done already is skipped, one that
fails is reported at the end. torchrun shares the cases among processes and machines:
  torchrun --nproc-per-node 4 -m DeepGMMSegmentationLib segment --cases cases.csv --out-dir out/"""

DEMO = """\
Draw a synthetic heart (no patient's), write it as files, segment these, and compare with the
truth."""

EVALUATE = """\
Compare two label maps on one grid: Dice coefficient of every label.

Example:
  deepgmm evaluate out/labels.nii.gz truth.nii.gz --match"""


def add_segment(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm segment``."""
    usage = "(IMAGE [IMAGE ...] --roi FILE --out FOLDER | --cases FILE --out-dir FOLDER)"
    summary = "divide a region of aligned images into tissues"
    parser = add_command(subparsers, "segment", usage, summary, SEGMENT)
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="aligned sequences: NIfTI, NRRD, MHA/MHD, or a folder with one DICOM series",
    )
    parser.add_argument("--roi", metavar="FILE", help="the region: a mask, or a segmentation")
    parser.add_argument(
        "--segment",
        metavar="NAME_OR_NUMBER",
        help="the segment of a .seg.nrrd, or the label, that is the region (default: all)",
    )
    parser.add_argument("--out", metavar="FOLDER", help="where the result goes")
    parser.add_argument(
        "--roles",
        nargs="+",
        metavar="NAME",
        help="what each sequence is: LGE, T2, bSSFP or any name (default: told by the file names)",
    )
    parser.add_argument(
        "--resample",
        action="store_true",
        help="bring images and region that are on another grid onto the first image's",
    )
    parser.add_argument(
        "--cases", metavar="FILE", help="a cohort, in place of images, --roi, --out: see above"
    )
    parser.add_argument(
        "--out-dir", metavar="FOLDER", help="where the folders of the cases go, with --cases"
    )
    parser.add_argument(
        "--rv-insertion",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="where the right ventricle meets the wall in front, in mm (LPS): divides the wall "
        "into the segments of the American Heart Association in the report",
    )
    parser.add_argument(
        "--seeds",
        metavar="FILE",
        help="strokes of truth, which hold their class: a label map (1…K), or a .seg.nrrd whose "
        "segments are called as the tissues",
    )
    parser.add_argument(
        "--remote",
        metavar="FILE",
        help="a mask of remote myocardium, for the n-SD thresholds (default: the healthy class)",
    )
    _add_output(parser)
    add_settings(parser).add_argument(
        "--infarct",
        action="store_true",
        help="the preset for a heart with an infarct: named tissues, from the LGE, T2 and bSSFP "
        "that are there",
    )
    parser.add_argument(
        "--no-reflow",
        action="store_true",
        help="with --infarct: look for a dark core in the scar as a tissue of its own",
    )
    add_network(parser)
    parser.set_defaults(run=segment)
    return parser


def add_demo(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm demo``."""
    summary = "segment a synthetic heart and compare with its truth"
    parser = add_command(subparsers, "demo", "[--out FOLDER]", summary, DEMO)
    parser.add_argument(
        "--out", default="demo", metavar="FOLDER", help="where the files go (default: demo)"
    )
    _add_output(parser)
    add_settings(parser)
    parser.set_defaults(run=demo)
    return parser


def add_evaluate(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm evaluate``."""
    summary = "compare two label maps: Dice per label"
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
    parser.set_defaults(run=evaluate)
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace an earlier result")
    parser.add_argument(
        "--probabilities", action="store_true", help="write a probability map per tissue too"
    )
    parser.add_argument(
        "--report", action="store_true", help="write report.html and measures.csv too"
    )


def segment(args: argparse.Namespace) -> None:
    """Run ``deepgmm segment``."""
    if args.no_reflow and not args.infarct:
        raise InvalidInput("--no-reflow goes with --infarct; add that, or remove it.")
    if args.refine and not args.network:
        raise InvalidInput("--refine goes with --network; add that, or remove it.")
    if _of_a_cohort(args):
        segment_cases(args)
        return
    from ..io.cohort import CaseFiles
    from ..io.folders import check_folder
    from ..io.sequences import file_roles
    from ..report.result_folder import OUTPUTS, Wanted
    from .job import segment_files
    from .terminal import overview

    network = chosen_network(args)
    roles = args.roles or file_roles(args.images)
    infarct = roles if args.infarct else None
    settings = chosen_settings(args, network and network.settings, infarct)
    check_folder(args.out, OUTPUTS, args.force)
    if not len(set(roles)) == len(roles) == len(args.images):
        raise InvalidInput(f"--roles needs {len(args.images)} different names, one per image.")
    images = dict(zip(roles, map(Path, args.images)))
    with progress_bar() as progress:
        result = segment_files(
            CaseFiles("case", images, Path(args.roi), segment=args.segment),
            settings,
            args.out,
            Wanted(args.probabilities, args.report, args.rv_insertion),
            network=network,
            refine=args.refine,
            resample=args.resample,
            force=args.force,
            seeds=args.seeds,
            remote=args.remote,
            progress=progress,
        )
    say(overview(result))
    say(f"Written to {args.out}; open segmentation.seg.nrrd in 3D Slicer, or figure.png.")


def _of_a_cohort(args: argparse.Namespace) -> bool:
    """Tell the two uses of ``deepgmm segment`` apart, and refuse what mixes or lacks options."""
    single = {"IMAGE": args.images, "--roi": args.roi, "--out": args.out}
    of_one = {
        **single,
        "--segment": args.segment,
        "--roles": args.roles,
        "--rv-insertion": args.rv_insertion,
        "--seeds": args.seeds,
        "--remote": args.remote,
    }
    cohort = {"--cases": args.cases, "--out-dir": args.out_dir}
    of_a_cohort = any(cohort.values())
    for name, value in of_one.items():
        if value and of_a_cohort:
            raise InvalidInput(f"{name} does not go with --cases; remove it.")
    for name, value in (cohort if of_a_cohort else single).items():
        if not value:
            raise InvalidInput(
                f"{name} is missing; give IMAGE, --roi and --out, or --cases and --out-dir."
            )
    return of_a_cohort


def demo(args: argparse.Namespace) -> None:
    """Run ``deepgmm demo``."""
    import numpy as np
    import SimpleITK as sitk

    from ..hearts.sample import ROLES, heart
    from ..io.cohort import CaseFiles
    from ..io.folders import whole_folder
    from ..io.images import write_image
    from ..report.result_folder import Wanted
    from .job import segment_files
    from .terminal import dice_table, overview

    settings = chosen_settings(args, infarct=ROLES)
    drawn = heart(settings.seed)
    arrays = dict(zip(drawn.roles, drawn.images))
    arrays.update(lv=drawn.roi.astype(np.uint8), truth=drawn.labels)
    with whole_folder(args.out, ("images", "result"), args.force) as new:
        files = {name: new / "images" / f"{name}.nii.gz" for name in arrays}
        (new / "images").mkdir()
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(drawn.spacing[::-1])
            write_image(image, files[name])
        case = CaseFiles("demo", {role: files[role] for role in drawn.roles}, files["lv"])
        with progress_bar() as progress:
            result = segment_files(
                case,
                settings,
                new / "result",
                Wanted(args.probabilities, args.report, drawn.rv_insertion, "synthetic heart"),
                progress=progress,
            )
    say(overview(result))
    matched = result.naming is None
    how = "matched to the truth afterwards, for they have no names" if matched else "by name"
    say(f"Dice against the truth of this synthetic heart (drawn, not a patient's), classes {how}:")
    label_names = dict(enumerate(result.tissues, 1))
    say(
        dice_table(
            result.labels, drawn.labels, matched, label_names, dict(enumerate(drawn.tissues, 1))
        )
    )
    images = Path(args.out) / "images"
    say(f"Images in {images}, result in {Path(args.out) / 'result'}. On your own images:")
    named = " ".join(str(images / f"{role}.nii.gz") for role in drawn.roles)
    say(f"  deepgmm segment {named} --roi {images / 'lv.nii.gz'} --infarct --report --out out")


def evaluate(args: argparse.Namespace) -> None:
    """Run ``deepgmm evaluate``."""
    from ..io.images import read_labels, read_segments
    from .terminal import dice_table

    labels, image = read_labels(args.labels)
    truth, truth_image = read_labels(args.truth, image, args.resample)
    names, truth_names = (
        {each.value: each.name for each in read_segments(each_image)}
        for each_image in (image, truth_image)
    )
    say(dice_table(labels, truth, args.match, names, truth_names))
