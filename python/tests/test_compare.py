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
