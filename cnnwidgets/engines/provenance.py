"""Where a result comes from, told from the record it was made of."""

import torch

from cnnwidgets.graph import Record
from cnnwidgets.results import Provenance


def provenance_of(
    record: Record, dtype: torch.dtype = torch.float32, *, at_once: int | None = None
) -> Provenance:
    """Give the provenance of what is computed from a record in a number type.

    Parameters
    ----------
    at_once : how many things were computed at a time, where not all fitted into memory.
    """
    return Provenance(
        model=record.model_name,
        weights=record.fingerprint,
        device=str(record.picture.device),
        precision=str(dtype).removeprefix("torch."),
        at_once=at_once,
    )
