"""The detector by scikit-learn's own checks, and where scikit-learn puts detectors."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import hullscope as hs
from hullscope.sklearn import HullDetector

RNG = np.random.default_rng(5)
X, Q = RNG.normal(size=(300, 5)), 1.5 * RNG.normal(size=(50, 5))


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([HullDetector(), HullDetector(distance=True, n_jobs=1)])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_outliers_are_those_outside():
    found = HullDetector().fit(X)
    verdict = hs.Reference.fit(X).score(Q).verdict
    assert (found.predict(Q) == np.where(verdict < 0, -1, 1)).all() and {1, -1} == set(found.predict(Q))
    assert ((found.score_samples(Q) < 0) == (verdict < 0)).all()
    own = found.fit_predict(X)
    for row in range(0, 300, 30):
        others = np.delete(X, row, axis=0)
        assert own[row] == np.where(hs.in_hull(others, X[row : row + 1])[0], 1, -1)
    assert (HullDetector().fit(np.vstack([X, X])).predict(X) == 1).all()
    near = HullDetector(distance=True).fit(X).score_samples(Q)
    assert (near <= found.score_samples(Q) + 1e-12).all() and (near < found.score_samples(Q) - 1e-6).any()


def test_it_is_copied_kept_and_put_in_a_pipeline():
    pipeline = make_pipeline(PCA(3, random_state=0), HullDetector(n_jobs=1))
    expected = pipeline.fit(X).predict(Q)
    assert (clone(pipeline).fit(X).predict(Q) == expected).all()
    assert (pickle.loads(pickle.dumps(pipeline)).predict(Q) == expected).all()
    joblib = pytest.importorskip("joblib")
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(pipeline.predict)(part) for part in (Q[:20], Q[20:]))
    assert (np.concatenate(parts) == expected).all()


def test_threads_are_counted_as_joblib_counts():
    joblib = pytest.importorskip("joblib")
    expected = HullDetector().fit(X).predict(Q)
    for jobs in (-1, -2, -1000):
        found = HullDetector(n_jobs=jobs).fit(X)
        assert found._threads() == joblib.effective_n_jobs(jobs) >= 1
        assert (found.predict(Q) == expected).all()
    with pytest.raises(ValueError, match="n_jobs"):
        HullDetector(n_jobs=0).fit(X)
