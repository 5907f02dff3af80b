"""A pass over a set of pictures: what it starts with, and what its result is kept under."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.data import ImageSet
from cnnwidgets.data.kept_results import key_of
from cnnwidgets.graph import Record, identity, record
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, versions


class PicturePass:
    """A network that looks through the pictures of a set, and can go on where it was stopped.

    A subclass says what it collects, in a `build` that only the scheduler's worker calls.

    Attributes
    ----------
    model : the network.
    done, total : how many pictures have been looked through, and how many there are.
    left_out : those that could not be read, by number, with the sentence why.
    """

    def __init__(self, model: VisionModel, images: ImageSet) -> None:
        self.model, self._images = model, images
        self._made: Record | None = None  # of the network as it was looked through
        self.left_out: dict[int, str] = {}
        self.done, self.total = 0, len(images)

    def is_current(self) -> bool:
        """Tell whether the network still is the one that was looked through."""
        made = self._made
        return made is not None and made.twin is self.model.twin and made.is_current()

    def _shown(self, numbers: Sequence[int], progress: Progress) -> dict[int, NDArray[np.uint8]]:
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
