"""Queries, and references in shards, on a local cluster of two CPUs, against one machine."""

import os
import signal
import threading
import time
import zipfile

import numpy as np
import pytest

import hullscope as hs
from test_tables import assert_summary

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'hullscope[ray]'")
pytest.importorskip("ray.data", reason="ray[data] is not installed: pip install 'hullscope[ray]'")

import pyarrow

RNG = np.random.default_rng(3)
X, Q = RNG.normal(size=(300, 5)), 1.4 * RNG.normal(size=(101, 5))


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("ray") / "ref.hull"
    hs.Reference.fit(X, notions="all").save(path)
    return path


def tensors():
    return ray.data.from_items([{"id": at, "embedding": row} for at, row in enumerate(Q)])


def lists():
    """In two blocks, so that two actors have work."""
    table = pyarrow.table({"id": range(len(Q)), "embedding": Q.tolist()})
    return ray.data.from_arrow([table[:40], table[40:]])


@pytest.mark.parametrize("make, actors, batch", [(tensors, 1, 1000), (lists, 2, 7)])
def test_answers_are_those_of_one_machine(reference, make, actors, batch):
    import hullscope.ray

    one = hs.Reference.load(reference).score(Q)
    found = hs.ray.score(make(), reference, column="embedding", actors=actors, batch_size=batch).materialize()
    rows = sorted(found.take_all(), key=lambda row: row["id"])
    assert len(rows) == len(Q)
    for name in set(one.columns) - {"query_row"}:
        expected = [None if isinstance(value, float) and np.isnan(value) else value for value in list(one[name])]
        assert [row[name] if row[name] == row[name] else None for row in rows] == expected, name
    assert_summary(hs.ray.summary(found), one.summary)


def test_classes_are_columns_and_lists_may_be_of_fixed_length(tmp_path):
    import hullscope.ray

    y, yq, p = (RNG.integers(0, 3, len(rows)) for rows in (X, Q, Q))
    ref = hs.Reference.fit(X, labels=y, notions="hull,ball,class", distance=True)
    ref.save(tmp_path / "ref.hull")
    one = ref.score(Q, labels=yq, predictions=p)
    vectors = pyarrow.array(Q.tolist(), pyarrow.list_(pyarrow.float64(), Q.shape[1]))
    ds = ray.data.from_arrow(pyarrow.table({"id": range(len(Q)), "embedding": vectors, "label": yq, "guess": p}))
    words = dict(column="embedding", label_column="label", prediction_column="guess", batch_size=50)
    found = hs.ray.score(ds, tmp_path / "ref.hull", **words).materialize()
    rows = sorted(found.take_all(), key=lambda row: row["id"])
    assert [row["label"] for row in rows] == list(yq) and [row["predicted"] for row in rows] == one["predicted"]
    assert [row["error"] for row in rows] == list(p != yq)
    for name in ("class_own_score", "class_predicted_outside", "distance_upper"):
        assert [row[name] for row in rows] == list(one[name]), name
    assert_summary(hs.ray.summary(found), one.summary)
    # Columns of the dataset's own that are named as those of a notion, but are of other types, or without a score.
    own = lambda table: (
        table.append_column("far_outside", pyarrow.array([True] * len(table)))
        .append_column("big_outside", pyarrow.array(["no"] * len(table)))
        .append_column("big_score", pyarrow.array([0.5] * len(table)))
        .append_column("old_outside", pyarrow.array([True] * len(table)))
        .append_column("old_score", pyarrow.array(["good"] * len(table)))
    )
    mixed = found.map_batches(own, batch_format="pyarrow").materialize()
    assert hs.ray.summary(mixed) == hs.ray.summary(found)
    with pytest.raises(ValueError, match="there is no column NOTION_outside of Booleans with a column NOTION_score"):
        hs.ray.summary(ds)


def changed(reference, path):
    """A copy of a file whose manifest was changed."""
    with zipfile.ZipFile(reference) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + b" " * (name == "manifest.json"))
    return path


