"""A network with all that one must know to show it pictures and ask for its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnwidgets import graph
from cnnwidgets.graph import Layer, ReadOut, Record, Twin
from cnnwidgets.graph.operations.convolution import Convolution
from cnnwidgets.graph.operations.linear import Linear
from cnnwidgets.models.devices import set_threads_once
from cnnwidgets.models.preprocess import Picture, crop, normalize, to_unit_range


class VisionModel:
    """A convolutional network, its input's format, its classes. By `load_model`, `wrap_model`.

    The module stays the user's: every pass of ours runs a structural copy in eval mode that shares
    its weights, so it is never flipped, hooked or written, also while it is being trained.

    Attributes
    ----------
    name : what it is called; `source` : the line of code that makes it, or None.
    module : the user's module.
    labels : class names, or None; `headless` : why it has no head, in one sentence, or "".
    input_shape : (C, H, W) of one picture.
    mean, std : a number a channel, for pictures in 0..1.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        input_shape: tuple[int, int, int],
        mean: Sequence[float],
        std: Sequence[float],
        labels: Sequence[str] | None = None,
        name: str | None = None,
        source: str | None = None,
        headless: str = "",
        read_outs: Sequence[ReadOut] = (),
    ) -> None:
        self.module = module
        self.name = name or type(module).__name__
        self.input_shape = _checked_shape(input_shape)
        self.mean, self.std = (
            _per_channel(n, v, input_shape[0]) for n, v in (("mean", mean), ("std", std))
        )
        self.labels = tuple(labels) if labels is not None else None
        self.source, self.headless = source, headless
        self.twin = Twin(self, read_outs)
        self._structures: dict[tuple[int, ...], Record] = {}
        set_threads_once()

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.input_shape))
        return f"VisionModel({self.name}, {shape}, {self.device})"

    @property
    def device(self) -> torch.device:
        """Where the network's weights are."""
        weights = next(self.module.parameters(), None)
        return torch.device("cpu") if weights is None else weights.device

    @property
    def dtype(self) -> torch.dtype:
        """The number type of the network's weights, in which it wants its pictures."""
        weights = next((w for w in self.module.parameters() if w.is_floating_point()), None)
        return torch.float32 if weights is None else weights.dtype

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers in execution order, with kind, shape and field at `input_shape`.

        Leaf modules, functional calls (":relu", "block:cat") and containers whose output is not
        simply their last child's. Other containers resolve by name but are not listed.
        """
        return MappingProxyType(self._structure(self.input_shape).layers)

    @property
    def has_head(self) -> bool:
        """Whether the network answers with one score a class."""
        output = self._structure(self.input_shape).output
        return output is not None and output.dim() == 2 and not self.headless

    @property
    def penultimate(self) -> str | None:
        """The layer that the last weighted layer reads: the features; None without a head."""
        record = self._structure(self.input_shape)
        if not self.has_head:
            return None
        value = record.values[""]
        while (maker := record.makers[value]) >= 0:
            call = record.calls[maker]
            value = call.inputs[0]
            if isinstance(call.operation, Linear | Convolution):
                names = [
                    name for name, layer in record.layers.items() if record.values[name] == value
                ]
                return names[0] if names else None
        return None

    def layer(self, name: str) -> Layer:
        """Give a layer by name, also one that `layers` does not list.

        Raises
        ------
        ValueError
            There is no such layer; the nearest name is told.
        """
        return self._structure(self.input_shape).layer(name)

    def crop(self, pictures: Sequence[Picture]) -> list[NDArray[np.uint8]]:
        """Give what the network is shown of pictures: uint8 [H, W, C] each, not normalised."""
        return [crop(picture, *self.input_shape) for picture in _several(pictures)]

    def preprocess(self, pictures: Sequence[Picture]) -> Tensor:
        """Turn PIL images or uint8 arrays [h, w, 3] into input [N, C, H, W], on its device."""
        return self.normalize(to_unit_range(self.crop(pictures)).to(self.device, self.dtype))

    def normalize(self, pictures: Tensor) -> Tensor:
        """Normalise pictures [N, C, H, W] in 0..1 as the network wants them; differentiable."""
        return normalize(pictures, self.mean, self.std)

    def run(self, pictures: Tensor, layers: Sequence[str] | str) -> dict[str, Tensor]:
        """Give the activations of layers, in one forward pass stopped at the last layer asked.

        Parameters
        ----------
        pictures : [N, C, H, W], normalised. A gradient flows to them if they ask for one.
        layers : names of layers, or one.

        Raises
        ------
        ValueError
            There is no such layer, or the pictures have the wrong number of channels.
        """
        names = [layers] if isinstance(layers, str) else list(layers)
        if pictures.dim() != 4 or pictures.shape[1] != self.input_shape[0] or not len(pictures):
            raise ValueError(
                f"{self.name} takes pictures [N, {self.input_shape[0]}, height, width], "
                f"got {list(pictures.shape)}"
            )
        record = self._structure((self.input_shape[0], *pictures.shape[2:]))
        return graph.capture(self.twin, pictures.to(self.device, self.dtype), names, record)

    def run_from(self, layer: str, activation: Tensor) -> Tensor:
        """Give the network's output when a layer has this activation [N, ...]; differentiable.

        Raises
        ------
        ValueError
            The activation has another shape, or another way leads around the layer.
        """
        if any(read_out.name == layer for read_out in self.twin.read_outs):
            raise ValueError(f"{layer!r} is a read-out: nothing runs from it to the output")
        record = self._structure(self.input_shape)
        return graph.run_from(record, layer, activation.to(self.device, self.dtype))

    def attach(
        self, name: str, *, at: str, weight: Tensor, bias: Tensor | None = None
    ) -> VisionModel:
        """Give the same network with a linear read-out of a layer as one more layer.

        A class, a human dimension, a concept or a weighted group of units so becomes a layer, and
        every explorer works on it.

        Parameters
        ----------
        name : of the new layer.
        at : the layer it reads.
        weight : [K, C] reads every position, [K, C, h, w] the whole map, [K, F] a vector layer.
        bias : [K]; none is 0.

        Raises
        ------
        ValueError
            The name is taken, the layer is not there, or a shape does not fit.
        """
        read = self.layer(at)
        if name in self._structure(self.input_shape).values or not name:
            raise ValueError(
                f"{name!r} is a layer of {self.name} already; give the read-out a name of its own"
            )
        fitting = [(read.shape[0],), read.shape]
        if weight.dim() < 2 or tuple(weight.shape[1:]) not in fitting:
            wanted = " or ".join(
                f"[K, {', '.join(map(str, shape))}]" for shape in dict.fromkeys(fitting)
            )
            raise ValueError(f"weight must be {wanted} to read {at!r}, got {list(weight.shape)}")
        bias = torch.zeros(len(weight)) if bias is None else bias
        if tuple(bias.shape) != (len(weight),):
            raise ValueError(f"bias must be [{len(weight)}], got {list(bias.shape)}")
        weight, bias = (given.detach().to(self.device, self.dtype) for given in (weight, bias))
        read_out = ReadOut(name, at, weight, bias)
        return VisionModel(
            self.module,
            input_shape=self.input_shape,
            mean=self.mean,
            std=self.std,
            labels=self.labels,
            name=self.name,
            headless=self.headless,
            read_outs=(*self.twin.read_outs, read_out),
        )

    def _check_labels(self) -> None:
        """Refuse labels that are not one for each class."""
        if self.labels is None or not self.has_head:
            return
        output = self._structure(self.input_shape).output
        if output is not None and output.shape[1] != len(self.labels):
            raise ValueError(
                f"labels must name the {output.shape[1]} classes of {self.name}, "
                f"got {len(self.labels)}"
            )

    def _structure(self, shape: tuple[int, ...]) -> Record:
        """Give a record of noise at this size: which layers there are, how they hang together."""
        record = self._structures.get(shape)
        if record is None or not record.is_current():
            noise = torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))
            record = graph.record(self, self.normalize(noise.to(self.device, self.dtype)))
            # A few sizes are kept, the newest first.
            others = [(size, kept) for size, kept in self._structures.items() if size != shape]
            self._structures = dict([(shape, record), *others[:3]])
        return record


def wrap_model(
    module: nn.Module,
    *,
    input_shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    labels: Sequence[str] | None = None,
    name: str | None = None,
) -> VisionModel:
    """Make a network of one's own ready to be looked into; the module is not changed.

    Parameters
    ----------
    module : any `nn.Module` that takes [N, C, H, W].
    input_shape : (C, H, W) of one picture.
    mean, std : a number a channel, for pictures in 0..1; 0 and 1 leave them as they are.
    labels : names of the classes, if the network answers with one score a class.
    name : what to call it; else the module's class.

    Raises
    ------
    TypeError, ValueError
        The module is none, or shape, mean, std or labels do not fit together.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"wrap_model takes a torch.nn.Module, got {type(module).__name__}")
    model = VisionModel(
        module, input_shape=input_shape, mean=mean, std=std, labels=labels, name=name
    )
    model._check_labels()
    return model


def _several(pictures: Sequence[Picture]) -> Sequence[Picture]:
    if isinstance(pictures, np.ndarray) and pictures.ndim == 4:
        return list(pictures)
    if not isinstance(pictures, list | tuple) or not pictures:
        raise TypeError(
            "pictures must be a list of pictures with at least one in it, "
            f"got {type(pictures).__name__}"
        )
    return pictures


def _checked_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if len(shape) != 3 or any(not isinstance(n, int) or n < 1 for n in shape):
        raise ValueError(
            f"input_shape must be (channels, height, width), each at least 1, got {shape!r}"
        )
    return (shape[0], shape[1], shape[2])


def _per_channel(name: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    numbers = tuple(map(float, values))
    if len(numbers) != channels or (name == "std" and min(numbers) <= 0):
        above = " above 0" if name == "std" else ""
        raise ValueError(
            f"{name} must have {channels} numbers{above}, one a channel, got {list(numbers)}"
        )
    return numbers
