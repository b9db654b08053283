"""Delaunay simplices in the plane by SciPy: delaunay.csv, for `tests/delaunay.rs`, whose formula of rows and queries this repeats."""

import csv

import numpy as np
from scipy.spatial import Delaunay


def by_formula(count, first):
    i, j = np.arange(first, first + count)[:, None], np.arange(1, 3)[None, :]
    return ((7919 * i + 104729 * j**3 + 31 * i * i * j + 17 * i * j * j) % 1009) / 1009


def projection(query, rows, hull):
    """The nearest point of the hull's edges, and the ends of its edge."""
    best = None
    for a, b in hull:
        along = rows[b] - rows[a]
        t = np.clip((query - rows[a]) @ along / (along @ along), 0, 1)
        point = rows[a] + t * along
        distance = np.linalg.norm(query - point)
        if best is None or distance < best[0]:
            best = distance, [(a, 1 - t), (b, t)]
    return sorted((int(row), weight) for row, weight in best[1] if weight > 0)


rows = by_formula(150, 0)
queries = 1.15 * by_formula(40, 500) - 0.1
triangulation = Delaunay(rows)
with open("delaunay.csv", "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["x", "y", "outside", "rows", "weights", "score", "sigma"])
    for query, simplex in zip(queries, triangulation.find_simplex(queries)):
        if simplex >= 0:
            vertices = triangulation.simplices[simplex]
            weights = np.linalg.solve(np.vstack([rows[vertices].T, np.ones(3)]), np.append(query, 1))
            held = sorted((int(row), weight) for row, weight in zip(vertices, weights))
        else:
            held = projection(query, rows, triangulation.convex_hull)
        points = rows[[row for row, _ in held]]
        point = sum(weight * rows[row] for row, weight in held)
        score = np.sqrt(sum(weight * np.sum((rows[row] - point) ** 2) for row, weight in held))
        nearest = np.argmin(np.linalg.norm(points - point, axis=1))
        edges = np.delete(points, nearest, axis=0) - points[nearest]
        sigma = np.linalg.svd(edges)[1].min() if len(edges) else ""
        table.writerow(
            [f"{query[0]:.17g}", f"{query[1]:.17g}", int(simplex < 0), " ".join(str(row) for row, _ in held)]
            + [" ".join(f"{weight:.12f}" for _, weight in held), f"{score:.12f}", sigma and f"{sigma:.12f}"]
        )
