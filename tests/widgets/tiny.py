"""A network small enough for tests of wiring: two convolutions, a pool, a head."""

import numpy as np
import torch
from torch import nn

from cnnwidgets.data import load_images
from cnnwidgets.models import VisionModel, wrap_model


def network(*, head: bool = True) -> VisionModel:
    """Three classes on 32 x 32 pictures; unit 5 of layer "3" is silent everywhere."""
    torch.manual_seed(0)
    body = [
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(),
    ]
    top = [nn.Flatten(), nn.Linear(8 * 16 * 16, 3)] if head else []
    module = nn.Sequential(*body, *top).eval()
    with torch.no_grad():
        module[3].bias.fill_(0.3)  # the others answer somewhere
        module[3].weight[5], module[3].bias[5] = 0, 0
    labels = ["cat", "dog", "bird"] if head else None
    return wrap_model(
        module, input_shape=(3, 32, 32), mean=(0, 0, 0), std=(1, 1, 1), labels=labels, name="Tiny"
    )


def pictures(count: int = 3):
    rng = np.random.default_rng(0)
    return load_images([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(count)])
