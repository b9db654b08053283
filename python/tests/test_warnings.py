"""What a reader is warned of: as the command says it, in the words of a Python program."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import hullscope as hs
from hullscope import _words

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(17)
X, Q = RNG.normal(size=(300, 4)), RNG.normal(size=(40, 4))


def said(call):
    """The warnings of a call."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    assert all(Path(warning.filename) == Path(__file__) for warning in found)
    return [str(warning.message) for warning in found]


def test_fit_warns_of_the_rows():
    far = np.vstack([X, np.full((1, 4), 1e9), X[:2]])
    texts = said(lambda: hs.Reference.fit(far))
    assert any("np.delete(X, np.r_[300], axis=0)" in text for text in texts)
    assert any(text.startswith("2 of 303 reference rows repeat") for text in texts)
    ball = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert any('notions="cone" asks about' in text for text in said(lambda: hs.Reference.fit(ball)))
    assert said(lambda: hs.Reference.fit(X, notions="all")) == []
    assert said(lambda: hs.Reference.fit(X)) == []


def test_queries_that_are_rows_are_warned_of_as_the_command_notes_them(tmp_path):
    queries = np.vstack([Q, X[:3]])
    ref = hs.Reference.fit(X)
    texts = said(lambda: ref.score(queries))
    assert [text for text in texts if text.startswith("3 queries repeat a reference row (of 43)")]
    with pytest.warns(UserWarning, match="3 queries repeat"):
        assert ref.score(queries).summary["warnings"] == texts
    ref.save(tmp_path / "ref.hull")
    np.save(tmp_path / "q.npy", queries)
    words = [sys.executable, "-m", "hullscope", "score", str(tmp_path / "ref.hull"), str(tmp_path / "q.npy"), "--backend", "cpu"]
    notes = subprocess.run(words, capture_output=True, text=True, check=True).stderr.splitlines()
    assert [f"note: {text}" for text in texts] == [note for note in notes if note.startswith("note: ")]
    # In a space of few dimensions different rows may be equal.
    few = hs.Reference.fit(np.round(X), space="dims:1")
    assert not any("repeat a reference row" in text for text in said(lambda: few.score(np.round(Q))))


def test_a_detector_asked_about_its_own_rows_warns_of_no_leak():
    pytest.importorskip("sklearn")
    assert said(lambda: hs.sklearn.HullDetector().fit_predict(X)) == []
    # What it does warn of is the caller's, too, and not a line of the package.
    far = np.vstack([X, np.full((1, 4), 1e9)])
    assert any("np.delete(X, np.r_[300], axis=0)" in text for text in said(lambda: hs.sklearn.HullDetector().fit(far)))


def test_an_exception_says_what_a_program_writes(tmp_path):
    np.save(tmp_path / "x.npy", [[0.0], [np.nan], [1.0]])
    with pytest.raises(ValueError, match="row 1.*" + re.escape("drop such rows with X[np.isfinite(X).all(axis=1)]")):
        hs.Reference.fit(tmp_path / "x.npy")


def test_queries_whose_class_is_not_known_are_warned_of():
    ref = hs.Reference.fit(X, labels=["a", "b"] * 150, notions="hull,class")
    (text,) = said(lambda: ref.score(Q))
    assert text == "class_own is null for all queries, since their classes are not known; Reference.score takes them with labels="
    some = said(lambda: ref.score(Q, labels=["a"] * 30 + [None] * 6 + ["c"] * 4))
    assert [re.match("class_own is null for ([0-9]+) of 40 queries", text)[1] for text in some] == ["6", "4"]
    assert said(lambda: ref.score(Q, labels=["a"] * 40)) == []
    plain = hs.Reference.fit(X, labels=["a", "b"] * 150, notions="hull")
    assert said(lambda: plain.score(Q)) == []


def test_a_comparison_says_what_a_program_writes():
    ball = X / np.linalg.norm(X, axis=1, keepdims=True)
    found = hs.compare(ball, Q, spaces=["pixels"], notions="hull,ball")
    warned = found.report["spaces"][0]["warnings"]
    assert any('notions="cone"' in text for text in found.notes) and any('notions="cone"' in text for text in warned)
    (ball,) = [one for one in hs.Reference.fit(X).score(Q).summary["notions"] if one["notion"] == "ball"]
    assert "than quantile of the reference rows" in ball["outside_means"]


def test_no_option_of_the_command_is_left_in_a_message_about_rows():
    notions = [path for path in (ROOT / "src/notion").glob("*.rs") if path.name != "registry.rs"]
    for path in [ROOT / "src/study/notes.rs", *notions]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "--" in line and not line.strip().startswith("//"):
                assert "--" not in _words.typed(line), f"{path.name}: {line}"
    advice = _words.typed("--exclude-rows 3,5-7")
    assert (eval(advice, {"np": np, "X": X}) == X[[0, 1, 2, 4, *range(8, 300)]]).all()


def test_the_command_says_nothing_of_a_desktop_that_is_not_there(tmp_path):
    """Mesa's device-select layer would: with the binary it is turned off before a second thread is started."""
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "q.npy", Q)
    words = [sys.executable, "-m", "hullscope", "analyze", str(tmp_path / "x.npy"), str(tmp_path / "q.npy"), "--quiet"]
    names = ("NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "XDG_RUNTIME_DIR")
    without = {name: value for name, value in os.environ.items() if name not in names}
    run = subprocess.run(words, capture_output=True, text=True, check=True, env=without)
    assert run.stderr == ""
