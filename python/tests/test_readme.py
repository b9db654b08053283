"""The example of the README runs as it stands, and is typed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)


def test_it_runs(tmp_path):
    rng = np.random.default_rng(1)
    np.save(tmp_path / "train.npy", rng.normal(size=(300, 20)).astype("f4"))
    np.save(tmp_path / "queries.npy", rng.normal(size=(10, 20)).astype("f4"))
    run = subprocess.run([sys.executable, "-c", EXAMPLE], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("True")


def test_it_is_typed(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "right.py").write_text(EXAMPLE)
    (tmp_path / "wrong.py").write_text(EXAMPLE + 'ref.score(Q, threads="two")\n')
    # One run for both: most of its time goes to NumPy's types. The package's settings leave out those of pandas and polars.
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", os.devnull]
    words = [sys.executable, "-m", "mypy", "--strict", *settings, "right.py", "wrong.py"]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    faults = [line for line in run.stdout.splitlines() if ": error:" in line]
    assert len(faults) == 1 and faults[0].startswith("wrong.py") and "[arg-type]" in faults[0], run.stdout + run.stderr
