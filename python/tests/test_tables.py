"""What other libraries hold rows in, and what they take of a result."""

import numpy as np
import pytest

import hullscope as hs
from hullscope import _tally

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


class Gradient:
    """As a tensor of PyTorch with requires_grad=True: it gives an array only after detach()."""

    requires_grad = True

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")

    def detach(self):
        return Array(self._array)


def arrow_dump(array):
    pyarrow = pytest.importorskip("pyarrow")
    lists = pyarrow.array(array.tolist(), pyarrow.list_(pyarrow.float32()))
    return pyarrow.table({"id": [str(row) for row in range(len(array))], "embedding": lists})


def arrow_tensors(array):
    pyarrow = pytest.importorskip("pyarrow")
    of = pyarrow.fixed_shape_tensor(pyarrow.float32(), [array.shape[1]])
    return pyarrow.table({"id": range(len(array)), "embedding": pyarrow.ExtensionArray.from_storage(of, arrow_lists(array))})


def pandas_dump(array):
    frame = pytest.importorskip("pandas").DataFrame({"id": [str(row) for row in range(len(array))], 7: range(len(array))})
    frame["embedding"] = list(array)
    return frame


def polars_dump(array):
    pl = pytest.importorskip("polars")
    lists = pl.Series("embedding", array.tolist(), dtype=pl.List(pl.Float32))
    return pl.DataFrame({"id": range(len(array))}).with_columns(lists)


DUMPS = [arrow_dump, arrow_tensors, pandas_dump, polars_dump]
HOLDERS = [list, Dlpack, Array, Gradient, pandas, polars, arrow, arrow_lists, arrow_column, polars_series, torch, *DUMPS]


@pytest.mark.parametrize("hold", HOLDERS)
def test_rows_may_be_held_in(hold):
    expected = hs.Reference.fit(X).score(Q)
    found = hs.Reference.fit(hold(X)).score(hold(Q))
    assert (found.margin == expected.margin).all()


@pytest.mark.parametrize("hold", DUMPS)
def test_of_several_columns_of_lists_one_must_be_chosen(hold):
    table = hold(X)
    if hasattr(table, "append_column"):
        table = table.append_column("other", table["embedding"])
    elif hasattr(table, "assign"):
        table = table.assign(other=table["embedding"])
    else:
        table = table.with_columns(other=table["embedding"])
    with pytest.raises(ValueError, match=r"X has several columns of lists: embedding, other; choose one, as X\['embedding'\]"):
        hs.Reference.fit(table)
    assert hs.Reference.fit(table["embedding"]).shape == X.shape


def test_columns_with_equal_names_are_told_apart():
    pyarrow = pytest.importorskip("pyarrow")
    lists, ids = pyarrow.array(X.tolist()), pyarrow.array(range(len(X)))
    # A column of numbers hid the column of lists before it, which has the same name.
    assert hs.Reference.fit(pyarrow.Table.from_arrays([lists, ids], names=["a", "a"])).shape == X.shape
    with pytest.raises(ValueError, match="several columns of lists: a, a; rename them"):
        hs.Reference.fit(pyarrow.Table.from_arrays([lists, lists], names=["a", "a"]))
    frame = pytest.importorskip("pandas").DataFrame({7: list(X), "7": range(len(X))})
    assert hs.Reference.fit(frame).shape == X.shape
    with pytest.raises(ValueError, match=r"several columns of lists: 7, 8; choose one, as X\[7\]"):
        hs.Reference.fit(type(frame)({7: list(X), 8: list(X)}))


def test_a_column_of_text_is_refused():
    pyarrow = pytest.importorskip("pyarrow")
    with pytest.raises(TypeError, match="real numbers are needed: leave out what is none"):
        hs.Reference.fit(pyarrow.table({"id": ["a", "b"], "c": [1.0, 2.0]}))


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


