"""The documentation site builds without a warning, and every notebook on it runs from its first cell to its last."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
NEEDED = ["sphinx", "numpydoc", "myst_nb", "furo", "matplotlib", "pandas", "polars", "pyarrow"]
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}: pip install --group docs")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-j", "2", str(ROOT / "docs"), str(folder)]
    run = subprocess.run(words, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return folder


def test_every_public_name_has_its_place(site):
    import hullscope as hs

    text = (site / "api.html").read_text()
    functions = [f"paper.{name}" for name in hs.paper.__all__]
    for name in [*(name for name in hs.__all__ if name != "paper"), *functions]:
        assert f'id="hullscope.{name}"' in text, name


def test_there_are_four_notebooks():
    assert len(NOTEBOOKS) == 4


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_shows_its_figures(site, name):
    text = (site / "notebooks" / f"{name}.html").read_text()
    assert '<img alt="../_images/' in text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_outputs(name):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells)
