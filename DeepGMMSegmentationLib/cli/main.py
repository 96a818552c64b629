"""The command ``deepgmm``, also ``python -m DeepGMMSegmentationLib``."""

from __future__ import annotations

import argparse
import io
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Optional

from ..errors import Cancelled, DeepGMMError, InvalidInput
from ..version import __version__
from . import demo, evaluate, prior, region, reproduce, segment, train

# Each adds its parser and has a `run`, which imports what it needs, so that --help is quick.
COMMANDS = (segment, region, demo, evaluate, prior, train, reproduce)

DESCRIPTION = """\
Divide a region, foremost the left ventricle, in aligned multi-sequence images (LGE, T2, bSSFP)
into tissues without any labels, by Gaussian mixtures and deep Gaussian mixtures."""

EPILOG = """\
Try it on a synthetic heart, then on your own images:
  deepgmm demo
  deepgmm segment LGE.nii.gz T2.nii.gz bSSFP.nii.gz --roi lv.nii.gz --out out/

`deepgmm COMMAND --help` explains a command.

Exit codes: 0 done, 1 failed, 2 the input or an option cannot be used, 130 cancelled (Ctrl-C).
After any but 0 nothing was written, but of a cohort the cases that are whole, and of a training
and of the paper's experiments what they go on from."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="deepgmm",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"deepgmm {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers).add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line and return its exit code; an error is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without µ is no reason to fail
    args = build_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as clusters stop a job: like Ctrl-C
    try:
        args.run(args)
    except (Cancelled, KeyboardInterrupt) as error:
        return _fail(args, f"cancelled; {str(error) or 'nothing was written.'}", 130)
    except InvalidInput as error:
        return _fail(args, str(error), 2)
    except DeepGMMError as error:
        return _fail(args, str(error), 1)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(args, f"unexpected {text} (--debug shows where)", 1)
    return 0


def _fail(args: argparse.Namespace, text: str, code: int) -> int:
    if args.debug:
        traceback.print_exc()
    sys.stderr.write(f"deepgmm: {text}\n")
    return code
