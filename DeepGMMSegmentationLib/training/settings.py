"""What one may choose about a training over many images."""

from __future__ import annotations

from dataclasses import dataclass

from ..fields import check_fields, choice, documented, number

# Networks for many cases gain from a level more than the default of those for one case (mean Dice
# on unseen synthetic hearts 0.78 against 0.76; Testing/Benchmarks/training.py).
DEPTH = 3
# What a case may set otherwise than the training of its network did: where it runs, how the network
# is refined, and what is made of the labels.
REFINEMENT = ("learning_rate", "weight_decay", "gradient_clip", "mean_penalty")
FREE = ("device", "seed", *REFINEMENT, "min_island", "density")


@documented
@dataclass(frozen=True)
class Training:
    """The choices of a training, beside the `Settings` of mixture and network."""

    teacher: str = choice(
        "em",
        ("em", "none"),
        "What the network is drawn to: the responsibilities that EM with the prior finds "
        "on each case (cross-entropy), or, with none, a low NLL and the prior's means as "
        "`mean_penalty` weighs them (the paper's algorithm 4).",
    )
    epochs: int = number(
        100,
        1,
        100_000,
        "The most times that all cases are seen; the step size falls to 0 over them as (1 "
        "− epoch / epochs)^0.9.",
    )
    batch: int = number(
        2,
        1,
        10_000,
        "The cases behind one gradient step, at least; each comes with all its slices.",
    )
    initial_rate: float = number(
        1e-3,
        1e-8,
        10.0,
        "AdamW's step size in the first epoch; `learning_rate` is that of a refinement on a case.",
    )
    held_out: float = number(
        0.2,
        0.0,
        0.9,
        "The part of the cases on which the network is judged and not trained. 0: none.",
    )
    patience: int = number(
        20,
        1,
        100_000,
        "The epochs without a lower loss on the held-out cases after which training stops.",
    )
    flip: float = number(0.5, 0.0, 1.0, "The probability that a slice is mirrored.")
    rotation: float = number(
        180.0, 0.0, 180.0, "The most degrees by which a slice is turned, either way."
    )
    zoom: float = number(1.2, 1.0, 4.0, "The most times that a slice is made larger, or smaller.")
    intensity: float = number(
        0.1,
        0.0,
        1.0,
        "Deviation of the random offset, in normalised units, and of the logarithm of the "
        "random gain that every sequence of a slice gets.",
    )

    def __post_init__(self) -> None:
        check_fields(self)
