"""Several spaces, and the command's experiments, from Python."""

import warnings

import numpy as np
import pytest

import hullscope as hs

RNG = np.random.default_rng(13)
X, Q = RNG.normal(size=(300, 8)), 1.2 * RNG.normal(size=(60, 8))


def test_spaces_by_name_are_those_of_a_reference_each():
    pair = (X[:, :3], Q[:, :3])
    found = hs.compare(X, Q, spaces={"all": "pixels", "few": "pca:3", "mine": pair}, notions=["hull", "ball"])
    rates = found.rates()
    assert list(rates) == ["all", "few", "mine"] and "mine" in str(found)
    for name, ref, queries in [
        ("all", hs.Reference.fit(X), Q),
        ("few", hs.Reference.fit(X, space="pca:3"), Q),
        ("mine", hs.Reference.fit(pair[0]), pair[1]),
    ]:
        expected = {notion["notion"]: notion["rate"] for notion in ref.score(queries).summary["notions"]}
        assert rates[name]["hull"] == expected["hull"] and rates[name]["ball"] == expected["ball"]


def test_labels_and_predictions_are_used(tmp_path):
    y, yq = ["cat, or so" if row[0] > 0 else "bird" for row in X], ["cat, or so"] * len(Q)
    found = hs.compare(
        X, Q, spaces=["pixels"], labels=y, query_labels=yq, predictions=yq[:30] + ["dog"] * 30, folder=tmp_path / "out"
    )
    assert found.report["outcomes"]
    assert (tmp_path / "out" / "report.html").exists() and (tmp_path / "out" / "queries.parquet").exists()


def test_results_of_another_call_are_replaced_only_when_asked(tmp_path):
    folder = tmp_path / "out"
    hs.compare(X, Q, spaces=["pixels"], notions="hull", folder=folder)
    before = (folder / "report.html").read_bytes()
    with pytest.raises(ValueError, match="holds the results of"):
        hs.compare(X, Q[:50], spaces=["pixels"], notions="hull", folder=folder)
    assert (folder / "report.html").read_bytes() == before
    hs.compare(X, Q[:50], spaces=["pixels"], notions="hull", folder=folder, replace=True)
    assert (folder / "report.html").read_bytes() != before


def test_images_have_the_spaces_of_images():
    images, queries = RNG.integers(0, 256, (50, 8, 8), dtype="u1"), RNG.integers(0, 256, (9, 8, 8), dtype="u1")
    found = hs.compare(images, queries, spaces=["patch:3", "smooth:4"], notions="hull")
    assert [space["d"] for space in found.report["spaces"]] == [9, 4]


def test_faults_are_named():
    with pytest.raises(ValueError, match="did you mean pca"):
        hs.compare(X, Q, spaces=["pcb:3"])
    with pytest.raises(ValueError, match="different shapes"):
        hs.compare(X, Q[:, :3], spaces=["pixels"])
    with pytest.raises(ValueError, match="labels, row 1: there is no class"):
        hs.compare(X, Q, spaces=["pixels"], labels=["a", None], query_labels=["a"] * 60)
    with pytest.raises(ValueError, match="one axis"):
        hs.compare(X, Q[0])


def texts(found):
    """Every text of a report."""
    if isinstance(found, dict):
        return [text for value in found.values() for text in texts(value)]
    if isinstance(found, list):
        return [text for value in found for text in texts(value)]
    return [found] if isinstance(found, str) else []


def test_texts_name_what_the_caller_named():
    same = np.zeros((300, 2))
    found = hs.compare(X, Q, spaces={"layer 3": (same, Q[:, :2]), "p": "pca:3"}, notions="hull")
    assert any(note.startswith("layer 3: the reference has affine rank 0 of 2") for note in found.notes)
    assert "\nlayer 3: rows of its own\np: pca:3\n" in str(found)
    for text in [str(found), *found.notes, *texts(found.report)]:
        assert "hullscope-" not in text and "=file:" not in text and "p=" not in text


CLASSES = {"labels": ["a"] * 300, "query_labels": ["a"] * 60}
NAN = np.where(np.arange(len(X))[:, None] == 19, np.nan, X)


