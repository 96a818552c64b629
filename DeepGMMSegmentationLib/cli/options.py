"""What the commands share of their options: the fields of `Settings`, tables, files."""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..errors import InvalidInput
from ..fields import Record, parse_json
from ..priors import Prior
from ..settings import Settings

if TYPE_CHECKING:
    from ..training.trained_network import TrainedNetwork


PRESETS = INFARCT, BLOOD_AND_MYOCARDIUM = "infarct", "blood-and-myocardium"

CASES_TABLE = """\
The table has a row per case and the columns: roi, one per sequence, whose header is its role
(LGE, T2, bSSFP or any name), and, if wanted, case (a name), segment and patient (whose
heart it is). Paths are relative to the table."""


def add_command(
    subparsers: Any, name: str, usage: str, summary: str, description: str
) -> argparse.ArgumentParser:
    """Add a sub-command and return its parser."""
    return subparsers.add_parser(
        name,
        help=summary,
        usage=f"deepgmm {name} {usage} [options]",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_case_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that makes one file from a table of cases."""
    parser.add_argument(
        "--resample",
        action="store_true",
        help="bring what is on another grid onto the first image's of its case",
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier file")


def resolve_output(args: argparse.Namespace) -> Path:
    """Return where ``--out`` is to be written.

    Raises
    ------
    InvalidInput
        If it exists and is not to be replaced, or its folder does not exist.
    """
    out = Path(args.out)
    if out.exists() and not args.force:
        raise InvalidInput(f"{out} exists; name another file, or add --force.")
    if not out.parent.is_dir():
        raise InvalidInput(f"{out.parent} is no folder; make it, or name another one.")
    return out


def add_settings(
    parser: argparse.ArgumentParser, base: Settings, infarct: Optional[Settings] = None
) -> Any:
    """Add an option for every field of `Settings`.

    Parameters
    ----------
    parser : ArgumentParser
        That of the command.
    base : Settings
        What holds where no option is given, for the help.
    infarct : Settings, optional
        What holds with ``--infarct``, where the command has that.

    Returns
    -------
    mutually exclusive group
        Of the options that bring other settings.
    """
    group = parser.add_argument_group("settings")
    sources = group.add_mutually_exclusive_group()
    sources.add_argument(
        "--settings", metavar="FILE", help="a JSON file of settings; options given here win over it"
    )
    sources.add_argument(
        "--paper", action="store_true", help="the values of the paper and its authors' code"
    )
    add_fields(group, base, infarct)
    return sources


def add_fields(group: Any, base: Any, infarct: Optional[Settings] = None) -> None:
    """Add an option for every field of a record, in the words of that field.

    Parameters
    ----------
    group : argument group
        Where the options go.
    base : dataclass instance
        What holds where no option is given.
    infarct : Settings, optional
        What holds with ``--infarct``.
    """
    kinds = typing.get_type_hints(type(base))
    for field in dataclasses.fields(base):
        options = field.metadata.get("choices")
        default = _show_value(getattr(base, field.name))
        other = default if infarct is None else _show_value(getattr(infarct, field.name))
        if other != default:
            default += f"; with --infarct {other}"
        text = field.metadata["help"].replace("`", "")
        group.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=field.name,
            # Absent when not given, so that what is not given comes from elsewhere.
            default=argparse.SUPPRESS,
            choices=options,
            metavar=None if options else _METAVARS.get(field.name, field.name.upper()),
            type=_CONVERTERS.get(field.name) or _converter(kinds[field.name]),
            help=f"{text} (default: {default})".replace("%", "%%"),
        )


def _show_value(value: Any) -> str:
    """Return a setting's value for the help."""
    if isinstance(value, Prior):
        return f"“{value.name}”"
    return "none" if value is None else str(value)


def collect_fields(args: argparse.Namespace, record: type) -> dict[str, Any]:
    """Return the fields of a record that were given as options."""
    names = [field.name for field in dataclasses.fields(record)]
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def resolve_settings(
    args: argparse.Namespace,
    base: Optional[Settings] = None,
    infarct: Optional[Iterable[str]] = None,
    **preset: Any,
) -> Settings:
    """Return the settings that the parsed options ask for.

    What is not given as an option comes from a file or the paper, where the options say so, else
    from the infarct preset, where there are sequences for it, else from the base.

    Parameters
    ----------
    args : Namespace
        The parsed options.
    base : Settings, optional
        By default ``Settings()``.
    infarct : iterable of str, optional
        The sequences, where the infarct preset is wanted.
    **preset
        What that preset has otherwise.

    Raises
    ------
    InvalidInput
        If a file cannot be read or a value is out of its range.
    """
    given = collect_fields(args, Settings)
    if isinstance(given.get("prior"), Path):
        given["prior"] = read_json(given["prior"], Prior.from_dict)
        given.setdefault("classes", len(given["prior"].tissues))
    if args.paper:
        return Settings.paper(**{"method": Settings.method, **given})
    if args.settings:
        base = read_json(Path(args.settings), Settings.from_dict)
    elif infarct is not None:
        no_reflow = getattr(args, "no_reflow", False)
        if getattr(args, "preset", None) == BLOOD_AND_MYOCARDIUM:
            preset["prior"] = Prior.blood_and_myocardium()
        return Settings.infarct(tuple(infarct), no_reflow=no_reflow, **{**preset, **given})
    return dataclasses.replace(base or Settings(), **given)


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options of a trained network."""
    group = parser.add_argument_group("trained network")
    group.add_argument(
        "--network",
        metavar="FILE",
        help="ask a network of `deepgmm train`, whose settings are taken, in place of fitting one",
    )
    group.add_argument(
        "--refine",
        type=int,
        default=0,
        metavar="N",
        help="fit it to the case by so many gradient steps (default: 0)",
    )


def resolve_network(args: argparse.Namespace) -> Optional[TrainedNetwork]:
    """Return the trained network that the parsed options ask for, if any.

    Raises
    ------
    InvalidInput
        If its file cannot be used.
    """
    if args.network is None:
        return None
    from ..training.trained_network import TrainedNetwork

    return TrainedNetwork.load(args.network)


def _converter(kind: Any) -> Callable[[str], Any]:
    """Return what turns text into a field's value; "none" is None where a field may be it."""
    kinds = [part for part in typing.get_args(kind) if part is not type(None)]
    if not kinds:
        return kind

    def convert(text: str) -> Any:
        return None if text == "none" else kinds[0](text)

    convert.__name__ = kinds[0].__name__  # argparse names it: "invalid float value"
    return convert


def _rows_of_numbers(text: str) -> Any:
    if text == "none":
        return None
    try:
        rows = json.loads(text)
        return tuple(tuple(float(value) for value in row) for row in rows)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise argparse.ArgumentTypeError(
            "give a row of numbers per class, such as [[1, 2], [3, 4]]"
        ) from error


_METAVARS = {"means": "[[…],…]", "prior": "FILE"}
_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "means": _rows_of_numbers,
    "prior": lambda text: None if text == "none" else Path(text),
}


def read_json(path: Path, build: Callable[[Any], Record]) -> Record:
    """Return what is built from a JSON file; a message about it names the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist; check its name.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read ({error}); give a JSON file.") from error
    values = parse_json(text, str(path))
    try:
        return build(values)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
