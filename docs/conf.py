"""How Sphinx builds these pages: `make docs`.

Pages of laws, of the command's help and of the reference are made before the build, into docs/generated.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import isoflop as iso  # noqa: E402

project = "isoflop"
author = "the isoflop developers"
copyright = "the isoflop developers"  # noqa: A001 (the name is Sphinx's)
version = release = iso.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "_site.extension",
]
exclude_patterns = ["_build", "_site", "measured"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# A law is named in running text as `chinchilla`, an object as `Fit.bootstrap`: linked where known.
default_role = "py:obj"
suppress_warnings = ["ref.python"]  # a short name of two classes, `names`, is a word and no link

autodoc_typehints = "none"  # numpydoc's sections say what arguments are
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autosummary_generate = False  # the tables only: pages are made by api_pages
numpydoc_show_class_members = False

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"isoflop {version}"
html_static_path = ["_static"]
html_css_files = ["isoflop.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
pygments_style = "tango"
pygments_dark_style = "monokai"
copybutton_selector = "div.highlight-python pre, div.highlight-sh pre, div.highlight-console pre"
copybutton_prompt_text = "$ "