@pytest.mark.parametrize(
    "sets, given, said",
    [
        ((NAN, Q), dict(spaces=["pixels"]), "^X, row 19, column 0: the value is NaN"),
        ((X, Q[:, :3]), dict(spaces=["pixels"]), "X has 8 columns, Q has 3 columns"),
        ((X, Q), dict(spaces={"a": (NAN, Q)}), "^a's reference rows, row 19, column 0: the value is NaN"),
        ((X, Q), dict(spaces={"a": (X[:, :2], Q[:, :3])}), "a's reference rows has 2 columns, a's query rows has 3"),
        ((X, Q), dict(spaces={"a": X}), r"the space a is of type ndarray; a pair \(reference rows, query rows\) is needed"),
        ((X, Q), dict(spaces={"a": (X, Q, Q)}), "the space a is of type tuple; a pair"),
        ((X, Q), dict(spaces={"a": (X[0], Q)}), r'spaces\["a"\]\[0\] has one axis of 8 values'),
        ((X, Q), dict(spaces={"a": (X[:9], Q)}), "numbers of rows differ: 9 of a's reference rows, 300 of X;"),
        ((X, Q), dict(spaces={"a": (X, Q[:9])}), "numbers of rows differ: 9 of a's query rows, 60 of Q;"),
        ((), dict(spaces={"a": (X, Q), "b": (X[:9], Q)}), "9 of b's reference rows, 300 of a's reference rows;"),
        ((X,), dict(spaces={"a": (X, Q)}), "the space a has its own reference and queries; with X= give Q= too"),
        ((None, Q), dict(spaces=["pixels"]), "Q= without X=: queries are compared with a reference"),
        ((X, Q), dict(spaces=["pixels"], loss=[0.5] * 9), "loss has 9 values, and Q has 60 rows"),
        ((X, Q), dict(spaces=["pixels"], loss=[0.5] * 59 + [np.nan]), "loss, row 59: the value is nan"),
        ((X, Q), dict(labels=["a"] * 9, query_labels=["a"] * 60), "labels has 9 values, and X has 300 rows"),
        ((X, Q), dict(labels=["a"] * 300, query_labels=["a"] * 9), "query_labels has 9 values, and Q has 60 rows"),
        ((X, Q), dict(CLASSES, predictions=["a"] * 9), "predictions has 9 values, and Q has 60 rows"),
        (
            (X, Q),
            dict(CLASSES, spaces=["pixels"], predictions=["b"] * 60),
            "^predictions: no prediction is a class of the queries: .*; name predictions by the classes' names$",
        ),
        *(
            ((X, Q), dict(spaces={name: (X, Q)}), "cannot be the name of a space; use letters")
            for name in ("a=b", "a,b", "a|b", "a:b", "é", " a", "a\n", "", 5)
        ),
    ],
)
def test_faults_name_what_the_caller_named(sets, given, said):
    with pytest.raises(ValueError, match=said) as raised:
        hs.compare(*sets, **given)
    assert "hullscope-" not in str(raised.value) and ".npy" not in str(raised.value)


def test_the_text_names_no_option_of_the_command_line():
    text = str(hs.compare(X, Q, spaces=["pixels", "pca:2", "pca:3"]))
    assert "the report has all" in " ".join(text.split()) and "--" not in text


def test_without_queries_rows_are_judged_among_themselves():
    found = hs.compare(X, spaces=["pixels"], notions="hull")
    assert "300 reference rows among themselves" in str(found) and found.rates() == {"pixels": {"hull": None}}


def test_predictions_need_classes():
    y, yq = ["a", "b"] * 150, ["a", "b"] * 30
    with pytest.raises(ValueError, match="labels= without query_labels="):
        hs.compare(X, Q, spaces=["pixels"], labels=y)
    with pytest.raises(ValueError, match="query_labels= without labels="):
        hs.compare(X, Q, spaces=["pixels"], query_labels=yq, predictions=yq)
    with pytest.warns(UserWarning, match="predictions= has no effect without labels= and query_labels="):
        found = hs.compare(X, Q, spaces=["pixels"], notions="hull", predictions=yq)
    assert not found.report["outcomes"]
    # It comes once, and before anything is computed: here the call fails later, when it reads the queries.
    with pytest.warns(UserWarning, match="predictions= has no effect") as warned, pytest.raises(ValueError, match="shapes"):
        hs.compare(X, Q[:, :3], spaces=["pixels"], predictions=yq)
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hs.compare(X, Q, spaces=["pixels"], notions="hull", labels=y, query_labels=yq, predictions=yq[1:] + ["a"])


def test_a_sweep_is_beside_the_theory():
    found = hs.sweep(law="gaussian", dims=[2, 4], sizes=[10], trials=2000, threads=1)
    assert len(found) == 2 and abs(found[0]["rate"] - found[0]["theory"]) < 0.05
    with pytest.raises(ValueError, match="--law|law"):
        hs.sweep(law="gausian")


def test_the_paper_runs():
    assert hs.paper.fig5(quick=True)


def test_trials_of_the_first_figure():
    found = hs.paper.fig1(quick=True, trials=20)
    assert {point["trials"] for point in found["points"]} == {20} and len({point["data"] for point in found["points"]}) == 3
