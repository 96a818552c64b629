"""The command ``deepgmm segment``: read a case's files, segment, write the result."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ..errors import InvalidInput
from ..priors import Prior
from ..settings import Settings
from .console import quiet_itk, say, show_progress
from .one_case import segment_files
from .options import (
    INFARCT,
    PRESETS,
    add_command,
    add_network,
    add_settings,
    resolve_network,
    resolve_settings,
)
from .region import add_point, resolve_point

if TYPE_CHECKING:
    from ..report.result_folder import Wanted

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

With --at X Y Z, a point in the blood, in place of --roi, the left ventricle is sought around it.

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


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm segment``."""
    usage = "(IMAGE … (--roi FILE | --at X Y Z) --out FOLDER | --cases FILE --out-dir FOLDER)"
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
    add_point(parser)
    parser.add_argument("--out", metavar="FOLDER", help="where the result goes")
    parser.add_argument(
        "--name",
        default="case",
        help="what the report calls the case; not a patient's name (default: case)",
    )
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
        help="a mask of remote myocardium, for the n-SD thresholds (default: a sector of the wall "
        "without infarct, drawn in the report)",
    )
    add_output(parser)
    infarct = Settings.infarct(Prior.infarct().means)
    sources = add_settings(parser, Settings(), infarct=infarct)
    sources.add_argument(
        "--preset",
        choices=PRESETS,
        help="named tissues, from the LGE, T2 and bSSFP that are there: those of an infarct, or "
        "blood and myocardium",
    )
    sources.add_argument(
        "--infarct",
        action="store_const",
        const=INFARCT,
        dest="preset",
        help="the same as --preset infarct",
    )
    parser.add_argument(
        "--no-reflow",
        action="store_true",
        help="with --preset infarct: look for a dark core in the scar as a tissue of its own",
    )
    add_network(parser)
    parser.set_defaults(run=run)
    return parser


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is written."""
    parser.add_argument("--force", action="store_true", help="replace an earlier result")
    parser.add_argument(
        "--probabilities", action="store_true", help="write a probability map per tissue too"
    )
    parser.add_argument(
        "--report", action="store_true", help="write report.html and measures.csv too"
    )
    parser.add_argument(
        "--pdf",
        action="store_true",
        help="write report.pdf too, the report for printing (needs WeasyPrint)",
    )
    parser.add_argument(
        "--contours",
        action="store_true",
        help="write contours.mrk.json too: endo- and epicardium as curves for 3D Slicer",
    )


def wanted_of(
    args: argparse.Namespace, name: str, rv_insertion: Optional[tuple[float, ...]] = None
) -> Wanted:
    """Return what the options of `add_output` ask for."""
    from ..report.result_folder import Wanted

    return Wanted(args.probabilities, args.report, rv_insertion, name, args.contours, args.pdf)


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm segment``."""
    if args.no_reflow and args.preset != INFARCT:
        raise InvalidInput("--no-reflow goes with --preset infarct; add that, or remove it.")
    if args.refine and not args.network:
        raise InvalidInput("--refine goes with --network; add that, or remove it.")
    if _names_a_cohort(args):
        from .cohort import segment_cohort

        segment_cohort(args)
        return
    from ..io.cohort import CaseFiles
    from ..io.sequences import file_roles
    from .text_tables import size_table

    quiet_itk()
    network = resolve_network(args)
    named = Prior.infarct().means if args.preset and not hasattr(args, "prior") else ()
    roles = args.roles or file_roles(args.images, tuple(named))
    preset = roles if args.preset else None
    settings = resolve_settings(args, network.settings if network else None, preset)
    if not len(set(roles)) == len(roles) == len(args.images):
        raise InvalidInput(f"--roles needs {len(args.images)} different names, one per image.")
    images = dict(zip(roles, map(Path, args.images)))
    with show_progress() as progress:
        result, measures = segment_files(
            CaseFiles("case", images, args.roi and Path(args.roi), segment=args.segment),
            settings,
            args.out,
            wanted_of(args, args.name, args.rv_insertion),
            network=network,
            refine=args.refine,
            resample=args.resample,
            force=args.force,
            seeds=args.seeds,
            remote=args.remote,
            at=resolve_point(args),
            progress=progress,
        )
    say(size_table(result, measures.warnings))
    say(f"Written to {args.out}; open segmentation.seg.nrrd in 3D Slicer, or figure.png.")


def _names_a_cohort(args: argparse.Namespace) -> bool:
    """Tell the two uses of ``deepgmm segment`` apart, and refuse what mixes or lacks options."""
    if args.roi and args.at:
        raise InvalidInput("--roi and --at both say where to look; remove one.")
    single = {"IMAGE": args.images, "--roi or --at": args.roi or args.at, "--out": args.out}
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
    if args.images and not args.cases and of_a_cohort:
        raise InvalidInput("--out-dir goes with --cases; give --out for the images named here.")
    for name, value in of_one.items():
        if value and of_a_cohort:
            raise InvalidInput(f"{name} does not go with --cases; remove it.")
    for name, value in (cohort if of_a_cohort else single).items():
        if not value:
            raise InvalidInput(
                f"{name} is missing; give IMAGE, --roi (or --at) and --out, or --cases and "
                "--out-dir."
            )
    return of_a_cohort
