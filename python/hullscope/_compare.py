"""The same queries through several spaces, and the command's experiments."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Iterable, Mapping

import numpy as np

from . import _arrays, _core, _words
from ._reference import _Bar

if TYPE_CHECKING:
    from pathlib import Path

#: The warning for predictions that nothing is computed from.
USELESS = "predictions= has no effect without labels= and query_labels=, by which errors are known"


def compare(
    X: Any = None,
    Q: Any = None,
    *,
    spaces: Mapping[str, Any] | Iterable[str] | None = None,
    notions: str | Iterable[str] = "hull,range,ball",
    labels: Any = None,
    query_labels: Any = None,
    predictions: Any = None,
    loss: Any = None,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    replace: bool = False,
    progress: bool = False,
    threads: int | None = None,
) -> "Comparison":
    """Judge the same queries in several spaces, as [1]_ does.

    Parameters
    ----------
    X, Q : arrays of shape (n, d) and (m, d), or (n, height, width[, channels]), or paths, optional
        The reference and the queries. Without both, the spaces must have their own rows (``file:`` or arrays), or the
        built-in sample is compared.
    spaces : dict or list of str, optional
        By name, a space as in ``hullscope compare --space``, or a pair of arrays: the reference and the queries in a
        space of your own. Arrays are written to a temporary folder. Default: the spaces that the command uses.
    notions : str or list of str
        The definitions of "inside" to judge by.
    labels, query_labels : arrays of shape (n,) and (m,), optional
        The class of each row; both or none.
    predictions : array of shape (m,), optional
        The class that a model predicts for each query. Which of them are errors is only known with ``labels`` and
        ``query_labels``, or of files of images with classes; without, predictions have no effect, and there is a warning.
    loss : array of shape (m,), optional
        A model's loss on each query.
    seed : int
        Seed of random spaces and samples.
    folder : path, optional
        Folder for tables, figures and a page. If X and Q are paths, finished spaces are kept there, so that an interrupted
        comparison continues; with arrays every call computes all spaces. A folder with the results of another call is refused.
    replace : bool
        Remove the results of another call from the folder.
    progress : bool
        Show a bar (needs ``tqdm``).
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError, ValueError, OSError
        Inputs that cannot be read or do not match.

    References
    ----------
    .. [1] R. Balestriero, J. Pesenti and Y. LeCun, "Learning in High Dimension Always Amounts to Extrapolation", 2021,
       arXiv:2110.09485. The rates of its Figures 3 and 4 and Table 1 are those of such comparisons.

    Examples
    --------
    >>> import numpy as np, hullscope as hs
    >>> rng = np.random.default_rng(0)
    >>> X, Q = rng.normal(size=(300, 8)), rng.normal(size=(50, 8))
    >>> found = hs.compare(X, Q, spaces={"all": "pixels", "two": (X[:, :2], Q[:, :2])}, notions="hull")
    >>> [space["space"] for space in found.report["spaces"]]
    ['all', 'two']
    """
    # These, and below, take longer to import than the rest of this package.
    import tempfile
    from pathlib import Path

    if (labels is None) != (query_labels is None):
        given, other = ("labels", "query_labels") if query_labels is None else ("query_labels", "labels")
        raise ValueError(f"{given}= without {other}=: classes are compared, so give those of both sets, or of none")
    # Arrays come without classes; of files it is known when they are read.
    of_arrays = not any(values is None or isinstance(values, (str, os.PathLike)) for values in (X, Q))
    useless = predictions is not None and labels is None and of_arrays
    if useless:
        _words.warn([USELESS])
    texts = [notions] if isinstance(notions, str) else list(notions)
    with tempfile.TemporaryDirectory(prefix="hullscope-") as temporary, _Bar(progress) as bar:
        files = _Files(Path(temporary))
        words = [files.rows(values, name) for values, name in ((X, "X"), (Q, "Q")) if values is not None]
        named = spaces.items() if isinstance(spaces, Mapping) else (("", space) for space in spaces or [])
        called: dict[str, str] = {}
        for name, space in named:
            if not isinstance(space, str):
                reference, queries = space
                pair = files.rows(reference, f"{name}-X"), files.rows(queries, f"{name}-Q")
                space = f"file:{pair[0]},{pair[1]}"
            words += ["--space", f"{name}={space}" if name else space]
            called[words[-1]] = name or space
        for text in texts:
            words += ["--notion", text]
        words += files.classes(labels, query_labels, predictions)
        if loss is not None:
            words += ["--loss", files.column(_arrays.numbers(loss, "loss"))]
        words += ["--seed", str(seed)]
        text, table, notes = _core.compare(
            words, folder=None if folder is None else os.fspath(folder), replace=replace, threads=threads, progress=bar
        )
    found = _words.reworded(_renamed(json.loads(text), called))
    if predictions is not None and not found["outcomes"] and not useless:
        _words.warn([USELESS])
    return Comparison(found, table, [_words.typed(note) for note in notes])


def _renamed(found: Any, called: dict[str, str]) -> Any:
    """The report with the names of spaces that the caller gave."""
    if isinstance(found, dict):
        return {key: _renamed(value, called) for key, value in found.items()}
    if isinstance(found, list):
        return [_renamed(value, called) for value in found]
    return called.get(found, found) if isinstance(found, str) else found


class _Files:
    """Arrays as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def _path(self, ending: str) -> Path:
        self._count += 1
        return self._folder / f"{self._count}.{ending}"

    def rows(self, values: Any, name: str) -> str:
        if isinstance(values, (str, os.PathLike)):
            return os.fspath(values)
        path = self._path("npy")
        np.save(path, _arrays.images(values, name))
        return str(path)

    def column(self, values: Any) -> str:
        path = self._path("npy")
        np.save(path, np.asarray(values))
        return str(path)

    def classes(self, labels: Any, query_labels: Any, predictions: Any) -> list[str]:
        """Options for the classes: files of codes, and their names."""
        given = {"labels": labels, "query-labels": query_labels, "predictions": predictions}
        texts = {option: _arrays.labels(values, option.replace("-", "_")) for option, values in given.items()}
        names = sorted({text for all_of_one in texts.values() for text in all_of_one or [] if text is not None})
        codes = {name: code for code, name in enumerate(names)}
        words = []
        for option, classes in texts.items():
            if classes is None:
                continue
            if None in classes:
                raise ValueError(
                    f"{option.replace('-', '_')}, row {classes.index(None)}: there is no class; compare needs one for every row"
                )
            if option == "predictions":
                # By name: a model may predict classes that no row has.
                path = self._path("csv")
                path.write_text("\n".join([option, *map(_quoted, map(str, classes))]) + "\n", encoding="utf-8")
                words += ["--predictions", str(path)]
            else:
                words += [f"--{option}", self.column([codes[text or ""] for text in classes])]
        if words:
            path = self._path("json")
            path.write_text(json.dumps(names), encoding="utf-8")
            words += ["--class-names", str(path)]
        return words


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class Comparison:
    """The results in each space. Returned by :func:`compare`.

    Attributes
    ----------
    report : dict
        All results, as written by ``hullscope compare --json``.
    notes : list of str
        Caveats that matter before a number is interpreted.
    """

    def __init__(self, report: dict[str, Any], table: str, notes: list[str]) -> None:
        self.report = report
        self.notes = notes
        self._table = table

    def rates(self) -> dict[str, dict[str, float | None]]:
        """The share of queries outside.

        Returns
        -------
        dict of dict
            By space, and then by notion; None where no query was judged.
        """
        spaces = self.report["spaces"]
        return {space["space"]: {found["notion"]: found["rate"] for found in space["notions"]} for space in spaces}

    def __str__(self) -> str:
        return self._table

    def __repr__(self) -> str:
        return f"Comparison({len(self.report['spaces'])} spaces)"


