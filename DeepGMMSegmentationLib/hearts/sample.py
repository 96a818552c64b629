"""The synthetic heart: an infarcted left ventricle with LGE, T2 and bSSFP and the true tissues.

A short-axis stack is painted on a grid finer than the voxels, averaged to tissue fractions, and
imaged three times with different contrast, registration, texture, coil sensitivity and noise.
Infarcts follow the coronary territories; contrast is tuned to look like the Sunnybrook bSSFP and
the published statistics of EMIDEC LGE. It is synthetic: it shows that a method works, not how
well it works on patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Optional

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from ..errors import InvalidInput

ROLES = ("LGE", "T2", "bSSFP")
TISSUES = ("blood pool", "healthy myocardium", "edema", "scar", "no-reflow")
SURROUNDINGS = ("lung", "fat", "liver", "RV blood", "other muscle")
BLOOD, MUSCLE, EDEMA, SCAR, NO_REFLOW, LUNG, FAT, LIVER, RV_BLOOD, OTHER_MUSCLE = range(10)

# Mean signal and within-tissue deviation of TISSUES + SURROUNDINGS, as parts of full scale.
SIGNAL = {
    "LGE": (0.62, 0.24, 0.34, 0.80, 0.26, 0.05, 0.60, 0.36, 0.62, 0.26),
    "T2": (0.30, 0.36, 0.60, 0.60, 0.46, 0.05, 0.26, 0.30, 0.30, 0.34),
    "bSSFP": (0.82, 0.36, 0.48, 0.45, 0.40, 0.06, 0.85, 0.38, 0.80, 0.36),
}
TEXTURE = {
    "LGE": (0.09, 0.11, 0.13, 0.16, 0.08, 0.02, 0.10, 0.05, 0.09, 0.08),
    "T2": (0.11, 0.10, 0.14, 0.16, 0.11, 0.02, 0.05, 0.05, 0.11, 0.08),
    "bSSFP": (0.08, 0.07, 0.08, 0.08, 0.07, 0.02, 0.10, 0.04, 0.08, 0.07),
}
NOISE = {"LGE": 0.06, "T2": 0.06, "bSSFP": 0.04}  # of each of the two Rician channels
SLOW_FLOW = 0.6  # how much brighter T2 shows the blood that lingers at the walls

PIXELS, SPACING = 128, (10.0, 1.4, 1.4)  # in-plane size; mm, in array order
FINE, FINE_Z = 3, 3  # painted points per voxel along x and y, and through the slice


@dataclass(frozen=True)
class Heart:
    """A synthetic short-axis stack; slice 0 is the apex, as in an image that runs upwards.

    Attributes
    ----------
    images : ndarray, float32, (3, Z, Y, X)
        LGE, T2 and bSSFP in arbitrary scanner units.
    roi : ndarray, bool, (Z, Y, X)
        Everything inside the epicardium: blood and wall.
    labels : ndarray, uint8, (Z, Y, X)
        i + 1 where most of the voxel is ``tissues[i]``, 0 outside `roi`. Papillary muscles are
        healthy myocardium, an infarcted voxel is scar even where it is also swollen.
    tissues, roles : tuple of str
        Names of the labels and of the images.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    right_ventricle : ndarray, bool, (Z, Y, X)
        Where most of the voxel is the right ventricle's blood.
    rv_insertion : tuple of float
        Where the right ventricle meets the anterior wall at the middle slice: (x, y, z) in mm,
        LPS, for an image of this spacing with origin 0 and identity direction.
    """

    images: np.ndarray
    roi: np.ndarray
    labels: np.ndarray
    tissues: tuple[str, ...]
    roles: tuple[str, ...]
    spacing: tuple[float, float, float]
    right_ventricle: np.ndarray
    rv_insertion: tuple[float, float, float]


def heart(
    seed: int = 0,
    *,
    slices: int = 10,
    no_reflow: bool = False,
    transmurality: Optional[float] = None,
) -> Heart:
    """Draw a heart; the same arguments give the same one.

    Parameters
    ----------
    seed : int
        Draws geometry, coronary territory, contrast, misregistration and noise; 0 or more.
    slices : int
        Slices of 10 mm from apex to base, 8 to 12.
    no_reflow : bool
        Put a core that the contrast agent does not reach into the scar, as a fifth tissue.
    transmurality : float, optional
        Part of the wall's thickness, from the endocardium, that the middle of the infarct takes:
        0.2 to 1, and at least 0.5 with `no_reflow`. Drawn from 0.4 to 1 (0.6 to 1) when left out.

    Raises
    ------
    InvalidInput
        If an argument is outside its range.
    """
    _check("seed", seed, Integral, 0, 2**31 - 1)
    _check("slices", slices, Integral, 8, 12)
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0.6 if no_reflow else 0.4, 1)
    if transmurality is None:
        transmurality = drawn
    _check("transmurality", transmurality, Real, 0.5 if no_reflow else 0.2, 1)
    anatomy = _Anatomy(rng, transmurality, no_reflow)
    fractions = _fractions(anatomy, slices)
    inside = fractions[: len(TISSUES)]
    roi = inside.sum(axis=0) > 0.5
    tissues = TISSUES if no_reflow else TISSUES[:NO_REFLOW]
    middle = slices // 2
    x, y = anatomy.rv_insertion(_height(middle, slices))
    return Heart(
        images=np.stack([_image(rng, role, fractions) for role in ROLES]),
        roi=roi,
        labels=np.where(roi, inside.argmax(axis=0) + 1, 0).astype(np.uint8),
        tissues=tissues,
        roles=ROLES,
        spacing=SPACING,
        right_ventricle=fractions[RV_BLOOD] > 0.5,
        rv_insertion=(x, y, middle * SPACING[0]),
    )


def _check(name: str, value: float, kind: type, least: float, most: float) -> None:
    if not isinstance(value, kind) or isinstance(value, bool) or not least <= value <= most:
        number = "a whole number" if kind is Integral else "a number"
        raise InvalidInput(f"{name} is {value!r}; give {number} from {least} to {most}.")


def _height(z: float, slices: int) -> float:
    """Place slice z between the apex, 0, and the base, 1."""
    return (z + 0.5) / slices


class _Anatomy:
    """One heart's shape: which tissue is at (x, y) mm at a height from apex, 0, to base, 1.

    Angles run from the lateral wall (0) over anterior (π/2) and septum (π) to inferior.
    """

    def __init__(self, rng: np.random.Generator, transmurality: float, no_reflow: bool) -> None:
        self.transmurality, self.no_reflow = transmurality, no_reflow
        self.radius = rng.uniform(31, 38)  # of the epicardium at the base, mm
        self.wall = rng.uniform(8.5, 11)  # at the base, mm
        self.apex = rng.uniform(0.05, 0.1)  # how far above the very tip the stack begins
        self.center = PIXELS / 2 * SPACING[1] + rng.uniform(-8, 8, 2)
        self.tilt = rng.uniform(-6, 6, 2)  # drift of the center from apex to base, mm
        self.septum = np.pi + np.radians(rng.uniform(-15, 15))
        self.rv_size = rng.uniform(0.95, 1.1)
        self.ripple = rng.uniform(0, 2 * np.pi, 6)  # phases of the contours' irregularity
        self.papillaries = self.septum + np.radians([rng.uniform(85, 115), rng.uniform(205, 235)])
        self.papillary_radius = rng.uniform(2.5, 4.0, 2)
        self.body = rng.uniform(112, 124)  # radius of the chest, mm
        # Coronary territories: LAD, RCA, LCX, as angles from the septum and heights.
        angle, height = ((-60, 0.4), (75, 0.6), (150, 0.55))[rng.integers(3)]
        self.infarct = self.septum + np.radians(angle + rng.uniform(-15, 15))
        self.infarct_height = height + rng.uniform(-0.1, 0.1)
        self.scar_size = np.radians(rng.uniform(50, 85)), rng.uniform(0.35, 0.5)
        spread = np.radians(rng.uniform(20, 35)), rng.uniform(0.08, 0.15)
        self.edema_size = self.scar_size[0] + spread[0], self.scar_size[1] + spread[1]
        self.edema_depth = min(1.0, transmurality + rng.uniform(0.15, 0.4))

    def paint(self, x: np.ndarray, y: np.ndarray, height: float) -> np.ndarray:
        """Return the tissue index at each point of a slice."""
        x0, y0 = self._axis(height)
        x, y = x - x0, y - y0
        r, angle = np.hypot(x, y), np.arctan2(-y, x)
        near = r < 1.1 * self.radius + 4  # mm: beyond the epicardium and the fat on it
        outer = np.zeros(r.shape)
        outer[near] = self._epicardium(angle[near], height)

        tissue = np.full(r.shape, LUNG, dtype=np.uint8)
        rv = self._rv_level(r, angle, height)
        fat = 0.5 + 2.5 * np.cos(2 * angle + self.ripple[3])  # epicardial, mm, in patches
        tissue[(r < outer + fat) | (rv < fat)] = FAT
        tissue[y > self.radius + 10 + 0.3 * x + 0.003 * x**2] = LIVER
        chest = np.hypot(x + 30, y - 70) - self.body
        tissue[chest > 0] = OTHER_MUSCLE
        tissue[chest > 10] = FAT
        tissue[chest > 24] = LUNG  # air outside the body looks the same
        tissue[rv < 0] = OTHER_MUSCLE
        tissue[rv < -3.5] = RV_BLOOD
        inside = r < outer
        x, y = (np.broadcast_to(line, r.shape)[inside] for line in (x, y))
        tissue[inside] = self._ventricle(x, y, outer[inside], height)
        return tissue

    def _ventricle(
        self, x: np.ndarray, y: np.ndarray, outer: np.ndarray, height: float
    ) -> np.ndarray:
        """Return the tissue index at points from the axis, (N,), within the epicardium."""
        r, angle = np.hypot(x, y), np.arctan2(-y, x)
        depth = 1 - (outer - r) / self._thickness(angle, height)  # 0 at the endocardium, 1 outside
        tissue = np.full(r.shape, MUSCLE, dtype=np.uint8)
        turn = angle - self.infarct
        edema = self.edema_depth * self._extent(turn, height, self.edema_size)
        scar = self.transmurality * self._extent(turn, height, self.scar_size)
        tissue[depth < edema] = EDEMA
        tissue[depth < scar] = SCAR
        if self.no_reflow:
            core = self._extent(turn, height, tuple(0.7 * size for size in self.scar_size))
            tissue[(depth > 0.2 * scar) & (depth < 0.75 * self.transmurality * core)] = NO_REFLOW
        tissue[depth < 0] = BLOOD
        if 0.3 < height < 0.8:
            for position, radius in zip(self.papillaries, self.papillary_radius):
                endocardium = self._epicardium(position, height) - self._thickness(position, height)
                away = endocardium - radius - 1.5
                center = away * np.cos(position), -away * np.sin(position)
                tissue[np.hypot(x - center[0], y - center[1]) < radius] = MUSCLE
        return tissue

    def rv_insertion(self, height: float) -> tuple[float, float]:
        """Return the anterior point, (x, y) mm, where the RV's border meets the epicardium."""
        angle = np.linspace(self.septum - np.pi, self.septum, 3601)
        r = self._epicardium(angle, height)
        first = np.argmax(self._rv_level(r, angle, height) < 0)
        x, y = r[first] * np.cos(angle[first]), -r[first] * np.sin(angle[first])
        x0, y0 = self._axis(height)
        return float(x0 + x), float(y0 + y)

    def _axis(self, height: float) -> np.ndarray:
        return self.center + self.tilt * (height - 0.5)

    def _taper(self, height: float) -> float:
        """Radius of a half ellipsoid as a part of its largest."""
        return float(np.sqrt(1 - (1 - self.apex - (1 - self.apex) * height) ** 2))

    def _epicardium(self, angle: np.ndarray, height: float) -> np.ndarray:
        oval = 1 + 0.04 * np.cos(2 * angle + self.ripple[0])
        oval = oval + 0.015 * np.cos(3 * angle + self.ripple[1])
        return self.radius * self._taper(height) * oval

    def _thickness(self, angle: np.ndarray, height: float) -> np.ndarray:
        thickness = self.wall * (0.6 + 0.4 * self._taper(height))
        thickness = thickness * (1 + 0.12 * np.cos(angle + self.ripple[2]))
        trabeculae = np.cos(11 * angle + self.ripple[4]) + np.cos(17 * angle + self.ripple[5])
        return thickness + 0.4 * trabeculae

    def _rv_level(self, r: np.ndarray, angle: np.ndarray, height: float) -> np.ndarray:
        """Return about how many mm outside (above 0) the RV's outer border a point is."""
        size = self.rv_size * self._taper(max(0.0, height - 0.15)) * self.radius
        along = r * np.cos(angle - self.septum) - 0.75 * self.radius * self._taper(height)
        across = r * np.sin(angle - self.septum)
        return np.hypot(along, across / 0.95) - size

    def _extent(self, turn: np.ndarray, height: float, size: tuple[float, ...]) -> np.ndarray:
        """Return 1 in the middle of the infarct, falling smoothly to 0 at its borders."""
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
        square = (turn / size[0]) ** 2 + ((height - self.infarct_height) / size[1]) ** 2
        return np.clip(1 - square**2, 0, 1)


