"""What only the stand-in can check: the .ui file, start-up without torch, dialogs, installation."""

# ruff: noqa: N802, N803  (Slicer's own names)
import subprocess
import sys
import time
import types
from pathlib import Path
from xml.etree import ElementTree

import ctk
import pytest
import qt
import slicer
from DeepGMMSlicer.panel import dependencies
from DeepGMMSlicer.scene import sampledata

from DeepGMMSegmentationLib.errors import DeepGMMError
from DeepGMMSegmentationLib.fields import choices
from DeepGMMSegmentationLib.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
UI = ROOT / "DeepGMMSegmentation/Resources/UI/DeepGMMSegmentation.ui"


def test_every_scene_widget_of_the_ui_file_gets_the_scene():
    tree = ElementTree.parse(UI)
    widgets = {
        widget.get("name")
        for widget in tree.iter("widget")
        if widget.get("class").startswith("qMRML") and widget.get("name") != "DeepGMMSegmentation"
    }
    linked = {link.findtext("receiver") for link in tree.iterfind("connections/connection")}
    assert widgets == linked


def test_every_widget_of_the_ui_file_is_there_once():
    names = [widget.get("name") for widget in ElementTree.parse(UI).iter("widget")]
    assert len(names) == len(set(names))


def test_every_choice_has_words(panel):
    for name in choices(Settings):
        selector = getattr(panel.ui, f"{name}Selector")
        shown = [selector.itemText(i) for i in range(selector.count)]
        assert name == "method" or not set(shown) & set(choices(Settings)[name]) - {"random"}, shown


def test_every_choice_fits_a_narrow_panel(panel):
    """No list of long words widens the panel when a theme makes Qt measure it again."""
    for widget in vars(panel.ui).values():
        if isinstance(widget, qt.QComboBox):
            assert widget.minimumSizeHint.width() < 100, widget.objectName


@pytest.fixture
def expanded(panel):
    """The panel with all its sections open."""
    widgets = vars(panel.ui).values()
    sections = [widget for widget in widgets if isinstance(widget, ctk.ctkCollapsibleButton)]
    before = [section.collapsed for section in sections]
    for section in sections:
        section.collapsed = False
    yield panel
    for section, collapsed in zip(sections, before):
        section.collapsed = collapsed


def test_tab_goes_down_the_panel(expanded):
    """The keys reach every widget that can be clicked, in the order in which one reads."""
    panel, ui = expanded, expanded.ui
    panel.parent.resize(420, 3000)
    panel.parent.show()
    slicer.app.processEvents()
    widget, places = ui.scrollArea.nextInFocusChain(), []
    while widget is not ui.scrollArea:
        if widget.isVisible() and widget.property("focusPolicy") & qt.Qt.TabFocus:
            corner = widget.mapTo(ui.DeepGMMSegmentation, qt.QPoint(0, 0))
            places.append((corner.y(), widget.property("objectName")))
        widget = widget.nextInFocusChain()
    assert len(places) > 20
    for (before, _name), (row, name) in zip(places, places[1:]):
        assert row > before - 15, (name, places)  # pixels; in one row not all are of one height
    assert places[-1][1] == "applyButton"


CONTAINERS = {"DeepGMMSegmentation", "scrollArea", "sections"}


def test_every_widget_of_the_ui_file_is_explained():
    for widget in ElementTree.parse(UI).iter("widget"):
        tips = [
            entry.findtext("string")
            for entry in widget.iterfind("property")
            if entry.get("name") == "toolTip"
        ]
        if widget.get("name") not in CONTAINERS:
            assert tips, widget.get("name")
            assert len(tips[0]) > 10, widget.get("name")


def apply(panel):
    """Click Apply, and let the window live until the run has ended."""
    panel.ui.applyButton.click()
    end = time.monotonic() + 120
    while panel.ui.applyButton.text == "Cancel":
        assert time.monotonic() < end
        slicer.app.processEvents()


def hidden_pixels(panel, height):
    """Return how far one must scroll to see all of the panel at that height."""
    panel.parent.resize(420, height)
    panel.parent.show()
    for _ in range(5):
        slicer.app.processEvents()
    return panel.ui.scrollArea.verticalScrollBar().maximum()


def test_daily_use_fits_700_pixels_before_and_after_a_run(panel):
    assert hidden_pixels(panel, 700) == 0
    panel.logic.getParameterNode().max_iterations = 4
    apply(panel)
    panel.ui.bullseyeSection.collapsed = True
    assert hidden_pixels(panel, 700) == 0


def test_apply_and_status_do_not_scroll(panel):
    ui = panel.ui
    for widget in (ui.findingsBrowser, ui.bullseyeLabel, ui.tissueTable):
        assert ui.sections.isAncestorOf(widget)
    for widget in (ui.applyButton, ui.progressBar, ui.statusLabel):
        assert not ui.sections.isAncestorOf(widget)


def test_panel_opens_without_torch_and_scikit_learn():
    code = f"""
import sys
for name in ("torch", "sklearn", "safetensors", "matplotlib"):
    sys.modules[name] = None
sys.path.insert(0, {str(ROOT / "Testing")!r})
import SlicerHost, slicer
SlicerHost.start()
representation = slicer.modules.deepgmmsegmentation.widgetRepresentation()
representation.enter()
ui = representation.self().ui
ui.loadSampleButton.click()
while ui.applyButton.text == "Cancel":
    slicer.app.processEvents()
assert ui.applyButton.enabled, ui.applyButton.toolTip
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_run_needs_no_reader_of_network_files():
    code = """
import sys
sys.modules["safetensors"] = None
from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.hearts.sample import heart
sample = heart()
segment(sample.images, sample.roi, Settings(method="GMM", max_iterations=1))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=ROOT)


