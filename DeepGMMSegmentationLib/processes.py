"""Several processes, started by torchrun, that train one network together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun started beside this one, if it started this one.

    Parameters
    ----------
    device : torch.device
        CUDA processes talk by NCCL, others by Gloo.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def rank() -> int:
    """Return which of the joined processes this is, from 0."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def count() -> int:
    """Return how many processes have joined."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def total(values: Tensor) -> Tensor:
    """Return the sum of all processes' values, the same in each."""
    if count() > 1:
        torch.distributed.all_reduce(values)
    return values


def shared(network: nn.Module) -> nn.Module:
    """Return the network such that its gradients are the means over all processes."""
    return DistributedDataParallel(network) if count() > 1 else network
