"""Small networks, each with one way of building that people use: branches, reuse, functions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations


class Functional(nn.Module):
    """No modules at all: parameters and functions, the way of teaching notebooks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.bias = (
            nn.Parameter(torch.randn(6, 3, 5, 5) / 9),
            nn.Parameter(torch.randn(6)),
        )
        self.second = nn.Parameter(torch.randn(8, 3, 3, 3) / 5)
        self.matrix = nn.Parameter(torch.randn(4, 8 * 3 * 3) / 8)
        self.register_buffer("mean", torch.randn(6))
        self.register_buffer("variance", torch.rand(6) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.first, self.bias, stride=2, padding="valid")
        x = torch.relu_(F.batch_norm(x, self.mean, self.variance))
        x = F.max_pool2d(F.conv2d(x, self.second, padding=1, groups=2).clamp_(min=0), 3, 2)
        return F.linear(F.adaptive_avg_pool2d(x, 3).reshape(len(x), -1), self.matrix)


class Pyramid(nn.Module):
    """Branches of several dilations and the mean of the whole map, joined, as in DeepLab."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(6, 4, 3, padding=d, dilation=d), nn.BatchNorm2d(4), nn.ReLU())
            for d in (1, 2, 3)
        )
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 4, 1), nn.ReLU())
        self.project = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        spread = self.context(x).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([*(branch(x) for branch in self.branches), spread], dim=1))


class Hourglass(nn.Module):
    """Down and up again with connections across, as in the U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.pool, self.up = nn.MaxPool2d(2), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.last = nn.Conv2d(12, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x).relu()
        two = F.relu(self.down2(self.pool(one)))
        nearest = F.interpolate(two[:, ::2], scale_factor=2.0, mode="nearest")
        return self.last(torch.cat([one, self.up(two), nearest], 1))


class Recurrent(nn.Module):
    """One convolution, one norm and one rectifier, used again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.again = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.norm, self.relu = nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.last = nn.Conv2d(6, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = first = self.into(x)
        for _ in range(3):
            state = self.relu(self.norm(self.again(state)) + first)
        return self.last(state)


class Scales(nn.Module):
    """The same layers on the picture at two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        small = self.body(F.avg_pool2d(x, 2))
        return self.body(x) + F.interpolate(small, size=x.shape[2:], mode="bilinear")


class Preactivated(nn.Module):
    """Norm and rectifier before each convolution; shortcuts without weights, as on CIFAR."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(4), nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x)))), inplace=True))
        y += F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return y


class Inverted(nn.Module):
    """Inverted residuals with ReLU6, depthwise, as in MobileNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.block = nn.Sequential(
            nn.Conv2d(4, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(inplace=True),
            nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16), nn.Hardtanh(0, 6),
            nn.Conv2d(16, 4, 1), nn.BatchNorm2d(4),
        )  # fmt: skip
        self.last = nn.Conv2d(4, 3, 1)
        with torch.no_grad():
            for norm in (self.block[1], self.block[4]):
                norm.weight.mul_(4)  # many reach the ceiling

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(4 * self.stem(x))
        return self.last(x + self.block(x))


class Shuffled(nn.Module):
    """Half of the channels pass by; then all are shuffled, as in ShuffleNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.branch = nn.Sequential(
            nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1, groups=4)
        )
        self.last = nn.Conv2d(8, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = self.stem(x).chunk(2, dim=1)
        x = torch.cat((kept, self.branch(changed)), dim=1)
        n, c, h, w = x.shape
        return self.last(x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w))


class Dense(nn.Module):
    """Each layer reads all before it, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(3 + 2 * i), nn.ReLU(inplace=True), nn.Conv2d(3 + 2 * i, 2, 3, 1, 1)
            )
            for i in range(4)
        )
        self.last = nn.Conv2d(11, 4, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for part in self.parts:
            found.append(part(torch.cat(found, 1)))
        return self.last(torch.cat(found, 1))


class Parametrized(nn.Module):
    """Weights that are computed anew in every pass, and a norm that is frozen into buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = parametrizations.weight_norm(nn.Conv2d(3, 6, 3))
        self.register_buffer("scale", torch.linspace(-1, 1, 6).view(1, -1, 1, 1))
        self.register_buffer("shift", torch.randn(1, 6, 1, 1))
        self.second = nn.Conv2d(6, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x) * self.scale + self.shift))


class Unshuffled(nn.Module):
    """Space to depth and back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(12, 8, 3, padding=1), nn.Conv2d(2, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.pixel_shuffle(F.relu(self.first(F.pixel_unshuffle(x, 2))), 2))


class Flipped(nn.Module):
    """The picture and its mirror image as one batch through the same layers; the larger answers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(6, 4, 3)
        )
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        both = self.body(torch.cat([x, x.flip(3)]))
        return self.last(F.relu(both.reshape(1, -1, *both.shape[2:])))


def letters() -> nn.Sequential:
    """A network for grey pictures: one channel, tall windows, average pools, as LeNet."""
    return nn.Sequential(
        nn.Conv2d(1, 6, (5, 3)), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(6, 8, (3, 5), padding=(0, 1)), nn.ReLU(), nn.AvgPool2d((2, 3), stride=2),
        nn.Flatten(), nn.LazyLinear(12), nn.ReLU(), nn.Linear(12, 5),
    )  # fmt: skip


def five_bands() -> nn.Sequential:
    """A network for pictures of five channels."""
    return nn.Sequential(
        nn.Conv2d(5, 10, 3, groups=5),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(10, 3, 3),
    )
