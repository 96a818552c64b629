"""A trained network and its file: the weights and all that prediction needs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InvalidInput
from ..fields import parse_json
from ..io.weights import checksum, load_weights, save_weights
from ..io.writing import PathLike
from ..mixture.unet import AtPixel, UNet, unet_for
from ..settings import Settings
from .settings import FREE

FORMAT = 1
PIXELS = (0.01, 100.0)  # mm
WRITER = "deepgmm train"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that many images have trained.

    Attributes
    ----------
    settings : Settings
        Of the mixture and the network: how images are cropped and normalised, which tissues the
        classes are.
    roles : tuple of str
        The sequences, in the order of the network's input channels.
    pixel : float
        In-plane size of the pixels that the network works on, in mm.
    weights : dict of str to Tensor
        The network's parameters, on the CPU.
    training : dict
        How it was trained: the choices, the number of cases, the best epoch and its losses,
        versions. For reading, not for prediction.
    """

    settings: Settings
    roles: tuple[str, ...]
    pixel: float
    weights: dict[str, Tensor]
    training: dict[str, Any]

    def named(self, refine: int) -> str:
        """Return what tells a result of this network from any other: its checksum, the steps."""
        return f"{checksum(self._record(), self.weights)[:12]}, {refine} steps"

    def network(self) -> UNet:
        """Return the network with its weights."""
        network = unet_for(self.settings, len(self.roles))
        network.load_state_dict(self.weights)
        return network

    def at(self, spacing: Sequence[float]) -> AtPixel:
        """Return the network as it works on images of that spacing, ``(z, y, x)`` in mm."""
        return AtPixel(self.network(), self.pixel, spacing)

    def check(self, settings: Settings, roles: Sequence[str]) -> None:
        """Refuse a case that the network was not trained for.

        Raises
        ------
        InvalidInput
            If the sequences are others, in whatever order, or a setting differs that the training
            has fixed.
        """
        if set(roles) != set(self.roles):
            raise InvalidInput(
                f"The network was trained for {', '.join(self.roles)} but the images are "
                f"{', '.join(roles)}; give the same sequences, or name them alike."
            )
        if settings.means is not None and tuple(roles) != self.roles:
            raise InvalidInput(
                f"The network was drawn to means of {', '.join(self.roles)} in this order; give "
                "the images in it."
            )
        for field in dataclasses.fields(Settings):
            trained, asked = (getattr(record, field.name) for record in (self.settings, settings))
            if field.name not in FREE and trained != asked:
                own = "a prior of its own" if field.name == "prior" else f"{field.name} {trained!r}"
                raise InvalidInput(
                    f"The network was trained with {own}, which a case cannot change; leave that "
                    "setting out."
                )

    def save(self, path: PathLike) -> None:
        """Write the file: safetensors, with the rest as JSON in its metadata."""
        save_weights(path, self.weights, self._record(), WRITER)

    def _record(self) -> str:
        record = {
            "format": FORMAT,
            "settings": dataclasses.asdict(self.settings),
            "roles": self.roles,
            "pixel": self.pixel,
            "training": self.training,
        }
        return json.dumps(record)

    @classmethod
    def load(cls, path: PathLike) -> TrainedNetwork:
        """Read a file that `save` wrote; nothing in it is executed.

        Raises
        ------
        InvalidInput
            If it cannot be read, is damaged or no such file, or does not hold together.
        """
        weights, record = load_weights(path, WRITER)
        try:
            return cls._from_record(parse_json(record, "Its record"), weights)
        except InvalidInput as error:
            raise InvalidInput(f"{path} is no network that can be used: {error}") from error

    @classmethod
    def _from_record(cls, record: Any, weights: dict[str, Tensor]) -> TrainedNetwork:
        """Build a network from its file's parts, refusing what does not hold together."""
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            own = record.get("format") if isinstance(record, dict) else None
            raise InvalidInput(
                f"It has format {own} but this version reads format {FORMAT}; update "
                "DeepGMMSegmentation or train the network again."
            )
        missing = {"settings", "roles", "pixel", "training"} - set(record)
        if missing:
            raise InvalidInput(f"Its record lacks {', '.join(sorted(missing))}; train it again.")
        roles, pixel = record["roles"], record["pixel"]
        if (
            not (isinstance(roles, list) and roles and all(isinstance(r, str) for r in roles))
            or len(set(roles)) != len(roles)
            or not isinstance(record["training"], dict)
        ):
            raise InvalidInput("Its sequences must be different names; train it again.")
        if not isinstance(pixel, (int, float)) or not PIXELS[0] <= pixel <= PIXELS[1]:
            raise InvalidInput(
                f"Its pixel is {pixel!r}; it must be from {PIXELS[0]} to {PIXELS[1]} mm."
            )
        settings = Settings.from_dict(record["settings"])
        try:
            with torch.device("meta"):  # shapes alone: a record may claim any size
                unet_for(settings, len(roles)).load_state_dict(weights, assign=True)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InvalidInput(
                f"Its weights are not those of the network that it describes ({reason}); train it "
                "again."
            ) from error
        if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
            raise InvalidInput("Its weights are not all finite numbers; train it again.")
        return cls(settings, tuple(roles), float(pixel), weights, record["training"])


def pixel_size(spacings: Sequence[Sequence[float]]) -> float:
    """Return the middle of the cases' in-plane pixel sizes, in mm."""
    sizes = sorted(math.sqrt(y * x) for _, y, x in spacings)
    return sizes[len(sizes) // 2]
