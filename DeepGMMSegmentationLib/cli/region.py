"""The command ``deepgmm region``: the left ventricle from one click."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Optional

from ..errors import InvalidInput
from .console import quiet_itk, say
from .options import add_command, resolve_output

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")

REGION = """\
Find the left ventricle, blood and wall, around one point in its blood, slice by slice to apex and
base. The network that finds it has been taught by drawn hearts alone: look at the region before
you rely on it, and correct it in a segment editor.

Example:
  deepgmm region LGE.nii.gz T2.nii.gz --at 12.5 -40 88 --out lv.nii.gz

Without --at it tells the most ventricle-like place, and writes nothing."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``deepgmm region``."""
    usage = "IMAGE [IMAGE ...] --at X Y Z --out FILE"
    parser = add_command(subparsers, "region", usage, "find the left ventricle", REGION)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="aligned sequences")
    add_point(parser)
    parser.add_argument("--out", metavar="FILE", help="where the mask goes (.nii.gz, .nrrd, .mha)")
    parser.add_argument("--roles", nargs="+", metavar="NAME", help="what each sequence is")
    parser.add_argument(
        "--resample", action="store_true", help="bring all images onto the first one's grid"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--force", action="store_true", help="replace an earlier file")
    parser.set_defaults(run=run)
    return parser


def add_point(parser: argparse.ArgumentParser) -> None:
    """Add the options of a point in the blood of the left ventricle."""
    parser.add_argument(
        "--at",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="a point in the blood of the left ventricle, in mm (LPS)",
    )
    parser.add_argument(
        "--ras", action="store_true", help="the point is RAS, as 3D Slicer shows it, and not LPS"
    )


def resolve_point(args: argparse.Namespace) -> Optional[tuple[float, ...]]:
    """Return the point of the parsed options, (x, y, z) in mm, LPS."""
    if args.at is None:
        if args.ras:
            raise InvalidInput("--ras goes with --at; add that, or remove it.")
        return None
    x, y, z = args.at
    return (-x, -y, z) if args.ras else (x, y, z)


def run(args: argparse.Namespace) -> None:
    """Run ``deepgmm region``."""
    import numpy as np
    import SimpleITK as sitk

    from ..anatomy.click import trace_at
    from ..anatomy.ventricle import propose_point
    from ..cardiac.sizes import volume_ml
    from ..io.images import read_images, write_image
    from ..io.sequences import file_roles
    from ..io.writing import write_bytes

    quiet_itk()
    roles = tuple(args.roles or file_roles(args.images))
    point = resolve_point(args)
    out = resolve_output(args) if args.out else None
    if out is not None and not out.name.lower().endswith(ENDINGS):
        raise InvalidInput(f"{out} names no format; end it in one of {', '.join(ENDINGS)}.")
    images, reference = read_images(args.images, args.resample)
    if point is None or out is None:
        spacing = reference.GetSpacing()[::-1]
        index, confidence = propose_point(images, spacing, roles, device=args.device)
        where = reference.TransformContinuousIndexToPhysicalPoint([float(i) for i in index[::-1]])
        text = " ".join(f"{value:.1f}" for value in where)
        raise InvalidInput(
            f"--at and --out are needed. The most ventricle-like place is {text} (LPS; confidence "
            f"{confidence:.2f}): look there, and give --at {text} if it is in the blood."
        )
    region, insertion, doubts = trace_at(images, reference, roles, point, args.device)
    mask = sitk.GetImageFromArray(region.astype(np.uint8))
    mask.CopyInformation(reference)
    with TemporaryDirectory() as folder:
        path = Path(folder) / out.name
        write_image(mask, path)
        write_bytes(out, path.read_bytes())
    ml = volume_ml(float(np.count_nonzero(region)), reference.GetSpacing())
    say(f"{np.count_nonzero(region.any(axis=(1, 2)))} slices, {ml:.0f} mL of blood and wall.")
    if insertion is not None:
        say("RV insertion: --rv-insertion " + " ".join(f"{value:.1f}" for value in insertion))
    say(" ".join([*doubts, f"Written to {out}; look at it before you rely on it."]))
