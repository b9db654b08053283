"""Is a sample inside the convex hull of a data set? Proved verdicts and exact nearest neighbours for arrays.

Examples
--------
>>> import numpy as np, hullscope as hs
>>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
>>> hs.in_hull(X, [[0.5, 0.25], [2.0, 0.5]])
array([ True, False])
"""

from ._reference import Reference, in_hull, neighbours
from ._result import Certificate, Result

__all__ = ["Certificate", "Reference", "Result", "in_hull", "neighbours"]
