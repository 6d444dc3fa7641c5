"""The documentation site: `make docs` builds it into build/site."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

from bayesctc import __version__  # noqa: E402

project = "bayesctc"
author = copyright = "The bayesctc developers"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "mathml",
]
default_role = "py:obj"  # `fit_ml` in a docstring is a link where there is such a name, else code

# Notebooks are shown as they are stored; the tests hold their outputs to be true.
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # docstrings say it, with shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
add_module_names = False
python_maximum_signature_line_length = 100

# A report and a calculator of the synthetic trial, beside the pages that link to them (`make docs` makes them).
html_extra_path = ["../build/extra"]

html_theme = "pydata_sphinx_theme"
html_title = f"bayesctc {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "start": [], "changelog": [], "citing": []}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
