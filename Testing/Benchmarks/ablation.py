"""What an ensemble gives, and what seeing the neighbouring slices gives, to the tissue network.

Four networks that differ by their seeds see a slice alone; a fifth sees two slices on each side
of it, too, and the same drawings as the first. All learn from whole stacks for the same number of
steps. They are judged by the Dice of tissues on drawn hearts and on synthetic ones, new to them.

    python Testing/Benchmarks/ablation.py --folder ablation --steps 1000

An interrupted run goes on when the same command is run again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from shared import machine, write_csv
from torch import Tensor, nn
from tqdm import tqdm

from DeepGMMSegmentationLib.anatomy.continuity import follow_stack
from DeepGMMSegmentationLib.anatomy.frame import Frames
from DeepGMMSegmentationLib.anatomy.tissues import CHANNELS, ROLES, TISSUES, inputs, shipped
from DeepGMMSegmentationLib.anatomy.unet import drawn_unet, predict
from DeepGMMSegmentationLib.hearts import sample
from DeepGMMSegmentationLib.hearts.drawing import draw
from DeepGMMSegmentationLib.hearts.ranges import Ranges
from DeepGMMSegmentationLib.mixture.device import one_thread
from DeepGMMSegmentationLib.mixture.matching import dice
from DeepGMMSegmentationLib.training.drawn import DrawnTraining, train_drawn
from DeepGMMSegmentationLib.training.drawn_tissues import TissueTask
from DeepGMMSegmentationLib.training.drawn_truth import tissue_parts

MEMBERS = 4
SIDES = (-2, -1, 1, 2)  # the neighbours, in slices
HEARTS = 3  # whole stacks, about 22 slices, in a batch
FIRST_SEED = 1000  # synthetic hearts that nothing was tuned on
STREAM = 31337  # of the drawings to judge by


class StackTask(TissueTask):
    """Tissues of whole stacks, seen slice by slice or with their neighbours."""

    def __init__(self, ranges: Ranges, neighbours: bool) -> None:
        super().__init__(ranges, hearts=HEARTS)
        self.neighbours = neighbours
        self.record = {**self.record, "slices": None, "neighbours": neighbours}

    def network(self) -> nn.Module:
        channels = CHANNELS + self.neighbours * len(SIDES) * (len(ROLES) + 1)
        return drawn_unet(channels, len(TISSUES), self.filters, self.depth)

    def batch(self, seed: int, index: int, device: str) -> tuple[Tensor, ...]:
        drawn = draw(seed, index, self.ranges, hearts=self.hearts, slices=None, device=device)
        frames = Frames.around(drawn.regions, (1.0, 1.0))
        stacks = torch.from_numpy(drawn.hearts)
        seen = see(frames, drawn.images, drawn.present, drawn.regions, stacks, self.neighbours)
        entered = frames.enter(torch.cat(tissue_parts(drawn.codes), dim=1))
        weights = self.outside + (1 - self.outside) * entered[:, -1:]
        region = seen[:, CHANNELS - 2 : CHANNELS - 1]
        return seen, entered[:, :-1], weights * region


def see(
    frames: Frames,
    images: Tensor,
    present: Tensor,
    regions: Tensor,
    stacks: Tensor,
    neighbours: bool,
) -> Tensor:
    """Return what a network sees: the slice, and those at its sides as far as the stack goes."""
    seen = [inputs(frames, images, present, regions)]
    for side in SIDES if neighbours else ():
        at = torch.arange(len(images)) + side
        near = at.clamp(0, len(images) - 1)
        there = (at == near) & (stacks[near] == stacks)
        beside = inputs(frames, images[near], present[near] & there[:, None], regions)
        shown = there[:, None, None, None].to(beside).expand(-1, 1, *beside.shape[2:])
        seen += [beside[:, : len(ROLES)], shown]
    return torch.cat(seen, dim=1)


class Stack(NamedTuple):
    """A heart to judge by; the truth is -1 where it does not count."""

    images: Tensor
    present: Tensor
    regions: Tensor
    truth: np.ndarray
    gaps: np.ndarray
    pixel: tuple[float, float]


def drawn_stacks(count: int, ranges: Ranges) -> Iterator[Stack]:
    """Yield drawn hearts that no network has seen."""
    for index in range(count):
        drawn = draw(STREAM, index, ranges, hearts=1, slices=None)
        parts, ventricle = tissue_parts(drawn.codes)
        truth = np.where(ventricle[:, 0] > 0.5, parts.argmax(1), -1)
        truth[~drawn.regions.numpy()] = -1
        gaps = drawn.gap_mm[1:] / drawn.pixel_mm[1:]
        yield Stack(drawn.images, drawn.present, drawn.regions, truth, gaps, (1.0, 1.0))


def synthetic_stacks(count: int, roles: tuple[str, ...]) -> Iterator[Stack]:
    """Yield synthetic hearts of which only these sequences are there."""
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        heart = sample.heart(seed)
        slices = np.flatnonzero(heart.roi.any(axis=(1, 2)))
        z, y, x = heart.spacing
        yield Stack(
            torch.from_numpy(heart.images[:, slices]).movedim(0, 1).float(),
            torch.tensor([[role in roles for role in ROLES]]).expand(len(slices), -1),
            torch.from_numpy(heart.roi[slices]),
            np.where(heart.roi[slices], heart.labels[slices].astype(int) - 1, -1),
            np.diff(slices) * z / y,
            (y, x),
        )


def answer(networks: list[nn.Module], stack: Stack, neighbours: bool) -> np.ndarray:
    """Return the tissues that networks give together."""
    frames = Frames.around(stack.regions, stack.pixel)
    one = torch.zeros(len(stack.regions))
    seen = see(frames, stack.images, stack.present, stack.regions, one, neighbours)
    mean = torch.stack([predict(network, seen) for network in networks]).mean(dim=0)
    back = frames.leave(follow_stack(mean, frames, stack.gaps), *stack.regions.shape[1:])
    return back.argmax(dim=1).numpy()


def judge(groups: list[list[nn.Module]], stacks: list[Stack], neighbours: bool) -> np.ndarray:
    """Return the mean Dice of every tissue, over hearts that have it and groups of networks."""
    scores = []
    for stack in stacks:
        counted = stack.truth >= 0
        there = np.isin(np.arange(len(TISSUES)), stack.truth)
        for networks in groups:
            given = answer(networks, stack, neighbours)[counted]
            score = dice(given + 1, stack.truth[counted] + 1, len(TISSUES))
            scores.append(np.where(there, score, np.nan))
    return np.nanmean(scores, axis=0)


def train(task: StackTask, seed: int, steps: int, file: Path) -> nn.Module:
    """Return a trained network; its file is its checkpoint."""
    with tqdm(total=steps, desc=file.stem) as bar:
        weights = train_drawn(
            task,
            DrawnTraining(steps=steps, seed=seed),
            device="cpu",
            checkpoint_file=file,
            progress=lambda done, loss: bar.update(done - bar.n),
        )
    network = task.network()
    network.load_state_dict(weights)
    return network.eval()


@one_thread()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default="ablation", help="for networks and table")
    parser.add_argument("--steps", type=int, default=1000, help="of every training")
    parser.add_argument("--hearts", type=int, default=40, help="to judge by, of each kind")
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    print(machine())
    ranges = Ranges.load()
    alone, beside = StackTask(ranges, False), StackTask(ranges, True)

    def trained(task: StackTask, seed: int) -> nn.Module:
        name = f"neighbours{seed}" if task.neighbours else f"alone{seed}"
        return train(task, seed, arguments.steps, arguments.folder / f"{name}.pt")

    first, seeing = trained(alone, 0), trained(beside, 0)
    members = [first, *(trained(alone, seed) for seed in range(1, MEMBERS))]
    compared = {
        "the first alone": ([[first]], False),
        "the first, seeing neighbours": ([[seeing]], True),
        "1": ([[member] for member in members], False),
        "2": ([members[:2], members[2:]], False),
        "4": ([members], False),
        "shipped": ([[shipped()[0]]], False),
    }
    kinds = {
        "drawn": list(drawn_stacks(arguments.hearts, ranges)),
        "three sequences": list(synthetic_stacks(arguments.hearts, ROLES)),
        "LGE": list(synthetic_stacks(arguments.hearts, ("LGE",))),
    }
    rows = []
    for kind, stacks in kinds.items():
        for name, (groups, neighbours) in compared.items():
            scores = judge(groups, stacks, neighbours)
            row = {"hearts": kind, "networks": name}
            row |= {t: round(float(s), 3) for t, s in zip(TISSUES, scores)}
            rows.append({**row, "mean": round(float(np.nanmean(scores)), 3)})
            print(rows[-1], flush=True)
    write_csv(str(arguments.folder / "ablation.csv"), rows)


if __name__ == "__main__":
    main()
