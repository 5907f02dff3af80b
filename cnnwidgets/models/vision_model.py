"""A network with all that one must know to show it pictures and ask for its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnwidgets import graph
from cnnwidgets.graph import Layer, ReadOut, Record, Twin
from cnnwidgets.graph.operations.convolution import Convolution
from cnnwidgets.graph.operations.linear import Linear
from cnnwidgets.models.devices import set_threads_once
from cnnwidgets.models.input_format import checked_shape, per_channel, several
from cnnwidgets.models.preprocess import Picture, crop, normalize, to_unit_range
from cnnwidgets.models.read_outs import read_out, read_through


class VisionModel:
    """A convolutional network, its input's format, its classes. By `load_model`, `wrap_model`.

    The module stays the user's: every pass of ours runs a structural copy in eval mode that shares
    its weights, so it is never flipped, hooked or written, also while it is being trained.

    Attributes
    ----------
    name : what it is called; `source` : the line of code that makes it, or None.
    module : the user's module.
    checkpoint : the name of the checkpoint that it is, of `load_checkpoints`; else "".
    labels : class names, or None; `headless` : why it has no head, in one sentence, or "".
    input_shape : (C, H, W) of one picture.
    mean, std : a number a channel, for pictures in 0..1.
    """

    checkpoint = ""

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
        output: str | None = None,
        read_outs: Sequence[ReadOut] = (),
    ) -> None:
        self._module = module
        self.name = name or type(module).__name__
        self.input_shape = checked_shape(input_shape)
        self.mean, self.std = (
            per_channel(n, v, input_shape[0]) for n, v in (("mean", mean), ("std", std))
        )
        self.labels = tuple(labels) if labels is not None else None
        self.source, self.headless = source, headless
        self.twin = Twin(self, read_outs, output)
        self._structures: dict[tuple[int, ...], Record] = {}
        self._plain: VisionModel | None = None
        self._variants: WeakValueDictionary[tuple[ReadOut, ...], VisionModel]
        self._variants = WeakValueDictionary()
        set_threads_once()

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.input_shape))
        return f"VisionModel({self.name}, {shape}, {self.device})"

    @property
    def module(self) -> nn.Module:
        """The user's module."""
        return self._module

    @property
    def output(self) -> str:
        """Which entry is the answer, of a network that gives a dictionary or tuple; else ""."""
        return self.plain._description().answer

    @property
    def device(self) -> torch.device:
        """Where the network's weights are."""
        weights = next(self.module.parameters(), None)
        return torch.device("cpu") if weights is None else weights.device

    @property
    def dtype(self) -> torch.dtype:
        """The number type of the network's weights, in which it wants its pictures."""
        floating = (w.dtype for w in self.module.parameters() if w.is_floating_point())
        return next((kind for kind in floating if kind.itemsize > 1), torch.float32)

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers in execution order, with kind, shape and field at `input_shape`.

        Leaf modules, functional calls (":relu", "block:cat") and containers whose output is not
        simply their last child's. Other containers resolve by name but are not listed.
        """
        return MappingProxyType(self._description().layers)

    @property
    def classes(self) -> int:
        """How many classes the network answers with a score for; 0 without a head."""
        output = self.plain._description().output
        return (
            output.shape[1] if output is not None and output.dim() == 2 and not self.headless else 0
        )

    @property
    def has_head(self) -> bool:
        """Whether the network answers with one score a class."""
        return self.classes > 0

    @property
    def penultimate(self) -> str | None:
        """The layer that the last weighted layer reads: the features; None without a head."""
        record = self.plain._description()
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

    @property
    def structure(self) -> Record:
        """A record of noise at `input_shape` with the weights as they are: for its calls."""
        return self._structure(self.input_shape)

    def layer(self, name: str) -> Layer:
        """Give a layer by name, also one that `layers` does not list.

        Raises
        ------
        ValueError
            There is no such layer; the nearest name is told.
        """
        return self._description().layer(name)

    def crop(self, pictures: Sequence[Picture]) -> list[NDArray[np.uint8]]:
        """Give what the network is shown of pictures: uint8 [H, W, C] each, not normalised."""
        return [crop(picture, *self.input_shape) for picture in several(pictures)]

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
        reads = self.layer(at)
        if name in self._description().values or not name:
            raise ValueError(
                f"{name!r} is a layer of {self.name} already; give the read-out a name of its own"
            )
        made = read_out(name, reads, weight, bias, (self.device, self.dtype))
        return self.with_read_outs((*self.read_outs, made))

    @property
    def read_outs(self) -> tuple[ReadOut, ...]:
        """What was attached, in order."""
        return self.twin.read_outs

    @property
    def plain(self) -> VisionModel:
        """The same network without its read-outs."""
        return self._plain or self

    @property
    def origin(self) -> VisionModel:
        """The network as it was given, which this one is a checkpoint of or reads out of."""
        return self.plain

    def with_read_outs(self, read_outs: Sequence[ReadOut]) -> VisionModel:
        """Give the same network with these read-outs only; asked again, the same object."""
        plain, wanted = self.plain, tuple(read_outs)
        found = plain._variants.get(wanted) if wanted else plain
        if found is None:
            found = plain._variants[wanted] = plain._reading(wanted)
            found._plain = plain
        return found

    def for_layer(self, name: str) -> VisionModel:
        """Give the same network with no read-outs but those that a layer is read through.

        So what is known of the other layers outlives whatever is attached.
        """
        return self.with_read_outs(read_through(name, self.read_outs))

    def _reading(self, read_outs: Sequence[ReadOut]) -> VisionModel:
        return VisionModel(
            self.module,
            input_shape=self.input_shape,
            mean=self.mean,
            std=self.std,
            labels=self.labels,
            name=self.name,
            headless=self.headless,
            output=self.twin.answer,
            read_outs=read_outs,
        )

    def _description(self) -> Record:
        """Give a record of noise that tells the layers, of whatever weights these modules had."""
        record = self._structures.get(self.input_shape)
        if record is None or record.state[0] is not self.twin.module:
            record = self._structure(self.input_shape)
        return record

    def _structure(self, shape: tuple[int, ...]) -> Record:
        """Give a record of noise at this size, with the weights as they are."""
        record = self._structures.get(shape)
        if record is None or not record.is_current():
            noise = torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))
            record = graph.record(self, self.normalize(noise.to(self.device, self.dtype)))
            if not record.layers:
                raise ValueError(
                    f"{self.name} has no layers: no call was seen that gives units of the picture "
                    "(it is empty, or only reshapes, or runs inside torch.vmap)"
                )
            # A few sizes are kept, the newest first.
            others = [(size, kept) for size, kept in self._structures.items() if size != shape]
            self._structures = dict([(shape, record), *others[:3]])
        return record
