"""The convex hull as an outlier detector of scikit-learn."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _arguments, _words
from ._reference import Reference
from ._result import Result

__all__ = ["HullDetector"]


class HullDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Outlier detector: samples outside the convex hull of the training rows are outliers, each with a proof.

    Parameters
    ----------
    distance : bool or float
        Score by the distance to the hull, with a relative gap of 0.01 or of this number, instead of the weaker bound that the
        verdict gives: slower, but better for ranking outliers.
    n_jobs : int, optional
        Threads of a call; one per core by default and for -1, all but one for -2, and so on, as joblib counts.

    Attributes
    ----------
    offset_ : float
        Always 0: samples inside have the score 0, and ``decision_function`` equals ``score_samples``.
    n_features_in_ : int
        Columns of the training rows.

    Notes
    -----
    The model is the rows themselves, so there is no ``contamination`` to choose. Every row is inside the hull that it
    spans; therefore a sample that equals a training row is judged by the hull of all others, and the training rows that
    ``fit_predict`` and ``predict`` call outliers are those that the others do not enclose: few in few dimensions, nearly all
    in many. An outlier among the training rows enlarges the hull; remove outliers first. A sample for which neither side can
    be proved counts as inside.

    Examples
    --------
    >>> from hullscope.sklearn import HullDetector
    >>> HullDetector().fit([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).predict([[0.25, 0.25], [1.0, 1.0]])
    array([ 1, -1])
    """

    def __init__(self, distance: bool | float = False, n_jobs: int | None = None) -> None:
        self.distance = distance
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> "HullDetector":
        """Store the rows and prepare the reference.

        Parameters
        ----------
        X : array of shape (n, d)
            The training rows; copied.
        y : ignored
            There for scikit-learn's conventions.

        Returns
        -------
        HullDetector

        Raises
        ------
        TypeError, ValueError
            Rows that are not finite numbers.
        """
        self.rows_ = validate_data(self, X, dtype=[np.float64, np.float32], order="C", copy=True)
        self.offset_ = 0.0
        self._prepare()
        return self

    def _prepare(self) -> None:
        # Adding 0 makes 0 of -0, so that both have the same bytes.
        self._places = {row.tobytes(): place for place, row in enumerate(self.rows_.astype(np.float64) + 0.0)}
        self._reference = Reference.fit(self.rows_, notions="hull", k=0, distance=self.distance, threads=self._threads())

    def _threads(self) -> int | None:
        return None if self.n_jobs is None else min(int(joblib.effective_n_jobs(self.n_jobs)), _arguments.THREADS)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """The negative of a proved lower bound on the distance to the hull.

        Parameters
        ----------
        X : array of shape (m, d)
            The samples.

        Returns
        -------
        ndarray of float64, shape (m,)
            0 inside, negative outside.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before :meth:`fit`.
        TypeError, ValueError
            Samples that are not finite numbers, or have another number of columns than the training rows.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        score = self._score(X)
        own = [self._places.get(row.tobytes(), -1) for row in X.astype(np.float64) + 0.0]
        asked = np.flatnonzero(np.array(own) >= 0)
        if len(asked):
            verdict, margin = self._reference.leave_one_out([own[at] for at in asked], threads=self._threads())
            score[asked] = _score(verdict, margin)
        return score

    def _score(self, X: NDArray[Any]) -> NDArray[np.float64]:
        beside = {"labels": None, "predicted": None, "loss": None}
        answers = self._reference._answers(X, beside, threads=self._threads())
        # Rows of the reference are left out when they are judged, so the warning about an overlap does not apply.
        _words.warn(text for text in answers.warnings if text != answers.overlap)
        result = Result(answers)
        return _score(result.verdict, result.distance)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """``score_samples(X) - offset_``: negative for outliers.

        Parameters
        ----------
        X : array of shape (m, d)
            The samples.

        Returns
        -------
        ndarray of float64, shape (m,)

        Raises
        ------
        sklearn.exceptions.NotFittedError, TypeError, ValueError
            As :meth:`score_samples`.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for outliers, 1 for all others.

        Parameters
        ----------
        X : array of shape (m, d)
            The samples.

        Returns
        -------
        ndarray of int64, shape (m,)

        Raises
        ------
        sklearn.exceptions.NotFittedError, TypeError, ValueError
            As :meth:`score_samples`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        for made in ("_reference", "_places"):
            state.pop(made, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "rows_"):
            self._prepare()


def _score(verdict: NDArray[np.int8], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of verdicts: that of an outlier is below 0 even if the distance underflows."""
    return np.where(verdict < 0, np.minimum(-distance, -np.finfo(np.float64).tiny), 0.0)
