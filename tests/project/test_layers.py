"""Who imports whom: in the text of every file, and in fresh interpreters."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.source_files import BELOW, PACKAGE, TOPS, imports, layer_of, sources

JUPYTER = {"ipywidgets", "IPython", "ipykernel", "anywidget", "bqplot", "traitlets"}
FOREIGN = {  # layer -> modules that have no business there
    "graph": JUPYTER | {"torchvision"},
    "engines": JUPYTER
    | {"torchvision", "matplotlib", "threading", "concurrent", "asyncio", "multiprocessing"}
    | {"requests", "urllib", "http", "socket", "pooch"},
    "models": JUPYTER,
    "data": JUPYTER | {"torchvision"},
    "results": JUPYTER,
    "machine": JUPYTER | {"torch"},  # the doctor asks it where torch is broken
    "views": {"torch", "torchvision", "safetensors", "pooch"},
    "widgets": {"torchvision", "matplotlib"},
}
LOADED = """
import sys, {module}
print(*sorted(name for name in sys.modules))
"""


def test_each_layer_imports_only_those_below() -> None:
    wrong = []
    for path in sources():
        layer = layer_of(path)
        if layer in TOPS | {"__init__", "__main__"}:
            continue
        assert layer in BELOW, f"{path.name}: {layer!r} is no layer of the design"
        for line, name in imports(path):
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if top == "cnnwidgets" and not target:
                wrong.append(f"{path}:{line} imports the whole package; import the layer by name")
            if top == "cnnwidgets" and target in (BELOW.keys() | TOPS) - BELOW[layer] - {layer}:
                wrong.append(f"{path}:{line} {layer} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_layers_keep_to_their_subject() -> None:
    wrong = [
        f"{path}:{line} {layer_of(path)} imports {name}"
        for path in sources()
        for line, name in imports(path)
        if name.partition(".")[0] in FOREIGN.get(layer_of(path), ())
    ]
    assert not wrong, "\n".join(wrong)


def test_planted_imports_are_found(tmp_path: Path) -> None:
    planted = tmp_path / "cnnwidgets" / "views" / "curve.py"
    planted.parent.mkdir(parents=True)
    planted.write_text(
        "import cnnwidgets.models\n"
        "def draw():\n    from ..engines import deconv\n"
        "    from cnnwidgets import graph as g\n"
        "    import_module('torchvision.models')\n"
        "    from .display import contrast\n"
    )
    assert {name for _, name in imports(planted, tmp_path)} == {
        "cnnwidgets.models",
        "cnnwidgets.engines.deconv",
        "cnnwidgets.graph",
        "torchvision.models",
        "cnnwidgets.views.display.contrast",
    }


@pytest.mark.parametrize("layer", sorted(BELOW))
def test_importing_a_layer_loads_only_those_below(layer: str) -> None:
    if not (PACKAGE / f"{layer}.py").exists() and not (PACKAGE / layer / "__init__.py").exists():
        pytest.skip(f"there is no {layer} yet")
    loaded = _loaded_by(f"cnnwidgets.{layer}")
    above = (BELOW.keys() | TOPS) - _all_below(layer) - {layer}
    assert not loaded & {f"cnnwidgets.{other}" for other in above}
    if layer == "views":
        assert "torch" not in loaded
    if layer in ("graph", "models", "engines", "data", "results", "cache"):
        assert not loaded & {"ipywidgets", "bqplot", "anywidget"}
    if layer == "results":
        assert not loaded & {"pandas", "xarray"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = _loaded_by("cnnwidgets")
    assert "cnnwidgets" in loaded
    assert not loaded & {"torch", "torchvision", "ipywidgets", "bqplot", "anywidget", "numpy"}
    assert not any(name.startswith("cnnwidgets.") for name in loaded)


def _all_below(layer: str) -> set[str]:
    return BELOW[layer].union(*(_all_below(lower) for lower in BELOW[layer]))


def _loaded_by(module: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())
