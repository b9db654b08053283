"""The results about queries: arrays, tables, figures, certificates."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any, Iterator, Sequence

import numpy as np

from . import _arguments, _arrays, _core, _words

if TYPE_CHECKING:
    # Each of these takes as long to import as this package.
    import pandas
    import polars
    import pyarrow
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


class Result:
    """The results about each query, in order. Returned by :meth:`Reference.score`.

    ``result[name]`` is a column of the table that ``hullscope score -o`` writes: an array of numbers (NaN for null)
    or a list. It is made at first use and kept. Arrays are read-only, those of attributes too: columns without nulls are views
    of the table, whose numbers are not copied if it came in one batch.

    Notes
    -----
    A result of a reference with a space keeps the whole reference in memory, rows included, as :attr:`certificates` need the
    transformation. For many such results keep the arrays or :meth:`to_arrow`, and let the result go.

    Examples
    --------
    >>> import numpy as np, hullscope as hs
    >>> res = hs.Reference.fit(np.eye(3), notions="hull").score([[0.25, 0.25, 0.5], [1.0, 1.0, 1.0]])
    >>> res["proof"]
    ['exact', 'separated']
    """

    def __init__(self, answers: "_core.Answers", way: "_core.Fitted | None" = None) -> None:
        self._answers = answers
        #: The way into the space of the reference; None if rows are judged as they are.
        self._way = way
        self._columns: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def __reduce__(self) -> Any:
        raise TypeError("a Result cannot be pickled: pickle its table, res.to_arrow() or res.to_pandas()")

    def _once(self, name: str, make: Any) -> Any:
        if name not in self._columns:
            found = self._columns[name] = make()
            for array in found if isinstance(found, tuple) else (found,):
                if isinstance(array, np.ndarray):
                    # It is given to every later caller too.
                    array.setflags(write=False)
        return self._columns[name]

    @property
    def verdict(self) -> NDArray[np.int8]:
        """int8, shape (m,): 1 inside, -1 outside, 0 undecided."""
        found: NDArray[np.int8] = self._once(" verdict", self._answers.verdict)
        return found

    @property
    def margin(self) -> NDArray[np.float64]:
        """float64, shape (m,): proved lower bounds on the distance to the hull from the verdict alone; 0 inside."""
        found: NDArray[np.float64] = self._once(" margin", self._answers.margin)
        return found

    @property
    def distance(self) -> NDArray[np.float64]:
        """float64, shape (m,): proved lower bounds on the Euclidean distance to the hull.

        With ``Reference.fit(..., distance=True)`` within 1 % of the distance; otherwise those of the verdict
        alone (:attr:`margin`), which may be far below it. NaN without hull verdicts.
        """
        lower, _ = self.bracket
        found: NDArray[np.float64] = self._once(" distance", lambda: np.where(np.isnan(lower), self.margin, lower))
        return found

    @property
    def bracket(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Proved lower and upper bounds on the distance, each float64 of shape (m,); NaN where not asked for."""
        found: tuple[NDArray[np.float64], NDArray[np.float64]] = self._once(" bracket", self._answers.bracket)
        return found

    @property
    def neighbours(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances and indices of the nearest rows, each of shape (m, k), nearest first."""
        rows, distances = self._once(" neighbours", self._answers.neighbours)
        return distances, rows

    @property
    def columns(self) -> list[str]:
        """The names of the columns for ``result[name]``."""
        return self._answers.columns()

    def __getitem__(self, name: str) -> Any:
        return self._once(name, lambda: self._answers.column(name))

    @property
    def summary(self) -> dict[str, Any]:
        """Rates with intervals, facts about the reference, seconds by stage: the JSON of ``hullscope score --json``."""
        summary: dict[str, Any] = _words.reworded(json.loads(self._answers.summary))
        return summary

    def outcomes(self) -> dict[str, Any]:
        """Which notion predicts a model's errors, or its loss.

        Returns
        -------
        dict
            ``notions``: for each notion the area under the ROC curve, risks inside and outside, and more; ``comparisons``:
            pairs of notions, with p-values. Each number is ``{"value": ...}``, or ``{"missing": why}``.

        Raises
        ------
        ValueError
            If neither predictions with labels nor a loss were given to :meth:`Reference.score`.
        """
        if self._answers.outcomes is None:
            raise ValueError("outcomes are not known: give score() predictions= and labels=, or loss=")
        outcomes: dict[str, Any] = json.loads(self._answers.outcomes)
        return outcomes

    @property
    def certificates(self) -> "Certificates":
        """The certificates of the verdicts; ``certificates[i].check(X, Q[i])`` checks one by itself, in the reference's space."""
        return Certificates(self._answers, self._way)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as a stream of the Arrow C data interface; pyarrow, polars, pandas, DuckDB take the result itself."""
        return self._answers.stream()

    def to_arrow(self) -> "pyarrow.Table":
        """The table as a pyarrow table.

        Returns
        -------
        pyarrow.Table

        Raises
        ------
        ImportError
            Without pyarrow (``pip install 'hullscope[arrow]'``).
        """
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> "polars.DataFrame":
        """The table as a polars data frame.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        ImportError
            Without polars.
        """
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> "pandas.DataFrame":
        """The table as a pandas data frame.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            Without pandas.
        """
        import pandas

        return pandas.DataFrame({name: self[name] for name in self.columns})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The share of queries outside by each notion, with Wilson's 95 % intervals, drawn by matplotlib.

        Parameters
        ----------
        ax : matplotlib axes, optional
            The axes to draw on; new ones by default.

        Returns
        -------
        matplotlib axes

        Raises
        ------
        ImportError
            Without matplotlib (``pip install 'hullscope[plot]'``).
        """
        if ax is None:
            import matplotlib.pyplot

            ax = matplotlib.pyplot.figure(layout="constrained").gca()
        notions = [notion for notion in self.summary["notions"][::-1] if notion["queries"]]
        rates = np.array([notion["rate"] for notion in notions])
        ends = np.array([notion["interval95"] for notion in notions]).reshape(-1, 2)
        whiskers = 100 * np.abs(ends - rates[:, None]).T
        ax.errorbar(100 * rates, [notion["notion"] for notion in notions], xerr=whiskers, fmt="o", capsize=3)
        ax.set(xlim=(0, 100), xlabel="queries outside, %", title=f"Share of {len(self)} queries outside")
        return ax

    def _repr_html_(self) -> str:
        head = "<tr><th>notion</th><th>outside</th><th>queries</th><th>%</th><th>95 %</th><th>outside means</th></tr>"
        lines = []
        for notion in self.summary["notions"]:
            asked = notion["queries"] > 0
            cells = [
                notion["notion"],
                notion["outside"],
                notion["queries"],
                f"{100 * notion['rate']:.1f}" if asked else "-",
                " to ".join(f"{100 * end:.1f}" for end in notion["interval95"]) if asked else "-",
                notion["outside_means"],
            ]
            lines.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
        figure = self._answers.rates() or ""
        return f"<p>{html.escape(repr(self))}</p><table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>{figure}"

    def __repr__(self) -> str:
        verdict = self.verdict
        inside, outside = int((verdict > 0).sum()), int((verdict < 0).sum())
        return f"Result({len(self)} queries: {inside} inside, {outside} outside, {len(self) - inside - outside} undecided)"


class Certificates(Sequence["Certificate"]):
    """The certificates of all verdicts, by query."""

    def __init__(self, answers: "_core.Answers", way: "_core.Fitted | None") -> None:
        self._answers = answers
        self._way = way

    def __len__(self) -> int:
        return len(self._answers)

    def __getitem__(self, query: Any) -> Any:
        if isinstance(query, slice):
            return [self[place] for place in range(*query.indices(len(self)))]
        place = int(query)
        return Certificate(self._answers.certificate(place + len(self) if place < 0 else place), self._way)

    def __iter__(self) -> Iterator["Certificate"]:
        return (self[place] for place in range(len(self)))


class Certificate:
    """The certificate of one query's verdict.

    Attributes
    ----------
    verdict : str
        inside, outside or undecided.
    proof : str or None
        exact, tolerance or separated; None for an undecided query.
    rows, weights : ndarray or None
        For inside: the reference rows whose weighted sum is the query; weights are positive and sum to 1.
    direction : ndarray or None
        For outside: a direction along which the query is farther than every reference row.
    margin : float or None
        For outside: a lower bound on the distance to the hull.
    """

    def __init__(self, found: "_core.Certificate", way: "_core.Fitted | None") -> None:
        self._found = found
        self._way = way
        self.verdict = found.verdict
        self.proof = found.proof
        self.rows = found.rows
        self.weights = found.weights
        self.direction = found.direction
        self.margin = found.margin

    def check(self, X: Any, q: Any, *, transformed: bool = False, threads: int | None = None) -> bool:
        """Whether the certificate holds, by arithmetic that is independent of the solver.

        Parameters
        ----------
        X : array of shape (n, d), or (n, height, width[, channels]), or path
            The rows of the reference, as :meth:`Reference.fit` took them. If it has a space, they are transformed into it.
        q : array of shape (d,), or (height, width[, channels])
            The one query, as :meth:`Reference.score` took it.
        transformed : bool
            Both are in the space already, as :meth:`Reference.transform` gives them: so many certificates are checked with
            rows that are transformed once.
        threads : int, optional
            Threads of this call; one per core by default.

        Returns
        -------
        bool
            False for an undecided query, for which nothing is claimed. :meth:`fault` says what is wrong.

        Raises
        ------
        TypeError, ValueError, OSError
            Rows that cannot be read, or do not fit the space; more than one query.

        Examples
        --------
        >>> import numpy as np, hullscope as hs
        >>> rng = np.random.default_rng(0)
        >>> X, Q = rng.normal(size=(500, 20)), rng.normal(size=(10, 20))
        >>> res = hs.Reference.fit(X, space="pca:3").score(Q)
        >>> res.certificates[3].check(X, Q[3])
        True
        """
        return self.fault(X, q, transformed=transformed, threads=threads) is None

    def fault(self, X: Any, q: Any, *, transformed: bool = False, threads: int | None = None) -> str | None:
        """What is wrong with the certificate.

        Parameters
        ----------
        X : array of shape (n, d), or (n, height, width[, channels]), or path
            As in :meth:`check`.
        q : array of shape (d,), or (height, width[, channels])
            As in :meth:`check`.
        transformed : bool
            As in :meth:`check`.
        threads : int, optional
            Threads of this call; one per core by default.

        Returns
        -------
        str or None
            None if it holds.

        Raises
        ------
        TypeError, ValueError, OSError
            As in :meth:`check`.
        """
        threads = _arguments.threads(threads)
        rows, axes = _arrays.shaped(X, "X")
        query, axes_of_query = _arrays.single(q, "q", axes)
        if self._way is not None and not transformed:
            rows = self._way.transform(rows, "X", axes=axes, threads=threads)
            query = self._way.transform(query, "q", axes=axes_of_query, threads=threads)
        return self._found.check(rows, query, threads=threads)

    def __repr__(self) -> str:
        return f"Certificate({self.verdict}, {self.proof})"
