"""Is a sample inside the convex hull of a data set? Proved verdicts and exact nearest neighbours for arrays.

Examples
--------
>>> import numpy as np, hullscope as hs
>>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
>>> hs.in_hull(X, [[0.5, 0.25], [2.0, 0.5]])
array([ True, False])
"""

from . import paper
from ._compare import Comparison, compare, sweep
from ._reference import Reference, Sample, in_hull, neighbours, sample
from ._result import Certificate, Result

__all__ = ["Certificate", "Comparison", "Reference", "Result", "Sample", "compare", "in_hull", "neighbours", "paper", "sample", "sweep"]
