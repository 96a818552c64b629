"""Training of a network on drawings, whatever it is to learn from them.

What differs between networks is a `DrawnTask`: which batch of drawings it sees, what the loss is,
and which network learns it. The rest is here: steps, step size, the running mean of the weights
that is kept, processes that share a batch, and going on after an interruption.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ..errors import InvalidInput
from ..fields import check_fields, documented, number
from ..mixture.device import resolve_device
from ..version import __version__
from . import checkpoint, distributed


class DrawnTask(Protocol):
    """What is learned from drawings.

    Attributes
    ----------
    name : str
        For messages and the file.
    filters, depth : int
        Of the network.
    record : dict
        All that the drawings, the loss and the network depend on, as JSON can hold it.
    """

    name: str
    filters: int
    depth: int
    record: dict[str, Any]

    def network(self) -> nn.Module:
        """Return a network with random weights from PyTorch's global generator."""

    def batch(self, seed: int, index: int, device: str) -> tuple[Tensor, ...]:
        """Draw batch `index` of the stream that `seed` begins; the same whenever it is drawn."""

    def loss(self, network: nn.Module, *batch: Any) -> Tensor:
        """Return the mean loss of a batch."""

    def calibrate(self, network: nn.Module) -> dict[str, Any]:
        """Return what the file says besides of a trained network, as JSON can hold it."""


@documented
@dataclass(frozen=True)
class DrawnTraining:
    """The choices of a training on drawings."""

    steps: int = number(
        7000, 1, 10_000_000, "Gradient steps; every one sees a batch that is drawn anew."
    )
    rate: float = number(
        3e-3,
        1e-8,
        1.0,
        "AdamW's largest step size; it rises over the first steps and falls to 0 as a cosine.",
    )
    warmup: int = number(100, 0, 1_000_000, "The steps over which it rises.")
    weight_decay: float = number(1e-4, 0.0, 10.0, "AdamW's weight decay.")
    gradient_clip: float = number(5.0, 1e-6, 1e9, "The largest gradient norm.")
    average: float = number(
        0.995,
        0.0,
        0.99999,
        "Part of the running mean of the weights that a step leaves; the mean is what is kept.",
    )
    seed: int = number(0, 0, 2**31 - 1, "Of the first weights and of the drawings.")
    save_every: int = number(200, 1, 1_000_000, "Steps between checkpoints.")

    def __post_init__(self) -> None:
        check_fields(self)


def train_drawn(
    task: DrawnTask,
    training: DrawnTraining,
    *,
    device: str = "auto",
    checkpoint_file: Optional[Path] = None,
    progress: Optional[Callable[[int, float], None]] = None,
) -> dict[str, Tensor]:
    """Train a network on drawings.

    Processes that have joined (`distributed.joined`) draw a batch each at every step.

    Parameters
    ----------
    task : DrawnTask
    training : DrawnTraining
    device : str
        "auto" is CUDA where there is one.
    checkpoint_file : Path, optional
        Where it exists, the training goes on from it, and comes to the same weights as if it had
        not been interrupted (bit by bit on a CPU with as many threads).
    progress : callable, optional
        Called after every step with the steps done and the loss; may raise to stop.

    Returns
    -------
    dict of str to Tensor
        The running mean of the weights, on the CPU.

    Raises
    ------
    InvalidInput
        If the checkpoint belongs to another training, or the loss runs away.
    """
    where = resolve_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = task.network().to(where)
    mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
    shared = distributed.average_gradients(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), training.rate, weight_decay=training.weight_decay
    )
    identity = _identity(task, training)
    done = 0
    state = None
    if checkpoint_file is not None and distributed.rank() == 0 and checkpoint_file.exists():
        state = checkpoint.load(checkpoint_file, identity)
    state = distributed.broadcast(state)
    if state is not None:
        network.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        mean = {name: value.to(where) for name, value in state["mean"].items()}
        done = state["done"]
    while done < training.steps:
        for group in optimizer.param_groups:
            group["lr"] = _rate(training, done)
        batch = task.batch(
            training.seed, done * distributed.count() + distributed.rank(), str(where)
        )
        optimizer.zero_grad(set_to_none=True)
        loss = task.loss(shared, *batch)
        loss.backward()
        norm = clip_grad_norm_(network.parameters(), training.gradient_clip)
        if not torch.isfinite(norm):
            raise InvalidInput(f"The loss ran away in step {done + 1}; lower rate.")
        optimizer.step()
        done += 1
        _follow(mean, network, min(training.average, done / (done + 10)))
        due = done % training.save_every == 0 or done == training.steps
        if checkpoint_file is not None and distributed.rank() == 0 and due:
            state = {
                "weights": network.state_dict(),
                "mean": mean,
                "optimizer": optimizer.state_dict(),
                "done": done,
            }
            checkpoint.save(checkpoint_file, identity, state)
        if progress is not None:
            progress(done, float(loss.detach()))
    return {name: value.cpu() for name, value in mean.items()}


def _rate(training: DrawnTraining, done: int) -> float:
    if done < training.warmup:
        return training.rate * (done + 1) / training.warmup
    part = (done - training.warmup) / max(training.steps - training.warmup, 1)
    return training.rate * 0.5 * (1 + math.cos(math.pi * part))


@torch.no_grad()
def _follow(mean: dict[str, Tensor], network: nn.Module, kept: float) -> None:
    for name, value in network.state_dict().items():
        mean[name].lerp_(value, 1 - kept)


def _identity(task: DrawnTask, training: DrawnTraining) -> str:
    """Return a text that is the same for a training of the same task with the same choices."""
    record = [task.name, task.record, asdict(training), distributed.count()]
    text = json.dumps([*record, __version__, torch.__version__])
    return hashlib.sha256(text.encode()).hexdigest()
