"""Work that does not fit into memory at once: done in halves, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

_SHORT = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED")
"""What torch says, as a plain RuntimeError, where it has no error of its own for it."""

Answer = TypeVar("Answer")


class Portions:
    """How many things fit into memory at once: all, until they do not; then halves of them.

    Attributes
    ----------
    largest : the number that is taken at a time since something did not fit; None if all did.
    """

    def __init__(self) -> None:
        self.largest: int | None = None

    def each(
        self,
        count: int,
        work: Callable[[slice], Answer],
        asked: str,
        device: torch.device,
        at_most: int | None = None,
    ) -> Iterator[tuple[slice, Answer]]:
        """Work through `count` things in order, and give each part with its answer.

        Parameters
        ----------
        work : may leave nothing behind when it raises: then it is asked for half as many.
        asked : what one thing is, for the sentence: "one unit of features.9".
        at_most : how many to take at a time even where more would fit: so that none is long.

        Raises
        ------
        MemoryError
            Not even one fits; the sentence says what to do.
        """
        first = 0
        while first < count:
            room = min(self.largest or count, at_most or count)
            part, fits = slice(first, min(count, first + room)), True
            try:
                answer = work(part)
            except (MemoryError, RuntimeError) as error:
                if not _is_short(error):
                    raise
                fits = False
            # Out here the error is gone, and with its traceback all that the work had allocated.
            if fits:
                yield part, answer
                first = part.stop
            elif part.stop - first > 1:
                self.largest = (part.stop - first) // 2
            else:
                raise MemoryError(_sentence(asked, device))


def fitted(
    work: Callable[[], Answer],
    asked: str,
    device: torch.device,
    instead: str = "take smaller pictures",
) -> Answer:
    """Do what cannot be halved.

    Raises
    ------
    MemoryError
        It does not fit; the sentence says what to do.
    """
    try:
        return work()
    except RuntimeError as error:
        if not _is_short(error):
            raise
    raise MemoryError(_sentence(asked, device, instead))


def a_pass(model: str, size: Sequence[int]) -> str:
    """Say what may not fit: a network's pass over a picture of (rows, columns)."""
    return f"a pass of {model} over one picture of {size[0]} × {size[1]}"


def _is_short(error: BaseException) -> bool:
    known = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
    return known or any(words in str(error) for words in _SHORT)


def _sentence(asked: str, device: torch.device, instead: str = "take smaller pictures") -> str:
    elsewhere = "" if device.type == "cpu" else ", or load the network with device='cpu'"
    return f"{asked} needs more memory than is free on {device}; {instead}{elsewhere}"
