"""A trained network and its file: the weights and all that prediction needs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import InvalidInput
from ..io.writing import PathLike, write_bytes
from ..mixture.unet import AtPixel, UNet, unet_for
from ..settings import Settings
from .settings import FREE

FORMAT = 1
KEY = "deepgmm"


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
        return f"{_digest(self._record(), self.weights)[:12]}, {refine} steps"

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
        from safetensors.torch import save

        weights = {name: tensor.contiguous() for name, tensor in self.weights.items()}
        text = self._record()
        # One entry: safetensors writes several in an order of chance, and files are to be equal.
        signed = json.dumps({"sha256": _digest(text, weights), "record": text})
        write_bytes(Path(path), save(weights, {KEY: signed}))

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
        import safetensors  # which a run without a network's file does not need

        path = Path(path)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, safetensors.SafetensorError) as error:
            raise InvalidInput(
                f"{path} cannot be read as a trained network ({error}); give a whole file that "
                "`deepgmm train` wrote."
            ) from error
        if KEY not in metadata:
            raise InvalidInput(f"{path} is no network of `deepgmm train`; give one that is.")
        try:
            signed = json.loads(metadata[KEY])
            whole = signed["sha256"] == _digest(signed["record"], weights)
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise InvalidInput(f"{path} is damaged (its checksum is wrong); copy it again.")
        record = json.loads(signed["record"])
        if record["format"] != FORMAT:
            raise InvalidInput(
                f"{path} has format {record['format']} but this version reads format {FORMAT}; "
                "update DeepGMMSegmentation or train the network again."
            )
        settings = Settings.from_dict(record["settings"])
        network = cls(
            settings, tuple(record["roles"]), record["pixel"], weights, record["training"]
        )
        try:
            network.network()
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InvalidInput(
                f"The weights in {path} are not those of the network that it describes ({reason}); "
                "train it again."
            ) from error
        return network


def pixel_size(spacings: Sequence[Sequence[float]]) -> float:
    """Return the middle of the cases' in-plane pixel sizes, in mm."""
    sizes = sorted(math.sqrt(y * x) for _, y, x in spacings)
    return sizes[len(sizes) // 2]


def _digest(text: str, weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()