def test_reader_of_network_files_is_wanted_for_a_network_only(monkeypatch):
    installed = dependencies.installed
    monkeypatch.setattr(
        dependencies, "installed", lambda name: "" if name == "safetensors" else installed(name)
    )
    assert dependencies.missing() == []
    assert dependencies.missing(network=True) == ["safetensors"]


@pytest.fixture
def panel():
    slicer.mrmlScene.Clear()
    sampledata.loadSample()
    representation = slicer.modules.deepgmmsegmentation.widgetRepresentation()
    representation.enter()
    yield representation.self()
    representation.exit()


def test_failure_shows_one_dialog_with_the_reason(panel, monkeypatch):
    dialogs = []
    monkeypatch.setattr(type(slicer.app), "testingEnabled", lambda self: False)
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **_: dialogs.append(text))

    def fail(*_arguments, **_names):
        raise DeepGMMError("The disk is full; free some space.")

    monkeypatch.setattr(panel.logic, "process", fail)
    with pytest.raises(DeepGMMError):
        panel.applying.onApply()
    assert len(dialogs) == 1
    assert "The disk is full" in dialogs[0]
    assert panel.ui.applyButton.text == "Apply"


@pytest.fixture
def absent(monkeypatch):
    """Pretend that packages are not installed; installing them takes their names off the list."""
    names = {"torch", "scikit-learn"}
    monkeypatch.setattr(
        dependencies, "installed", lambda package: "" if package in names else "1.2.3"
    )
    return names


class Torch:
    """Stands in for the PyTorch extension's logic."""

    def __init__(self, absent, outcome):
        self.absent, self.outcome, self.asked = absent, outcome, []

    def __call__(self):
        return self

    def installTorch(self, askConfirmation=False, forceComputationBackend=None,
                     torchVersionRequirement=None, torchvisionVersionRequirement=None):  # fmt: skip
        self.asked.append((askConfirmation, torchVersionRequirement))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome:
            self.absent.discard("torch")
        return self.outcome


def extension(monkeypatch, absent, outcome):
    torch = Torch(absent, outcome)
    module = types.SimpleNamespace(PyTorchUtilsLogic=torch)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", module)
    return torch


def packaging(monkeypatch, absent, outcome=None):
    """Stand in for `slicer.packaging` (5.12 and later), and note what it is asked."""
    calls = []

    def pip_ensure(requirements, constraints=None, requester=None):
        calls.append((requirements, Path(constraints).read_text(), requester))
        if isinstance(outcome, Exception):
            raise outcome
        absent.difference_update(requirements)

    module = types.ModuleType("slicer.packaging")
    module.pip_ensure = pip_ensure
    monkeypatch.setitem(sys.modules, "slicer.packaging", module)
    monkeypatch.setattr(slicer, "packaging", module, raising=False)
    return calls


def test_installation_asks_and_keeps_slicers_own_packages(monkeypatch, absent):
    torch = extension(monkeypatch, absent, types.ModuleType("torch"))
    calls = packaging(monkeypatch, absent)
    dependencies.ensure()
    assert torch.asked == [(True, ">=2.2")]
    assert calls == [
        (["scikit-learn"], "numpy==1.2.3\nscipy==1.2.3\nSimpleITK==1.2.3", "DeepGMM Segmentation")
    ]
    dependencies.ensure()  # nothing is missing now
    assert len(torch.asked) == len(calls) == 1


@pytest.mark.parametrize(
    ("outcome", "text"),
    [(None, "agree"), (RuntimeError("no route to host"), "no route to host.*Check the network")],
)
def test_torch_declined_or_offline(monkeypatch, absent, outcome, text):
    extension(monkeypatch, absent, outcome)
    with pytest.raises(DeepGMMError, match=text):
        dependencies.ensure()


def test_packages_declined_or_skipped(monkeypatch, absent):
    extension(monkeypatch, absent, types.ModuleType("torch"))
    packaging(monkeypatch, absent, RuntimeError("User declined package installation"))
    with pytest.raises(DeepGMMError, match="declined"):
        dependencies.ensure()
    packaging(monkeypatch, set())  # as under --testing, where nothing is installed
    with pytest.raises(DeepGMMError, match="scikit-learn could not be installed"):
        dependencies.ensure()


@pytest.mark.parametrize("agreed", [True, False])
def test_older_slicer_asks_itself(monkeypatch, absent, agreed):
    extension(monkeypatch, absent, types.ModuleType("torch"))
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    installed = []

    def pip_install(arguments):
        installed.append(arguments)
        absent.discard("scikit-learn")

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_: agreed)
    monkeypatch.setattr(slicer.util, "pip_install", pip_install)
    if agreed:
        dependencies.ensure()
        assert installed[0][:2] == ["scikit-learn", "-c"]
    else:
        with pytest.raises(DeepGMMError, match="agree"):
            dependencies.ensure()
        assert not installed


def test_sample_is_offered_in_the_sample_data_module(monkeypatch):
    registered = []
    module = types.SimpleNamespace(
        SampleDataLogic=types.SimpleNamespace(
            registerCustomSampleDataSource=lambda **names: registered.append(names)
        )
    )
    monkeypatch.setitem(sys.modules, "SampleData", module)
    slicer.app.startupCompleted.emit()
    (source,) = registered
    assert source["sampleName"] == "Synthetic heart (LGE, T2, bSSFP)"
    assert Path(source["thumbnailFileName"]).is_file()
    slicer.mrmlScene.Clear()
    assert [node.GetName() for node in source["customDownloader"](source)][:3] == [
        "LGE",
        "T2",
        "bSSFP",
    ]