def test_faults_name_the_row_and_the_column(reference, tmp_path):
    import hullscope.ray

    whole = lists()
    with pytest.raises(FileNotFoundError, match="hullscope fit"):
        hs.ray.score(whole, tmp_path / "none.hull", column="embedding")
    (tmp_path / "rows.npy").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not a .hull file"):
        hs.ray.score(whole, tmp_path / "rows.npy", column="embedding")
    with pytest.raises(ValueError, match="manifest.json.*: it was changed"):
        hs.ray.score(whole, changed(reference, tmp_path / "changed.hull"), column="embedding")
    with pytest.raises(Exception, match="there is no column 'vector'; there are: id, embedding"):
        hs.ray.score(whole, reference, column="vector").take_all()
    # What an actor raises came through; other faults are asked of one in this process.
    actor, ragged = hs.ray._Scorer(str(reference), {"Q": "embedding"}, 1), pyarrow.table({"embedding": [[1.0] * 5, [1.0] * 4]})
    said = "column 'embedding', whose rows are counted within a batch of 2: .*ragged: row 0 has 5 values and row 1 has 4"
    with pytest.raises(ValueError, match=said):
        actor(ragged)
    with pytest.raises(ValueError, match="has a column 'verdict' already"):
        actor(pyarrow.table({"embedding": Q.tolist(), "verdict": range(len(Q))}))


def test_rows_with_faults_are_found_by_their_other_values(reference):
    import hullscope.ray
    from ray.data.extensions import ArrowTensorArray

    actor = hs.ray._Scorer(str(reference), {"Q": "embedding"}, 1)
    beside = {"id": [40, 41, 42], "file": ["a", "b", "c" * 99], "tags": [["x"]] * 3}

    def said(**columns):
        with pytest.raises(ValueError) as raised:
            actor(pyarrow.table(columns))
        return str(raised.value)

    assert said(embedding=[[1.0] * 5, [0.5] * 5, [2.5, 3.0]], **beside).endswith(
        "all rows need the same number; row 0 of the batch has id=40, file='a', embedding=[1.0, 1.0, 1.0, 1.0, ...] (5 values); "
        f"row 2 of the batch has id=42, file='{'c' * 59}..., embedding=[2.5, 3.0] (2 values)"
    )
    for vector, shown in [
        (None, "embedding=None"),
        ([0.0, 1.0, float("nan"), 2.0, 3.0], "embedding=[0.0, 1.0, nan, 2.0, ...] (5 values)"),
    ]:
        fault = said(embedding=[[1.0] * 5, vector, [1.0] * 5], **beside)
        assert fault.endswith(f"; row 1 of the batch has id=41, file='b', {shown}")
    tensors = ArrowTensorArray.from_numpy(np.array([[0.0] * 5, [np.inf] + [0.0] * 4]))
    shown = "; row 1 of the batch has id=8, embedding=[inf, 0.0, 0.0, 0.0, ...] (5 values)"
    assert said(id=[7, 8], embedding=tensors).endswith(shown)
    # A fault of no single row.
    assert "of the batch has" not in said(id=[7, 8], embedding=[[1.0], [2.0]])


def test_only_the_classes_that_were_given_are_not_repeated(tmp_path):
    import hullscope.ray

    hs.Reference.fit(X, labels=["a", "b"] * 150, notions="hull").save(tmp_path / "ref.hull")

    def scored(**named):
        """A batch with the classes in columns of these names."""
        table = pyarrow.table({"embedding": Q.tolist(), **{name: ["a"] * len(Q) for name in named.values()}})
        return hs.ray._Scorer(str(tmp_path / "ref.hull"), {"Q": "embedding", **named}, 1)(table)

    names = scored(labels="label", predictions="predicted").column_names
    assert len(names) == len(set(names)) and {"label", "predicted", "error"} <= set(names)
    # A column of classes with the name of any other column of the result hid that column.
    for named, taken in [
        ({"labels": "verdict"}, "verdict"),
        ({"labels": "true", "predictions": "error"}, "error"),
        ({"labels": "predicted", "predictions": "guess"}, "predicted"),
        ({"labels": "true", "predictions": "label"}, "label"),
    ]:
        with pytest.raises(ValueError, match=f"has a column '{taken}' already"):
            scored(**named)


def same(many, one):
    """Every column, certificate and row number, to the last bit."""
    assert set(many.columns) == set(one.columns)
    for name in one.columns:
        np.testing.assert_array_equal(np.asarray(many[name]), np.asarray(one[name]), err_msg=name)
    for at in (0, 40, 100):
        many_at, one_at = many.certificates[at], one.certificates[at]
        for part in ("rows", "weights", "direction"):
            np.testing.assert_array_equal(getattr(many_at, part), getattr(one_at, part))
        assert many_at.check(X, Q[at])


