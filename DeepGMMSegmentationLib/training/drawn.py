"""Training of a network on drawings, whatever it is to learn from them.

What differs between networks is a `Task`: which batch of drawings it sees, what the loss is, and
which network learns it. The rest is here: steps, step size, the running mean of the weights that
is kept, processes that share a batch, and going on after an interruption.
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

from .. import __version__, checkpoint, processes
from ..device import chosen_device
from ..errors import InvalidInput
from ..settings import check_fields


class Task(Protocol):
    """What is learned from drawings.

    Attributes
    ----------
    name : str
        For messages and the file.
    record : dict
        All that the drawings, the loss and the network depend on, as JSON can hold it.
    """

    name: str
    record: dict[str, Any]

    def network(self) -> nn.Module:
        """Return a network with random weights from PyTorch's global generator."""

    def batch(self, seed: int, index: int, device: str) -> tuple[Tensor, ...]:
        """Draw batch `index` of the stream that `seed` begins; the same whenever it is drawn."""

    def loss(self, network: nn.Module, *batch: Tensor) -> Tensor:
        """Return the mean loss of a batch."""


@dataclass(frozen=True)
class DrawnTraining:
    """The choices of a training on drawings.

    Attributes
    ----------
    steps : int
        Gradient steps; every one sees a batch that is drawn anew.
    rate : float
        AdamW's largest step size; it rises over the first steps and falls to 0 as a cosine.
    warmup : int
        The steps over which it rises.
    weight_decay : float
    gradient_clip : float
        The largest gradient norm.
    average : float
        Part of the running mean of the weights that a step leaves; the mean is what is kept.
    seed : int
        Of the first weights and of the drawings.
    save_every : int
        Steps between checkpoints.
    """

    steps: int = 4000
    rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 1e-4
    gradient_clip: float = 5.0
    average: float = 0.995
    seed: int = 0
    save_every: int = 200

    def __post_init__(self) -> None:
        ranges = {
            "steps": (1, 10_000_000),
            "rate": (1e-8, 1.0),
            "warmup": (0, 1_000_000),
            "weight_decay": (0.0, 10.0),
            "gradient_clip": (1e-6, 1e9),
            "average": (0.0, 0.99999),
            "seed": (0, 2**31 - 1),
            "save_every": (1, 1_000_000),
        }
        check_fields(self, {}, ranges)


def train_drawn(
    task: Task,
    training: DrawnTraining,
    *,
    start: Optional[dict[str, Tensor]] = None,
    device: str = "auto",
    checkpoint_file: Optional[Path] = None,
    progress: Optional[Callable[[int, float], None]] = None,
) -> dict[str, Tensor]:
    """Train a network on drawings.

    Processes that have joined (`processes.joined`) draw a batch each at every step.

    Parameters
    ----------
    task : Task
    training : DrawnTraining
    start : dict of str to Tensor, optional
        The first weights; random ones when left out.
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
    where = chosen_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = task.network().to(where)
    if start is not None:
        network.load_state_dict(start)
    mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
    shared = processes.shared(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), training.rate, weight_decay=training.weight_decay
    )
    identity = _identity(task, training, start)
    done = 0
    state = None
    if checkpoint_file is not None and processes.rank() == 0 and checkpoint_file.exists():
        state = checkpoint.load(checkpoint_file, identity)
    state = processes.of_the_first(state)
    if state is not None:
        network.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        mean = {name: value.to(where) for name, value in state["mean"].items()}
        done = state["done"]
    while done < training.steps:
        for group in optimizer.param_groups:
            group["lr"] = _rate(training, done)
        batch = task.batch(training.seed, done * processes.count() + processes.rank(), str(where))
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
        if checkpoint_file is not None and processes.rank() == 0 and due:
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


def _identity(task: Task, training: DrawnTraining, start: Optional[dict[str, Tensor]]) -> str:
    """Return a text that is the same for a training of the same task with the same choices."""
    record = [task.name, task.record, asdict(training), processes.count()]
    text = json.dumps([*record, __version__, torch.__version__])
    digest = hashlib.sha256(text.encode())
    for name in sorted(start or {}):
        digest.update(start[name].cpu().numpy().tobytes())
    return digest.hexdigest()
