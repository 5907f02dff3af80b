"""The first layer of the embedded AlexNet: the sweep against its filters' own spectra."""

from math import log, pi

import torch

from cnnwidgets.engines.gratings import tuning
from cnnwidgets.models import load_model

ORIENTED = 0.5
"""gOSI from which a filter is called clearly oriented."""


def test_clearly_oriented_filters_agree_with_the_peaks_of_their_spectra() -> None:
    model = load_model("alexnet", device="cpu")
    found = tuning(model, "features.0")["features.0"]
    kernels = model.module.features[0].weight.detach().double()
    grey = (kernels / torch.tensor(model.std, dtype=torch.float64)[:, None, None]).sum(1)
    side = 512
    spectrum = torch.fft.fft2(grey, s=(side, side)).abs()[:, :, : side // 2]
    cycles = torch.fft.fftfreq(side, dtype=torch.float64)
    across, down = cycles[None, : side // 2], cycles[:, None]
    frequency = torch.hypot(across, down)
    shown = (frequency >= 1 / 64) & (frequency <= 0.45)
    best = spectrum.where(shown, 0).flatten(1).argmax(1)
    angle = torch.atan2(-down, across).flatten()[best] % pi
    oriented = found.gosi >= ORIENTED
    assert int(oriented.sum()) >= 20
    apart = (found.preferred_orientation - angle) % pi
    near = torch.minimum(apart, pi - apart) <= pi / 12
    octaves = (found.preferred_frequency / frequency.flatten()[best]).log().abs()
    alike = near & (octaves <= log(0.45 * 64) / 9)
    share = float(alike[oriented].double().mean())
    assert share >= 0.9, f"{share:.3f} of {int(oriented.sum())} clearly oriented filters"
