"""The fields of a settings record: default, choices, range and help of each in one place.

The record checks itself by them; the command line's options, the panel's widgets and the record's
own documentation are made from them.
"""

from __future__ import annotations

import dataclasses
import json
import numbers
import reprlib
from collections.abc import Mapping
from typing import Any, Optional, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import InvalidInput

Number = Union[int, float]
Record = TypeVar("Record")


def choice(default: str, options: tuple[str, ...], text: str) -> Any:
    """Return a field that is one of several words."""
    return dataclasses.field(default=default, metadata={"choices": options, "help": text})


def number(default: Optional[Number], least: Number, most: Number, text: str) -> Any:
    """Return a field that is a number from `least` to `most`, whole where `least` is whole.

    One whose default is None may be None.
    """
    return dataclasses.field(default=default, metadata={"range": (least, most), "help": text})


def other(default: Any, text: str) -> Any:
    """Return a field that the record checks by itself."""
    return dataclasses.field(default=default, metadata={"help": text})


def choices(record: type) -> dict[str, tuple[str, ...]]:
    """Return the words that the fields of a record may be, by the fields' names."""
    return _metadata(record, "choices")


def ranges(record: type) -> dict[str, tuple[Number, Number]]:
    """Return the least and the most that the numbers of a record may be, by the fields' names."""
    return _metadata(record, "range")


def _metadata(record: type, key: str) -> dict[str, Any]:
    return {f.name: f.metadata[key] for f in dataclasses.fields(record) if key in f.metadata}


def check_fields(record: Any) -> None:
    """Check the words and numbers of a frozen record, and make the numbers int or float.

    Raises
    ------
    InvalidInput
        If a word is none of its choices, or a number is none or out of its range.
    """
    for name, options in choices(type(record)).items():
        value = getattr(record, name)
        if value not in options:
            raise InvalidInput(
                f"{name} is {reprlib.repr(value)}; choose one of {', '.join(options)}."
            )
    for name, (least, most) in ranges(type(record)).items():
        value = getattr(record, name)
        if value is None and getattr(type(record), name) is None:
            continue
        whole = isinstance(least, int)
        wanted = numbers.Integral if whole else numbers.Real
        right_kind = isinstance(value, wanted) and not isinstance(value, bool)
        if not right_kind or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            raise InvalidInput(
                f"{name} is {reprlib.repr(value)}; give {kind} from {least} to {most}."
            )
        object.__setattr__(record, name, int(value) if whole else float(value))


def documented(record: type[Record]) -> type[Record]:
    """Add the fields of a dataclass to its docstring; a decorator."""
    lines = ["", "", "    Attributes", "    ----------"]
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # a dataclass
        kind = str(field.type)
        if "choices" in field.metadata:
            kind = "{" + ", ".join(f'"{option}"' for option in field.metadata["choices"]) + "}"
        elif "range" in field.metadata:
            kind += " from {} to {}".format(*field.metadata["range"])
        lines += [f"    {field.name} : {kind}", f"        {field.metadata['help']}"]
    record.__doc__ = (record.__doc__ or "") + "\n".join(lines)
    return record


def parse_json(text: str, what: str) -> Any:
    """Return what JSON text says.

    Parameters
    ----------
    text : str
        From a file of whatever origin.
    what : str
        What it is called in the message.

    Raises
    ------
    InvalidInput
        If it is no JSON, says a thing twice, nests too deep or holds a number of thousands of
        digits.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is not valid JSON ({error}).") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, which by itself would silently be the last of what stands twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return values


def read_fields(record: type, values: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping of field names to values, or refuse what is none.

    Parameters
    ----------
    record : type
        A dataclass.
    values : object
        What `json.loads` returned.
    what : str
        What it is called in the message.

    Raises
    ------
    InvalidInput
        If it is no mapping or has a field that the record has not.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput(f"{what} must be a JSON object of field names and values.")
    unknown = sorted(map(str, set(values) - {field.name for field in dataclasses.fields(record)}))
    if unknown:
        raise InvalidInput(f"{what} hold an unknown field, {unknown[0][:80]!r}; remove it.")
    return values


def conforms(value: Any, kind: Any) -> bool:
    """Return whether a value of JSON, or `dataclasses.asdict`, has the form of a type.

    Parameters
    ----------
    value : object
    kind : type
        A dataclass, of which the value must have all fields and may have more, or a type that such
        a field has: a tuple, a dictionary, one of several, text, a number.
    """
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return isinstance(value, dict) and all(
            name in value and conforms(value[name], hint) for name, hint in hints.items()
        )
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Union:
        return any(conforms(value, part) for part in parts)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return False
        kinds = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return len(value) == len(kinds) and all(map(conforms, value, kinds))
    if origin is dict:
        return isinstance(value, dict) and all(conforms(item, parts[1]) for item in value.values())
    return kind is Any or type(value) in ((int, float) if kind is float else (kind,))
