"""The examples of the README, the documentation and the notebooks are typed, as the package is; the README's runs as it stands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
EXAMPLE = BLOCK.search((ROOT / "README.md").read_text()).group(1)


def examples():
    """The text of each Markdown file with Python in it, and of each notebook, as one program."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        blocks = BLOCK.findall(path.read_text())
        if blocks:
            yield path.stem.lower().replace("-", "_"), "\n".join(blocks)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        yield f"notebook_{path.stem}", "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_it_runs(tmp_path):
    rng = np.random.default_rng(1)
    np.save(tmp_path / "train.npy", rng.normal(size=(300, 20)).astype("f4"))
    np.save(tmp_path / "queries.npy", rng.normal(size=(10, 20)).astype("f4"))
    run = subprocess.run([sys.executable, "-c", EXAMPLE], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("True")


def test_distances_that_are_shown_are_asked_for():
    shown = [(name, text) for name, text in examples() if ".distance" in text]
    assert {"readme", "index"} <= {name for name, _ in shown}
    assert [name for name, text in shown if "distance=True" not in text] == []


def test_examples_and_the_package_are_typed(tmp_path):
    pytest.importorskip("mypy")
    programs = {**dict(examples()), "wrong": EXAMPLE + 'ref.score(Q, threads="two")\n'}
    assert {"readme", "index", "scale", "notebook_paper", "notebook_embeddings"} <= set(programs)
    for name, text in programs.items():
        (tmp_path / f"{name}.py").write_text(text)
    # One run for all: most of its time goes to NumPy's types. The configuration says which packages have no types.
    files = [*(f"{name}.py" for name in programs), str(ROOT / "python/hullscope")]
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", os.devnull]
    words = [sys.executable, "-m", "mypy", "--strict", *settings, *files]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    faults = [line for line in run.stdout.splitlines() if ": error:" in line]
    assert len(faults) == 1 and faults[0].startswith("wrong.py") and "[arg-type]" in faults[0], run.stdout + run.stderr


def test_the_stub_of_the_compiled_part_is_true(tmp_path):
    pytest.importorskip("mypy")
    # Imported modules are not followed where they have no stubs: names and kinds of parameters are compared without them, in a
    # third of the time.
    (tmp_path / "mypy.ini").write_text("[mypy]\nfollow_imports = skip\n")
    words = [sys.executable, "-m", "mypy.stubtest", "--mypy-config-file", "mypy.ini", "hullscope._core"]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
