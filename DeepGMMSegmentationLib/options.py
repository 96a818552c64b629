"""The options of the command line that stand for the fields of `Settings`."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any, Callable

from .errors import InvalidInput
from .priors import Prior
from .settings import CHOICES, Settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for every field of `Settings`, and where the others come from."""
    group = parser.add_argument_group("settings")
    base = group.add_mutually_exclusive_group()
    base.add_argument(
        "--settings", metavar="FILE", help="a JSON file of settings; options given here win over it"
    )
    base.add_argument(
        "--paper", action="store_true", help="the values of the paper and its authors' code"
    )
    kinds = typing.get_type_hints(Settings)
    texts = _descriptions()
    for field in dataclasses.fields(Settings):
        choices = CHOICES.get(field.name)
        default = "none" if field.default is None else field.default
        group.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=field.name,
            # Absent when not given, so that what is not given comes from elsewhere.
            default=argparse.SUPPRESS,
            choices=choices,
            metavar=None if choices else _METAVARS.get(field.name, field.name.upper()),
            type=_CONVERTERS.get(field.name) or _converter(kinds[field.name]),
            help=f"{texts[field.name]} (default: {default})".replace("%", "%%"),
        )


def chosen_settings(args: argparse.Namespace) -> Settings:
    """Return the settings that the parsed options ask for.

    Raises
    ------
    InvalidInput
        If a file cannot be read or a value is out of its range.
    """
    names = [field.name for field in dataclasses.fields(Settings)]
    given = {name: getattr(args, name) for name in names if hasattr(args, name)}
    if isinstance(given.get("prior"), Path):
        given["prior"] = _prior(given["prior"])
    if args.paper:
        return Settings.paper(**{"method": Settings.method, **given})
    base = Settings.from_json(_text(Path(args.settings))) if args.settings else Settings()
    return dataclasses.replace(base, **given)


def _descriptions() -> dict[str, str]:
    """Return what the docstring of `Settings` says of each field, on one line."""
    _, _, attributes = inspect.cleandoc(Settings.__doc__ or "").partition("----------\n")
    found = {}
    for entry in re.split(r"\n(?=\S)", attributes):
        head, _, body = entry.partition("\n")
        for name in head.partition(" : ")[0].split(", "):
            found[name] = " ".join(body.replace("`", "").split())
    return found


def _converter(kind: Any) -> Callable[[str], Any]:
    """Return what turns text into a field's value; "none" is None where a field may be it."""
    kinds = [each for each in typing.get_args(kind) if each is not type(None)]
    if not kinds:
        return kind

    def convert(text: str) -> Any:
        return None if text == "none" else kinds[0](text)

    convert.__name__ = kinds[0].__name__  # argparse names it: "invalid float value"
    return convert


def _rows(text: str) -> Any:
    if text == "none":
        return None
    return tuple(tuple(float(value) for value in row) for row in json.loads(text))


_METAVARS = {"means": "[[…],…]", "prior": "FILE"}
_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "means": _rows,
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
