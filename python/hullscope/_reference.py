"""A reference set that queries are scored against, and what is found."""

from __future__ import annotations

import json
import warnings
from typing import Any, Callable

import numpy as np

from . import _arrays, _core

#: The relative width of the bracket around a distance that is asked for.
GAP = 1e-3


def _analyze(
    reference: np.ndarray,
    queries: Any,
    *,
    hull: bool = True,
    neighbours: int = 1,
    metric: str = "euclidean",
    notions: list[str] | None = None,
    gap: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> "_core.Answers":
    return _core.analyze(
        reference,
        _arrays.rows(queries, "Q"),
        hull=hull,
        neighbours=neighbours,
        metric=metric,
        notions=notions or [],
        gap=gap,
        seed=seed,
        threads=threads,
        progress=progress,
    )


def in_hull(X: Any, Q: Any, *, threads: int | None = None) -> np.ndarray:
    """Whether each query lies in the convex hull of the rows of ``X``.

    Parameters
    ----------
    X : array of shape (n, d)
        The reference.
    Q : array of shape (m, d)
        The queries, in the same units.
    threads : int, optional
        Threads of this call; as many as there are cores where not given.

    Returns
    -------
    ndarray of bool, shape (m,)

    Raises
    ------
    TypeError, ValueError
        Inputs that are no finite numbers of the same width; the message names the row.
    ArithmeticError
        If a query is so near the boundary that neither answer can be proved; :meth:`Reference.score` tells which.
    """
    verdict = _analyze(_arrays.rows(X, "X"), Q, neighbours=0, threads=threads).verdict()
    if (verdict == 0).any():
        open_rows = np.flatnonzero(verdict == 0)
        raise ArithmeticError(
            f"{len(open_rows)} queries are undecided, the first is row {open_rows[0]}: "
            "neither answer can be proved; use Reference.fit(X).score(Q).verdict, which is 0 for these"
        )
    return verdict > 0


def neighbours(
    X: Any, Q: Any, k: int = 1, *, metric: str = "euclidean", threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The exact ``k`` nearest rows of ``X`` for each query.

    Parameters
    ----------
    X : array of shape (n, d)
    Q : array of shape (m, d)
    k : int
        Rows a query; at most n are returned.
    metric : {"euclidean", "cosine", "dot"}
        |x - q|, 1 - cos(x, q), or -<x, q>.
    threads : int, optional

    Returns
    -------
    distances : ndarray of float64, shape (m, k)
        Nearest first.
    rows : ndarray of int64, shape (m, k)
        Indices into ``X``; of equal distances the smaller index comes first.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    rows, distances = _analyze(
        _arrays.rows(X, "X"), Q, hull=False, neighbours=k, metric=metric, threads=threads
    ).neighbours()
    return distances, rows


class Reference:
    """Rows that queries are judged against. Made by :meth:`fit`."""

    def __init__(self, rows: np.ndarray, notions: list[str], metric: str, k: int, seed: int) -> None:
        self._rows = rows
        self._notions = notions
        self._metric = metric
        self._k = k
        self._seed = seed

    @classmethod
    def fit(
        cls, X: Any, *, notions: str = "hull,range,ball", metric: str = "euclidean", k: int = 1, seed: int = 0
    ) -> "Reference":
        """Keep the rows and the settings.

        Parameters
        ----------
        X : array of shape (n, d)
            Used in place if it is C-contiguous and of float16, float32, float64 or uint8; do not change it afterwards.
        notions : str
            The definitions of "inside" to judge by, as ``hullscope analyze --notions`` has them.
        metric : {"euclidean", "cosine", "dot"}
            Of the nearest rows.
        k : int
            Nearest rows to report a query; 0 for none.
        seed : int
            Of every random choice.
        """
        names = [name.strip() for name in notions.split(",") if name.strip()]
        return cls(_arrays.rows(X, "X"), names, metric, k, seed)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        n, d = self._rows.shape
        return f"Reference({n} x {d} {self._rows.dtype}, notions={','.join(self._notions)!r})"

    def score(
        self, Q: Any, *, distance: bool = False, progress: bool = False, threads: int | None = None
    ) -> "Result":
        """Judge each query.

        Parameters
        ----------
        Q : array of shape (m, d)
        distance : bool
            Bracket each query's distance to the hull to a thousandth.
        progress : bool
            Show a bar (needs ``tqdm``).
        threads : int, optional

        Raises
        ------
        TypeError, ValueError
            With the row and what to do.
        KeyboardInterrupt
            On Ctrl-C; nothing is left running.
        """
        bar = _Bar() if progress else None
        try:
            answers = _analyze(
                self._rows,
                Q,
                neighbours=self._k,
                metric=self._metric,
                notions=self._notions,
                gap=GAP if distance else None,
                seed=self._seed,
                threads=threads,
                progress=bar,
            )
        finally:
            if bar is not None:
                bar.close()
        for text in answers.warnings:
            warnings.warn(text, stacklevel=2)
        return Result(answers)


class Result:
    """What was found about each query, in their order."""

    def __init__(self, answers: "_core.Answers") -> None:
        self._answers = answers

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def verdict(self) -> np.ndarray:
        """int8, shape (m,): 1 inside, -1 outside, 0 undecided."""
        return self._answers.verdict()

    @property
    def margin(self) -> np.ndarray:
        """float64, shape (m,): proved lower bounds on the distance to the hull; 0 inside."""
        return self._answers.margin()

    @property
    def columns(self) -> list[str]:
        """The names that ``result[name]`` knows."""
        return self._answers.columns()

    @property
    def summary(self) -> dict[str, Any]:
        """Rates with intervals, facts about the reference, seconds by stage."""
        return json.loads(self._answers.summary)

    def __getitem__(self, name: str) -> Any:
        """A column: an array of numbers (NaN where there is none), or a list."""
        return self._answers.column(name)

    def __repr__(self) -> str:
        verdict = self.verdict
        inside, outside = int((verdict > 0).sum()), int((verdict < 0).sum())
        return f"Result({len(self)} queries: {inside} inside, {outside} outside, {len(self) - inside - outside} undecided)"


class _Bar:
    """A tqdm bar for each stage."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._make: Any = tqdm
        self._bar: Any = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.close()
            self._stage, self._bar = stage, self._make(total=total or None, desc=stage)
        self._bar.n = done
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
