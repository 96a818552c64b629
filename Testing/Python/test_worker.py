"""The process that computes: its answers, its errors, and its end with its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.errors import DeepGMMError, InvalidInput
from DeepGMMSegmentationLib.hearts.sample import Heart, heart
from DeepGMMSegmentationLib.report.html import render_report
from DeepGMMSegmentationLib.report.tables import case_csv
from DeepGMMSegmentationLib.result import Progress
from DeepGMMSegmentationLib.worker.parent import STOP, Worker
from DeepGMMSegmentationLib.worker.requests import (
    Answer,
    MeasureRequest,
    ReportRequest,
    Request,
    SampleRequest,
)

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = heart()
QUICK = Settings(method="GMM", max_iterations=3, min_iterations=1)
ENDLESS = Settings(method="GMM", tolerance=0.0, max_iterations=100_000)


def request(**changes):
    arguments = {
        "images": SAMPLE.images,
        "roi": SAMPLE.roi,
        "settings": QUICK,
        "spacing": SAMPLE.spacing,
        "roles": SAMPLE.roles,
    }
    return Request({**arguments, **changes}, marks={})


def events_until(worker, kind):
    """Return what the worker says up to the first event of that kind."""
    events = []
    end = time.monotonic() + 120
    while not any(isinstance(event, kind) for event in events):
        assert time.monotonic() < end
        events += worker.poll()
        time.sleep(0.02)
    return events


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.stop()


def test_a_heart_is_drawn_before_torch_is_loaded(worker, tmp_path, monkeypatch):
    """Which takes seconds, and may not be installed."""
    (tmp_path / "torch.py").write_text("raise ImportError('there is no torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker.start(SampleRequest(3))
    *_said, drawn = events_until(worker, Heart)
    np.testing.assert_array_equal(drawn.images, heart(3).images)
    np.testing.assert_array_equal(drawn.labels, heart(3).labels)


def test_measures_and_reports_are_those_of_the_library(worker, tmp_path, monkeypatch):
    """They need no torch, so that nobody waits for it."""
    result = segment(SAMPLE.images, SAMPLE.roi, QUICK, spacing=SAMPLE.spacing, roles=SAMPLE.roles)
    (tmp_path / "torch.py").write_text("raise ImportError('there is no torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    reference = sitk.GetImageFromArray(SAMPLE.roi.astype(np.uint8))
    arguments = {"result": result, "images": SAMPLE.images, "case": "a", "reference": reference}
    measures = measure(**arguments)
    worker.start(MeasureRequest(arguments))
    *_said, answer = events_until(worker, dict)
    assert answer == measures.to_dict()
    monkeypatch.undo()
    worker.stop()
    worker.start(ReportRequest({**arguments, "remote": None}))
    *_said, (page, table) = events_until(worker, tuple)
    assert page == render_report(measures, result, SAMPLE.images, reference.GetDirection())
    assert table == case_csv(measures.to_dict())


def test_answers_are_those_of_the_library(worker):
    worker.start(request())
    *events, answer = events_until(worker, Answer)
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.iteration for event in progress] == [1, 2, 3]
    result = segment(SAMPLE.images, SAMPLE.roi, QUICK, spacing=SAMPLE.spacing, roles=SAMPLE.roles)
    np.testing.assert_array_equal(answer.result.labels, result.labels)
    assert answer.measures["sizes"] == measure(result, SAMPLE.images).to_dict()["sizes"]
    assert not worker.busy


def test_errors_are_told_and_the_child_goes_on(worker):
    worker.start(request(roles=["A", "A", "B"]))
    with pytest.raises(InvalidInput, match="different names"):
        events_until(worker, Answer)
    assert not worker.busy
    child = worker._process.pid
    worker.start(request())
    events_until(worker, Answer)
    assert worker._process.pid == child


def test_stopping_takes_no_time_and_leaves_no_files(worker):
    worker.start(request(settings=ENDLESS))
    events_until(worker, Progress)
    folder, process = worker._folder, worker._process
    begin = time.process_time()  # of this process, however busy the machine is
    worker.stop()
    assert time.process_time() - begin < 0.1
    assert STOP <= 0.1  # the longest that it waits for the child
    process.wait(10)
    assert not folder.exists()


def test_a_child_that_dies_is_noticed(worker):
    worker.start(request(settings=ENDLESS))
    events_until(worker, Progress)
    worker._process.kill()
    with pytest.raises(DeepGMMError, match="ended unexpectedly"):
        events_until(worker, Answer)
    worker.start(request())
    events_until(worker, Answer)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_child_dies_with_its_parent(how):
    code = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/Testing/Python"]
from test_worker import ENDLESS, Progress, Worker, events_until, request
worker = Worker()
worker.start(request(settings=ENDLESS))
events_until(worker, Progress)
print(worker._process.pid, worker._folder, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stdout=subprocess.PIPE)
    child, _folder = parent.stdout.readline().split()
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 5
    while is_running(int(child)):
        assert time.monotonic() < end
        time.sleep(0.02)


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
