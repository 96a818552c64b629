"""Several processes, started by torchrun, that work together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Optional

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


def own_device(name: str) -> str:
    """Return the device of this one of the processes that torchrun started on a machine."""
    local = os.environ.get("LOCAL_RANK")
    if local is not None and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{local}"
    return name


@contextmanager
def joined(device: str, patience: Optional[timedelta] = None) -> Iterator[bool]:
    """Join the processes that torchrun started beside this one, if it started this one.

    Parameters
    ----------
    device : str
        Processes with CUDA devices talk by NCCL, others by Gloo.
    patience : timedelta, optional
        How long they wait for each other; by default as long as PyTorch does.

    Yields
    ------
    bool
        Whether this process is the first, which speaks for all.
    """
    if "MASTER_ADDR" not in os.environ:
        yield True
        return
    on_cuda = device.startswith("cuda")
    if on_cuda:
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if on_cuda else "gloo", timeout=patience)
    try:
        yield rank() == 0
        # torchrun ends all when one fails: none may end before the first has written its file, nor
        # while its own threads, which DistributedDataParallel keeps alive, still let go of tensors.
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def rank() -> int:
    """Return which of the joined processes this is, from 0."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def count() -> int:
    """Return how many processes have joined."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of all processes' values, the same in each."""
    if count() > 1:
        torch.distributed.all_reduce(values)
    return values


def broadcast(value: Any) -> Any:
    """Return the first process's value in every process."""
    values = [value]
    if count() > 1:
        torch.distributed.broadcast_object_list(values)
    return values[0]


def gather(value: Any) -> list[Any]:
    """Return every process's value, by rank, in the first process, and nothing in the others."""
    if count() == 1:
        return [value]
    values = [None] * count() if rank() == 0 else None
    torch.distributed.gather_object(value, values)
    return values or []


def average_gradients(network: nn.Module) -> nn.Module:
    """Return the network such that its gradients are the means over all processes."""
    return DistributedDataParallel(network) if count() > 1 else network
