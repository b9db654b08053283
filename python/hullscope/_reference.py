"""A reference set that queries are scored against."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Iterable, NamedTuple

import numpy as np

from . import _arguments, _arrays, _core, _words
from ._result import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The default relative gap between the bounds of a distance.
GAP = 1e-2
#: The default share of reference rows that a notion with a threshold calls inside.
QUANTILE = 0.95


def _asked(
    *,
    hull: bool = True,
    neighbours: int = 0,
    metric: str = "euclidean",
    notions: str | Iterable[str] = (),
    distance: bool | float = False,
    quantile: float = QUANTILE,
    seed: int = 0,
) -> dict[str, Any]:
    """What the compiled part is asked for, checked by the names that arguments have."""
    return {
        "hull": hull,
        "neighbours": _arguments.whole(neighbours, "k", 0),
        "metric": _arguments.text(metric, "metric"),
        "notions": _arguments.texts(notions, "notions"),
        "gap": _gap(distance),
        "quantile": _arguments.real(quantile, "quantile"),
        "seed": _arguments.whole(seed, "seed", 0),
    }


def _gap(distance: bool | float) -> float | None:
    """The relative gap that was asked for; None for none."""
    if isinstance(distance, (bool, np.bool_)):
        return GAP if distance else None
    gap = _arguments.real(distance, "distance")
    if not 0 <= gap < 1:
        raise ValueError(f"distance is {gap}; True, False or a relative gap between 0 and 1 is needed")
    return gap or None


def in_hull(X: Any, Q: Any, *, threads: int | None = None) -> NDArray[np.bool_]:
    """Whether each query lies in the convex hull of the rows of ``X``.

    Parameters
    ----------
    X : array of shape (n, d), or path
        The reference.
    Q : array of shape (m, d), or path
        The queries, in the same units.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    ndarray of bool, shape (m,)

    Raises
    ------
    TypeError, ValueError, OSError
        Inputs that cannot be read, are not finite, or have different numbers of columns; the message names the row.
    ArithmeticError
        If a query is so near the boundary that neither answer can be proved; :meth:`Reference.score` shows which.

    Examples
    --------
    >>> import numpy as np, hullscope as hs
    >>> hs.in_hull(np.eye(3), [[0.25, 0.25, 0.5], [0.5, 0.5, 0.5]])
    array([ True, False])
    """
    rows, queries = _arrays.rows(X, "X"), _arrays.rows(Q, "Q")
    threads = _arguments.threads(threads)
    verdict = _core.analyze(rows, queries, _asked(), threads=threads, progress=None).verdict()
    if (verdict == 0).any():
        open_rows = np.flatnonzero(verdict == 0)
        raise ArithmeticError(
            f"{len(open_rows)} queries are undecided, the first is row {open_rows[0]}: "
            "neither answer can be proved; use Reference.fit(X).score(Q).verdict, which is 0 for these"
        )
    return verdict > 0


def neighbours(
    X: Any, Q: Any, k: int = 1, *, metric: str = "euclidean", threads: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The exact ``k`` nearest rows of ``X`` for each query.

    Parameters
    ----------
    X : array of shape (n, d), or path
        The reference.
    Q : array of shape (m, d), or path
        The queries, in the same units.
    k : int
        Rows per query; at most n are returned.
    metric : {"euclidean", "cosine", "dot"}
        The distance of x and q, 1 minus the cosine of their angle, or their inner product negated.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    distances : ndarray of float64, shape (m, k)
        Nearest first.
    rows : ndarray of int64, shape (m, k)
        Indices into ``X``; of equal distances the smaller index comes first.

    Raises
    ------
    TypeError, ValueError, OSError
        Inputs that cannot be read, are not finite, or have different numbers of columns, the message names the row; a ``k``
        below 1.

    Examples
    --------
    >>> import numpy as np, hullscope as hs
    >>> distances, rows = hs.neighbours(np.array([[0.0], [1.0], [3.0]]), [[2.5]], k=2)
    >>> distances, rows
    (array([[0.5, 1.5]]), array([[2, 1]]))
    """
    asked = _asked(hull=False, neighbours=_arguments.whole(k, "k", 1), metric=metric)
    threads = _arguments.threads(threads)
    answers = _core.analyze(_arrays.rows(X, "X"), _arrays.rows(Q, "Q"), asked, threads=threads, progress=None)
    rows, distances = answers.neighbours()
    return distances, rows


class Sample(NamedTuple):
    """Two sets of images with their classes: the built-in sample of Fashion-MNIST."""

    #: 6,000 training images, 6,000 x 28 x 28 bytes, and their classes.
    X: NDArray[np.uint8]
    y: NDArray[np.uint8]
    #: 1,000 test images, and their classes.
    Q: NDArray[np.uint8]
    yq: NDArray[np.uint8]
    #: The class that a trained network predicts for each test image.
    predictions: NDArray[np.uint8]
    #: The names of the classes.
    names: list[str]


