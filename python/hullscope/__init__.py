"""Is a sample inside the convex hull of a data set? Proved verdicts and exact nearest neighbours for arrays.

Examples
--------
>>> import numpy as np, hullscope as hs
>>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
>>> hs.in_hull(X, [[0.5, 0.25], [2.0, 0.5]])
array([ True, False])
"""

import importlib as _importlib
from types import ModuleType as _ModuleType

from . import paper
from ._compare import Comparison, compare, sweep
from ._reference import Reference, Sample, in_hull, neighbours, sample
from ._result import Certificate, Result

__all__ = ["Certificate", "Comparison", "Reference", "Result", "Sample", "compare", "in_hull", "neighbours", "paper", "sample", "sweep"]


def __getattr__(name: str) -> _ModuleType:
    # These need optional packages, so they are imported at first use.
    if name in ("ray", "sklearn"):
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
