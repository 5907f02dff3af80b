"""Real answers of people, and how well the models published for them predict these."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnwidgets.engines.choices import accuracy, cross_entropy, noise_ceiling, space


@pytest.fixture(scope="module")
def things(shared_data: Path) -> Path:
    return shared_data / "things"


@pytest.fixture(scope="module")
def answers(things: Path) -> Tensor:
    """Answers, the odd one last, as rows of the embedding."""
    table = np.loadtxt(things / "human_trials_half.tsv", dtype=np.int64)
    rows = np.argsort(np.loadtxt(things / "sortindex", dtype=np.int64))[table[:, :3] - 1]
    return torch.from_numpy(rows).gather(
        1, torch.tensor([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[table[:, 3] - 1]
    )


@pytest.fixture(scope="module")
def clip(things: Path) -> Tensor:
    """Features of a network, in the order of the embedding."""
    with open(things / "clip_base_manifest.csv", encoding="utf-8-sig") as file:
        manifest = [row["text1"] for row in csv.DictReader(file)]
    names = (things / "unique_id.txt").read_text().split()
    features = torch.from_numpy(np.load(things / "clip_base_512d.npy"))
    return features[[manifest.index(name) for name in names]]


def test_the_model_of_people_is_at_their_ceiling(things: Path, answers: Tensor) -> None:
    weights = np.loadtxt(things / "spose_embedding_66d_sorted.txt")
    ceiling = noise_ceiling(answers)
    assert (ceiling.triplets, ceiling.answers) == (500, 10_020)
    assert round(100 * ceiling.plurality, 1) == 67.1
    assert round(100 * ceiling.leave_one_out, 1) == 64.0
    found = accuracy(answers, weights)
    assert round(100 * found.share, 2) == 63.65
    low, high = ceiling.leave_one_out_interval
    assert low < found.share < high
    assert round(cross_entropy(answers, weights), 4) == 0.8328


def test_in_the_wrong_order_the_model_is_worse(things: Path, answers: Tensor) -> None:
    weights = np.loadtxt(things / "spose_embedding_66d_sorted.txt")
    raw = np.argsort(np.loadtxt(things / "sortindex", dtype=np.int64))
    assert (raw != np.arange(1854)).sum() == 21
    wrong = torch.from_numpy(np.argsort(raw))[answers]
    assert accuracy(wrong, weights).share < accuracy(answers, weights).share


@pytest.mark.parametrize(
    ("measure", "share"), [("centred cosine", 49.1), ("cosine", 48.5), ("dot", 45.1)]
)
def test_a_network_agrees_less(clip: Tensor, answers: Tensor, measure: str, share: float) -> None:
    found = accuracy(answers, space(clip, measure=measure, rectify=False))  # type: ignore[arg-type]
    assert round(100 * found.share, 1) == share
