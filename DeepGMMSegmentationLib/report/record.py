"""The record of a result, ``result.json``, as the program reads it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..cardiac.measures import Measures
from ..fields import conforms
from ..io.sealed import read_record


@dataclass(frozen=True)
class TissueName:
    """A tissue's name; its label is its place, from 1."""

    name: str


@dataclass(frozen=True)
class Record:
    """What must be in a record; there is more, for people to read.

    Attributes
    ----------
    settings : dict
        Of `Settings.to_dict`.
    network : str or None
        Which trained network made it.
    tissues : tuple of TissueName
    measures : Measures
    inputs, outputs : dict of str to str
        Digests of the files that the result was made from, and of those beside the record.
    """

    settings: dict[str, Any]
    network: Optional[str]
    tissues: tuple[TissueName, ...]
    measures: Measures
    inputs: dict[str, Optional[str]]
    outputs: dict[str, str]


def read_result(folder: Path) -> Optional[dict[str, Any]]:
    """Return what has the form of a `Record`, or None where no such thing was written."""
    record = read_record(folder)
    return record if conforms(record, Record) else None
