"""Look into a convolutional network as a vision scientist looks into a cell.

Everything public is one level deep and imported when it is first used, so that
``import cnnwidgets`` takes no time and needs neither torch nor Jupyter.
"""

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # editors and type checkers see what __getattr__ gives
    from cnnwidgets import data, engines, graph, models, results, views, widgets
    from cnnwidgets.data import ImageSet, load_images
    from cnnwidgets.health import doctor
    from cnnwidgets.models import (
        Checkpoints,
        VisionModel,
        load_checkpoints,
        load_model,
        wrap_model,
    )
    from cnnwidgets.widgets import (
        ClassBoard,
        Selection,
        TripletStepper,
        TuningExplorer,
        UnitExplorer,
    )

__version__ = "0.1.0"

__all__ = [
    "Checkpoints",
    "ClassBoard",
    "ImageSet",
    "Selection",
    "TripletStepper",
    "TuningExplorer",
    "UnitExplorer",
    "VisionModel",
    "__version__",
    "data",
    "doctor",
    "engines",
    "graph",
    "load_checkpoints",
    "load_images",
    "load_model",
    "models",
    "results",
    "views",
    "widgets",
    "wrap_model",
]

_SUBMODULES = {"data", "engines", "graph", "models", "results", "views", "widgets"}
_HOME = {  # public name -> the subpackage that holds it
    "Checkpoints": "models",
    "ClassBoard": "widgets",
    "ImageSet": "data",
    "Selection": "widgets",
    "TripletStepper": "widgets",
    "TuningExplorer": "widgets",
    "UnitExplorer": "widgets",
    "VisionModel": "models",
    "doctor": "health",
    "load_checkpoints": "models",
    "load_images": "data",
    "load_model": "models",
    "wrap_model": "models",
}


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    near = [] if name.startswith("_") else get_close_matches(name, __all__, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
