"""The pages' code for Slicer's Python console, on the sample."""

import pytest
import slicer
from DeepGMMSlicer.scene import sampledata
from pages import blocks


@pytest.mark.parametrize("block", blocks("python", slicer=True))
def test_console(block, tmp_path, monkeypatch):
    slicer.mrmlScene.Clear()
    sampledata.loadSample()
    # The stand-in has no main window in which to change the module.
    monkeypatch.setattr(slicer.util, "selectModule", lambda name: None)
    monkeypatch.chdir(tmp_path)
    names = {"slicer": slicer}
    exec(block, names)
    names["run"].cancel()
    assert (tmp_path / "heart.html").exists()
