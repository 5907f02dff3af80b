"""Padding as a call of its own: lopsided, on one side only, refused where it cuts."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, Rule, record
from tests.graph.reference import Reference, agree


class Padded(nn.Module):
    def __init__(self, pad: tuple[int, ...]) -> None:
        super().__init__()
        self.pad = pad
        self.first, self.second = nn.Conv2d(3, 5, 3, stride=2), nn.Conv2d(5, 6, 3)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.first(F.pad(x, self.pad)))
        return self.relu(self.second(F.pad(x, self.pad)))


@pytest.mark.parametrize("pad", [(0, 1, 0, 1), (2, 1, 0, 3), (1, 1), (1, 0, 2, 0)], ids=str)
def test_lopsided_padding_is_cut_off_again(pad):
    net, picture = Padded(pad), torch.randn(1, 3, 17, 19)
    made, reference = record(net, picture), Reference(net, picture)
    rows, columns = made.layer("second").shape[1:]
    for unit in [(0, 0, 0), (3, rows - 1, columns - 1), (5, rows // 2, columns // 2)]:
        for rule in (Rule(*switches) for switches in itertools.product([False, True], repeat=3)):
            image = reconstruct(made, "second", [unit], rule=rule).images[0]
            assert agree(image, reference.image("second", unit, rule)), (unit, rule)


def test_the_field_begins_in_the_border():
    made = record(Padded((2, 1, 3, 0)), torch.randn(1, 3, 17, 19))
    field = made.layer("first").field
    assert field.start == (-3, -2)
    assert made.layer("second").field.start == (-3 - 3 * 2, -2 - 2 * 2)


def test_a_pad_that_cuts_goes_by_autograd():
    net, picture = Padded((-1, 0, 0, 0)), torch.randn(1, 3, 17, 19)
    found = reconstruct(record(net, picture), "second", [(1, 2, 2)], rule="guided")
    wanted = Reference(net, picture).image("second", (1, 2, 2), RULES["guided"])
    assert agree(found.images[0], wanted)
    assert found.by_autograd == (":constant_pad_nd", ":constant_pad_nd#2")
