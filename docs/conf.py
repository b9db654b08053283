"""Configuration of Sphinx for the documentation site: `sphinx-build -W -n docs docs/_build`.

The pages are the Markdown files here, the docstrings of the package, and the notebooks, which are executed.
"""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
# Sphinx reads pages only from its own folder.
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", dirs_exist_ok=True)

project = "hullscope"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc", "myst_nb"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]

html_theme = "furo"
html_title = "hullscope"
html_show_copyright = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
nitpick_ignore_regex = [("py:.*", r"(numpy|np|NDArray|sklearn|ray|pandas|polars|pyarrow)\b.*")]

myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
