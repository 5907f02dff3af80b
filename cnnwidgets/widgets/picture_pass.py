"""A pass over a set of pictures in the background: it can go on, and its result is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnnwidgets.data import ImageSet
from cnnwidgets.data.kept_results import keep, kept, key_of
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.graph import Record, StaleRecordError, identity, record
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, Result, versions

Found = TypeVar("Found", bound=Result)


class Collector(Protocol):
    """An accumulator of the engines that takes pictures in by their numbers, ascending."""

    @property
    def last(self) -> int:
        """The highest number that is in, -1 before the first."""

    def update(
        self, pictures: Tensor, numbers: Sequence[int], *, between: Callable[[], None]
    ) -> None:
        """Take a batch in, or none of it."""


class PicturePass(Generic[Found]):
    """A network that looks through the pictures of a set, can go on, and keeps what it found.

    A subclass gives the collector and what it has found. Only the scheduler's worker calls it; what
    is asked inside `build`, at its `progress`, may read what is there so far.

    Parameters
    ----------
    layers : names of those that are looked at; () where the network says which.
    again : what brings another look once the weights have changed: "choose a unit".

    Attributes
    ----------
    model : the network.
    done, total : how many pictures have been looked through, and how many there are.
    left_out : those that could not be read, by number, with the sentence why.
    result : once all have been looked through; else None.
    """

    kind: type[Found]
    form: ClassVar[str]
    """Changes when the same network and pictures would give another result."""

    def __init__(
        self, model: VisionModel, images: ImageSet, layers: Sequence[str], again: str
    ) -> None:
        self.model, self._images = model, images
        self._looked_at, self._again = tuple(layers), again
        self._made: Record | None = None  # of the network as it was looked through
        self._found: Any = None  # the collector, until all is in
        self._key = ""
        self.result: Found | None = None
        self.left_out: dict[int, str] = {}
        self.done, self.total = 0, len(images)

    def is_current(self) -> bool:
        """Tell whether the network still is the one that was looked through."""
        made = self._made
        return made is not None and made.twin is self.model.twin and made.is_current()

    def build(self, progress: Progress) -> Found:
        """Give the result: go on where the last pass was stopped, or take the one that was kept.

        Raises
        ------
        ValueError, OSError
            No picture can be read.
        StaleRecordError
            The weights changed meanwhile.
        """
        try:
            if not self.is_current():
                self._begin(progress)
            if self.result is None:
                self._look_through(progress)
            self._check_current()
        except StaleRecordError:
            raise StaleRecordError(
                f"the weights of {self.model.name} changed while the pictures were looked "
                f"through; {self._again}, and they are looked through again"
            ) from None
        assert self.result is not None
        return self.result

    def forget(self) -> None:
        """Let go of everything."""
        self._made = self._found = self.result = None

    def _collector(self) -> Collector:
        raise NotImplementedError

    def _finished(self, found: Any) -> Found:
        """Give the result of a collector that has seen all pictures that can be read."""
        raise NotImplementedError

    def _begin(self, progress: Progress) -> None:
        """Start anew, with what was kept of this very network and these pictures."""
        made, key = first_record(self.model, self._images), self._key
        self._key = pass_key(self.form, made, self._looked_at, self._images, progress)
        if self.result is None or self._key != key:
            self.result, self._found, self.left_out, self.done = None, None, {}, 0
            if self._key and (found := kept(self.kind, self._key)):
                self.result, self.done = found, self.total
        self._made = made

    def _look_through(self, progress: Progress) -> None:
        found = self._found = self._found or self._collector()
        size = pictures_at_once(self.model)
        while self.done < self.total:
            end = min(self.done + size, self.total)
            # Of a batch that was stopped a part may be in already.
            shown = self._shown(range(max(self.done, found.last + 1), end), progress)
            if shown:
                pictures = self.model.preprocess([*shown.values()])
                told = partial(progress, self.done, self.total)
                found.update(pictures, [*shown], between=told)
            self.done = end
            progress(self.done, self.total)
        self._check_current()  # else this would be kept as another network's
        self.result, self._found = self._finished(found), None
        if self._key and not self.left_out:
            keep(self.result, self._key)

    def _check_current(self) -> None:
        """Refuse to go on where the weights have changed, or will not stand still at all."""
        if not self.is_current():
            raise StaleRecordError

    def _shown(self, numbers: range, progress: Progress) -> dict[int, NDArray[np.uint8]]:
        """Give what the network is shown of pictures; those that cannot be read are left out."""
        shown = {}
        for number in numbers:
            try:
                shown[number] = self.model.crop([self._images.images[number]])[0]
            except (OSError, ValueError) as error:
                self.left_out[number] = str(error)
            progress(self.done, self.total)
        return shown


def first_record(model: VisionModel, images: ImageSet) -> Record:
    """Record the first picture that can be read.

    Raises
    ------
    ValueError, OSError
        None can be read, or there is none.
    """
    for number in range(len(images)):
        try:
            picture = model.crop([images.images[number]])
        except (OSError, ValueError):
            if number == len(images) - 1:
                raise
            continue
        return record(model, model.preprocess(picture))
    raise ValueError("there are no pictures to look through")


def pass_key(
    form: str, made: Record, layers: Sequence[str], images: ImageSet, progress: Progress
) -> str:
    """Give what stands for network, layers, preprocessing and pictures; "" if a file is not there.

    Parameters
    ----------
    form : changes when the same network and pictures would give another result.
    made : from `first_record`: it holds what the network was shown of the first picture.
    """
    parts = [form, versions()["cnnwidgets"], versions()["torch"], str(made.picture.device)]
    parts += [identity(made), *made.layers, *layers]
    tensor = made.picture.detach().float().cpu().contiguous().numpy()
    digests: list[bytes] = [tensor.tobytes()]
    try:
        for digest in images.images.digest():
            digests.append(digest)
            progress(0, len(images))
    except OSError:
        return ""
    return key_of([*parts, *digests])