@pytest.fixture(scope="module")
def one():
    return hs.Reference.fit(X, k=3, distance=True).score(Q)


def test_a_reference_in_shards_answers_as_one_machine(one):
    import hullscope.ray

    # Shards of 0, 1 and 299 rows; two halves, and a file as the only shard, are below.
    many = hs.ray.fit_sharded(np.split(X, [0, 1]), k=3, distance=True, threads_per_shard=0)
    same(many.score(Q), one)
    many.close()


@pytest.fixture(scope="module")
def halves():
    import hullscope.ray

    dataset = ray.data.from_arrow(pyarrow.table({"id": range(len(X)), "embedding": X.tolist()}))
    many = hs.ray.fit_sharded(dataset, column="embedding", shards=2, k=3, distance=True)
    yield many
    many.close()


def test_a_dataset_is_cut_into_shards(one, halves, tmp_path):
    assert len(halves.actors) == 2
    same(halves.score(Q), one)
    halves.save(tmp_path / "ref.hull")
    same(hs.Reference.load(tmp_path / "ref.hull").score(Q), one)


class Killed:
    """Stands for an actor, and kills it as soon as it was sent its third scan."""

    def __init__(self, actor):
        self._actor, self.asked = actor, []
        self.answer = self

    def remote(self, what, question, stamp):
        self.asked.append(what)
        answer = self._actor.answer.remote(what, question, stamp)
        if what == "scan" and self.asked.count("scan") == 3:
            ray.kill(self._actor, no_restart=False)
        return answer


def test_an_actor_that_is_killed_in_mid_run_loses_nothing(one, halves):
    first = halves.actors[0]
    before = ray.get(first.process.remote())
    halves.actors[0] = standing = Killed(first)
    try:
        found = halves.score(Q)
    finally:
        halves.actors[0] = first
    assert ray.get(first.process.remote()) != before
    scans = [place for place, what in enumerate(standing.asked) if what == "scan"]
    later = standing.asked[scans[2] + 1 :]
    # It had forgotten the frame, which was sent to it again, and then the scan.
    assert "ready" in later and "scan" in later[later.index("ready") :]
    same(found, one)


def test_blocks_that_do_not_fit_are_refused():
    import hullscope.ray

    faults = [
        (ValueError, "map the blocks", dict(reference=[X], space="pca:2")),
        (TypeError, "array_split", dict(reference=X)),
        (ValueError, "each block is a shard", dict(reference=[X], shards=2)),
        (ValueError, "shard 0: .*no column 'b'; there are: a$", dict(reference=[pyarrow.table({"a": [[1.0]]})], column="b")),
        (OSError, "nothere.npy", dict(reference=["nothere.npy"], threads_per_shard=0)),
        (ValueError, "shard 1 has 3 columns.*one width and type", dict(reference=[X, X[:, :3]], threads_per_shard=0)),
    ]
    for kind, said, given in faults:
        with pytest.raises(kind, match=said):
            hs.ray.fit_sharded(given.pop("reference"), **{"threads_per_shard": 0, **given})


def test_an_actor_that_starts_again_with_another_file_answers_no_more(one, tmp_path):
    import hullscope.ray

    file = tmp_path / "rows.npy"
    np.save(file, X)
    many = hs.ray.fit_sharded([file], k=3, distance=True, threads_per_shard=0)
    same(many.score(Q), one)
    np.save(file, X[:-1])
    before = ray.get(many.actors[0].process.remote())
    ray.kill(many.actors[0], no_restart=False)
    while ray.get(many.actors[0].process.remote()) == before:
        pass
    with pytest.raises(Exception, match="was changed after the fit"):
        many.score(Q)
    many.close()


def test_control_c_ends_a_call_though_a_scan_is_not_answered():
    from hullscope import _core
    from hullscope._reference import _asked

    shard = _core.Shard(X, threads=1)

    def ask(what, questions):
        if what == "scan":
            return lambda: time.sleep(0.05)
        answers = [shard.answer(what, question, threads=1) for _, question in questions]
        return lambda: answers

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            _core.fit_shards([len(X)], (5, "f64", False), ask, _asked(notions=["ball"]), threads=1, progress=None)
        assert time.monotonic() - started < 10
    finally:
        signal.signal(signal.SIGINT, before)
