"""The package against independent answers, and what it says of inputs that it cannot take."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hullscope as hs
from hullscope import _core

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_points_in_a_square_are_inside():
    rng = np.random.default_rng(1)
    queries = rng.uniform(-0.5, 1.5, (200, 2))
    expected = ((queries > 0) & (queries < 1)).all(axis=1)
    assert 0 < expected.sum() < 200
    assert (hs.in_hull(SQUARE, queries) == expected).all()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "i2", "i8", ">f4"])
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_neighbours_are_those_of_brute_force(dtype, layout):
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 200, (300, 12)).astype(dtype)
    queries = rng.integers(0, 200, (20, 12)).astype(dtype)
    if layout == "F":
        rows = np.asfortranarray(rows)
    if layout == "strided":
        rows = np.repeat(rows, 2, axis=1)[:, ::2]
    difference = queries[:, None].astype("f8") - rows[None].astype("f8")
    exact = np.sqrt((difference**2).sum(-1))
    order = np.argsort(exact, axis=1, kind="stable")[:, :5]
    distances, found = hs.neighbours(rows, queries, k=5)
    assert (found == order).all()
    assert np.allclose(distances, np.take_along_axis(exact, order, 1), rtol=1e-14)


def test_cosine_neighbours_are_those_of_brute_force():
    rng = np.random.default_rng(3)
    rows, queries = rng.normal(size=(100, 8)), rng.normal(size=(9, 8))
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)
    exact = 1 - unit(queries) @ unit(rows).T
    _, found = hs.neighbours(rows, queries, k=3, metric="cosine")
    assert (found == np.argsort(exact, axis=1)[:, :3]).all()


def test_a_result_has_verdicts_margins_and_columns():
    result = hs.Reference.fit(SQUARE).score([[0.5, 0.25], [3.0, 0.5]])
    assert len(result) == 2
    assert result.verdict.tolist() == [1, -1]
    assert result.margin[0] == 0 and 1.9 < result.margin[1] <= 2
    assert result["query_row"].tolist() == [0, 1]
    with pytest.raises(KeyError, match="there are: query_row"):
        result["no such column"]


def test_read_only_and_memory_mapped_arrays_are_taken(tmp_path):
    np.save(tmp_path / "x.npy", SQUARE)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for reference in (mapped, tmp_path / "x.npy", SQUARE.tolist()):
        assert hs.in_hull(reference, [[0.5, 0.5]]).tolist() == [True]


def test_faults_name_the_place():
    bad = SQUARE.copy()
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match="X, row 2, column 1: the value is NaN"):
        hs.in_hull(bad, SQUARE)
    with pytest.raises(ValueError, match="Q, row 0, column 0: the value is inf"):
        hs.in_hull(SQUARE, [[np.inf, 0.0]])
    with pytest.raises(ValueError, match="different dimensions"):
        hs.in_hull(SQUARE, [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="reshape"):
        hs.in_hull(SQUARE, [1.0, 2.0])
    with pytest.raises(ValueError, match="row 1, column 0.*not exactly"):
        hs.in_hull(np.array([[0, 0], [2**53 + 1, 0]]), SQUARE)
    with pytest.raises(TypeError, match="complex"):
        hs.in_hull(SQUARE, [[1j, 0]])
    with pytest.raises(ValueError, match="did you mean cosine"):
        hs.neighbours(SQUARE, SQUARE, metric="cosin")
    with pytest.raises(ValueError, match="threads"):
        hs.in_hull(SQUARE, SQUARE, threads=0)


@pytest.mark.parametrize(
    "given, kind, said",
    [
        (dict(k=-1), ValueError, "k is -1; it must be at least 0"),
        (dict(k="3"), TypeError, "k is '3', of type str; a whole number is needed"),
        (dict(k=2.5), TypeError, "k is 2.5, of type float; a whole number is needed"),
        (dict(k=True), TypeError, "k is True, of type bool; a whole number is needed"),
        (dict(seed=-1), ValueError, "seed is -1; it must be at least 0"),
        (dict(seed=2**64), ValueError, f"seed is {2**64}; it must be at most {2**64 - 1}"),
        (dict(quantile="a"), TypeError, "quantile is 'a', of type str; a number is needed"),
        (dict(metric=None), TypeError, "metric is None, of type NoneType; a text is needed"),
        (dict(notions=5), TypeError, "notions is 5, of type int; a text, or a list of texts, is needed"),
        (dict(notions=["hull", 5]), TypeError, "an item of notions is 5, of type int; a text is needed"),
        (dict(space=5), TypeError, "space is 5, of type int; a text is needed"),
        (dict(distance="a"), TypeError, "distance is 'a', of type str; a number is needed"),
        (dict(distance=2), ValueError, "distance is 2.0; True, False or a relative gap between 0 and 1 is needed"),
        (dict(threads=-1), ValueError, "threads is -1; it must be at least 1"),
        (dict(threads=1025), ValueError, "threads is 1025; it must be at most 1024"),
        (dict(threads=1.5), TypeError, "threads is 1.5, of type float; a whole number is needed"),
    ],
)
def test_wrong_arguments_are_named(given, kind, said):
    with pytest.raises(kind) as raised:
        hs.Reference.fit(SQUARE, **given)
    assert str(raised.value) == said


def test_every_call_checks_its_threads():
    ref = hs.Reference.fit(SQUARE)
    certificate = ref.score(SQUARE).certificates[0]
    for call in [
        lambda: hs.in_hull(SQUARE, SQUARE, threads=-1),
        lambda: hs.neighbours(SQUARE, SQUARE, threads=-1),
        lambda: ref.score(SQUARE, threads=-1),
        lambda: ref.leave_one_out([0], threads=-1),
        lambda: ref.transform(SQUARE, threads=-1),
        lambda: certificate.check(SQUARE, SQUARE[0], threads=-1),
        lambda: hs.compare(SQUARE, SQUARE, threads=-1),
        lambda: hs.sweep(threads=-1),
        lambda: hs.paper.fig5(quick=True, threads=-1),
    ]:
        with pytest.raises(ValueError, match="^threads is -1; it must be at least 1$"):
            call()


def test_numbers_of_numpy_are_taken():
    ref = hs.Reference.fit(SQUARE, k=np.int64(2), seed=np.uint8(3), quantile=np.float32(0.9), distance=np.True_)
    assert ref.score([[3.0, 0.5]]).distance[0] == pytest.approx(2, rel=0.01)


def rows_of_zeros():
    yield from np.zeros((3, 2))


@pytest.mark.parametrize(
    "values, said",
    [
        (None, "Q is of type NoneType, which is no array; an array with a row for each sample"),
        ({"a": [1.0], "b": [2.0]}, r"Q is of type dict, which is no array; use np.column_stack\(list\(Q.values\(\)\)\)"),
        (rows_of_zeros(), r"Q is of type generator, which is no array; use np.array\(list\(Q\)\)"),
        ({1.0, 2.0}, r"Q is of type set, which is no array; use np.array\(list\(Q\)\)"),
    ],
)
def test_what_is_no_array_is_named(values, said):
    with pytest.raises(TypeError, match=said):
        hs.Reference.fit(SQUARE).score(values)


def test_sparse_rows_are_refused_with_advice():
    sparse = pytest.importorskip("scipy.sparse")
    for made in (sparse.csr_matrix, sparse.coo_array):
        with pytest.raises(TypeError, match=r"Q is of type \w+, which is no array; use Q.toarray\(\)"):
            hs.Reference.fit(SQUARE).score(made(SQUARE))


def test_masked_values_are_refused():
    rows = np.ma.masked_array(SQUARE, mask=SQUARE > 2)
    assert hs.in_hull(SQUARE, rows).all()
    rows[2, 1] = rows[3, 0] = np.ma.masked
    with pytest.raises(ValueError, match=r"Q, row 2: a value is masked, of 2 in all; .*np.ma.compress_rows\(Q\)"):
        hs.in_hull(SQUARE, rows)
    assert hs.in_hull(SQUARE, np.ma.compress_rows(rows)).all()


def test_references_and_results_say_how_they_are_kept():
    ref = hs.Reference.fit(SQUARE)
    with pytest.raises(TypeError, match=r"a Reference cannot be pickled: save it with ref.save\(path\)"):
        pickle.dumps(ref)
    with pytest.raises(TypeError, match=r"a Result cannot be pickled: .*res.to_arrow\(\)"):
        pickle.dumps(ref.score(SQUARE))


def test_answers_do_not_depend_on_threads():
    rng = np.random.default_rng(4)
    rows, queries = rng.normal(size=(500, 6)), rng.normal(size=(50, 6))
    reference = hs.Reference.fit(rows, notions="all")
    one, two = reference.score(queries, threads=1), reference.score(queries, threads=2)
    assert (one.margin == two.margin).all() and one.columns == two.columns


def test_control_c_ends_a_call_and_python_runs_meanwhile():
    rng = np.random.default_rng(5)
    rows, queries = rng.normal(size=(60_000, 200)), rng.normal(size=(20_000, 200))
    asked, ticks, ended = [], [], threading.Event()

    def ask():
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    def tick():
        while not ended.wait(0.01):
            ticks.append(time.monotonic())

    timer, ticking = threading.Timer(0.5, ask), threading.Thread(target=tick)
    # A job in the background begins with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        started = time.monotonic()
        ticking.start()
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            hs.in_hull(rows, queries)
        assert time.monotonic() - asked[0] < 10
    finally:
        signal.signal(signal.SIGINT, before)
        ended.set()
        ticking.join()
    # Another thread of Python ran in the half second before.
    assert sum(started < at < asked[0] for at in ticks) > 3


def run(code, seconds=300):
    """What a Python program prints."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=seconds)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


