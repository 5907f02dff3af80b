"""Networks of random calls, in a row and as graphs."""

import random

import torch
from torch import Tensor, nn


def random_network(seed: int) -> nn.Sequential:
    """Seven random calls on 3 x 23 x 26: windows of any size, stride, padding, dilation, groups."""
    dice = random.Random(seed)
    net, x = nn.Sequential(), torch.zeros(1, 3, 23, 26)
    while len(net) < 7:
        part = _random_call(dice, x.shape[1])
        try:
            y = part(x)
        except RuntimeError:  # the map has become smaller than the window
            continue
        if min(y.shape[2:]) >= 2:
            net.append(part)
            x = y
    return net


def _random_call(dice: random.Random, channels: int) -> nn.Module:
    kind = dice.choice(["conv", "conv", "conv", "relu", "relu", "max", "average"])
    kernel = dice.randint(1, 4), dice.randint(1, 4)
    stride = dice.randint(1, 3), dice.randint(1, 3)
    if kind == "conv":
        groups = dice.choice([g for g in (1, 1, 2, 3, channels) if channels % g == 0])
        size = dice.choice([kernel, (5, 6), (7, 7)])
        steps = dice.choice([stride, (1, 1), (2, 2), (3, 3)])
        around = dice.randint(0, 3), dice.randint(0, 3)
        spacing = dice.choice([(1, 1), (1, 1), (2, 1), (2, 3)])
        out = groups * dice.randint(1, 4)
        return nn.Conv2d(channels, out, size, steps, around, spacing, groups)
    around = dice.randint(0, kernel[0] // 2), dice.randint(0, kernel[1] // 2)
    if kind == "max":
        spacing = dice.choice([(1, 1), (1, 2)])
        return nn.MaxPool2d(kernel, stride, around, spacing, ceil_mode=dice.random() < 0.5)
    if kind == "average":
        ceil, count = dice.random() < 0.5, dice.random() < 0.5
        return nn.AvgPool2d(kernel, stride, around, ceil_mode=ceil, count_include_pad=count)
    return nn.ReLU(inplace=dice.random() < 0.5)


class RandomGraph(nn.Module):
    """Twelve random calls, each on one or two of the latest values, wherever shapes allow it."""

    def __init__(self, seed: int, picture: Tensor) -> None:
        super().__init__()
        self._dice = random.Random(seed)
        self.steps = nn.ModuleList()
        self._sources: list[list[int]] = []
        values = [picture]
        while len(self.steps) < 12:
            sources = self._dice.sample(
                range(len(values))[-4:], min(len(values), self._dice.choice((1, 2)))
            )
            step = self._step([values[i] for i in sources])
            if step is None:
                continue
            with torch.no_grad():
                value = step(*(values[i] for i in sources))
            if min(value.shape[2:]) < 3 or value.shape[1] > 24:
                continue
            self.steps.append(step)
            self._sources.append(sources)
            values.append(value)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for step, sources in zip(self.steps, self._sources, strict=True):
            values.append(step(*(values[i] for i in sources)))
        return values[-1]

    def _step(self, inputs: list[Tensor]) -> nn.Module | None:
        if len(inputs) == 2:
            return self._join(*inputs)
        channels, dice = inputs[0].shape[1], self._dice
        kernel, padding, stride = dice.choice(
            [(1, 0, 1), (2, 1, 1), (3, 1, 1), (3, 1, 2), (3, 0, 1)]
        )
        kinds = {
            "conv": lambda: nn.Conv2d(channels, dice.randint(2, 9), kernel, stride, padding),
            "depthwise": lambda: nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            "rectifier": lambda: dice.choice(
                [nn.ReLU(), nn.ReLU6(), Call(torch.relu), Call(_clamped)]
            ),
            "max": lambda: nn.MaxPool2d(kernel, stride, kernel // 2),
            "average": lambda: nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False),
            "norm": lambda: _norm(channels),
            "number": lambda: Call(dice.choice([_scaled, _doubled, _negated])),
            "linear": lambda: Call(dice.choice([_flipped, _cropped, _halves, _turned])),
        }
        return kinds[dice.choice([*kinds, "conv", "rectifier", "rectifier"])]()

    def _join(self, a: Tensor, b: Tensor) -> nn.Module | None:
        if a.shape[2:] != b.shape[2:]:
            return None
        return Call(_joined) if a.shape != b.shape or self._dice.random() < 0.5 else Call(torch.add)


class Call(nn.Module):
    """A function as a module, so that its value has a name."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)  # type: ignore[operator]


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm.eval()


def _clamped(x: Tensor) -> Tensor:
    return x.clamp(0, 0.5)


def _scaled(x: Tensor) -> Tensor:
    return x / 3 - 0.1


def _doubled(x: Tensor) -> Tensor:
    return x + x


def _negated(x: Tensor) -> Tensor:
    return 1 - x


def _flipped(x: Tensor) -> Tensor:
    return x.flip(3)


def _cropped(x: Tensor) -> Tensor:
    return x[:, :, 1:, :-1]


def _halves(x: Tensor) -> Tensor:
    first, second = x[:, ::2], x[:, 1::2]
    return torch.cat([second, first], 1)


def _turned(x: Tensor) -> Tensor:
    return x.transpose(2, 3)


def _joined(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([a, b], 1)
