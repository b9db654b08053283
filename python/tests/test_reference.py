"""A fitted reference: spaces, labels, files, tables, certificates, against independent answers."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import hullscope as hs


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(7)
    return rng.normal(size=(400, 6)), 1.3 * rng.normal(size=(60, 6))


def pca(X, Q, dims):
    centre = X.mean(axis=0)
    axes = np.linalg.svd(X - centre, full_matrices=False)[2][:dims]
    return (X - centre) @ axes.T, (Q - centre) @ axes.T


def test_a_space_is_fitted_on_the_rows_and_queries_take_the_same_way(sets):
    X, Q = sets
    ref = hs.Reference.fit(X, space="pca:3")
    assert ref.shape == (400, 3) and "pca:3" in repr(ref)
    Z, ZQ = pca(X, Q, 3)
    ours = ref.transform(Q)
    signs = np.sign((ours * ZQ).sum(axis=0))
    assert np.allclose(ours, ZQ * signs, atol=1e-10)
    assert (ref.score(Q).verdict == hs.Reference.fit(Z).score(ZQ).verdict).all()
    with pytest.raises(ValueError, match="Q has 3 columns, and the reference had 6 before it was mapped to pca:3"):
        ref.score(ZQ)
    with pytest.raises(ValueError, match="in one, and compare takes several"):
        hs.Reference.fit(X, space="pca:2,3")
    with pytest.raises(ValueError, match="did you mean pca"):
        hs.Reference.fit(X, space="pcb:2")


def test_answers_do_not_depend_on_how_queries_are_split(sets):
    X, Q = sets
    ref = hs.Reference.fit(X, notions="all", distance=True)
    whole = ref.score(Q)
    for at in (0, 17, 59):
        one = ref.score(Q[at : at + 1])
        for name in set(whole.columns) - {"query_row"}:
            assert np.array_equal([whole[name][at]], [one[name][0]], equal_nan=whole[name].__class__ is np.ndarray), name


def test_certificates_hold_by_a_check_of_our_own_and_of_the_library(sets):
    X, Q = sets
    res = hs.Reference.fit(X).score(Q)
    assert {1, -1} <= set(res.verdict.tolist())
    assert len(res.certificates) == len(Q)
    for q, verdict, proof in zip(Q, res.verdict, res.certificates):
        assert proof.check(X, q)
        if verdict > 0:
            assert np.allclose(proof.weights @ X[proof.rows], q) and (proof.weights > 0).all()
        else:
            assert (X @ proof.direction).max() < q @ proof.direction and proof.margin > 0
    outside = res.certificates[int(np.argmin(res.verdict))]
    assert not outside.check(X, X[0])
    assert "direction" in outside.fault(X, X[0]) or outside.fault(X, X[0])
    inside = res.certificates[int(np.argmax(res.verdict))]
    assert not inside.check(X, X.max(axis=0) + 1)
    with pytest.raises(IndexError, match="there are 60"):
        res.certificates[60]
    with pytest.raises(ValueError, match="give the one query"):
        inside.check(X, Q)


def test_a_certificate_is_checked_in_the_space_of_its_reference(sets, tmp_path):
    X, Q = sets
    ref = hs.Reference.fit(X, space="pca:3")
    ref.save(tmp_path / "ref.hull")
    np.save(tmp_path / "x.npy", X)
    res = ref.score(Q)
    assert {1, -1} <= set(res.verdict.tolist())
    Z, ZQ = ref.transform(X), ref.transform(Q)
    again = hs.Reference.load(tmp_path / "ref.hull").score(Q).certificates
    for at in range(0, 60, 6):
        proof = res.certificates[at]
        assert proof.check(X, Q[at]) and proof.check(tmp_path / "x.npy", Q[at]) and again[at].check(X, Q[at])
        assert proof.check(Z, ZQ[at], transformed=True)
        wrong = res.certificates[(at + 1) % 60]
        # The certificate of another query may hold for this one, but then proves what is true of it: only a direction can.
        assert not wrong.check(X, Q[at]) or wrong.verdict == proof.verdict == "outside"
    with pytest.raises(ValueError, match="X has 3 columns, and the reference had 6"):
        proof.check(Z, ZQ[0])
    with pytest.raises(ValueError, match="q has 2 columns, and the reference had 6"):
        proof.check(X, Q[0, :2])


@pytest.mark.parametrize("space", [None, "patch:4"])
def test_a_certificate_takes_one_image(space):
    rng = np.random.default_rng(29)
    X, Q = rng.integers(0, 256, (80, 8, 8), dtype="u1"), rng.integers(0, 256, (9, 8, 8), dtype="u1")
    proof = hs.Reference.fit(X, space=space).score(Q).certificates[2]
    for rows in (X, X.reshape(80, 64) if space is None else X):
        for q in (Q[2], Q[2].ravel(), Q[2:3], Q[2:3].reshape(1, 64)):
            if rows.ndim == 3 or q.ndim != 2 or len(q) == 1:
                assert proof.check(rows, q)
    with pytest.raises(ValueError, match="give the one query"):
        proof.check(X, Q)


def test_distances_are_brackets_of_those_that_scipy_finds(sets):
    optimize = pytest.importorskip("scipy.optimize")
    X, Q = sets
    X, Q = X[:40], Q[:6]
    lower, upper = hs.Reference.fit(X, distance=1e-3).score(Q).bracket
    for q, low, high in zip(Q, lower, upper):
        # min |X'w - q| with w >= 0 and a heavy row for sum w = 1.
        system = np.vstack([X.T, 1e6 * np.ones(len(X))])
        exact = np.linalg.norm(optimize.nnls(system, np.append(q, 1e6), maxiter=10_000)[0] @ X - q)
        assert low <= exact + 1e-6 and exact <= high + 1e-4 * max(exact, 1)
        assert high - low <= 1.01e-3 * high


def test_labels_and_predictions_are_columns_notions_and_outcomes(sets):
    X, Q = sets
    y, yq = (X[:, 0] > 0).astype(int), (Q[:, 0] > 0).astype(int)
    p = np.where(np.linalg.norm(Q, axis=1) > 3.2, 1 - yq, yq)
    res = hs.Reference.fit(X, labels=y, notions="hull,ball,class").score(Q, predictions=p, labels=yq)
    assert res["label"] == [str(value) for value in yq]
    assert (res["error"] == (p != yq)).all()
    own = np.concatenate([hs.Reference.fit(X[y == c]).score(Q[yq == c]).verdict for c in (0, 1)])
    order = np.concatenate([np.flatnonzero(yq == c) for c in (0, 1)])
    assert (res["class_own_outside"][order] == (own < 0)).all()
    ball = next(notion for notion in res.outcomes()["notions"] if notion["notion"] == "ball")
    score, wrong = res["ball_score"], p != yq
    pairs = score[wrong][:, None] - score[~wrong][None]
    assert ball["auroc"]["value"]["value"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    loss = hs.Reference.fit(X).score(Q, loss=np.linalg.norm(Q, axis=1))
    assert loss.outcomes()["kind"] == "loss"
    with pytest.raises(ValueError, match="outcomes are not known: give score"):
        hs.Reference.fit(X).score(Q).outcomes()
    with pytest.raises(ValueError, match="labels has 3 values, and X has 400 rows"):
        hs.Reference.fit(X, labels=[1, 2, 3])
    with pytest.raises(ValueError, match="predictions has 1 values, and there are 60 queries"):
        hs.Reference.fit(X).score(Q, predictions=[1])
    with pytest.raises(ValueError, match="labels"):
        hs.Reference.fit(X, notions="class")


def test_a_class_that_the_reference_has_not_is_no_panic(sets):
    X, Q = sets
    ref = hs.Reference.fit(X, labels=["a"] * 400, notions="hull,class")
    res = ref.score(Q[:3], labels=["a", "b", None])
    assert res["label"] == ["a", "b", None]


def test_a_reference_is_kept_and_the_command_takes_it(sets, tmp_path):
    X, Q = sets
    ref = hs.Reference.fit(X, notions="all")
    ref.save(tmp_path / "ref.hull")
    again = hs.Reference.load(tmp_path / "ref.hull")
    assert (again.score(Q).margin == ref.score(Q).margin).all()
    np.save(tmp_path / "q.npy", Q)
    words = ["score", str(tmp_path / "ref.hull"), str(tmp_path / "q.npy"), "-o", str(tmp_path / "out.csv"), "-q"]
    subprocess.run([sys.executable, "-m", "hullscope", *words], check=True)
    head, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert head.split(",") == again.score(Q).columns and len(lines) == len(Q)
    (tmp_path / "cut.hull").write_bytes((tmp_path / "ref.hull").read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a .hull file"):
        hs.Reference.load(tmp_path / "cut.hull")


def test_a_file_holds_the_rows_in_eight_bits_where_scans_use_them(tmp_path):
    rng = np.random.default_rng(1)
    X, Q = rng.normal(size=(4_700, 20)), 2 * rng.normal(size=(9, 20))
    X[:, 3] = 2.0
    ref = hs.Reference.fit(X)
    ref.save(tmp_path / "ref.hull")
    again = hs.Reference.load(tmp_path / "ref.hull")
    for name in ("verdict", "margin"):
        assert (getattr(again.score(Q), name) == getattr(ref.score(Q), name)).all()
    with np.load(tmp_path / "ref.hull") as file:
        levels, scale, lost, length = (file[f"int8.{name}"] for name in ("levels", "scale", "lost", "length"))
        centre, scales = file["frame.centre"], file["frame.scale"]
    assert levels.shape == (4_608, 19) and levels.dtype == np.int8 and np.abs(levels).max() == 127
    rows = np.delete((X - centre) * scales, 3, axis=1)[: len(levels)]
    rest = np.linalg.norm(rows - scale[:, None].astype(float) * levels, axis=1)
    assert np.allclose(rest, lost, rtol=1e-3) and np.allclose(np.linalg.norm(rows, axis=1), length, rtol=1e-6)
    hs.Reference.fit(X[:4_000]).save(tmp_path / "few.hull")
    with zipfile.ZipFile(tmp_path / "few.hull") as few:
        assert not any(name.startswith("int8.") for name in few.namelist())


def test_a_reference_names_the_file_of_its_rows(sets, tmp_path, monkeypatch):
    X, Q = sets
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    ref = hs.Reference.fit("x.npy")
    # The path is that of the time of the fit.
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    ref.save("linked.hull", link=True)
    ref.save("whole.hull")
    with zipfile.ZipFile("linked.hull") as linked, zipfile.ZipFile("whole.hull") as whole:
        assert "rows.npy" not in linked.namelist() and "rows.npy" in whole.namelist()
        assert str(tmp_path / "x.npy") in linked.read("manifest.json").decode()
    again = hs.Reference.load("linked.hull")
    assert (again.score(Q).margin == ref.score(Q).margin).all()
    # What was loaded from a link can be saved as a link.
    again.save("second.hull", link=True)
    assert (hs.Reference.load("second.hull").score(Q).verdict == ref.score(Q).verdict).all()
    # It is the file of the command.
    words = [sys.executable, "-m", "hullscope", "fit", "x.npy", "--link", "-q", "-o", "other/command.hull"]
    subprocess.run(words, check=True, cwd=tmp_path)
    with zipfile.ZipFile("linked.hull") as linked, zipfile.ZipFile("command.hull") as command:
        link = lambda file: json.loads(file.read("manifest.json"))["about"]["link"]
        assert link(linked) == link(command)
    np.save(tmp_path / "x.npy", X[::-1])
    for fitted in (ref, again):
        with pytest.raises(ValueError, match="x.npy.*changed"):
            fitted.save("late.hull", link=True)
    with pytest.raises(ValueError, match="x.npy.*has changed"):
        hs.Reference.load("linked.hull")
    assert not os.path.exists("late.hull")


def test_rows_without_a_file_cannot_be_linked(sets, tmp_path):
    X, Q = sets
    path = str(tmp_path / "x.npy")
    np.save(path, X)
    hs.Reference.fit(X).save(tmp_path / "whole.hull")
    os.mkfifo(tmp_path / "pipe.npy")
    writer = subprocess.Popen(["cp", path, str(tmp_path / "pipe.npy")])
    piped = hs.Reference.fit(tmp_path / "pipe.npy")
    assert writer.wait() == 0
    for ref, said in [
        (hs.Reference.fit(X), "in no file"),
        (hs.Reference.load(tmp_path / "whole.hull"), "in no file"),
        (piped, "from a pipe"),
        (hs.Reference.fit(path, space="pca:2"), "in a space"),
        (hs.Reference.fit(path, labels=[0] * len(X), notions="hull"), "with labels"),
    ]:
        with pytest.raises(ValueError, match=f"{said}.*; leave out link=True"):
            ref.save(tmp_path / "no.hull", link=True)
    assert not (tmp_path / "no.hull").exists()


@pytest.mark.parametrize("space", ["pca:3", "random:4|whiten"])
def test_space_and_labels_are_kept(sets, tmp_path, space):
    X, Q = sets
    y, yq = (X[:, 0] > 0).astype(int), [str(value) for value in (Q[:, 0] > 0).astype(int)]
    ref = hs.Reference.fit(X, space=space, labels=[None, *y[1:]], notions="hull,class,mahalanobis:tied")
    ref.save(tmp_path / "ref.hull")
    again = hs.Reference.load(tmp_path / "ref.hull")
    assert repr(again) == repr(ref) and space in repr(again)
    assert (again.transform(Q) == ref.transform(Q)).all()
    one, two = ref.score(Q, labels=yq), again.score(Q, labels=yq)
    assert one.columns == two.columns and (one.verdict == two.verdict).all()
    for name in ("margin", "class_own_score", "mahalanobis_class_score"):
        assert np.array_equal(one[name], two[name], equal_nan=True), name
    np.save(tmp_path / "q.npy", Q)
    words = ["score", str(tmp_path / "ref.hull"), str(tmp_path / "q.npy"), "-o", str(tmp_path / "out.csv"), "-q"]
    subprocess.run([sys.executable, "-m", "hullscope", *words], check=True)
    head, *lines = (tmp_path / "out.csv").read_text().splitlines()
    place = head.split(",").index("mahalanobis_class_score")
    assert [float(line.split(",")[place]) for line in lines] == list(one["mahalanobis_class_score"])
    with pytest.raises(ValueError, match="columns, and the reference had"):
        again.score(Q[:, :2])


def test_the_command_comes_with_the_package():
    run = lambda *words: subprocess.run([sys.executable, "-m", "hullscope", *words], capture_output=True, text=True)
    assert run("--version").stdout.startswith("hullscope ")
    wrong = run("analyse")
    assert wrong.returncode == 2 and "analyze" in wrong.stderr


def test_the_command_writes_and_reads_streams(sets, tmp_path):
    X, Q = sets
    hs.Reference.fit(X).save(tmp_path / "ref.hull")
    np.save(tmp_path / "q.npy", Q)

    def score(*words, **how):
        command = [sys.executable, "-m", "hullscope", "score", "ref.hull", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, **how)

    assert score("q.npy", "-o", "out.csv").returncode == 0
    expected = (tmp_path / "out.csv").read_bytes()
    assert expected.count(b"\n") == 61
    for words, given in [(("q.npy",), b""), (("-",), (tmp_path / "q.npy").read_bytes())]:
        found = score(*words, "-o", "-", input=given)
        # Nothing but the records is on the standard output.
        assert found.returncode == 0 and found.stdout == expected, found.stderr
    both = score("q.npy", "-o", "-", "--json", "-")
    assert both.returncode == 2 and b"both -o and --json would write to stdout: give one of them a file" in both.stderr
    analyzed = [sys.executable, "-m", "hullscope", "analyze", "ref.hull", "q.npy", "-o", "-"]
    names = subprocess.run(analyzed, cwd=tmp_path, capture_output=True, check=True).stdout.splitlines()[0]
    assert names == expected.splitlines()[0]


def test_a_reader_of_the_stream_that_has_enough_ends_the_command(sets, tmp_path):
    X, Q = sets
    hs.Reference.fit(X).save(tmp_path / "ref.hull")
    np.save(tmp_path / "q.npy", np.repeat(Q, 200, axis=0))
    command = [sys.executable, "-m", "hullscope", "score", "ref.hull", "q.npy", "-o", "-", "-q", "--backend", "cpu"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout.readline().startswith(b"query_row,")
        program.stdout.close()
        assert program.wait(timeout=120) == 0 and program.stderr.read() == b""


def test_rows_to_leave_out_are_numbers():
    reference = hs.Reference.fit(np.eye(3))
    for rows, kind in [([0.7], TypeError), (np.array([True, False, True]), TypeError), ([-1], ValueError)]:
        with pytest.raises(kind, match="row numbers"):
            reference.leave_one_out(rows)
    assert len(reference.leave_one_out([])[0]) == 0


def test_images_keep_their_shape(tmp_path):
    rng = np.random.default_rng(23)
    X, Q = rng.integers(0, 256, (80, 8, 8), dtype="u1"), rng.integers(0, 256, (9, 8, 8), dtype="u1")
    corner = lambda images: images[:, 2:6, 2:6].reshape(len(images), -1)
    ref = hs.Reference.fit(X, space="patch:4")
    assert ref.shape == (80, 16) and (ref.transform(Q) == corner(Q)).all()
    expected = hs.Reference.fit(corner(X)).score(corner(Q)).margin
    ref.save(tmp_path / "ref.hull")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "q.npy", Q)
    file = hs.Reference.fit(tmp_path / "x.npy", space="patch:4")
    for fitted in (ref, hs.Reference.load(tmp_path / "ref.hull"), file):
        for queries in (Q, Q.reshape(9, 64), tmp_path / "q.npy"):
            assert (fitted.score(queries).margin == expected).all()
        with pytest.raises(ValueError, match="the images of Q are 16 x 4 of 1 channels, and those of the reference 8 x 8 of 1"):
            fitted.score(Q.reshape(9, 4, 16))
    with pytest.raises(ValueError, match="image"):
        hs.Reference.fit(X.reshape(80, 64), space="patch:4")
    # Colour: channels last, or first.
    X, Q = rng.integers(0, 256, (80, 6, 5, 3), dtype="u1"), rng.integers(0, 256, (9, 6, 5, 3), dtype="u1")
    ref = hs.Reference.fit(X, space="patch:2")
    assert (ref.transform(Q) == Q[:, 2:4, 1:3].reshape(9, -1)).all()
    assert (ref.transform(np.moveaxis(Q, 3, 1)) == ref.transform(Q)).all()


def test_a_path_with_nothing_there_raises_file_not_found(sets):
    X, Q = sets
    for ask in [
        lambda: hs.in_hull("none.npy", Q),
        lambda: hs.Reference.fit("none.npy"),
        lambda: hs.neighbours(X, "none.npy"),
        lambda: hs.Reference.fit(X).score("none.npy"),
        lambda: hs.Reference.load("none.hull"),
        lambda: hs.compare(X, "none.npy"),
    ]:
        with pytest.raises(FileNotFoundError, match="none.*: there is no such file or folder; "):
            ask()
