"""What one may choose about a training over many images."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import check_fields

# Networks for many cases gain from a level more than the default of those for one case (mean Dice
# on unseen synthetic hearts 0.78 against 0.76; Testing/Benchmarks/training.py).
DEPTH = 3
CHOICES = {"teacher": ("em", "none")}
RANGES = {
    "epochs": (1, 100_000),
    "batch": (1, 10_000),
    "initial_rate": (1e-8, 10.0),
    "held_out": (0.0, 0.9),
    "patience": (1, 100_000),
    "flip": (0.0, 1.0),
    "rotation": (0.0, 180.0),
    "zoom": (1.0, 4.0),
    "intensity": (0.0, 1.0),
}


@dataclass(frozen=True)
class Training:
    """The choices of a training, beside the `Settings` of mixture and network.

    Attributes
    ----------
    teacher : {"em", "none"}
        What the network is drawn to: the responsibilities that EM with the prior finds on each
        case (cross-entropy), or, with none, a low NLL and the prior's means as `mean_penalty`
        weighs them (the paper's algorithm 4).
    epochs : int
        The most times that all cases are seen; the step size falls to 0 over them as
        (1 − epoch / epochs)^0.9.
    batch : int
        The cases behind one gradient step, at least; each comes with all its slices.
    initial_rate : float
        AdamW's step size in the first epoch; `learning_rate` is that of a refinement on a case.
    held_out : float
        The part of the cases on which the network is judged and not trained. 0: none.
    patience : int
        The epochs without a lower loss on the held-out cases after which training stops.
    flip : float
        The probability that a slice is mirrored.
    rotation : float
        The most degrees by which a slice is turned, either way.
    zoom : float
        The most times that a slice is made larger, or smaller.
    intensity : float
        Deviation of the random offset, in normalised units, and of the logarithm of the random
        gain that every sequence of a slice gets.
    """

    teacher: str = "em"
    epochs: int = 100
    batch: int = 2
    initial_rate: float = 1e-3
    held_out: float = 0.2
    patience: int = 20
    flip: float = 0.5
    rotation: float = 180.0
    zoom: float = 1.2
    intensity: float = 0.1

    def __post_init__(self) -> None:
        check_fields(self, CHOICES, RANGES)
