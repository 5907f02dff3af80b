"""Networks of timm, with a planted timm and a planted huggingface_hub."""

import sys
from pathlib import Path

import pytest
import torch

from cnnwidgets import cache
from cnnwidgets.models import load_model

HUB = """
import os
def try_to_load_from_cache(repository, file):
    kept = os.path.join(os.environ["HF_HOME"], repository.replace("/", "-"), file)
    return kept if os.path.exists(kept) else None
"""
TIMM = """
from types import SimpleNamespace
import torch
from timm import data

def is_model_pretrained(name):
    return name.partition(".")[0] == "resnet18"

def get_pretrained_cfg(name):
    return SimpleNamespace(hf_hub_id="timm/resnet18", url="", license="apache-2.0")

def create_model(name, pretrained=False, pretrained_cfg_overlay=None):
    assert pretrained
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 1000)
    )
    torch.nn.init.constant_(module[2].bias, 7 if pretrained_cfg_overlay else 3)
    module.overlay = pretrained_cfg_overlay
    return module
"""
DATA = """
def resolve_model_data_config(module):
    return {"input_size": (3, 8, 8), "mean": (0.5,) * 3, "std": (0.25,) * 3}

def infer_imagenet_subset(module):
    return "imagenet-1k"

class ImageNetInfo:
    def __init__(self, subset):
        self.subset = subset
    def label_descriptions(self):
        return [f"class {number}" for number in range(1000)]
"""


@pytest.fixture
def planted(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plant both packages; gives the folder that stands for huggingface_hub's cache."""
    kept = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "timm"}
    for name in [*kept, "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    folder = tmp_path / "planted"
    (folder / "timm").mkdir(parents=True)
    (folder / "timm" / "__init__.py").write_text(TIMM)
    (folder / "timm" / "data.py").write_text(DATA)
    (folder / "huggingface_hub.py").write_text(HUB)
    monkeypatch.syspath_prepend(folder)
    yield tmp_path / "hub"
    for name in ("timm", "timm.data", "huggingface_hub"):
        sys.modules.pop(name, None)


def test_weights_are_fetched_by_timm(
    planted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    probed: list[str] = []
    monkeypatch.setattr(cache, "probe", probed.append)
    before = torch.get_rng_state()
    model = load_model("timm/resnet18.a1_in1k", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert probed == ["https://huggingface.co"]
    assert model.name == "timm/resnet18.a1_in1k"
    assert model.source == 'cw.load_model("timm/resnet18.a1_in1k")'
    assert (model.input_shape, model.mean, model.std) == ((3, 8, 8), (0.5,) * 3, (0.25,) * 3)
    assert model.labels[5] == "class 5"
    assert model.module[2].bias[0] == 3
    assert not model.module.training
    assert not model.module[2].bias.requires_grad
    assert capsys.readouterr().err == (
        "timm/resnet18.a1_in1k was fetched by timm. Licence: apache-2.0.\n"
    )


def test_what_the_hub_has_kept_needs_no_network(
    planted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = planted / "timm-resnet18" / "model.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    monkeypatch.setattr(cache, "probe", lambda _: pytest.fail("a server was asked"))
    model = load_model("timm/resnet18", device="cpu")
    assert model.module.overlay == {"file": str(kept)}
    assert capsys.readouterr().err == ""


def test_no_network_is_told_at_once(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    told = r"no weights of timm/resnet18 were found; .*127\.0\.0\.1:9 could not be reached"
    with pytest.raises(FileNotFoundError, match=told):
        load_model("timm/resnet18", device="cpu")


def test_a_name_without_weights_is_told(planted: Path) -> None:
    with pytest.raises(ValueError, match="timm has no weights by the name 'resnot'; timm.list_pre"):
        load_model("timm/resnot")


@pytest.mark.parametrize("missing", ["timm", "huggingface_hub"])
def test_a_missing_extra_names_its_pip_line(
    planted: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "timm":
        monkeypatch.setitem(sys.modules, "timm.data", None)
    told = rf"'timm/resnet18' needs the package {missing}.*: pip install 'cnnwidgets\[timm\]'"
    with pytest.raises(ImportError, match=told):
        load_model("timm/resnet18")