def _fractions(anatomy: _Anatomy, slices: int) -> np.ndarray:
    """Return the part of each voxel that each tissue takes, (10, Z, Y, X), summing to 1."""
    grid = ((np.arange(PIXELS * FINE) + 0.5) / FINE - 0.5) * SPACING[1]
    offsets = (np.arange(FINE_Z) + 0.5) / FINE_Z - 0.5
    kinds = len(TISSUES + SURROUNDINGS)
    pixels = np.arange(PIXELS**2).reshape(PIXELS, 1, PIXELS, 1)
    fractions = np.empty((kinds, slices, PIXELS, PIXELS), dtype=np.float32)
    for z in range(slices):
        painted = np.stack(
            [anatomy.paint(grid[None, :], grid[:, None], _height(z + o, slices)) for o in offsets]
        ).reshape(FINE_Z, PIXELS, FINE, PIXELS, FINE)
        points = np.bincount((kinds * pixels + painted).ravel(), minlength=kinds * PIXELS**2)
        parts = points / (FINE_Z * FINE**2)
        fractions[:, z] = parts.reshape(PIXELS, PIXELS, kinds).transpose(2, 0, 1)
    return fractions


def _image(rng: np.random.Generator, role: str, fractions: np.ndarray) -> np.ndarray:
    """Image the tissues with one sequence: a float32 stack in arbitrary scanner units."""
    shape = fractions.shape[1:]
    signal = np.array(SIGNAL[role]) * rng.normal(1, 0.06, len(fractions))
    signal[RV_BLOOD] = signal[BLOOD]
    mean = np.tensordot(signal, fractions, axes=1)
    deviation = np.tensordot(TEXTURE[role], fractions, axes=1)
    image = mean + deviation * _texture(rng, shape)
    if role == "T2":
        lingering = fractions[BLOOD] * gaussian_filter(1 - fractions[BLOOD], (0, 2.5, 2.5))
        image += SLOW_FLOW * signal[BLOOD] * lingering
    image = gaussian_filter(image, (0, 0.5, 0.5))  # the point spread of the acquisition, pixels
    if role != ROLES[0]:  # every slice is a breath hold of its own; LGE is the reference
        moves = rng.uniform(-0.7, 0.7, (shape[0], 2))
        image = np.stack([shift(z, move, order=1, mode="nearest") for z, move in zip(image, moves)])
    image = image * np.exp(_coil(rng, shape))
    real, imaginary = rng.normal(0, NOISE[role], (2, *shape))
    gain = rng.uniform(400, 1200)
    return (gain * np.hypot(image + real, imaginary)).astype(np.float32)


def _texture(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return noise of unit deviation, smooth over about three pixels in plane."""
    noise = gaussian_filter(rng.standard_normal(shape), (0, 1.2, 1.2))
    return noise / noise.std()


def _coil(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return the logarithm of the coil sensitivity: a random quadratic over the stack."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    a = rng.normal(0, 0.2, 6)
    return a[0] * x + a[1] * y + 0.5 * a[2] * z + a[3] * x * y + a[4] * x**2 + a[5] * y**2
