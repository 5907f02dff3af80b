"""The page about networks says what the survey finds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.deconv import Reconstruction, reconstruct
from cnnwidgets.models.torchvision_import import import_torchvision
from cnnwidgets.models.torchvision_nets import names
from tests.graph import survey

QUICK = [
    "squeezenet1_1",
    "googlenet",
    "resnet18",
    "shufflenet_v2_x0_5",
    "mobilenet_v2",
    "mnasnet0_5",
    "efficientnet_lite0",
    "regnet_y_400mf",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "convnext_tiny",
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Maps of 64 px are too small to share out: on a busy machine threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def lines() -> list[str]:
    return survey.PAGE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", QUICK)
def test_the_page_says_what_is_found(name: str, lines: list[str]) -> None:
    row = survey.examine(name)
    assert row.line in lines
    assert row.checked in lines


@pytest.mark.slow
def test_the_whole_page_is_what_the_survey_writes(lines: list[str]) -> None:
    assert survey.survey().splitlines() == lines


def test_every_network_has_its_line_and_every_family_a_network(lines: list[str]) -> None:
    for name in survey.NETWORKS:  # in the table of answers, and in that of layers
        assert sum(line.startswith(f"| `{name}` |") for line in lines) == 2, name
    builder = import_torchvision().models.get_model_builder
    families = {builder(name).__module__ for name in names()}
    surveyed = {builder(name).__module__ for name in survey.NETWORKS if name in names()}
    assert surveyed == families


def test_the_readme_leads_to_it(checkout: Path) -> None:
    assert "(docs/networks.md)" in (checkout / "README.md").read_text(encoding="utf-8")


def test_a_wrong_answer_stops_the_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a plain gradient under the name of another rule."""

    def gradient(*args: object, rule: str, **settings: object) -> Reconstruction:
        return reconstruct(*args, rule="saliency", **settings)

    monkeypatch.setattr(survey, "reconstruct", gradient)
    with pytest.raises(AssertionError, match="deconvnet"):
        survey.examine("squeezenet1_1")


def test_a_small_error_stops_the_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
        return agree(found + 2e-5 * found.abs().max(), wanted, tolerance)

    agree = survey.agree
    monkeypatch.setattr(survey, "agree", off)
    with pytest.raises(AssertionError, match="saliency"):
        survey.examine("squeezenet1_1")
