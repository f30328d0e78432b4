"""Sphinx's configuration: ``sphinx-build -W docs OUTPUT`` makes the documentation."""

import spreadlite

project = "spreadlite"
author = "the spreadlite developers"
copyright = author
release = version = spreadlite.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# `like this` is a name in the code.
default_role = "literal"
highlight_language = "text"
# The docstrings say in words what the annotations say in types.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
html_theme = "alabaster"
