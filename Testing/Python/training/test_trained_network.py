"""Trained networks: their files, what they refuse, and what they answer."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from small_cases import ROLES, TISSUES, small_case, small_cases, small_settings, write_cases
from torch import nn

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.anatomy.unet import load_network
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.io.weights import KEYS
from DeepGMMSegmentationLib.mixture.matching import dice
from DeepGMMSegmentationLib.mixture.unet import AtPixel, UNet
from DeepGMMSegmentationLib.training.settings import Training
from DeepGMMSegmentationLib.training.trained_network import WRITER, TrainedNetwork
from DeepGMMSegmentationLib.training.trainer import train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained():
    training = Training(epochs=30, batch=1, initial_rate=1e-2)
    return train(small_cases(6), small_settings(), training)


@pytest.fixture
def file(trained, tmp_path):
    trained.save(tmp_path / "n.safetensors")
    return tmp_path / "n.safetensors"


def ask(case, network, **options):
    options = {"spacing": case.spacing, "roles": case.roles, **options}
    return segment(case.images, case.roi, network=network, **options)


# --- The file ---------------------------------------------------------------------------------


def test_the_file_holds_all_that_prediction_needs(trained, file):
    loaded = TrainedNetwork.load(file)
    assert loaded.settings == trained.settings
    assert (loaded.roles, loaded.pixel) == (ROLES, 1.5)
    assert loaded.training == json.loads(json.dumps(trained.training))
    one, other = (ask(small_case(50), network) for network in (trained, file))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert one.network == other.network
    assert loaded.training["cases"] == 6
    assert set(loaded.training["versions"]) == {"DeepGMMSegmentation", "torch"}


def test_a_file_that_is_cut_short_is_refused(file):
    data = file.read_bytes()
    for length in (0, 5, 500, len(data) - 1):
        file.write_bytes(data[:length])
        with pytest.raises(InvalidInput, match="cannot be read as a trained network"):
            TrainedNetwork.load(file)
    with pytest.raises(InvalidInput, match="cannot be read"):
        TrainedNetwork.load(file.with_name("absent"))


def test_a_changed_bit_is_noticed_wherever_it_is(file):
    data = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(data[:8], "little")
    somewhere = [*rng.integers(0, header, 40), *rng.integers(header, len(data), 40)]
    for place in somewhere:
        changed = data.copy()
        changed[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(changed)
        with pytest.raises(InvalidInput, match=r"cannot be read|damaged|no network"):
            TrainedNetwork.load(file)


def test_nothing_in_a_file_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    (tmp_path / "n.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InvalidInput, match="cannot be read"):
        TrainedNetwork.load(tmp_path / "n.safetensors")
    assert not (tmp_path / "sprung").exists()


def rewritten(file, change):
    """Change the record of a file and sign it again, as another version might write it."""
    with safetensors.safe_open(file, framework="pt") as opened:
        record = json.loads(json.loads(opened.metadata()[KEYS[WRITER]])["record"])
        weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    change(record, weights)

    class Signed(TrainedNetwork):
        def _record(self):
            return json.dumps(record)

    Signed(Settings(), ROLES, 1.0, weights, {}).save(file)


def test_a_file_of_another_version_or_network_is_refused(file):
    data = file.read_bytes()
    changes = {
        "has format 2": lambda record, weights: record.update(format=2),
        "unknown field, 'fantasy'": lambda record, weights: record["settings"].update(fantasy=1),
        "size mismatch": lambda record, weights: record["settings"].update(filters=8),
        "Missing key": lambda record, weights: weights.pop("head.bias"),
    }
    for message, change in changes.items():
        file.write_bytes(data)
        rewritten(file, change)
        with pytest.raises(InvalidInput, match=message):
            TrainedNetwork.load(file)
    with pytest.raises(InvalidInput, match="is no network of `deepgmm train --drawn`"):
        load_network(file, 3, 3)
    other = file.with_name("other.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(2)}, other)
    with pytest.raises(InvalidInput, match="is no network of `deepgmm train`"):
        TrainedNetwork.load(other)


def test_a_file_that_cannot_be_written(trained, tmp_path):
    with pytest.raises(InvalidInput, match="cannot be written"):
        trained.save(tmp_path / "absent" / "n.safetensors")


# --- What it is asked -------------------------------------------------------------------------


def test_the_tissues_come_out_named(trained):
    case = small_case(50)
    result = ask(case, trained)
    assert result.tissues == TISSUES
    assert result.converged
    assert result.iterations == 1
    assert dice(result.labels, case.truth, 3).min() > 0.8
    means = np.array([case.images[:, case.truth == k + 1].mean(axis=1) for k in range(3)])
    np.testing.assert_allclose(result.means[0], means, rtol=0.1)


def test_sequences_are_known_by_their_names(trained):
    case = small_case(50)
    turned = dataclasses.replace(case, images=case.images[::-1], roles=ROLES[::-1])
    one, other = ask(case, trained), ask(turned, trained)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.means, other.means[..., ::-1])
    for roles in (("LGE", "bSSFP"), None):
        with pytest.raises(InvalidInput, match="trained for LGE, T2 but the images are"):
            ask(case, trained, roles=roles)
    with pytest.raises(InvalidInput, match="trained for LGE, T2 but the images are LGE;"):
        segment(case.images[:1], case.roi, network=trained, roles=("LGE",))


def test_what_the_training_has_fixed_cannot_be_changed(trained):
    case, own = small_case(50), trained.settings
    for change, message in (
        ({"smoothing": 3.0}, "trained with smoothing 1.5"),
        ({"method": "deepG"}, "trained with method 'deepSVG'"),
        ({"scope": "slice"}, "trained with scope 'volume'"),
        ({"prior": dataclasses.replace(own.prior, name="x")}, "trained with a prior of its own"),
    ):
        with pytest.raises(InvalidInput, match=message):
            ask(case, trained, settings=dataclasses.replace(own, **change))
    free = dataclasses.replace(own, device="cpu", seed=5, learning_rate=0.5, mean_penalty=2.0)
    np.testing.assert_array_equal(
        ask(case, trained, settings=free).labels, ask(case, trained).labels
    )


def test_refinement_takes_as_many_steps_as_asked_for(trained):
    case = small_case(50)
    gentle = dataclasses.replace(trained.settings, learning_rate=1e-4)
    before = {name: value.clone() for name, value in trained.weights.items()}
    plain, refined = (ask(case, trained, settings=gentle, refine=n) for n in (0, 5))
    assert refined.iterations == 6
    assert refined.history[0] == pytest.approx(plain.history[0])
    assert refined.history[-1] < plain.history[-1]
    assert refined.converged
    assert refined.network.endswith("5 steps")
    assert all(torch.equal(before[name], trained.weights[name]) for name in before)
    bad = ({"network": trained, "refine": -1}, {"network": trained, "refine": 10**9}, {"refine": 3})
    for options in bad:
        with pytest.raises(InvalidInput, match="refine is"):
            segment(case.images, case.roi, gentle, roles=case.roles, **options)


def test_a_slice_is_answered_alike_alone_in_company_and_in_training_mode(trained):
    network = trained.network()
    images = torch.randn(5, 3, 20, 28, generator=torch.Generator().manual_seed(0))
    together = network.train()(images)
    torch.testing.assert_close(network.eval()(images), together, rtol=0, atol=0)
    for z in range(5):
        torch.testing.assert_close(network(images[z : z + 1])[0], together[z])


def test_pixels_of_another_size_are_brought_to_the_networks_own(trained):
    coarse, fine = small_case(50), small_case(50, 48, (8.0, 0.75, 0.75))
    result = ask(fine, trained)
    assert dice(result.labels, fine.truth, 3).min() > 0.75
    assert result.labels.shape == fine.truth.shape
    network = UNet(2, 3, 4, 1)
    images = torch.from_numpy(coarse.images)
    exact = AtPixel(network, 1.5, coarse.spacing)(images)
    torch.testing.assert_close(exact, network(images), rtol=0, atol=0)

    class Looking(nn.Identity):
        def forward(self, images):
            assert images.shape[-2:] == (10, 24)
            return images

    x = torch.arange(24.0).expand(1, 1, 20, 24)
    back = AtPixel(Looking(), 1.5, (8.0, 0.75, 1.5))(x)
    torch.testing.assert_close(back, x)


# --- The command ------------------------------------------------------------------------------


def test_the_command_asks_a_network(file, tmp_path, capsys):
    table = write_cases(tmp_path, 2)
    images = [tmp_path / f"case 0 {role}.nii.gz" for role in ROLES[::-1]]
    roi, out = tmp_path / "case 0 roi.nii.gz", tmp_path / "out"
    command = ["segment", *images, "--roi", roi, "--network", file, "--out", out, "--refine", 2]
    assert main(list(map(str, command))) == 0
    assert "by a trained network, refined by 2 steps" in capsys.readouterr().out
    record = json.loads((out / "result.json").read_text())
    assert record["network"].endswith("2 steps")
    assert [tissue["name"] for tissue in record["tissues"]] == list(TISSUES)
    assert main([*map(str, command), "--force", "--smoothing", "9"]) == 2
    assert "trained with smoothing 1.5" in capsys.readouterr().err

    cohort = ["segment", "--cases", table, "--network", file, "--out-dir", tmp_path / "all"]
    cohort = list(map(str, cohort))
    for states in ("2 segmented, 0 skipped", "0 segmented, 2 skipped"):
        assert main(cohort) == 0
        assert states in capsys.readouterr().out
    assert main([*cohort, "--refine", "1"]) == 1  # what is there is of another number of steps
    assert "or of another network" in capsys.readouterr().out
