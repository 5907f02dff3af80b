"""The package's sources as the project tests read them: files, layers, imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "cnnwidgets"
BELOW = {  # layer -> the layers that it may import
    "widgets": {"views", "sweep", "engines", "data", "models", "graph", "results"},
    "sweep": {"engines", "data", "models", "graph", "results"},
    "engines": {"models", "graph", "results"},
    "models": {"graph", "cache", "machine"},
    "data": {"results", "cache"},
    "graph": set(),
    "views": set(),
    "results": set(),
    "cache": set(),
    "machine": set(),
}
TOPS = {"cli", "health"}  # may import all; nothing imports them


def sources() -> list[Path]:
    """All Python files of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    """'engines' for cnnwidgets/engines/deconv.py, '__init__' for the package itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, root: Path = PACKAGE.parent) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import in a file: at the top, in functions, by import_module."""
    package = path.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            climbed = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*climbed, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