def sample() -> Sample:
    """The built-in sample.

    Returns
    -------
    Sample

    Examples
    --------
    >>> import hullscope as hs
    >>> hs.sample().X.shape
    (6000, 28, 28)
    """
    found = _core.sample_arrays()
    images = (found[name].reshape(-1, 28, 28) for name in ("X", "Q"))
    return Sample(next(images), found["y"], next(images), found["yq"], found["p"], found["names"])


class Reference:
    """Rows that queries are judged against, with everything that can be computed before the first query.

    Made by :meth:`fit` or :meth:`load`.

    Examples
    --------
    >>> import numpy as np, hullscope as hs
    >>> rng = np.random.default_rng(0)
    >>> ref = hs.Reference.fit(rng.normal(size=(500, 4)))
    >>> res = ref.score([[0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]])
    >>> res.verdict
    array([ 1, -1], dtype=int8)
    """

    def __init__(self, fitted: "_core.Fitted") -> None:
        self._fitted = fitted

    @classmethod
    def fit(
        cls,
        X: Any,
        *,
        space: str | None = None,
        labels: Any = None,
        notions: str | Iterable[str] = "hull,range,ball",
        metric: str = "euclidean",
        k: int = 1,
        distance: bool | float = False,
        quantile: float = QUANTILE,
        seed: int = 0,
        progress: bool = False,
        threads: int | None = None,
    ) -> "Reference":
        """Compute everything about the rows that does not depend on queries.

        Parameters
        ----------
        X : array of shape (n, d), or (n, height, width[, channels]), or path
            Used in place if it is C-contiguous and of float16, float32, float64 or uint8, and no ``space`` is given: do
            not change it afterwards. Other layouts and types are copied once. Of a table (pyarrow, polars, pandas) with one
            column of lists, that column is used; else all columns, by position, not by name. A path is any file that the
            command reads.
        space : str, optional
            The space that rows are transformed into, as in ``hullscope compare --space``: ``"pca:16"``,
            ``"random:32"``, ``"whiten"``; for images also ``"patch:8"``, ``"smooth:2"`` and others. It is fitted on
            ``X`` and applied to queries too. The rows are copied.
        labels : array of shape (n,), optional
            The class of each row, for the notions ``class`` and those that need predictions.
        notions : str or list of str
            The definitions of "inside" to judge by, as in ``hullscope analyze --notion``; ``"all"`` for all.
        metric : {"euclidean", "cosine", "dot"}
            The metric of the nearest rows.
        k : int
            Nearest rows to report for each query; 0 for none.
        distance : bool or float
            Compute bounds of each query's distance to the hull, with a relative gap of 0.01 or of this number.
        quantile : float
            Share of the rows that are inside; sets the threshold of notions that need one.
        seed : int
            Seed of every random choice.
        progress : bool
            Show a bar (needs ``tqdm``).
        threads : int, optional
            Threads of this call; one per core by default.

        Returns
        -------
        Reference

        Raises
        ------
        TypeError, ValueError
            The message names the row and what to do.
        OSError
            A file that cannot be read; ``FileNotFoundError`` if there is none.
        """
        asked = _asked(neighbours=k, metric=metric, notions=notions, distance=distance, quantile=quantile, seed=seed)
        space = None if space is None else _arguments.text(space, "space")
        threads = _arguments.threads(threads)
        rows, axes = _arrays.shaped(X, "X")
        with _Bar(progress) as bar:
            fitted = _core.Fitted(
                rows,
                asked,
                axes=axes,
                space=None if space == "pixels" else space,
                labels=_arrays.labels(labels, "labels"),
                threads=threads,
                progress=bar,
            )
        _words.warn(fitted.warnings)
        return cls(fitted)

    def score(
        self,
        Q: Any,
        *,
        predictions: Any = None,
        labels: Any = None,
        loss: Any = None,
        progress: bool = False,
        threads: int | None = None,
    ) -> Result:
        """Judge each query as if it were the only one: no answer depends on the others.

        Parameters
        ----------
        Q : array of shape (m, d), or (m, height, width[, channels]), or path
            In the units of ``X`` before the space. Arrays are read in place or copied as in :meth:`fit`.
        predictions : array of shape (m,), optional
            The class that a model predicts for each query.
        labels : array of shape (m,), optional
            The class of each query. With ``predictions``, :meth:`Result.outcomes` shows which notion predicts errors.
        loss : array of shape (m,), optional
            A model's loss on each query, instead of predictions and labels.
        progress : bool
            Show a bar (needs ``tqdm``).
        threads : int, optional
            Threads of this call; one per core by default.

        Returns
        -------
        Result

        Raises
        ------
        TypeError, ValueError
            The message names the row and what to do.
        OSError
            A file that cannot be read; ``FileNotFoundError`` if there is none.
        KeyboardInterrupt
            On Ctrl-C; nothing is left running.
        """
        beside = {
            "labels": _arrays.labels(labels, "labels"),
            "predicted": _arrays.labels(predictions, "predictions"),
            "loss": _arrays.numbers(loss, "loss"),
        }
        answers = self._answers(Q, beside, progress=progress, threads=threads)
        _words.warn(answers.warnings)
        return Result(answers, self._fitted if self._fitted.space else None)

    def _answers(
        self, Q: Any, beside: dict[str, Any], *, progress: bool = False, threads: int | None = None
    ) -> "_core.Answers":
        threads = _arguments.threads(threads)
        rows, axes = _arrays.shaped(Q, "Q")
        with _Bar(progress) as bar:
            return self._fitted.score(rows, beside, axes=axes, threads=threads, progress=bar)

    def leave_one_out(
        self, rows: Any, *, threads: int | None = None
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Judge rows of the reference, each against the hull of all others.

        Parameters
        ----------
        rows : array of int
            Indices of rows.
        threads : int, optional
            Threads of this call; one per core by default.

        Returns
        -------
        verdict : ndarray of int8
            1 inside, -1 outside, 0 undecided. A row that equals another is inside.
        margin : ndarray of float64
            Proved lower bounds on the distance to the hull of the others; 0 inside.

        Raises
        ------
        TypeError, ValueError, IndexError
            What are no indices of rows.
        """
        numbers = np.asarray(rows).ravel()
        if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
            raise TypeError(f"rows are of type {numbers.dtype}; row numbers are needed, as of np.flatnonzero(mask)")
        if numbers.size and numbers.min() < 0:
            raise ValueError(f"rows has {numbers.min()}; row numbers begin at 0")
        return self._fitted.others([int(row) for row in numbers], threads=_arguments.threads(threads))

    def transform(self, Q: Any, *, threads: int | None = None) -> NDArray[np.float64]:
        """Rows transformed into the space of the reference.

        Parameters
        ----------
        Q : array of shape (m, d), or (m, height, width[, channels]), or path
            In the units of ``X`` before the space.
        threads : int, optional
            Threads of this call; one per core by default.

        Returns
        -------
        ndarray of float64, shape (m, dimensions of the space)

        Raises
        ------
        TypeError, ValueError, OSError
            Rows that cannot be read, are not finite, or do not fit the space; the message names the row.
        """
        rows, axes = _arrays.shaped(Q, "Q")
        return self._fitted.transform(rows, "Q", axes=axes, threads=_arguments.threads(threads))

    def save(self, path: str | os.PathLike[str], *, link: bool = False) -> None:
        """Save the reference to a ``.hull`` file.

        Parameters
        ----------
        path : path
            :meth:`load`, ``hullscope score`` and ``hullscope analyze`` read it. It holds the labels and the
            transformation into the space, which is applied to queries.
        link : bool
            Store the absolute path of the rows' file, and a hash of its content, instead of the rows. The file must stay there
            unchanged: it is read again when the reference is loaded, which is refused if it has changed.

        Raises
        ------
        OSError
            A path that cannot be written, or, with ``link``, a file of rows that is no longer there.
        ValueError
            A reference that such a file cannot hold, as one with a network as its space. With ``link``: rows from an array or a
            pipe, a reference with a space or labels, and a file that has changed since it was read.
        """
        self._fitted.save(os.fspath(path), link=link)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Reference":
        """Load a reference that :meth:`save` or ``hullscope fit`` wrote.

        Parameters
        ----------
        path : path
            A ``.hull`` file.

        Returns
        -------
        Reference

        Raises
        ------
        OSError
            A file that cannot be read; ``FileNotFoundError`` if there is none.
        ValueError
            A file of another format or version, or one that is incomplete or changed; one whose rows were read with options
            that arrays have not (``--scale``, ``--normalize``, ``--columns`` and others), which is for ``hullscope score``.
        """
        return cls(_core.Fitted.load(os.fspath(path)))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and that of dimensions of the space."""
        return self._fitted.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> Any:
        raise TypeError("a Reference cannot be pickled: save it with ref.save(path), and load it with Reference.load(path)")

    def __repr__(self) -> str:
        rows, dims = self.shape
        space = f", space={self._fitted.space!r}" if self._fitted.space else ""
        return f"Reference({rows} x {dims}{space})"


class _Bar:
    """A tqdm bar for each stage, or nothing."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._bar: Any = None
        self._stage = ""

    def __enter__(self) -> Callable[[str, int, int], None] | None:
        if not self._wanted:
            return None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("progress=True needs tqdm: pip install 'hullscope[progress]'") from None
        self._make: Any = tqdm
        return self._show

    def _show(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._close()
            self._stage, self._bar = stage, self._make(total=total or None, desc=stage)
        self._bar.n = done
        self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __exit__(self, *_: object) -> None:
        self._close()
