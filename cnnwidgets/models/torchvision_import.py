"""The only file that imports torchvision.

The torchvision that pip finds is the CUDA build. Beside a CPU-only torch its import ends with
"operator torchvision::nms does not exist": the module that describes torchvision's compiled
operators to the tracer finds none of them. The networks and transforms need no such operator, so
an empty module in its place lets all else be imported.

torchvision asks torch's compiler a question, for an operator of detectors, and the compiler brings
sympy and what trains on many machines: 70 MB and some 1.5 s in every kernel, where nothing is
compiled. It is imported when the question is really asked.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import Any

_SYMPTOM = "operator torchvision::nms does not exist"
_CULPRIT = "torchvision._meta_registrations"
_EMPTY = ModuleType(_CULPRIT, "Left empty by cnnwidgets: this torch has none of these operators.")
_COMPILER = "torch._dynamo.utils"
_lock = RLock()


def import_torchvision() -> ModuleType:
    """Give torchvision, also where the plain import fails beside a CPU-only torch.

    Afterwards ``import torchvision`` and its submodules work everywhere in the process. It does
    not matter how often or from which thread this is called, nor whether somebody's own import
    of torchvision failed before.

    Returns
    -------
    module
        ``torchvision``.

    Raises
    ------
    ImportError
        If torchvision is not installed.
    RuntimeError
        If its import fails for any other reason than missing compiled operators.
    """
    with _lock, _compiler_later():
        try:
            return import_module("torchvision")
        except RuntimeError as error:
            if _SYMPTOM not in str(error):
                raise
        # What remains of the failed import would be found, but be no attribute of the new package.
        _drop_half_imported()
        sys.modules[_CULPRIT] = _EMPTY
        try:
            return import_module("torchvision")
        except BaseException:
            _drop_half_imported()
            raise


def remedied() -> bool:
    """Tell whether torchvision runs without its compiled operators in this process."""
    return sys.modules.get(_CULPRIT) is _EMPTY


def _drop_half_imported() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "torchvision":
            del sys.modules[name]


class _Later(ModuleType):
    """Stands for the compiler while torchvision is imported."""

    @staticmethod
    def is_compile_supported(device_type: str) -> bool:
        """Ask the compiler itself."""
        return bool(import_module(_COMPILER).is_compile_supported(device_type))

    def __getattr__(self, name: str) -> Any:
        """Give way to the compiler where more of it is wanted, by whomever."""
        if name.startswith("__"):
            raise AttributeError(name)
        _give_way(self)
        return getattr(import_module(_COMPILER), name)


@contextmanager
def _compiler_later() -> Iterator[None]:
    """Keep torch's compiler from being imported in the block, unless it is needed."""
    if {_COMPILER, "torchvision"} & sys.modules.keys():
        yield
        return
    later = sys.modules[_COMPILER] = _Later(_COMPILER)
    try:
        yield
    finally:
        _give_way(later)


def _give_way(later: ModuleType) -> None:
    if sys.modules.get(_COMPILER) is later:
        del sys.modules[_COMPILER]
