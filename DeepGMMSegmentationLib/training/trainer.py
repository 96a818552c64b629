"""One network trained over many images (algorithm 4 of the paper), without labels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ..case import Case
from ..errors import InvalidInput, OutOfMemory
from ..io.identity import identify
from ..mixture.device import resolve_device
from ..mixture.unet import AtPixel, unet_for
from ..result import Progress, ProgressCallback
from ..settings import Settings
from ..version import __version__
from . import checkpoint, distributed
from .augmentation import Augmented
from .examples import Example, make_example
from .settings import Training
from .trained_network import TrainedNetwork, pixel_size

# A row of the log: epoch, step size, and the losses after it.
History = list[dict[str, float]]


def train(
    cases: Iterable[Case],
    settings: Settings,
    training: Optional[Training] = None,
    *,
    checkpoint_file: Optional[Path] = None,
    progress: Optional[ProgressCallback] = None,
    log: Optional[Callable[[History], None]] = None,
) -> TrainedNetwork:
    """Train a network; the one of the epoch with the lowest held-out loss is returned.

    Without held-out cases it is that of the last epoch.

    Processes that have joined (`distributed.joined`) share each batch and come to the same network.

    Parameters
    ----------
    cases : iterable of Case
        Their truth, if any, is not looked at. Gone through once. Those after the first need its
        sequences, in any order.
    settings : Settings
        A deep method.
    training : Training, optional
        The choices of the training; the defaults when left out.
    checkpoint_file : Path, optional
        Written after every epoch. Where it exists, the training goes on from it, to the same
        network (bit by bit on a CPU with as many threads) as if it had not been interrupted.
    progress : callable, optional
        Called after every epoch; may raise to stop.
    log : callable, optional
        Called after every epoch with all rows so far, also those before an interruption.

    Raises
    ------
    InvalidInput
        If a case, a setting or the checkpoint cannot be used.
    OutOfMemory
        If the device has too little memory.
    """
    training = Training() if training is None else training
    _check(settings, training)
    run = _Run(cases, settings, training)
    identity = run.identity()
    state = None
    if checkpoint_file is not None and distributed.rank() == 0 and checkpoint_file.exists():
        state = checkpoint.load(checkpoint_file, identity)
    state = distributed.broadcast(state)  # the others may be on machines without that file
    if state is not None:
        run.restore(state)
        if log is not None:  # it may have been ended between its checkpoint and its log
            log(run.history)
    while not run.finished:
        try:
            run.epoch()
        except torch.cuda.OutOfMemoryError as error:
            raise OutOfMemory(
                f"{run.device} ran out of memory; choose a smaller batch, fewer filters, a smaller "
                'margin or device="cpu".'
            ) from error
        if checkpoint_file is not None and distributed.rank() == 0:
            checkpoint.save(checkpoint_file, identity, run.state())
        if log is not None:
            log(run.history)
        if progress is not None:
            done, most = len(run.history), training.epochs
            nll = run.history[-1]["held_out_nll"]
            progress(Progress("Training", done, most, nll, done / most, str(run.device)))
    return run.result()


def _check(settings: Settings, training: Training) -> None:
    if not settings.deep:
        raise InvalidInput(
            f"{settings.method} has no network to train; choose method deepSVG or deepG."
        )
    if settings.restarts > 1:
        raise InvalidInput("A training makes one network; leave restarts out.")
    if training.teacher == "em" and settings.prior is None:
        raise InvalidInput(
            "The teacher needs a prior, or each case's classes would come in another order; give "
            'a prior, or teacher "none".'
        )
    if training.batch < distributed.count():
        raise InvalidInput(
            f"{distributed.count()} processes cannot share a batch of {training.batch}; "
            "raise batch."
        )
    if training.penalty == "batch" and (training.teacher == "em" or distributed.count() > 1):
        raise InvalidInput(
            'A penalty on the mean of a batch is for teacher "none" and one process; leave it out.'
        )


class _Run:
    """A training under way: what changes from epoch to epoch, and how."""

    def __init__(self, cases: Iterable[Case], settings: Settings, training: Training) -> None:
        self.settings, self.training = settings, training
        self.device = resolve_device(settings.device)
        self.roles: tuple[str, ...] = ()
        self.examples: list[Example] = []
        self.patients: list[str] = []
        self.cases: list[Case] = []  # where their images are changed
        for case in cases:
            self.roles = self.roles or tuple(case.roles)
            self.examples.append(
                make_example(case, self.roles, settings, training.teacher, self.device)
            )
            self.patients.append(case.patient or f"case {len(self.patients)}")
            if training.augmentation == "image":
                self.cases.append(case)
        self.seen, self.held_out = self._split()
        self.pixel = pixel_size([self.examples[i].problem.region.spacing for i in self.seen])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = unet_for(settings, len(self.roles)).to(self.device)
        self.shared = distributed.average_gradients(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), training.initial_rate, weight_decay=settings.weight_decay
        )
        self.history: History = []
        self.best: dict[str, Any] = {"epoch": 0, "loss": math.inf}

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        """Return which cases the network is trained on, and which it is judged on.

        No patient has cases among both.
        """
        patients = np.array(list(dict.fromkeys(self.patients)))
        count, part = len(patients), self.training.held_out
        held_out = max(1, round(part * count)) if part > 0 else 0
        if count - held_out < 1:
            raise InvalidInput(
                f"There are {len(self.patients)} cases of {count} patients, which is too few; give "
                "more, or held_out 0."
            )
        order = np.random.default_rng(self.settings.seed).permutation(count)
        judged = np.isin(self.patients, patients[order[:held_out]])
        seen = np.flatnonzero(~judged)
        if len(seen) < distributed.count():
            raise InvalidInput(
                f"{distributed.count()} processes cannot share {len(seen)} cases; start fewer."
            )
        return seen, np.flatnonzero(judged)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the loss has settled."""
        done, training = len(self.history), self.training
        if training.epoch_tolerance > 0 and done >= max(2, training.min_epochs):
            before, now = (row["held_out_nll"] for row in self.history[-2:])
            if abs(before - now) < training.epoch_tolerance:
                return True
        return done == training.epochs or done - self.best["epoch"] >= training.patience

    def epoch(self) -> None:
        """Go once over all cases, and judge the network."""
        epoch, training = len(self.history), self.training
        rate = training.initial_rate * (1 - epoch / training.epochs) ** 0.9
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        order = np.random.default_rng((self.settings.seed, epoch)).permutation(self.seen)
        losses = torch.zeros(2, len(self.examples), dtype=torch.float64, device=self.device)
        for batch in np.array_split(order, max(1, len(order) // training.batch)):
            self._step(epoch, batch, losses)
        with torch.no_grad():
            for i in self.held_out[distributed.rank() :: distributed.count()]:
                losses[:, i] = torch.stack(
                    self.examples[i].losses(self._seen_as(i, self.network))[:2]
                )
        losses = distributed.sum_over_processes(losses).cpu()
        judged = losses[:, self.held_out if len(self.held_out) else self.seen].mean(1)
        row = {
            "epoch": epoch + 1,
            "learning_rate": rate,
            "loss": float(losses[0, self.seen].mean()),
            "held_out_loss": float(judged[0]),
            "held_out_nll": float(judged[1]),
        }
        self.history.append(row)
        if not len(self.held_out) or row["held_out_loss"] < self.best["loss"]:
            weights = {
                name: value.cpu().clone() for name, value in self.network.state_dict().items()
            }
            self.best = {"epoch": epoch + 1, "loss": row["held_out_loss"], "weights": weights}

    def _step(self, epoch: int, batch: np.ndarray, losses: Tensor) -> None:
        """Make one gradient step on the mean loss of a batch, of which this process has a part."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        offsets: list[Tensor] = []
        for i in batch[distributed.rank() :: distributed.count()]:
            example, view = self._example(epoch, i)
            own, nll, offset = example.losses(self._seen_as(i, view))
            losses[:, i] = torch.stack([own, nll]).detach()
            loss = loss + own / len(batch)
            offsets.append(offset)
        if self.training.penalty == "batch":
            # The square of the mean in place of the mean of the squares.
            squares = torch.stack([(offset**2).sum((1, 2)).mean() for offset in offsets]).mean()
            mean = torch.stack([offset.mean(0) for offset in offsets]).mean(0)
            loss = loss - self.settings.mean_penalty * (squares - (mean**2).sum())
        # The processes' gradients are averaged, but their losses add up.
        (loss * distributed.count()).backward()
        norm = clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        if not torch.isfinite(norm):
            raise InvalidInput(f"The loss ran away in epoch {epoch + 1}; lower initial_rate.")
        self.optimizer.step()

    def _example(self, epoch: int, i: int) -> tuple[Example, nn.Module]:
        """Return case `i` as it is in this epoch, and the network's view of it."""
        rng = np.random.default_rng((self.settings.seed, epoch, i))
        if self.cases:
            teacher = self.training.teacher
            arguments = self.cases[i], self.roles, self.settings, teacher, self.device
            try:
                return make_example(*arguments, rng), self.shared
            except InvalidInput:  # too little of the region was left
                return self.examples[i], self.shared
        example = self.examples[i]
        mask = torch.from_numpy(example.problem.region.mask)
        return example, Augmented(self.shared, mask, len(self.roles), self.training, rng)

    def _seen_as(self, i: int, network: nn.Module) -> nn.Module:
        return AtPixel(network, self.pixel, self.examples[i].problem.region.spacing)

    def identity(self) -> str:
        """Return a text that is the same for a training with the same cases and choices."""
        shown = [example.inputs.cpu().numpy() for example in self.examples]
        masks = [example.problem.region.mask for example in self.examples]
        versions = [__version__, torch.__version__]
        return identify(self.settings, self.training, self.roles, versions, *shown, *masks)

    def state(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch."""
        return {
            "weights": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        self.network.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.best = state["history"], state["best"]

    def result(self) -> TrainedNetwork:
        """Return the network of the best epoch."""
        best = self.history[self.best["epoch"] - 1]
        versions = {"DeepGMMSegmentation": __version__, "torch": torch.__version__}
        record = {**dataclasses.asdict(self.training), "cases": len(self.examples), **best}
        return TrainedNetwork(
            settings=dataclasses.replace(self.settings, device="auto"),
            roles=self.roles,
            pixel=self.pixel,
            weights=self.best["weights"],
            training={**record, "versions": versions},
        )
