"""The options of the command line that stand for the fields of `Settings` and its like."""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..errors import InvalidInput
from ..priors import Prior
from ..settings import Settings

if TYPE_CHECKING:
    from ..training.trained_network import TrainedNetwork


def add_settings(parser: argparse.ArgumentParser) -> Any:
    """Add an option for every field of `Settings`; return the group of where others come from."""
    group = parser.add_argument_group("settings")
    base = group.add_mutually_exclusive_group()
    base.add_argument(
        "--settings", metavar="FILE", help="a JSON file of settings; options given here win over it"
    )
    base.add_argument(
        "--paper", action="store_true", help="the values of the paper and its authors' code"
    )
    add_fields(group, Settings)
    return base


def add_fields(group: Any, record: type) -> None:
    """Add an option for every field of a record, in the words of that field."""
    kinds = typing.get_type_hints(record)
    for field in dataclasses.fields(record):
        options = field.metadata.get("choices")
        default = "none" if field.default is None else field.default
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


def chosen_fields(args: argparse.Namespace, record: type) -> dict[str, Any]:
    """Return the fields of a record that were given as options."""
    names = [field.name for field in dataclasses.fields(record)]
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def chosen_settings(
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
    given = chosen_fields(args, Settings)
    if isinstance(given.get("prior"), Path):
        given["prior"] = _prior(given["prior"])
        given.setdefault("classes", len(given["prior"].tissues))
    if args.paper:
        return Settings.paper(**{"method": Settings.method, **given})
    if args.settings:
        base = Settings.from_json(_text(Path(args.settings)))
    elif infarct is not None:
        no_reflow = getattr(args, "no_reflow", False)
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


def chosen_network(args: argparse.Namespace) -> Optional[TrainedNetwork]:
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
    kinds = [each for each in typing.get_args(kind) if each is not type(None)]
    if not kinds:
        return kind

    def convert(text: str) -> Any:
        return None if text == "none" else kinds[0](text)

    convert.__name__ = kinds[0].__name__  # argparse names it: "invalid float value"
    return convert


def _rows_of_numbers(text: str) -> Any:
    if text == "none":
        return None
    return tuple(tuple(float(value) for value in row) for row in json.loads(text))


_METAVARS = {"means": "[[…],…]", "prior": "FILE"}
_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "means": _rows_of_numbers,
    "prior": lambda text: None if text == "none" else Path(text),
}


def _prior(path: Path) -> Prior:
    try:
        return Prior.from_dict(json.loads(_text(path)))
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not valid JSON ({error}); give a prior's file.") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read ({error}); check its name.") from error
