"""The site: `make docs` builds it from these pages and from the docstrings, without a network."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from cnnwidgets import __version__  # noqa: E402

project = "cnnwidgets"
author = "cnnwidgets developers"
project_copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "building.sections",
    "building.members",
    "building.public_names",
    "building.links",
]
exclude_patterns = ["building"]
smartquotes = False  # a quoted name can be copied
highlight_language = "text"
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 88

autodoc_typehints = "none"  # the lists of parameters tell them
autodoc_default_options = {"member-order": "bysource", "no-value": True}
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
viewcode_line_numbers = True

suppress_warnings = ["ref.citation"]  # a list of sources may name more than the text cites

myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
pygments_dark_style = "github-dark"  # furo's own underlines modules as if they were links
html_title = f"cnnwidgets {__version__}"
html_copy_source = html_show_sourcelink = False
html_show_search_summary = False  # fetched page by page, which browsers forbid from a folder
html_static_path = ["building/static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
