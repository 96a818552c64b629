"""The command ``deepgmm``, also ``python -m DeepGMMSegmentationLib``."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Optional

from ..errors import Cancelled, DeepGMMError, InvalidInput
from ..version import __version__
from . import compare, demo, evaluate, prior, region, reproduce, segment, train

# What ends a run: each once, with the exit code that shells give it.
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Each adds its parser and has a `run`, which imports what it needs, so that --help is quick.
COMMANDS = (segment, region, demo, evaluate, compare, prior, train, reproduce)

DESCRIPTION = """\
Divide a region, foremost the left ventricle, in aligned multi-sequence images (LGE, T2, bSSFP)
into tissues without any labels, by Gaussian mixtures and deep Gaussian mixtures."""

EPILOG = """\
Try it on a synthetic heart, then on your own images:
  deepgmm demo
  deepgmm segment LGE.nii.gz T2.nii.gz bSSFP.nii.gz --roi lv.nii.gz --out out/

`deepgmm COMMAND --help` explains a command.

Exit codes: 0 done, 1 failed, 2 the input or an option cannot be used, 130 cancelled (Ctrl-C),
143 stopped (SIGTERM), 129 the terminal has gone (SIGHUP).
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
        own = command.add_parser(subparsers)
        own.add_argument("--debug", action="store_true", help="show the traceback of an error")
        own.set_defaults(parser=own)
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line and return its exit code; an error is one line on stderr."""
    # Python has no streams where they were closed before it began.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without µ is no reason to fail
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = build_parser()
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            parser.error(f"{argument!a} is no UTF-8 text; rename the file, or write it otherwise")
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}{_suggest(args, unknown)}")
    stopped_by: list[int] = []

    def stop(number: int, _frame: object) -> None:
        """Stop once, whatever else comes while things are put in order."""
        if not stopped_by:
            stopped_by.append(number)
            raise KeyboardInterrupt

    former = {number: signal.signal(number, stop) for number in STOPS}
    try:
        code = _run(args, stopped_by)
        sys.stdout.flush()
    except OSError as error:  # whoever reads it has gone, or its disk is full
        code = _fail(args, f"the output cannot be written ({error.strerror}).", 1)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    finally:
        for number, handler in former.items():
            # A run that was stopped is about to end: another signal is to change no exit code.
            signal.signal(number, signal.SIG_IGN if stopped_by else handler)
    return code


def _run(args: argparse.Namespace, stopped_by: Sequence[int]) -> int:
    """Run the command; return its exit code, and say why it is not 0."""
    try:
        args.run(args)
    except (Cancelled, KeyboardInterrupt) as error:
        code = 128 + (stopped_by[0] if stopped_by else signal.SIGINT)
        return _fail(args, f"cancelled; {str(error) or 'nothing was written.'}", code)
    except InvalidInput as error:
        return _fail(args, str(error), 2)
    except DeepGMMError as error:
        return _fail(args, str(error), 1)
    except OSError:
        raise
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(args, f"unexpected {text} (--debug shows where)", 1)
    return 0


def _suggest(args: argparse.Namespace, unknown: Sequence[str]) -> str:
    """Return the option that may have been meant."""
    options = re.findall(r"--[a-z][a-z-]+", args.parser.format_help())
    near = difflib.get_close_matches(unknown[0].partition("=")[0], options, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _fail(args: argparse.Namespace, text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # where nobody listens
        if args.debug:
            traceback.print_exc()
        sys.stderr.write(f"deepgmm: {text}\n")
        sys.stderr.flush()
    return code