def _command(words: list[str]) -> Any:
    """The JSON output of a command, which runs in a separate process; Ctrl-C ends it too."""
    import subprocess

    run = subprocess.run([sys.executable, "-m", "hullscope", *words, "--json", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode == 130:
        raise KeyboardInterrupt
    if run.returncode != 0:
        raise ValueError(run.stderr.decode().strip().removeprefix("error: "))
    return json.loads(run.stdout)


def sweep(
    *,
    law: str | Iterable[str] = "gaussian",
    dims: Iterable[int] = (2, 4, 8),
    sizes: Iterable[int] = (10, 100, 1000),
    trials: int = 2000,
    seed: int = 0,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Rates at which a new point of a law is inside the hull of ``n`` others, with the theory.

    Parameters
    ----------
    law : str or list of str
        Laws as in ``hullscope sweep --law``.
    dims, sizes : lists of int
        Numbers of dimensions, and of points.
    trials : int
        Queries at each point.
    seed : int
        Seed of points and queries.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    list of dict
        A dict for each law, dimension and size, as written by ``hullscope sweep --json``.

    Raises
    ------
    ValueError
        An unknown law, or numbers outside their range.

    Examples
    --------
    >>> import hullscope as hs
    >>> [point["n"] for point in hs.sweep(law="gaussian", dims=[2], sizes=[10, 20], trials=100)]
    [10, 20]
    """
    words = ["sweep"]
    for name in [law] if isinstance(law, str) else law:
        words += ["--law", name]
    words += ["--dims", ",".join(map(str, dims)), "--sizes", ",".join(map(str, sizes))]
    words += ["--trials", str(trials), "--seed", str(seed)]
    words += [] if threads is None else ["--threads", str(threads)]
    found: list[dict[str, Any]] = _command(words)
    return found
