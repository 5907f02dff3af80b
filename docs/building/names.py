"""What is public, and under which of its names each thing has its entry."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType
from typing import Any

TOP = "cnnwidgets"
ENGINES = ("deconv", "responses", "top_images", "gratings", "features", "choices", "alignment")
MODULES = (
    TOP,
    *(f"{TOP}.{name}" for name in ("models", "data", "data.sittings", "graph")),
    *(f"{TOP}.engines.{name}" for name in ENGINES),
    *(f"{TOP}.{name}" for name in ("views", "widgets", "results", "health")),
)
"""The public modules; what several of them hold has its entry in the first of these."""


def public(module: ModuleType) -> list[str]:
    """Give the public names of a module: `__all__`, else the functions and classes it defines."""
    if hasattr(module, "__all__"):
        names = [name for name in module.__all__ if not name.startswith("_")]
    else:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and getattr(value, "__module__", None) == module.__name__
            and (inspect.isclass(value) or inspect.isfunction(value))
        ]
    return [name for name in names if not isinstance(getattr(module, name), ModuleType)]


def home(name: str, value: Any) -> str:
    """Give the full name under which something public has its entry."""
    return next(
        f"{module}.{name}"
        for module in MODULES
        if name in public(import_module(module)) and getattr(import_module(module), name) is value
    )
