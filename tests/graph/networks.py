"""Small networks with planted difficulties."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stress(nn.Module):
    """Dilation, groups, depthwise, uneven stride, overlapping ceil and padded pools, joins."""

    picture_shape = (3, 41, 37)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 7, stride=2, padding=3)
        self.norm = nn.BatchNorm2d(12)
        self.relu = nn.ReLU(inplace=True)
        self.ceil_pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.dilated = nn.Conv2d(12, 8, 3, padding=2, dilation=2)
        self.grouped = nn.Conv2d(8, 12, (3, 1), padding=(1, 0), groups=4)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.padded_pool = nn.MaxPool2d(3, 1, padding=1)
        self.uneven = nn.Conv2d(12, 10, (3, 2), stride=(2, 1), padding=(1, 1), bias=False)
        self.average = nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)
        self.average_padded = nn.AvgPool2d((2, 3), 1, padding=(1, 1), ceil_mode=True)
        self.doubled = nn.Identity()
        self.joined = nn.Identity()
        self.mixed = nn.Conv2d(20, 6, 1)
        self.adaptive = nn.AdaptiveAvgPool2d((3, 2))
        self.drop = nn.Dropout(0.5)
        self.hidden = nn.Linear(36, 9)
        self.classes = nn.Linear(9, 5)
        with torch.no_grad():
            self.norm.weight.copy_(torch.linspace(-1.5, 1.5, 12))
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ceil_pool(self.relu(self.norm(self.stem(x))))
        y = F.relu(self.dilated(x))
        z = self.grouped(y)
        z += x
        z = self.relu(z)
        z = self.padded_pool(self.depthwise(z).clamp(min=0) * 0.5)
        z = self.uneven(z) - 0.25
        z = torch.relu(z)
        z = self.doubled(z + z)
        z = self.average(z) / 1.5
        z = self.average_padded(z)
        z = self.joined(torch.cat([z, z * -0.75], 1))
        z = self.relu(self.mixed(z))
        z = self.drop(self.adaptive(z).flatten(1))
        return self.classes(F.relu(self.hidden(z), inplace=True))


class Block(nn.Module):
    """A residual block whose one ReLU is used twice, in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)
        out += x
        return self.relu(out)


class Fire(nn.Module):
    """A block that ends in a functional concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(4, 2, 1)
        self.left = nn.Conv2d(2, 3, 1)
        self.right = nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.left(x)), torch.relu(self.right(x))], 1)


class Residual(nn.Module):
    """conv - two residual blocks - fire - pool - classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Block(4), Block(4))
        self.fire = Fire()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.fire(self.blocks(F.relu(self.stem(x)))))


def small() -> nn.Sequential:
    """A sequential network with in-place rectifiers and overlapping pools, 3 x 32 x 32 to 5."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(54, 7),
        nn.ReLU(inplace=True),
        nn.Linear(7, 5),
    )


class Step(nn.Module):
    """A module that does what it is told: one function between two convolutions."""

    def __init__(self, function: object, channels: int = 4, out: int | None = None) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, channels, 3, padding=1)
        self.function = function
        self.after = nn.Conv2d(out or channels, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.function(self.before(x)))  # type: ignore[operator]


def lively(module: nn.Module) -> nn.Module:
    """Leave nothing in a fresh network as plain as it was made.

    Constant parameters (zero heads and biases, scales of 1e-6) get random values, batch norms any
    mean, variance and sign of gamma, as after training.
    """
    with torch.no_grad():
        for weight in module.parameters():
            if weight.numel() > 1 and bool((weight == weight.flatten()[0]).all()):
                weight.add_(0.3 * torch.randn_like(weight))
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.5, 1.5)[::5].neg_()
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
    return module.eval()
