"""torchvision beside a torch without its operators: a planted symptom, and the real one."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest

from cnnwidgets.models import torchvision_import
from cnnwidgets.models.torchvision_import import import_torchvision, remedied

SYMPTOM = "operator torchvision::nms does not exist"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Plant a torchvision whose parts run the given lines; the real one comes back."""
    kept = {name: module for name, module in sys.modules.items() if _ours(name)}
    _forget()
    monkeypatch.syspath_prepend(tmp_path)

    def plant(operators: str, models: str = "", extension: str = "") -> None:
        folder = tmp_path / "torchvision"
        folder.mkdir()
        (folder / "extension.py").write_text(f"{extension}\nimport torchvision as whole\n")
        (folder / "models.py").write_text(f"{models}\nanswer = 42\n")
        (folder / "_meta_registrations.py").write_text(operators + "\n")
        (folder / "__init__.py").write_text(
            "from . import extension\nfrom torchvision import _meta_registrations, models\n"
        )

    yield plant
    _forget()
    sys.modules.update(kept)


def test_a_sound_torchvision_is_left_alone(planted: Callable[..., None]) -> None:
    planted("")
    assert import_torchvision().models.answer == 42
    assert not remedied()


def test_the_symptom_is_remedied(planted: Callable[..., None]) -> None:
    planted(f"raise RuntimeError('{SYMPTOM}')")
    module = import_torchvision()
    assert module.models.answer == 42
    assert remedied()
    assert import_torchvision() is module is import_module("torchvision")


def test_it_works_after_failed_imports(planted: Callable[..., None]) -> None:
    planted(f"raise RuntimeError('{SYMPTOM}')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match=SYMPTOM):
            import_module("torchvision")
    assert import_torchvision().models.answer == 42
    assert import_torchvision().extension.whole is import_torchvision()


def test_eight_threads_get_one_module(planted: Callable[..., None]) -> None:
    nap = "import time; time.sleep(0.05)"
    planted(f"{nap}\nraise RuntimeError('{SYMPTOM}')", models=nap, extension=nap)
    with ThreadPoolExecutor(8) as pool:
        modules = set(pool.map(lambda _: import_torchvision(), range(8)))
    assert len(modules) == 1
    assert modules.pop().models.answer == 42


def test_threads_wait_for_each_other(planted: Callable[..., None]) -> None:
    planted("")
    with ThreadPoolExecutor(1) as pool:
        with torchvision_import._lock:
            waiting = pool.submit(import_torchvision)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
        assert waiting.result(timeout=60).models.answer == 42


@pytest.mark.parametrize(
    ("line", "error"),
    [("raise RuntimeError('CUDA driver')", RuntimeError), ("import no_such_part", ImportError)],
)
def test_any_other_failure_is_told_as_it_is(
    planted: Callable[..., None], line: str, error: type[Exception]
) -> None:
    planted(line)
    with pytest.raises(error, match="CUDA driver|no_such_part"):
        import_torchvision()
    assert not remedied()


def test_a_remedy_that_does_not_help_is_taken_back(planted: Callable[..., None]) -> None:
    planted(f"raise RuntimeError('{SYMPTOM}')", models="raise ImportError('no pictures')")
    with pytest.raises(ImportError, match="no pictures"):
        import_torchvision()
    assert not remedied()


def test_the_real_one_in_a_fresh_interpreter() -> None:
    script = (
        "try:\n    import torchvision\nexcept RuntimeError as error:\n"
        f"    assert {SYMPTOM!r} in str(error)\n"
        "from cnnwidgets.models.torchvision_import import import_torchvision\n"
        "import torch\n"
        "network = import_torchvision().models.squeezenet1_1(num_classes=7)\n"
        "from torchvision.transforms import v2\n"
        "from torchvision.models.feature_extraction import create_feature_extractor\n"
        "print(network.eval()(v2.Resize(64)(torch.zeros(1, 3, 80, 80))).shape[1])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert run.stdout.strip() == "7", run.stderr


def test_the_compiler_is_imported_once_it_is_asked() -> None:
    script = (
        "import sys\n"
        "from cnnwidgets.models.torchvision_import import import_torchvision\n"
        "import_torchvision()\n"
        "assert not {'torch._dynamo', 'torch._dynamo.utils', 'sympy'} & set(sys.modules)\n"
        "from torchvision.ops.roi_align import is_compile_supported as asked\n"
        "answer = asked('cpu')\n"
        "from torch._dynamo.utils import is_compile_supported\n"
        "assert answer is is_compile_supported('cpu') and asked is not is_compile_supported\n"
        "print(sys.modules['torch._dynamo.utils'].__file__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert run.stdout.strip().endswith("utils.py"), run.stderr


def test_a_torchvision_that_wants_more_of_the_compiler_has_it(
    planted: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name == "torch._dynamo.utils"]:
        monkeypatch.delitem(sys.modules, name)
    planted(
        "from torch._dynamo.utils import counters", models="import torch._dynamo.utils as utils"
    )
    assert (
        import_torchvision()._meta_registrations.counters
        is import_module("torch._dynamo.utils").counters
    )
    assert sys.modules["torch._dynamo.utils"].__file__


def _ours(name: str) -> bool:
    return name.partition(".")[0] == "torchvision"


def _forget() -> None:
    for name in [name for name in sys.modules if _ours(name)]:
        del sys.modules[name]
