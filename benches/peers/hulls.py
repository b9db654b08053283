"""Definitions of "inside" by SciPy: gauge about the mean, cone, local hull, Delaunay simplex.

    pip install numpy scipy && python hulls.py

Rows and queries come from a formula in whole numbers, so that tests in any language can have the same. Each line gives
a query's gauge (linear program), its angle to the cone of the rows in radians (non-negative least squares), whether it
is in the hull of its 16 nearest rows (linear program), and the rows of its Delaunay simplex (Qhull).
"""

import numpy as np
import scipy
from scipy.optimize import linprog, nnls
from scipy.spatial import Delaunay

ROWS, QUERIES, D, NEAREST = 60, 12, 3, 16


def numbers(count, first, offset):
    """`count` rows: number j of row i is ((7919 i + 104729 j^3 + 31 i^2 j + 17 i j^2) mod 1009) / 1009 + offset."""
    i = np.arange(first, first + count)[:, None]
    j = np.arange(1, D + 1)[None, :]
    return ((7919 * i + 104729 * j**3 + 31 * i * i * j + 17 * i * j * j) % 1009) / 1009 + offset


def gauge(rows, query):
    """min sum u : sum u_i (x_i - c) = q - c, u >= 0, c the mean."""
    c = rows.mean(axis=0)
    found = linprog(np.ones(len(rows)), A_eq=(rows - c).T, b_eq=query - c, method="highs-ds")
    return found.fun


def angle(rows, query):
    """Angle to the nearest non-negative combination, at most a right angle."""
    u, missed = nnls(rows.T, query)
    return float(np.arcsin(min(1.0, missed / np.linalg.norm(query))))


def inside(rows, query):
    """Whether a convex combination gives the query."""
    equations = np.vstack([rows.T, np.ones(len(rows))])
    found = linprog(np.zeros(len(rows)), A_eq=equations, b_eq=np.append(query, 1), method="highs-ds")
    return found.status == 0


def main():
    print(f"numpy {np.__version__}, scipy {scipy.__version__}")
    # Away from 0, so that the cone is pointed and some queries are outside of it.
    rows = numbers(ROWS, 0, 0.3)
    queries = numbers(QUERIES, 500, 0.3) * 0.95 + 0.05
    simplices = Delaunay(rows)
    for number, query in enumerate(queries):
        near = rows[np.argsort(np.linalg.norm(rows - query, axis=1), kind="stable")[:NEAREST]]
        found = int(simplices.find_simplex(query))
        simplex = sorted(simplices.simplices[found].tolist()) if found >= 0 else []
        print(
            f"({gauge(rows, query):.9f}, {angle(rows, query):.9f}, {str(inside(near, query)).lower()}, {simplex}),"
            f"  // {number}"
        )


if __name__ == "__main__":
    main()