FORK = """
import os, time
import numpy as np, hullscope as hs

rng = np.random.default_rng(9)
X, Q = rng.normal(size=(5000, 40)), rng.normal(size=(200, 40))
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
ref = hs.Reference.fit(X, threads=4)
expected = ref.score(Q, threads=4).margin
for _ in range(500):
    if threads() == before:
        break
    time.sleep(0.01)
assert threads() == before, f"{threads()} threads, and {before} before"
child = os.fork()
if child == 0:
    good = False
    try:
        good = bool((hs.Reference.fit(X, threads=4).score(Q, threads=4).margin == expected).all())
    finally:
        os._exit(0 if good and (ref.score(Q).margin == expected).all() else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the system does not list the threads of a process")
def test_no_thread_outlives_a_call_which_works_after_a_fork():
    assert run(FORK) == "0"


def test_an_import_takes_no_optional_package():
    optional = ["pandas", "polars", "pyarrow", "matplotlib", "tqdm", "ray", "sklearn", "joblib", "scipy", "torch"]
    assert run(f"import sys, hullscope; print([name for name in {optional} if name in sys.modules])") == "[]"


def test_a_bar_without_tqdm_says_what_to_install():
    code = "import sys; sys.modules['tqdm'] = sys.modules['tqdm.auto'] = None; import hullscope as hs; hs.Reference.fit([[1.0], [2.0]], progress=True)"
    with pytest.raises(AssertionError, match=r"ImportError: progress=True needs tqdm: pip install 'hullscope\[progress\]'"):
        run(code)


def test_a_fault_of_the_library_is_an_error_with_its_place(capfd):
    with pytest.raises(RuntimeError, match=r"a fault of hullscope at src/python/waiting.rs:\d+:\d+, please report it: .*out of"):
        _core.fail()
    assert hs.in_hull(SQUARE, [[0.5, 0.5]]).all()


def test_threads_of_python_ask_at_the_same_time():
    rng = np.random.default_rng(6)
    rows, queries = rng.normal(size=(400, 5)), rng.normal(size=(40, 5))
    ref = hs.Reference.fit(rows)
    expected = ref.score(queries).margin
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: ref.score(queries, threads=1).margin, range(8)):
            assert (found == expected).all()


def test_progress_is_told_and_what_it_raises_comes_back():
    pytest.importorskip("tqdm")
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(20_000, 60)).astype("f4")
    ref = hs.Reference.fit(rows, progress=True)
    assert len(ref.score(rows[:50] * 2, progress=True)) == 50

    def stop(stage, done, total):
        raise LookupError(stage)

    words = {"hull": True, "neighbours": 0, "metric": "euclidean", "notions": [], "gap": None, "quantile": 0.95, "seed": 0}
    with pytest.raises(LookupError):
        _core.analyze(rows, rows[:20_000] * 1.1, words, threads=1, progress=stop)
