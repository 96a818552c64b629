"""Two processes train as one does with the same global batch."""

import csv
import os
import socket
import subprocess
import sys

import pytest
import torch
from small_cases import small_cases, small_settings, write_cases

from DeepGMMSegmentationLib import Cancelled, InvalidInput
from DeepGMMSegmentationLib.io.cohort import load_case, read_cases
from DeepGMMSegmentationLib.training import distributed
from DeepGMMSegmentationLib.training.settings import Training
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork
from DeepGMMSegmentationLib.training.trainer import train

# Their gradients are summed in another order; that is rounding, in single precision.
TOLERANCE = 1e-4


def start(table, out, launcher):
    settings = table.parent / "settings.json"
    settings.write_text(small_settings().to_json())
    command = [
        *(*launcher, "-m", "DeepGMMSegmentationLib", "train", table, "--out", out),
        *("--settings", settings, "--device", "cpu", "--epochs", "4", "--batch", "3"),
    ]
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Trained on") == 1  # the first process speaks for all


def stop(event):
    if event.iteration == 2:
        raise Cancelled


def read_log(network_file) -> list[list[float]]:
    with network_file.with_name(network_file.name + ".csv").open() as file:
        return [list(map(float, row.values())) for row in csv.DictReader(file)]


def torchrun() -> list:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--master-addr", "localhost", "--master-port", port),
    ]


@pytest.mark.parametrize("interrupted", [False, True])
def test_two_gloo_processes_give_the_loss_curve_of_one(tmp_path, interrupted):
    table = write_cases(tmp_path, 6)
    alone, together = tmp_path / "alone.safetensors", tmp_path / "together.safetensors"
    rows = []
    cases = [load_case(files) for files in read_cases(table)]
    chosen = Training(epochs=4, batch=3)
    train(cases, small_settings(), chosen, log=lambda log: rows.append(log[-1])).save(alone)
    if interrupted:  # one process began, two go on
        file = tmp_path / "together.safetensors.checkpoint"
        with pytest.raises(Cancelled):
            train(cases, small_settings(), chosen, checkpoint_file=file, progress=stop)
    start(table, together, torchrun())
    one, two = [list(row.values()) for row in rows], read_log(together)
    assert len(one) == len(two) == 4
    for row, other in zip(one, two):
        assert other == pytest.approx(row, rel=TOLERANCE)
    assert one[0][2] > one[-1][2]
    weights, others = (TrainedNetwork.load(file).weights for file in (alone, together))
    for name in weights:
        torch.testing.assert_close(others[name], weights[name], rtol=0, atol=1e-3)


def test_a_batch_too_small_for_the_processes_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "count", lambda: 4)
    with pytest.raises(InvalidInput, match="4 processes cannot share a batch of 2"):
        train(small_cases(2), small_settings(), Training(batch=2))


def test_fewer_cases_than_processes_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "count", lambda: 2)
    with pytest.raises(InvalidInput, match="2 processes cannot share 1 cases; start fewer"):
        train(small_cases(2), small_settings(), Training(batch=2))


def test_each_process_of_a_machine_takes_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert distributed.own_device("auto") == distributed.own_device("cuda") == "cuda:3"
    assert distributed.own_device("cpu") == "cpu"
    monkeypatch.delenv("LOCAL_RANK")
    assert distributed.own_device("auto") == "auto"
