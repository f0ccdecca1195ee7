"""The documentation as a site: `pip install '.[docs]'`, then `sphinx-build -W docs build/site`."""

import graphc

project = "graphc"
release = graphc.__version__
html_title = "graphc"
html_theme = "furo"
extensions = ["myst_parser"]
exclude_patterns = ["reference/*.json"]
# Headings can be linked to by their text, as on the pages themselves.
myst_heading_anchors = 3