def assert_summary(many, one):
    """All that is in the one is, to the last bit, in the other; and nothing that follows from the queries' columns is left out."""
    assert many["queries"] == one["queries"]
    for part, rest in [
        ("hull", {"pool", "extreme_rows", "settled_by", "gap_missed"}),
        ("neighbours", {"k", "metric", "method"}),
    ]:
        # Without distances there are no quantiles of them, and no columns.
        expected = {key: value for key, value in one[part].items() if key not in rest and value is not None}
        assert many[part] == expected, part
    rest = {"outside_means", "score_means", "leave_one_out", "facts"}
    assert many["notions"] == [{key: notion[key] for key in notion if key not in rest} for notion in one["notions"]]


@pytest.mark.parametrize("distance", [False, True])
def test_a_summary_follows_from_the_columns(distance):
    pytest.importorskip("pyarrow")
    y, yq = RNG.integers(0, 2, len(X)), [*RNG.integers(0, 2, len(Q) - 1), None]
    ref = hs.Reference.fit(X, labels=y, notions="all", distance=distance)
    res = ref.score(Q, labels=yq, predictions=yq[::-1])
    table = res.to_arrow()
    for rows in (1, 7, 100):
        tally = _tally.Tally(table.column_names, [notion["notion"] for notion in res.summary["notions"]])
        for start in range(0, len(table), rows):
            tally.add(table[start : start + rows])
        assert_summary(tally.summary(), res.summary)


def differing(found, whole, at=""):
    """The keys of a summary, and of its parts, whose values are not those of the whole summary."""
    for key, value in found.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            yield from differing(value, whole[key], f"{at}{key}.")
        elif key not in whole or value != whole[key]:
            yield at + key


def test_a_summary_without_a_column_says_nothing_wrong():
    pyarrow = pytest.importorskip("pyarrow")
    # Weighted means of few rows lie on the boundary, inside within the tolerance: their gaps do not count.
    rows = RNG.normal(size=(40, 20))
    queries = np.concatenate([RNG.dirichlet(np.ones(3), 20) @ rows[:3], RNG.normal(size=(20, 20)), 0.1 * rows[:9]])
    res = hs.Reference.fit(rows, distance=True, notions="hull,ball").score(queries)
    table = res.to_arrow()
    assert {"exact", "tolerance", "separated"} <= set(res["proof"])
    whole, missed = res.summary, set()
    for dropped in table.column_names:
        rest = table.drop_columns([dropped])
        tally = _tally.Tally(rest.column_names, _tally.notions_among(dict(zip(rest.column_names, rest.schema.types))))
        tally.add(rest)
        found = tally.summary()
        for part in ("hull", "neighbours"):
            wrong = list(differing(found[part] or {}, whole[part]))
            assert not wrong, (dropped, wrong)
            missed |= {key for key in set(whole[part]) - set(found[part] or {})}
        left = [notion for notion in ("hull", "ball") if dropped not in (f"{notion}_outside", f"{notion}_score")]
        assert [one["notion"] for one in found["notions"]] == left
        for one in found["notions"]:
            (notion,) = [notion for notion in whole["notions"] if notion["notion"] == one["notion"]]
            assert not list(differing(one, notion)), dropped
    assert {"gap", "margin", "undecided_because", "nearest_distance"} <= missed


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


def test_a_column_of_numbers_is_a_view_of_the_table():
    pytest.importorskip("pyarrow")
    res = result()
    table = res.to_arrow()
    for name in ("ball_score", "query_row", "support"):
        (chunk,) = table[name].chunks
        assert res[name].ctypes.data == chunk.buffers()[1].address, name
    kept = res["ball_score"]
    expected = np.array(table["ball_score"])
    del res, table, chunk
    assert (kept == expected).all()
    # No column can be written to, whether it is a view or not.
    res = result()
    for name in ("ball_score", "margin", "ball_outside"):
        with pytest.raises(ValueError, match="read-only"):
            res[name][0] = 1
    res = hs.Reference.fit(X, k=2, distance=True).score(Q)
    for array in (res.verdict, res.margin, res.distance, *res.bracket, *res.neighbours):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_notebook_shows_a_table_and_a_figure():
    text = result()._repr_html_()
    assert "<table>" in text and "<svg" in text and "knn_10" in text


def test_rates_are_drawn():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    res = result()
    ax = res.plot()
    assert len(ax.get_yticklabels()) == len(res.summary["notions"])
