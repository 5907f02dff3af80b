"""Names in backticks become links where one public thing is meant, and the README fits the site."""

from __future__ import annotations

import re
from pathlib import Path

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment

PICTURE = re.compile(
    r'<picture>\s*<source [^>]*srcset="docs/(?P<dark>[^"]+)">\s*'
    r'<img src="docs/(?P<light>[^"]+)" alt="(?P<words>[^"]+)">\s*</picture>'
)
ATTRIBUTES = ("attribute", "method", "property")
PAGES = {
    "binder/README.md": "binder",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "NOTICE": "notice",
    "LICENSE": "notice",
}


def link(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element
) -> Element | None:
    """Find the one public thing whose full name ends like this; a listener of `missing-reference`.

    A plain word may be the name of a parameter, too, so only names that no word looks like count.
    """
    domain = env.domains["py"]
    if node.get("refdomain") != "py" or not isinstance(domain, PythonDomain):
        return None
    target = re.sub(r"^cw\.", "cnnwidgets.", node["reftarget"].removesuffix("()"))
    if not re.search(r"[._A-Z]", target):
        return None
    known = [name for name, entry in domain.objects.items() if not entry.aliased]
    fitting = [name for name in known if f".{name}".endswith(f".{target}")]
    if "." not in target:
        fitting = [name for name in fitting if domain.objects[name].objtype not in ATTRIBUTES]
    if len(fitting) != 1:
        return None
    (name,) = fitting
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)


def fit_readme(_app: Sphinx, _path: Path, _parent: str, content: list[str]) -> None:
    """Turn what GitHub reads into what the site reads; a listener of `include-read`."""
    text = PICTURE.sub(_both_themes, content[0])
    for name, page in PAGES.items():
        text = text.replace(f"]({name})", f"](/site/{page}.md)")
    content[0] = text.replace("](docs/", "](/")


def _both_themes(found: re.Match[str]) -> str:
    return "\n\n".join(
        f"```{{image}} /{found[theme]}\n:alt: {found['words']}\n:class: only-{theme}\n```"
        for theme in ("light", "dark")
    )


def setup(app: Sphinx) -> None:
    """Listen."""
    app.connect("missing-reference", link)
    app.connect("include-read", fit_readme)
