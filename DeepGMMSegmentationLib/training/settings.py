"""What one may choose about a training over many images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        "The part of the patients on whose cases the network is judged and not trained. 0: none, "
        "and the network of the last epoch is kept.",
    )
    patience: int = number(
        20,
        1,
        100_000,
        "The epochs without a lower loss on the held-out cases after which training stops.",
    )
    epoch_tolerance: float = number(
        0.0,
        0.0,
        1e6,
        "Training stops when an epoch changes the mean NLL, of the held-out cases where there are "
        "some, by less. 0: it does not.",
    )
    min_epochs: int = number(
        12, 1, 100_000, "The fewest epochs before `epoch_tolerance` stops a training."
    )
    penalty: str = choice(
        "case",
        ("case", "batch"),
        "Without a teacher: whether every case's means are drawn to the prior's by `mean_penalty`, "
        "or their mean over a batch, as in the code of the paper's authors.",
    )
    augmentation: str = choice(
        "view",
        ("view", "image"),
        "What changes at random: the network's view of a slice, by the four choices below, while "
        "the mixture stays that of the case; or images and region, as in the code of the paper's "
        "authors (bent, turned, scaled, mirrored, noisy).",
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

    @classmethod
    def paper(cls, **overrides: Any) -> Training:
        """Return algorithm 4 as the paper's authors ran it (arXiv:2404.12252 and their code).

        All cases are trained on, in batches of 4 by AdamW's 0.001, which falls as (1 − epoch /
        100)^0.9; after 12 epochs training stops at the first that changes the NLL by less than
        0.005. The penalty λ‖μ − μ_data‖² is that of the batch's mean μ. Images and region are
        changed at random. A last batch of less than 4 is spread over the others; that is ours.
        """
        values: dict[str, Any] = {
            "teacher": "none",
            "epochs": 100,
            "batch": 4,
            "initial_rate": 1e-3,
            "held_out": 0.0,
            "epoch_tolerance": 5e-3,
            "min_epochs": 12,
            "penalty": "batch",
            "augmentation": "image",
        }
        return cls(**{**values, **overrides})
