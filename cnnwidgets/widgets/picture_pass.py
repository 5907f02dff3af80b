"""A pass over a set of pictures: what it starts with, and what its result is kept under."""

from __future__ import annotations

from collections.abc import Sequence

from cnnwidgets.data import ImageSet
from cnnwidgets.data.kept_results import key_of
from cnnwidgets.graph import Record, identity, record
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, versions


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
