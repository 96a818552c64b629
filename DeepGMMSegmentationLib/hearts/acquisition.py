"""How a scanner sees a drawn heart: contrast, texture, resolution, noise, of three sequences.

For every heart a `Protocol` is drawn in NumPy: which signal each code has, and how it is imaged.
`acquire` then images a batch in PyTorch, on any device: signals and textures are laid on the
painted codes, the result is seen through k-space, which gives the resolution, the ringing, the
misregistration and the noise's correlation at once, and greys are made of it. Signals are in the
sequence's own unit above healthy myocardium: scar in LGE, edema in T2, blood in bSSFP are 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .codes import BLOOD, EDEMA, HEALTHY, NO_REFLOW, PAPILLARY, SCAR
from .ranges import Ranges
from .surroundings import (
    AIR,
    FAT,
    FIRST_RANDOM,
    LIVER,
    MUSCLE,
    RANDOM,
    RV_BLOOD,
    RV_WALL,
    VESSEL,
)

ROLES = ("LGE", "T2", "bSSFP")
CODES = FIRST_RANDOM + RANDOM
TEXTURED = {
    "blood": (BLOOD, RV_BLOOD, VESSEL),
    "muscle": (HEALTHY, EDEMA, PAPILLARY, RV_WALL, MUSCLE),
    "scar": (SCAR, NO_REFLOW),
}
COARSE, FINE = 8, 26  # cells across the picture of the two textures that are mixed
# Muscle whose signal an uneven inversion changes.
NULLED = (HEALTHY, EDEMA, PAPILLARY, RV_WALL)


@dataclass
class Protocol:
    """How B hearts are imaged in M sequences; every array begins with ``(B, M)``.

    Attributes
    ----------
    signal, texture : ndarray, shape ``(B, M, CODES)``
        Mean, zero of the scanner at 0, and deviation of every code.
    """

    signal: np.ndarray
    texture: np.ndarray
    keeps_sign: np.ndarray
    uneven_null: np.ndarray
    slow_flow: np.ndarray
    shading: np.ndarray
    noise: np.ndarray
    native_mm: np.ndarray
    window: np.ndarray
    blur: np.ndarray
    shift_mm: np.ndarray
    gamma: np.ndarray
    saturated: np.ndarray
    eight_bit: np.ndarray

    def of(self, hearts: np.ndarray) -> Protocol:
        """Return the protocol of every slice from the hearts that the slices belong to."""
        return Protocol(**{name: values[hearts] for name, values in vars(self).items()})


def draw_protocol(
    rng: np.random.Generator, styles: Sequence[Ranges], roles: Sequence[str] = ROLES
) -> Protocol:
    """Draw how hearts are imaged, each within the ranges of its own style."""
    rows = [[_sequence(rng, ranges, role) for role in roles] for ranges in styles]
    return Protocol(
        **{name: np.array([[one[name] for one in row] for row in rows]) for name in rows[0][0]}
    )


def _sequence(rng: np.random.Generator, ranges: Ranges, role: str) -> dict[str, object]:
    """Draw one sequence of one heart; the names are those of `Protocol`."""

    def draw(name: str) -> float:
        return float(ranges.draw(rng, name))

    signal = np.zeros(CODES)
    blood = draw(f"{role}_blood")
    if role == "LGE" and ranges.chance(rng, "dark_blood"):
        blood = draw("LGE_dark_blood")
    signal[[BLOOD, VESSEL]] = blood
    tissues = ("edema", EDEMA), ("scar", SCAR), ("no_reflow", NO_REFLOW), ("papillary", PAPILLARY)
    for name, code in tissues:
        signal[code] = draw(f"{role}_{name}")
    around = (RV_WALL, "rv_wall"), (FAT, "fat"), (AIR, "lung"), (LIVER, "liver"), (MUSCLE, "chest")
    for code, name in around:
        signal[code] = draw(f"signal_{name}")
    signal[FIRST_RANDOM:] = ranges.draw(rng, "signal_other", RANDOM)
    signal += draw(f"{role}_zero")
    signal[RV_BLOOD] = signal[BLOOD] * draw("rv_blood_ratio")
    signal[7:] = np.maximum(signal[7:], 0)
    unrest = draw("T2_unrest") if role == "T2" else 1.0
    texture = np.full(CODES, draw("texture_other"))
    for name, codes in TEXTURED.items():
        texture[list(codes)] = unrest * draw(f"texture_{name}")
    uneven = role == "LGE" and ranges.chance(rng, "uneven_null")
    return {
        "signal": signal,
        "texture": texture,
        "keeps_sign": role == "LGE" and ranges.chance(rng, "PSIR"),
        "uneven_null": draw("uneven_null_size") if uneven else 0.0,
        "slow_flow": draw("slow_flow") * (3 if role == "T2" else 1),
        "shading": draw("shading"),
        "noise": unrest * draw("noise"),
        "native_mm": draw("native_mm"),
        "window": draw("window"),
        "blur": draw("blur_pixels"),
        "shift_mm": draw(f"{role}_shift_mm"),
        "gamma": draw("gamma") if rng.random() < 0.5 else 1.0,
        "saturated": draw("saturated") if rng.random() < 0.33 else 0.0,
        "eight_bit": ranges.chance(rng, "eight_bit"),
    }


def acquire(
    codes: Tensor,
    protocol: Protocol,
    pixel_mm: np.ndarray,
    jitter: float,
    generator: torch.Generator,
) -> Tensor:
    """Image painted slices.

    Parameters
    ----------
    codes : Tensor of uint8, shape ``(B, P, S, S)``
        P levels within the thickness of each slice, averaged.
    protocol : Protocol
        Of every slice.
    pixel_mm : ndarray, shape ``(B,)``
        Size of the painted pixels.
    jitter : float
        Deviation by which signals differ from slice to slice of a heart.
    generator : Generator
        On the device of `codes`.

    Returns
    -------
    Tensor of float32, shape ``(B, M, S, S)``
        Greys from 0 to about 1.
    """
    device, size = codes.device, codes.shape[-1]
    p = {name: torch.as_tensor(v, device=device) for name, v in vars(protocol).items()}
    p = {name: v if v.dtype == torch.bool else v.float() for name, v in p.items()}
    column = {name: v[..., None, None] for name, v in p.items() if v.ndim == 2}
    batch, sequences = p["noise"].shape

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    signal = p["signal"] + jitter * random(*p["signal"].shape)
    image, deviation = (_lay(table, codes) for table in (signal, p["texture"]))
    mixed = torch.rand(2, batch, sequences, 1, 1, generator=generator, device=device)
    mixed = mixed / mixed.square().sum(0).sqrt()
    coarse, fine = (
        _smooth(random(batch, sequences, cells, cells), size) for cells in (COARSE, FINE)
    )
    image = image + deviation * (mixed[0] * coarse + mixed[1] * fine)

    nulled = _lay(_of_codes(NULLED, device).expand_as(signal), codes)
    image = image + column["uneven_null"] * nulled * _ramp(random(batch, sequences, 3), size)
    blood = (codes == BLOOD).float().mean(1, keepdim=True)
    lingering = blood * _near(1 - blood)
    image = image + 2 * column["slow_flow"] * lingering
    image = image * torch.exp(column["shading"] * _bowl(random(batch, sequences, 5), size))

    native = p["native_mm"] / torch.as_tensor(pixel_mm, device=device).float()[:, None]
    moved = random(batch, sequences, 2) * (p["shift_mm"] / p["native_mm"] * native)[..., None]
    image = _through_k_space(image, column, native.clamp_min(1.0), moved, random)
    return _greys(image, column)


def _of_codes(codes: Sequence[int], device: torch.device) -> Tensor:
    table = torch.zeros(CODES, device=device)
    table[list(codes)] = 1
    return table


def _lay(table: Tensor, codes: Tensor) -> Tensor:
    """Return the values ``(B, M, S, S)`` that a table ``(B, M, CODES)`` gives to codes."""
    batch, levels, height, width = codes.shape
    index = codes.reshape(batch, 1, -1).long().expand(-1, table.shape[1], -1)
    values = table.gather(2, index)
    return values.view(batch, -1, levels, height, width).mean(2)


def _smooth(cells: Tensor, size: int) -> Tensor:
    """Return smooth fields of deviation about 1 through random numbers on a grid."""
    return 1.4 * functional.interpolate(cells, (size, size), mode="bilinear")


def _near(part: Tensor, reach: int = 4) -> Tensor:
    """Return the mean over a square of so many pixels to each side."""
    rows = functional.avg_pool2d(part, (2 * reach + 1, 1), 1, (reach, 0))
    return functional.avg_pool2d(rows, (1, 2 * reach + 1), 1, (0, reach))


def _axes(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    line = torch.linspace(-1, 1, size, device=device)
    return line[:, None], line[None, :]


def _ramp(a: Tensor, size: int) -> Tensor:
    """Return a tilted plane from random coefficients ``(B, M, 3)``."""
    y, x = _axes(size, a.device)
    a = a[..., None, None]
    return 0.5 * a[..., 0, :, :] + a[..., 1, :, :] * x + a[..., 2, :, :] * y


def _bowl(a: Tensor, size: int) -> Tensor:
    """Return a quadratic from random coefficients ``(B, M, 5)``."""
    y, x = _axes(size, a.device)
    a = a[..., None, None]
    linear = a[..., 0, :, :] * x + a[..., 1, :, :] * y
    return linear + 0.5 * (
        a[..., 2, :, :] * x * y + a[..., 3, :, :] * x**2 + a[..., 4, :, :] * y**2
    )


def _through_k_space(
    image: Tensor,
    column: dict[str, Tensor],
    native: Tensor,
    moved: Tensor,
    random: Callable[..., Tensor],
) -> Tensor:
    """Return images of the scanner's resolution with its noise, moved by so many pixels.

    `native` is the resolved pixel in painted ones: beyond 1 / native of k-space nothing is
    measured, and an image of more pixels is interpolated between them.
    """
    size = image.shape[-1]
    ky = torch.fft.fftfreq(size, device=image.device)[:, None]
    kx = torch.fft.rfftfreq(size, device=image.device)[None, :]
    reach, soft = 0.5 / native[..., None, None], column["window"]
    window = 1 / (1 + torch.exp((ky.abs() - reach) / (soft * reach)).clamp_max(1e6))
    window = window / (1 + torch.exp((kx.abs() - reach) / (soft * reach)).clamp_max(1e6))
    sigma = column["blur"] * native[..., None, None]
    seen = window * torch.exp(-2 * (np.pi * sigma) ** 2 * (ky**2 + kx**2))
    turn = -2 * np.pi * (moved[..., 0, None, None] * ky + moved[..., 1, None, None] * kx)
    spectrum = torch.fft.rfft2(image) * seen * torch.polar(torch.ones_like(turn), turn)
    image = torch.fft.irfft2(spectrum, s=(size, size))
    # The noise passes the same window, and half of the blur: it is filtered with the image.
    noise = [torch.fft.rfft2(random(*image.shape)) * (window * seen).sqrt() for _ in range(2)]
    real, imaginary = (torch.fft.irfft2(n, s=(size, size)) for n in noise)
    scale = column["noise"] / real.std(dim=(-2, -1), keepdim=True).clamp_min(1e-6)
    measured = image + scale * real
    return torch.where(column["keeps_sign"], measured, torch.hypot(measured, scale * imaginary))


def _greys(image: Tensor, column: dict[str, Tensor]) -> Tensor:
    """Return images from 0 to 1 with their gamma, saturation and steps."""
    flat = image.flatten(2)
    low, high = flat.amin(2)[..., None, None], flat.amax(2)[..., None, None]
    image = (image - low) / (high - low).clamp_min(1e-6)
    fifth = image.shape[-1] // 5
    middle = image[..., fifth:-fifth:2, fifth:-fifth:2]
    ordered = middle.flatten(2).sort(2).values
    place = ((1 - column["saturated"]) * (ordered.shape[2] - 1)).long()
    ceiling = ordered.gather(2, place[..., 0]).unsqueeze(-1)
    ceiling = torch.where(column["saturated"] > 0, ceiling, torch.ones_like(ceiling))
    image = (torch.minimum(image, ceiling) / ceiling.clamp_min(1e-6)).clamp_min(0)
    image = image ** column["gamma"]
    return torch.where(column["eight_bit"], (255 * image).round() / 255, image)
