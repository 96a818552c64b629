"""What the child can be asked for, what it answers, and the files in which both lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

from ..result import Result

REQUEST, MESSAGES, ANSWER = "request.pickle", "messages.jsonl", "answer.pickle"


@dataclass(frozen=True)
class Request:
    """What is to be segmented and then measured.

    Attributes
    ----------
    arguments : mapping
        Of `segment`, without callbacks.
    marks : mapping
        Of `measure`, beside the result and its images.
    changes : mapping
        Fields in which the settings of the network are to be changed.
    tissues : tuple of str, optional
        The names of the classes for the measures; by default those of the result.
    """

    arguments: Mapping[str, Any]
    marks: Mapping[str, Any]
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tissues: Optional[tuple[str, ...]] = None


@dataclass(frozen=True)
class RegionRequest:
    """The left ventricle that is to be found around a point: the arguments of `trace_at`."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class MeasureRequest:
    """A result whose measures are wanted: the arguments of `measure`."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ReportRequest:
    """A result whose report is wanted, as texts of HTML and CSV: the arguments of `measure`."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class SampleRequest:
    """The synthetic heart of that seed; `heart` draws it."""

    seed: int = 0


AnyRequest = Union[Request, RegionRequest, MeasureRequest, ReportRequest, SampleRequest]


@dataclass(frozen=True)
class Answer:
    """The result of a request, and its measures as `Measures.to_dict` gives them."""

    result: Result
    measures: dict[str, Any]
