"""Queries on a local cluster of two CPUs, against one machine."""

import numpy as np
import pytest

import hullscope as hs

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
    return ray.data.from_arrow(pyarrow.table({"id": range(len(Q)), "embedding": Q.tolist()}))


@pytest.mark.parametrize("make, actors, batch", [(tensors, 1, 1000), (lists, 2, 7), (lists, 1, 64)])
def test_answers_are_those_of_one_machine(reference, make, actors, batch):
    import hullscope.ray

    one = hs.Reference.load(reference).score(Q)
    found = hs.ray.score(make(), reference, column="embedding", actors=actors, batch_size=batch).materialize()
    rows = sorted(found.take_all(), key=lambda row: row["id"])
    assert len(rows) == len(Q)
    for name in set(one.columns) - {"query_row"}:
        expected = [None if isinstance(value, float) and np.isnan(value) else value for value in list(one[name])]
        assert [row[name] if row[name] == row[name] else None for row in rows] == expected, name
    counted = hs.ray.summary(found)
    for notion in one.summary["notions"]:
        assert counted[notion["notion"]] == {key: notion[key] for key in ("queries", "outside", "undecided", "rate")}


def test_faults_name_the_row_and_the_column(reference, tmp_path):
    import hullscope.ray

    # Made first: the actors of a failed run keep their CPU for a while.
    ragged, whole = ray.data.from_arrow(pyarrow.table({"embedding": [[1.0] * 5, [1.0] * 4]})), lists()
    with pytest.raises(FileNotFoundError, match="hullscope fit"):
        hs.ray.score(whole, tmp_path / "none.hull", column="embedding")
    with pytest.raises(Exception, match="ragged: row 0 has 5 values and row 1 has 4"):
        hs.ray.score(ragged, reference, column="embedding").take_all()
    with pytest.raises(Exception, match="there is no column 'vector'; there are: id, embedding"):
        hs.ray.score(whole, reference, column="vector").take_all()
