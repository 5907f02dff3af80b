"""What every test starts from: the same seeds, few threads, real data where it can be had."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests import as_found

# Two threads everywhere, also in the kernels that tests start: sums are then taken in one order on
# every machine, and several of these runs fit beside each other.
os.environ.setdefault("CNNWIDGETS_THREADS", "2")

# The same examples in every run, and none kept in the checkout; how many is each test's to say.
settings.register_profile(
    "cnnwidgets",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("cnnwidgets")

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def seeds() -> None:
    random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def full_precision(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a GPU: TensorFloat-32 has 1e-3; whether to use it is the user's choice."""
    if request.node.get_closest_marker("gpu") is None:
        yield
        return
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top folder of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder that holds `things/` and `images/`; the test is skipped where it is missing."""
    named = os.environ.get("CNNWIDGETS_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not (folder / "things").is_dir():
        pytest.skip(f"real data is not at {folder}; CNNWIDGETS_DATA may name its folder")
    return folder


@pytest.fixture
def model_as_found() -> Callable[[torch.nn.Module], AbstractContextManager[None]]:
    """`with model_as_found(module): ...` fails where the block leaves a trace (see `as_found`)."""
    return as_found.model_as_found
