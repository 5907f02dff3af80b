"""A network with planted filters for gratings, and what its explorer should show."""

from math import radians

import numpy as np
import torch
from torch import nn

from cnnwidgets.engines.gratings import Grating, render
from cnnwidgets.models import VisionModel, wrap_model
from tests.engines.planted_units import gabor, planted

ANGLES = (0, 30, 90, 135)
"""Degrees, of units 0 to 3 of layer "0"; unit 4 is silent, unit 5 takes low frequencies."""
SILENT, LOW_PASS = 4, 5
FREQUENCY = 0.15
SIDE = 48
PADDED, WHOLE, VECTOR = "5", "6", "7"
"""Layers whose field is larger than the picture, or all of it, as a map and as a vector."""


def network(channels: int = 3, angles: tuple[int, ...] = ANGLES) -> VisionModel:
    """Gabors of 13 px on 48 x 48 pictures, of which mid-grey is zero."""
    torch.manual_seed(0)
    blob = _blob(13)
    kernels = [gabor(13, radians(angle), FREQUENCY, sigma=3) for angle in angles]
    first = planted([*kernels, torch.zeros_like(blob), blob], channels)
    body = [first, nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 4, 3, padding=1), nn.ReLU()]
    module = nn.Sequential(*body, nn.Conv2d(4, 3, 18), nn.Flatten(), nn.Linear(3, 2)).eval()
    half, quarter = (0.5,) * channels, (0.25,) * channels
    shape = (channels, SIDE, SIDE)
    return wrap_model(module, input_shape=shape, mean=half, std=quarter, name="Planted")


def _blob(size: int) -> torch.Tensor:
    down, right = np.mgrid[:size, :size] - (size - 1) / 2
    return torch.from_numpy(np.exp(-(right**2 + down**2) / 18))


def settle(explorer) -> None:
    """Have an inline lane answer exactly what is asked, and what follows from the answers."""
    for _ in range(4):
        explorer._slot.lane.rest()


def grating(explorer, **other) -> Grating:
    """The grating that the traits ask for, about the middle of the unit's field."""
    layer = explorer.selection.current_layer
    place = explorer._shown.position or (0, 0)
    names = ("orientation", "frequency", "phase", "contrast", "diameter", "colour")
    centre = explorer.centre or layer.field.centre(*place)
    asked = {name: getattr(explorer, name) for name in names} | {"centre": centre}
    return Grating(**(asked | other))


def response(explorer, stimulus: Grating) -> float:
    """What a plain pass of the network gives at the unit's position; nothing below 0."""
    model = explorer.selection.model
    pictures = (render([stimulus], *model.input_shape) - 0.5) / 0.25
    with torch.no_grad():
        found = model.module[: int(explorer.layer) + 1](pictures)[0, explorer.unit]
    return max(0.0, float(found[explorer._shown.position]))


def pixels(explorer) -> np.ndarray:
    """The grating as it was sent to the browser: uint8 [rows, columns, 3]."""
    frame = explorer._panels.picture.frame
    assert frame["format"] == "rgb"
    return np.frombuffer(frame["data"], np.uint8).reshape(SIDE, SIDE, 3)


def rendered(explorer, stimulus: Grating) -> np.ndarray:
    """The same as the engine renders it."""
    shown = render([stimulus], 3, SIDE, SIDE)[0]
    return shown.mul(255).round().byte().permute(1, 2, 0).numpy()


def assert_shows_what_is_asked(explorer):
    """The picture, the response and the meter are those of the traits, and nothing is wrong."""
    stimulus = grating(explorer)
    assert (pixels(explorer) == rendered(explorer, stimulus)).all()
    wanted = response(explorer, stimulus)
    assert abs(explorer._shown.value - wanted) <= 1e-4 * max(1, wanted)
    assert explorer._panels.meter.value == explorer._shown.value
    assert explorer.error == "" and not explorer.busy
