"""Everything a user may choose about a run, in one immutable, validated record."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import reprlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Optional

from .errors import InvalidInput
from .fields import (
    check_fields,
    choice,
    documented,
    number,
    other,
    parse_json,
    read_fields,
)
from .priors import CLASSES, DARK_BLOOD_LGE, LGE, Prior
from .tissues import are_drawn, class_names

METHODS = ("GMM", "SVGMM", "deepG", "deepSVG")
# How much the infarct preset heeds the tissue network.
NETWORK_ANATOMY = 1.5


@documented
@dataclass(frozen=True)
class Settings:
    """The choices of one run; the panel, the console and the command line share this record."""

    method: str = choice(
        "deepSVG",
        METHODS,
        "Mixture with global (GMM, deepG) or per-voxel (SVGMM, deepSVG) proportions, its "
        "E-step in closed form (GMM, SVGMM) or learned by a U-Net (deepG, deepSVG).",
    )
    classes: int = number(4, *CLASSES, "K, the number of tissues, 2 to 8.")
    covariance: str = choice(
        "diag",
        ("diag", "full"),
        "Sequences independent within a tissue, as in the authors' code, or correlated.",
    )
    scope: str = choice(
        "volume",
        ("slice", "volume"),
        "One mixture per slice, as in the paper, or one for all slices; the deep methods likewise "
        "fit one network per slice, or one for all.",
    )
    start: str = choice(
        "kmeans",
        ("kmeans", "random", "means", "prior"),
        "Where EM begins: k-means++, random responsibilities, `means`, or the `prior`. "
        "The deep methods begin at a random network, whose first answer is what drawn hearts teach "
        "where that is asked for.",
    )
    means: Optional[tuple[tuple[float, ...], ...]] = other(
        None,
        "K means of M values each, in input intensity units: where EM begins with "
        '``start="means"``, or what `mean_penalty` draws a deep method to, in place of the '
        "prior's (the paper's μ_data).",
    )
    restarts: int = number(
        1,
        1,
        100,
        "Runs from different seeds; mixture by mixture, the one with the lowest objective is kept: "
        "the NLL with what the prior and the penalties add.",
    )
    tolerance: float = number(
        1e-4,
        0.0,
        1e6,
        "The run has converged when an iteration changes the mean NLL per voxel by less.",
    )
    min_iterations: int = number(
        10, 1, 100_000, "The fewest iterations before convergence is believed."
    )
    max_iterations: int = number(
        100, 1, 100_000, "The most iterations that are made, whatever `min_iterations`."
    )
    variance_floor: float = number(
        1e-3, 1e-10, 1.0, "Added to every variance, in normalised units."
    )
    normalize: str = choice(
        "roi",
        ("image", "roi"),
        "Zero mean and unit deviation over the cropped image (the paper) or over the "
        "region, leaving out its extreme half percent on both sides.",
    )
    device: str = other(
        "auto",
        '"auto" (CUDA where there is one), "cpu", "cuda", "cuda:N", or "mps": an Apple GPU for the '
        "U-Net that a deep method fits to one case, the CPU for all else.",
    )
    seed: int = number(
        0,
        0,
        2**31 - 1,
        "Seed of every random choice; the same seed, device and number of threads give the same "
        "result.",
    )
    prior: Optional[Prior] = other(
        None, "Which tissue looks how and lies where; it names the classes."
    )
    prior_weight: float = number(
        0.0,
        0.0,
        1.0,
        "Strength of the prior on means, variances and global proportions, as a fraction "
        "of the region's voxels (pseudo-counts; MAP estimate). 0: none.",
    )
    mean_penalty: float = number(
        0.0,
        0.0,
        1e6,
        "λ of the deep methods' penalty λ‖μ − μ_data‖² towards the prior's means (the "
        "paper's deepGμ and deepSVGμ; 1 there). 0: none.",
    )
    smoothing: float = number(
        1.75,
        0.0,
        1000.0,
        "Deviation, in mm, of the Gaussian window over which SVGMM and deepSVG average "
        "the responsibilities to get a voxel's proportions. 0: none, as in the paper; a "
        "very large one gives the GMM. GMM and deepG do not use it.",
    )
    anatomy: float = number(
        0.0,
        0.0,
        10.0,
        "Exponent, in the proportions, of what is known of the tissues' places. 0: none.",
    )
    anatomy_from: str = choice(
        "depth",
        ("depth", "network"),
        "Where that comes from: the prior's depth profile, or the network that drawn hearts have "
        "taught, which sees LGE, T2 and bSSFP.",
    )
    degrees_of_freedom: Optional[float] = number(
        None, 1.0, 1e6, "Student-t components with so many degrees of freedom; None: Gaussian."
    )
    learning_rate: float = number(1e-2, 1e-8, 10.0, "AdamW's step size in the deep methods.")
    weight_decay: float = number(1e-3, 0.0, 10.0, "AdamW's weight decay in the deep methods.")
    gradient_clip: float = number(
        12.0,
        1e-6,
        1e9,
        "The largest gradient norm in the deep methods; a longer gradient is shortened to it.",
    )
    filters: int = number(
        8, 1, 256, "Filters of the U-Net at full resolution; they double at every halving."
    )
    depth: int = number(2, 1, 6, "How often the U-Net halves the image.")
    margin: float = number(
        12.0,
        0.0,
        1000.0,
        "Millimetres of image around the region's bounding box, in plane, that are kept.",
    )
    min_island: float = number(
        0.0,
        0.0,
        1e6,
        "Islands of one tissue in a slice that are smaller, in mm², go to the tissue "
        "around them. 0: none.",
    )
    hollow: str = choice(
        "fill",
        ("fill", "wall"),
        "What is done with a region that is the wall alone, where blood is a tissue: its cavity "
        "becomes part of it, or no blood is looked for.",
    )
    shading: str = choice(
        "keep",
        ("keep", "even"),
        "What is done with a brightness that changes along the stack, as a coil's sensitivity "
        "does, where blood is a tissue and one mixture is for all slices: it is kept or evened "
        "out.",
    )
    papillary: str = choice(
        "labelled",
        ("labelled", "blood", "muscle"),
        "What papillary muscles and trabeculae that stand free in the cavity count as: as their "
        "voxels come out, which is mostly blood where the tissue network is asked; all as blood; "
        "or as healthy myocardium, where they are dark.",
    )
    density: float = number(1.05, 0.1, 10.0, "Of the myocardium, in g/mL: from volume to mass.")

    def __post_init__(self) -> None:
        check_fields(self)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", str(self.device)):
            raise InvalidInput(
                f"device is {reprlib.repr(self.device)}; give auto, cpu, cuda, cuda:N or mps."
            )
        self._check_means()
        self._check_prior()

    def _check_means(self) -> None:
        if self.means is not None:
            try:
                rows = tuple(tuple(float(value) for value in row) for row in self.means)
            except (TypeError, ValueError, OverflowError) as error:
                raise InvalidInput(f"means must be rows of numbers ({error}).") from error
            object.__setattr__(self, "means", rows)
            lengths = {len(row) for row in rows}
            if len(rows) != self.classes or len(lengths) != 1:
                raise InvalidInput(f"means must be {self.classes} rows of one value per sequence.")
            if not all(math.isfinite(value) for row in rows for value in row):
                raise InvalidInput("means holds NaN or infinity; give finite intensities.")
        given, starts = self.means is not None, self.start == "means"
        if (starts and not given) or (given and not starts and not self.deep):
            raise InvalidInput('start="means" and means go together; give both or neither.')
        if self.deep and starts:
            raise InvalidInput("The deep methods begin at a random network; leave start out.")
        if self.deep and given and self.mean_penalty == 0:
            raise InvalidInput("A deep method is drawn to means by mean_penalty; give both.")

    def _check_prior(self) -> None:
        if self.prior is not None and not isinstance(self.prior, Prior):
            raise InvalidInput("prior must be a Prior; make one with Prior.from_dict.")
        if self.prior is None:
            users = ["prior_weight", "anatomy"]
            if self.means is None:
                users.append("mean_penalty")
            needing = [name for name in users if getattr(self, name) > 0]
            if self.start == "prior":
                needing.insert(0, "start")
            if needing:
                raise InvalidInput(f"{needing[0]} needs a prior; give prior or leave it out.")
        elif len(self.prior.tissues) != self.classes:
            raise InvalidInput(
                f"The prior has {len(self.prior.tissues)} tissues but classes is {self.classes}; "
                "make them equal."
            )
        elif self.anatomy > 0 and self.anatomy_from == "depth" and self.prior.depth is None:
            raise InvalidInput("anatomy needs a prior with a depth profile; set anatomy to 0.")

    @property
    def deep(self) -> bool:
        """Whether a U-Net takes the place of the E-step."""
        return self.method.startswith("deep")

    @property
    def spatial(self) -> bool:
        """Whether every voxel has proportions of its own."""
        return "SVG" in self.method

    @property
    def keeps_order(self) -> bool:
        """Whether the classes come out in the order of the given means or the prior's tissues."""
        if self.deep:
            return max(self.mean_penalty, self.prior_weight, self.anatomy) > 0
        return self.start in ("prior", "means")

    @property
    def tissues(self) -> tuple[str, ...]:
        """Names of the classes: the prior's tissues, or Class 1…K."""
        return self.prior.tissues if self.prior else class_names(self.classes)

    def without_blood(self) -> Settings:
        """Return the settings for a region that is the wall alone."""
        if self.prior is None:
            return self
        prior = self.prior.without_blood()
        classes = len(prior.tissues)
        return dataclasses.replace(
            self, prior=prior, classes=classes, anatomy=0.0, anatomy_from="depth"
        )

    def to_json(self) -> str:
        """Return the record as JSON text that `from_json` reads back to an equal record."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_dict(cls, values: Any) -> Settings:
        """Build a record from what `dataclasses.asdict` or `json.loads` returned.

        Fields that are absent take their defaults.

        Raises
        ------
        InvalidInput
            If it is no mapping, or holds an unknown field or a value out of its range.
        """
        given = dict(read_fields(cls, values, "The settings"))
        if given.get("prior") is not None:
            given["prior"] = Prior.from_dict(given["prior"])
        return cls(**given)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Read a record that `to_json` wrote; see `from_dict`, also for errors."""
        return cls.from_dict(parse_json(text, "The text of the settings"))

    @classmethod
    def paper(cls, method: str, **overrides: Any) -> Settings:
        """Return the values of the paper (arXiv:2404.12252) and of its authors' code.

        EM has diagonal covariances, at most 100 iterations and a tolerance of 0.0002 (GMM) or
        0.001 (SVGMM). The GMM starts from random responsibilities. The SVGMM does so in the
        paper's text (``start="random"``), but in its authors' code, which is followed here, from
        k-means. The deep methods take AdamW with a weight decay of 0.001, gradients clipped at
        12, 12 to 200 forward passes, a tolerance of 0.001 and a U-Net of 32 first filters that
        halves the image four times. Their learning rate is that of the authors' code for single
        images, 0.0001; the paper trains over many images with 0.001. The variances' floor is
        scikit-learn's for the GMM, 1e-6, else theirs, 1e-10. A margin of 24 mm gives about the
        160 × 160 pixels that they crop from MyoPS.

        With `means`, the paper's μ_data, these are its variants: GMMμ and SVGMMμ start from them,
        deepGμ and deepSVGμ are drawn to them with λ = 1. The authors take the mean z-scores of the
        tissues over ten labelled crops. A `prior` does the same by what it says of the region,
        mapped to each image, and EM starts from its variances and proportions, too; that is ours.
        """
        values: dict[str, Any] = {
            "method": method,
            "scope": "slice",
            "start": "kmeans" if method == "SVGMM" else "random",
            "normalize": "image",
            "smoothing": 0.0,
            "variance_floor": 1e-6 if method == "GMM" else 1e-10,
            "tolerance": 2e-4 if method == "GMM" else 1e-3,
            "min_iterations": 12 if method.startswith("deep") else 1,
            "max_iterations": 200 if method.startswith("deep") else 100,
            "learning_rate": 1e-4,
            "weight_decay": 1e-3,
            "gradient_clip": 12.0,
            "filters": 32,
            "depth": 4,
            "margin": 24.0,
        }
        prior, means = overrides.get("prior"), overrides.get("means")
        if isinstance(prior, Prior):
            values.update(classes=len(prior.tissues), start="prior", mean_penalty=1.0)
        if means is not None:
            values.update(classes=len(means), start="means", mean_penalty=1.0)
        if method.startswith("deep"):
            values["start"] = "random"
        else:
            values["mean_penalty"] = 0.0
        return cls(**{**values, **overrides})

    @classmethod
    def infarct(
        cls, roles: Collection[str], *, no_reflow: bool = False, **overrides: Any
    ) -> Settings:
        """Return what a clinician gets by default for a heart with an infarct: named tissues.

        SVGMM with Student-t components, started from the shipped prior and drawn to it, with
        proportions that are smooth and follow the depth in the wall. With a deep `method` the
        network's mixture has the same, and stops before it drifts away from the tissues. LGE or
        bSSFP alone have no contrast between edema and healthy myocardium, so that edema is no
        tissue of its own then; nor is scar without LGE, where it is as bright on T2 as edema.

        Parameters
        ----------
        roles : sequence of str
            The sequences that are there: any of "LGE", "dark-blood LGE", "T2", "bSSFP".
        no_reflow : bool
            Whether to look for a dark core within the scar.
        **overrides
            Fields of `Settings` to set otherwise; a `prior` takes the place of the shipped one,
            with its own tissues and sequences.

        Raises
        ------
        InvalidInput
            If no sequence is one that the prior knows, or an override is out of its range.
        """
        if isinstance(roles, str):
            raise InvalidInput(f"The sequences are the text {roles!r}; give a list of names.")
        given = overrides.get("prior")
        prior = given if isinstance(given, Prior) else Prior.infarct(no_reflow=no_reflow)
        known = set(roles) & set(prior.means)
        if not known:
            raise InvalidInput(
                f"The sequences are {', '.join(roles)}; the infarct preset needs at least one of "
                f"{', '.join(prior.means)}."
            )
        if prior is not given:
            prior = _distinguishable(prior, known)
        values: dict[str, Any] = {
            "method": "SVGMM",
            "classes": len(prior.tissues),
            "start": "prior",
            "prior": prior,
            "prior_weight": 0.2,
            "anatomy": 0.5,
            "degrees_of_freedom": 8.0,
            "shading": "even",
        }
        if str(overrides.get("method")).startswith("deep"):
            values.update(anatomy=1.0, mean_penalty=0.1, learning_rate=1e-3)
            values.update(tolerance=2e-3, min_iterations=30)
        if overrides.get("anatomy_from", "network") == "network" and are_drawn(prior.tissues):
            values.update(anatomy_from="network", anatomy=NETWORK_ANATOMY)
        elif prior.depth is None:
            values["anatomy"] = 0.0
        return cls(**{**values, **overrides})


def _distinguishable(prior: Prior, roles: set[str]) -> Prior:
    """Return the shipped prior with those tissues merged that the sequences cannot tell apart."""
    if not roles & {LGE, DARK_BLOOD_LGE}:
        if "no-reflow" in prior.tissues:
            prior = prior.merged("no-reflow", into="scar")
        prior = prior.merged("scar", into="edema")
    if len(roles) == 1 and "T2" not in roles:
        prior = prior.merged("edema", into="healthy myocardium")
    return prior
