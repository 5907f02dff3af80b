"""Read numpy arrays from pickles that may come from anybody."""

import io
import pickle
from typing import Any, ClassVar

import numpy as np


def load_arrays(content: bytes) -> Any:
    """Give the containers, numbers, text and numpy arrays of a pickle; nothing in it is run.

    Raises
    ------
    pickle.UnpicklingError
        The pickle asks for anything else, which is named.
    """
    return _ArrayUnpickler(io.BytesIO(content)).load()


def _empty_array(_kind: type, shape: tuple[int, ...], typecode: bytes) -> np.ndarray:
    """Stand in for numpy's private ``_reconstruct``: an array that its pickled state fills."""
    return np.ndarray(shape, typecode.decode())


class _ArrayUnpickler(pickle.Unpickler):
    """Knows numpy's array constructors and no other global."""

    ADMITTED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _empty_array,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"the pickle asks for '{module}.{name}' where only numpy's array constructors are "
                "admitted; do not trust this file."
            ) from None
