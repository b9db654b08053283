"""The same queries through several spaces, and the command's experiments."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping

import numpy as np

from . import _arguments, _arrays, _core, _words
from ._reference import _Bar

if TYPE_CHECKING:
    from pathlib import Path

#: The warning for predictions that nothing is computed from.
USELESS = "predictions= has no effect without labels= and query_labels=, by which errors are known"

#: Names of spaces that a command understands.
NAME = re.compile(r"[\w.-]+( +[\w.-]+)*", re.ASCII)


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
        The reference and the queries. Without Q only the rows of X are judged, each against the others. Without both, the spaces
        must have their own rows (``file:`` or arrays), or the built-in sample is compared.
    spaces : dict or list of str, optional
        By name, a space as in ``hullscope compare --space``, or a pair of arrays: the reference and the queries in a
        space of your own, for the same rows as X and Q, in their order. Names are of letters, digits, ``_``, ``-``, ``.`` and
        spaces within. Arrays are written to a temporary folder. Default: the spaces that the command uses.
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

    if X is None and Q is not None:
        raise ValueError("Q= without X=: queries are compared with a reference, so give both")
    if (labels is None) != (query_labels is None):
        given, other = ("labels", "query_labels") if query_labels is None else ("query_labels", "labels")
        raise ValueError(f"{given}= without {other}=: classes are compared, so give those of both sets, or of none")
    # Arrays come without classes; of files it is known when they are read.
    of_arrays = not any(values is None or isinstance(values, (str, os.PathLike)) for values in (X, Q))
    useless = predictions is not None and labels is None and of_arrays
    if useless:
        _words.warn([USELESS])
    texts = _arguments.texts(notions, "notions")
    seed, threads = _arguments.whole(seed, "seed", 0), _arguments.threads(threads)
    with tempfile.TemporaryDirectory(prefix="hullscope-") as temporary, _Bar(progress) as bar:
        files = _Files(Path(temporary))
        words = [files.rows(values, name, name) for values, name in ((X, "X"), (Q, "Q")) if values is not None]
        for word in files.spaces(spaces, alone=X is not None and Q is None):
            words += ["--space", word]
        for text in texts:
            words += ["--notion", text]
        words += files.classes(labels, query_labels, predictions)
        if loss is not None:
            words += ["--loss", files.loss(loss)]
        words += ["--seed", str(seed)]
        try:
            text, table, notes = _core.compare(
                words, folder=None if folder is None else os.fspath(folder), replace=replace, threads=threads, progress=bar
            )
        except (TypeError, ValueError, OSError) as fault:
            fault.args = tuple(map(files.renamed, fault.args))
            raise
    found = _words.reworded(files.renamed(json.loads(text)))
    if predictions is not None and not found["outcomes"] and not useless:
        _words.warn([USELESS])
    return Comparison(found, _words.typed(files.renamed(table)), [_words.typed(files.renamed(note)) for note in notes])


class _Files:
    """Arrays as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: What the caller calls the files, and the words for spaces.
        self._called: dict[str, str] = {}
        #: The number of rows of each set that is an array.
        self._lengths: dict[str, int] = {}
        #: The first set of either kind in a pair, where X and Q are not given.
        self._first: dict[str, str] = {}

    def _path(self, ending: str, called: str) -> Path:
        path = self._folder / f"{len(self._called)}.{ending}"
        self._called[str(path)] = called
        return path

    def rows(self, values: Any, name: str, called: str) -> str:
        """The file of a set; ``name`` is an expression that is the set, for advice."""
        if isinstance(values, (str, os.PathLike)):
            return os.fspath(values)
        array = _arrays.images(values, name)
        self._lengths[called] = len(array)
        path = self._path("npy", called)
        np.save(path, array)
        return str(path)

    def column(self, values: Any, called: str) -> str:
        path = self._path("npy", called)
        np.save(path, np.asarray(values))
        return str(path)

    def agree(self, values: Any, called: str, rows: str) -> None:
        """Refuse values of another number than the rows that they belong to."""
        count = self._lengths.get(rows)
        if values is not None and count is not None and len(values) != count:
            raise ValueError(f"{called} has {len(values)} values, and {rows} has {count} rows; one value for each row is needed")

    def loss(self, loss: Any) -> str:
        values = _arrays.numbers(loss, "loss") or []
        self.agree(values, "loss", "Q")
        unknown = np.flatnonzero(~np.isfinite(values))
        if len(unknown):
            row = unknown[0]
            raise ValueError(f"loss, row {row}: the value is {values[row]}; compare needs a finite number for every query")
        return self.column(values, "loss")

    def spaces(self, spaces: Any, alone: bool) -> Iterator[str]:
        """The words for the spaces; ``alone`` if X is given without Q."""
        if not isinstance(spaces, Mapping):
            yield from [] if spaces is None else _arguments.texts(spaces, "spaces")
            return
        for name, space in spaces.items():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a space; use letters, digits, _, -, . and spaces within")
            own = not isinstance(space, str)
            if own and alone:
                raise ValueError(f"the space {name} has its own reference and queries; with X= give Q= too, or leave out both")
            word = f"{name}={self._pair(name, space) if own else space}"
            # The table ends with a line that defines each name.
            self._called[f"{name}: {word}"] = f"{name}: {'rows of its own' if own else space}"
            self._called[word] = name
            yield word

    def _pair(self, name: str, pair: Any) -> str:
        """The space of a pair of sets, which have the rows of X and Q, or of the first pair."""
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"the space {name} is of type {type(pair).__name__}; a pair (reference rows, query rows) is needed")
        paths = []
        for place, (of, given) in enumerate([("reference", "X"), ("query", "Q")]):
            called = f"{name}'s {of} rows"
            paths.append(self.rows(pair[place], f'spaces["{name}"][{place}]', called))
            first = given if given in self._lengths else self._first.setdefault(of, called)
            mine, other = self._lengths.get(called), self._lengths.get(first)
            if mine is not None and other is not None and mine != other:
                raise ValueError(f"numbers of rows differ: {mine} of {called}, {other} of {first}; every space needs the same rows")
        return f"file:{paths[0]},{paths[1]}"

    def renamed(self, found: Any) -> Any:
        """The report, or a text, with the names that the caller gave."""
        if isinstance(found, dict):
            return {key: self.renamed(value) for key, value in found.items()}
        if isinstance(found, list):
            return [self.renamed(value) for value in found]
        if not isinstance(found, str):
            return found
        for given in sorted(self._called, key=len, reverse=True):
            found = re.sub(rf"(?<![\w.-]){re.escape(given)}(?![\w|])", lambda _: self._called[given], found)
        return found

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
            name = option.replace("-", "_")
            if None in classes:
                raise ValueError(f"{name}, row {classes.index(None)}: there is no class; compare needs one for every row")
            self.agree(classes, name, "X" if name == "labels" else "Q")
            if option == "predictions":
                # By name: a model may predict classes that no row has.
                path = self._path("csv", option)
                path.write_text("\n".join([option, *map(_quoted, map(str, classes))]) + "\n", encoding="utf-8")
                words += ["--predictions", str(path)]
            else:
                words += [f"--{option}", self.column([codes[text or ""] for text in classes], name)]
        if words:
            path = self._path("json", "the classes")
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
    words += ["--trials", str(_arguments.whole(trials, "trials", 1)), "--seed", str(_arguments.whole(seed, "seed", 0))]
    words += [] if threads is None else ["--threads", str(_arguments.threads(threads))]
    found: list[dict[str, Any]] = _command(words)
    return found
