"""What other libraries hold rows in, and what they take of a result."""

import numpy as np
import pytest

import hullscope as hs

RNG = np.random.default_rng(11)
X, Q = RNG.normal(size=(200, 3)).astype("f4"), RNG.normal(size=(30, 3)).astype("f4")


class Only:
    """An array that knows one protocol."""

    def __init__(self, array, protocol):
        setattr(self, "_array", array)
        self._protocol = protocol

    def __getattr__(self, name):
        if name == self._protocol:
            return getattr(self._array, name)
        raise AttributeError(name)


class Dlpack:
    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **words):
        return self._array.__dlpack__(**words)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Array:
    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


def pandas(array):
    return pytest.importorskip("pandas").DataFrame(array)


def polars(array):
    return pytest.importorskip("polars").DataFrame(array)


def arrow(array):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({f"c{at}": column for at, column in enumerate(array.T)})


def arrow_lists(array):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(array.ravel()), array.shape[1])


def arrow_column(array):
    return pytest.importorskip("pyarrow").chunked_array([arrow_lists(array[:7]), arrow_lists(array[7:])])


def polars_series(array):
    return pytest.importorskip("polars").Series(array)


def torch(array):
    return pytest.importorskip("torch").from_numpy(array)


HOLDERS = [list, Dlpack, Array, pandas, polars, arrow, arrow_lists, arrow_column, polars_series, torch]


@pytest.mark.parametrize("hold", HOLDERS)
def test_rows_may_be_held_in(hold):
    expected = hs.Reference.fit(X).score(Q)
    found = hs.Reference.fit(hold(X)).score(hold(Q))
    assert (found.margin == expected.margin).all()


def test_ragged_lists_are_refused_by_row():
    with pytest.raises(ValueError, match="Q is ragged.*row 1 has 2"):
        hs.in_hull(X, [[1.0, 2.0, 3.0], [1.0, 2.0]])
    rows = np.empty(2, dtype=object)
    rows[:] = [np.zeros(3), np.zeros(4)]
    with pytest.raises(ValueError, match="Q is ragged.*row 1 has 4"):
        hs.in_hull(X, rows)
    rows[1] = np.zeros(3)
    assert hs.in_hull(X, rows).tolist() == [True, True]


def test_a_null_is_refused_by_row():
    pyarrow = pytest.importorskip("pyarrow")
    lists = pyarrow.array([[1.0, 2.0, 3.0], None], pyarrow.list_(pyarrow.float32()))
    with pytest.raises(ValueError, match="Q.*row 1"):
        hs.in_hull(X, lists)
    column = pyarrow.table({"a": [1.0, None], "b": [1.0, 2.0], "c": [1.0, 2.0]})
    with pytest.raises(ValueError, match="Q, row 1, column 0: the value is NaN"):
        hs.in_hull(X, column)


def result():
    return hs.Reference.fit(X, k=2, notions="all").score(Q)


def test_a_result_is_an_arrow_stream():
    pyarrow = pytest.importorskip("pyarrow")
    res = result()
    table = res.to_arrow()
    assert table.column_names == res.columns and len(table) == len(Q)
    assert table["verdict"].to_pylist() == res["verdict"]
    assert table["margin"].null_count == int((res.verdict > 0).sum())
    assert pyarrow.table(res).equals(table)
    assert table["neighbour_rows"].to_pylist() == res["neighbour_rows"] == res.neighbours[1].tolist()


def test_a_result_is_a_data_frame():
    pytest.importorskip("pyarrow")
    res = result()
    polars = pytest.importorskip("polars")
    assert res.to_polars().columns == res.columns
    assert isinstance(res.to_polars()["knn_10_score"], polars.Series)
    pytest.importorskip("pandas")
    assert (res.to_pandas()["knn_10_score"].to_numpy() == res["knn_10_score"]).all()


def test_a_column_is_made_once():
    res = result()
    assert res["knn_10_score"] is res["knn_10_score"] and res.verdict is res.verdict


def test_a_notebook_shows_a_table_and_a_figure():
    text = result()._repr_html_()
    assert "<table>" in text and "<svg" in text and "knn_10" in text


def test_rates_are_drawn():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    res = result()
    ax = res.plot()
    assert len(ax.get_yticklabels()) == len(res.summary["notions"])
