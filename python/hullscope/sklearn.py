"""The convex hull as an outlier detector of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._reference import Reference

__all__ = ["HullDetector"]


class HullDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Samples outside the convex hull of the training rows are outliers, each with a proof.

    Parameters
    ----------
    distance : bool or float
        Score by the distance to the hull, to a hundredth or to this relative width, not only by the bound that the
        verdict gives: slower, and better to rank outliers by.
    n_jobs : int, optional
        Threads of a call; as many as there are cores where not given, or where it is -1.

    Attributes
    ----------
    offset_ : float
        Always 0: inside is a score of 0, and ``decision_function`` is ``score_samples``.
    n_features_in_ : int
        Columns of the training rows.

    Notes
    -----
    Nothing is learned but the rows, and every row is inside the hull that it spans: so ``fit_predict`` finds no outlier,
    and there is no ``contamination`` to choose. In few dimensions one outlier among the rows moves the hull; clean them
    first. A sample for which neither side can be proved counts as inside.

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
        """Keep the rows.

        Parameters
        ----------
        X : array of shape (n, d)
        y : ignored

        Returns
        -------
        HullDetector
        """
        self.rows_ = validate_data(self, X, dtype=[np.float64, np.float32], order="C", copy=True)
        self.offset_ = 0.0
        self._prepare()
        return self

    def _prepare(self) -> None:
        self._reference = Reference.fit(self.rows_, notions="hull", k=0, distance=self.distance, threads=self._threads())

    def _threads(self) -> int | None:
        return None if self.n_jobs in (None, -1) else self.n_jobs

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Minus a proved lower bound on the distance to the hull.

        Parameters
        ----------
        X : array of shape (m, d)

        Returns
        -------
        ndarray of float64, shape (m,)
            0 inside, negative outside.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        result = self._reference.score(X, threads=self._threads())
        # A proved outside whose distance is below the smallest number is an outlier all the same.
        below = np.minimum(-result.distance, -np.finfo(np.float64).tiny)
        score: NDArray[np.float64] = np.where(result.verdict < 0, below, 0.0)
        return score

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """``score_samples(X) - offset_``: negative for outliers. Parameters as :meth:`score_samples` has them."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for outliers, 1 for all others. Parameters as :meth:`score_samples` has them."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_reference", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "rows_"):
            self._prepare()
