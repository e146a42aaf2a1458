"""How Sphinx makes a site of this folder: `python3 dev.py docs`. Nothing of it is loaded from elsewhere."""

project = "Freehold"
html_title = "Freehold"
language = "en"
extensions = ["myst_parser"]
myst_heading_anchors = 4
# What a shell is told holds other languages, which no lexer knows to the end.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
# A page that is opened as a file may not read others.
html_show_search_summary = False
