"""Every notion of `hullscope compare` beside an independent computation of the same, on 300 x 6 rows and 100 queries.

    cargo build --release
    python3.11 -m venv /tmp/every
    /tmp/every/bin/pip install numpy==2.4.6 scipy==1.17.1 prdc==0.2 scikit-learn==1.9.1 scikit-dimension==0.5.0 pyarrow==26.0.1
    /tmp/every/bin/python benches/peers/every.py [--binary target/release/hullscope]

Prints the table that is kept in RESULTS.md. It fails where a verdict differs, or a number by more than its tolerance.
"""

import argparse
import contextlib
import importlib.metadata
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import prdc
import pyarrow.parquet
import scipy
import scipy.stats
import skdim
from scipy.optimize import linprog, nnls
from scipy.spatial import Delaunay
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

PACKAGES = ["numpy", "scipy", "scikit-learn", "prdc", "scikit-dimension", "pyarrow"]
ROWS, QUERIES, D, LOCAL, KNN, MANIFOLD, QUANTILE = 300, 100, 6, 16, 10, 5, 0.95
# hullscope's own width of a bracket of distances and gauges: a share of the value.
GAP = 1e-6
NOTIONS = (
    f"hull,class,cone,gauge,local:{LOCAL},range,ball,knn:{KNN},mahalanobis,mahalanobis:tied,manifold:{MANIFOLD},"
    "delaunay,region,leaf:planes.npz"
)


def make(folder):
    """Away from 0, so that the cone is not the whole space; queries of all sizes, so that each notion has both verdicts."""
    draw = np.random.default_rng(14)
    rows = draw.normal(size=(ROWS, D)) + 1.2
    queries = draw.normal(size=(QUERIES, D)) * draw.uniform(0.2, 1.6, (QUERIES, 1)) + 1.2
    data = {
        "rows": rows,
        "queries": queries,
        "labels": draw.integers(0, 3, ROWS),
        "query_labels": draw.integers(0, 3, QUERIES),
        "predictions": draw.integers(0, 3, QUERIES),
    }
    for name, values in data.items():
        np.save(folder / f"{name}.npy", values)
    data["W"], data["b"] = draw.normal(size=(7, D)), draw.normal(size=7) * 0.3
    np.savez(folder / "planes.npz", W=data["W"], b=data["b"])
    return data


def run(binary, folder):
    """hullscope's table of queries, and the numbers of the set: facts by notion, and the two dimensions."""
    command = [binary, "compare", "rows.npy", "queries.npy", "--space", "pixels", "--notion", NOTIONS, "--labels", "labels.npy"]
    command += ["--query-labels", "query_labels.npy", "--predictions", "predictions.npy", "--gap", str(GAP), "--loo", "0", "-q"]
    subprocess.run([*command, "-o", "out"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    table = pyarrow.parquet.read_table(folder / "out" / "queries.parquet").to_pydict()
    space = json.loads((folder / "out" / "summary.json").read_text())["spaces"][0]
    return table, space


def in_hull(rows, query):
    """Whether a convex combination gives the query: a linear program."""
    equations = np.vstack([rows.T, np.ones(len(rows))])
    return linprog(np.zeros(len(rows)), A_eq=equations, b_eq=np.append(query, 1), method="highs-ds").status == 0


def to_hull(rows, query):
    """Distance to the hull: the nearest point of the hull of rows - query to 0, by least squares (Lawson and Hanson)."""
    moved = (rows - query).T
    u, _ = nnls(np.vstack([moved, np.ones(len(rows))]), np.append(np.zeros(len(query)), 1))
    return float(np.linalg.norm(moved @ (u / u.sum())))


def to_cone(rows, query):
    """Angle to the nearest non-negative combination, at most a right angle."""
    _, missed = nnls(rows.T, query)
    return float(np.arcsin(min(1, missed / np.linalg.norm(query))))


def gauge(rows, query):
    centre = rows.mean(axis=0)
    return linprog(np.ones(len(rows)), A_eq=(rows - centre).T, b_eq=query - centre, method="highs-ds").fun


def without(rows, row):
    return np.delete(rows, row, axis=0)


def moments_distance(rows, classes, query):
    """From the nearest class mean, by the covariance within classes with denominator N - classes; sklearn's pseudo-inverse."""
    kinds = np.unique(classes)
    means = [rows[classes == kind].mean(axis=0) for kind in kinds]
    within = np.vstack([rows[classes == kind] - mean for kind, mean in zip(kinds, means)])
    fitted = EmpiricalCovariance(assume_centered=True).fit(within)
    share = (len(rows) - len(kinds)) / len(rows)
    return min(float(np.sqrt(share * fitted.mahalanobis((query - mean)[None])[0])) for mean in means)


def columns_of(data):
    """What hullscope should say: name of a column, the numbers, and of what."""
    rows, queries = data["rows"], data["queries"]
    found = {}
    found["hull_outside"] = [not in_hull(rows, q) for q in queries]
    found["hull_score"] = [to_hull(rows, q) for q in queries]
    for whose, of in [("own", "query_labels"), ("predicted", "predictions")]:
        classes = [rows[data["labels"] == kind] for kind in data[of]]
        found[f"class_{whose}_outside"] = [not in_hull(c, q) for c, q in zip(classes, queries)]
        found[f"class_{whose}_score"] = [to_hull(c, q) for c, q in zip(classes, queries)]
    found["cone_score"] = [to_cone(rows, q) for q in queries]
    found["cone_outside"] = [angle > 1e-9 for angle in found["cone_score"]]
    found["gauge_score"] = [gauge(rows, q) for q in queries]
    found["gauge_outside"] = [value > 1 for value in found["gauge_score"]]

    lengths, order = NearestNeighbors(n_neighbors=LOCAL, algorithm="brute").fit(rows).kneighbors(queries)
    near = [rows[o] for o in order]
    found[f"local_{LOCAL}_outside"] = [not in_hull(n, q) for n, q in zip(near, queries)]
    found[f"local_{LOCAL}_score"] = [to_hull(n, q) for n, q in zip(near, queries)]

    beyond = (queries < rows.min(axis=0)) | (queries > rows.max(axis=0))
    found["range_outside"], found["range_every"] = beyond.any(axis=1), beyond.all(axis=1)
    found["range_score"] = found["range_count"] = beyond.sum(axis=1)

    # Of a row among the others: it is its own nearest, at 0.
    own = NearestNeighbors(n_neighbors=KNN + 1, algorithm="brute").fit(rows).kneighbors(rows)[0]
    for name, k in [("ball", 1), (f"knn_{KNN}", KNN)]:
        found[f"{name}_score"] = lengths[:, k - 1]
        found[f"{name}_outside"] = lengths[:, k - 1] > np.quantile(own[:, k], QUANTILE)

    for name, classes in [("mahalanobis", np.zeros(ROWS)), ("mahalanobis_class", data["labels"])]:
        score = np.array([moments_distance(rows, classes, q) for q in queries])
        others = [moments_distance(without(rows, i), without(classes, i), rows[i]) for i in range(ROWS)]
        found[f"{name}_score"], found[f"{name}_outside"] = score, score > np.quantile(others, QUANTILE)
        found[f"{name}_p"] = scipy.stats.chi2.sf(score**2, D)

    radii = prdc.prdc.compute_nearest_neighbour_distances(rows, MANIFOLD)
    power = (prdc.prdc.compute_pairwise_distance(queries, rows) ** 2 - radii**2).min(axis=1)
    held = prdc.prdc.compute_pairwise_distance(queries, rows) <= radii
    found[f"manifold_{MANIFOLD}_outside"] = ~held.any(axis=1)
    found[f"manifold_{MANIFOLD}_score"] = np.sign(power) * np.sqrt(np.abs(power))
    found[f"manifold_{MANIFOLD}_density"] = held.sum(axis=1) / MANIFOLD

    found.update(simplices(rows, queries))
    found.update(codes(rows, queries))
    found.update(leaves(rows, queries, order[:, 0], data["W"], data["b"]))
    return found


def simplices(rows, queries):
    """Qhull's Delaunay simplices; rows, weights' sums and sizes only where one holds the query (None elsewhere)."""
    made = Delaunay(rows)
    number = made.find_simplex(queries)
    scores, corners = [], []
    for query, simplex in zip(queries, number):
        if simplex < 0:
            scores.append(None)
            corners.append(None)
            continue
        part = made.simplices[simplex]
        weights = np.linalg.solve(np.vstack([rows[part].T, np.ones(D + 1)]), np.append(query, 1))
        scores.append(float(np.sqrt(weights @ ((rows[part] - query) ** 2).sum(axis=1))))
        corners.append(sorted(part.tolist()))
    return {"delaunay_outside": number < 0, "delaunay_score": scores, "delaunay_rows": corners}


def codes(rows, queries):
    """Signs of the values: here the rows are taken for pre-activations."""
    apart = ((queries > 0)[:, None, :] != (rows > 0)[None]).sum(axis=2)
    return {
        "region_score": apart.min(axis=1),
        "region_outside": apart.min(axis=1) > 0,
        "region_rows": (apart == 0).sum(axis=1),
    }


def leaves(rows, queries, nearest, W, b):
    hard = lambda x: x @ W.T + b > 0
    soft = lambda x: 1 / (1 + np.exp(-(x @ W.T + b)))
    held = (hard(queries)[:, None, :] == hard(rows)[None]).all(axis=2).sum(axis=1)
    s, t = soft(queries), soft(rows)[nearest]
    return {
        "leaf_rows": held,
        "leaf_outside": held == 0,
        "leaf_score": np.log2((ROWS + 1) / (held + 1)),
        "leaf_soft": (s * (1 - t) + (1 - s) * t).sum(axis=1),
        "leaf_sure": np.where(hard(queries), s, 1 - s).prod(axis=1),
    }


def compare(expected, table):
    """By column: verdicts that agree of those known, or the largest difference as a share of max(1, |value|)."""
    agree, differ = {}, {}
    for name, wanted in expected.items():
        pairs = [(w, h) for w, h in zip(list(wanted), table[name]) if w is not None]
        if isinstance(pairs[0][0], (bool, np.bool_, list)):
            agree[name] = (sum(bool(h is not None and w == h) for w, h in pairs), len(pairs))
        else:
            differ[name] = max(abs(float(w) - h) / max(1, abs(float(w))) for w, h in pairs)
    return agree, differ


# Certified brackets: lower end, upper end, the reference's column.
BRACKETS = [
    ("distance_lower", "distance_upper", "hull_score"),
    ("gauge_lower", "gauge_upper", "gauge_score"),
    ("cone_score", "cone_angle_upper", "cone_score"),
]


def brackets_hold(expected, table):
    """The queries whose bracket holds what the reference found, to 1e-9 for the reference's own rounding."""
    return {
        lower: sum(low - 1e-9 <= value <= high + 1e-9 for low, value, high in zip(table[lower], expected[of], table[upper]))
        for lower, upper, of in BRACKETS
    }


def of_the_set(data, space):
    """precision, recall, density, coverage and the two dimensions: the largest differences."""
    facts = next(n for n in space["notions"] if n["notion"] == f"manifold_{MANIFOLD}")["facts"]
    facts = {fact["name"]: fact["value"] for fact in facts}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its counts
        wanted = prdc.compute_prdc(data["rows"], data["queries"], nearest_k=MANIFOLD)
    twonn = skdim.id.TwoNN(discard_fraction=0.1).fit(data["rows"]).dimension_
    mle = skdim.id.MLE().fit(data["rows"], n_neighbors=20).dimension_
    return {
        "prdc": max(abs(wanted[name] - facts[name]) for name in wanted),
        "twonn": abs(space["two_nn"] - twonn) / twonn,
        "mle": abs(space["mle"] - mle) / mle,
    }


# Title, prefix of the columns, reference, the largest difference that is allowed.
LINES = [
    ("hull", "hull_", "scipy linprog (HiGHS); distance: scipy nnls", 2 * GAP),
    ("class, own", "class_own_", "the same, of the rows of the class", 2 * GAP),
    ("class, predicted", "class_predicted_", "the same, of the rows of the class", 2 * GAP),
    ("cone", "cone_", "scipy nnls, residual", 2 * GAP),
    ("gauge", "gauge_", "scipy linprog (HiGHS)", 2 * GAP),
    (f"local:{LOCAL}", f"local_{LOCAL}_", f"linprog and nnls over sklearn's {LOCAL} nearest rows", 2 * GAP),
    ("range", "range_", "numpy min, max", 0),
    ("ball", "ball_", "sklearn NearestNeighbors; threshold: numpy quantile", 1e-9),
    (f"knn:{KNN}", f"knn_{KNN}_", "the same", 1e-9),
    ("mahalanobis", "mahalanobis_", "sklearn EmpiricalCovariance; p: scipy chi2", 1e-9),
    ("mahalanobis:tied", "mahalanobis_class_", "the same within classes", 1e-9),
    (f"manifold:{MANIFOLD}", f"manifold_{MANIFOLD}_", "prdc, its radii and distances", 1e-6),
    ("delaunay", "delaunay_", "scipy Delaunay.find_simplex", 1e-6),
    ("region", "region_", "numpy, signs of the rows", 0),
    ("leaf:FILE.npz", "leaf_", "numpy", 1e-9),
]


def report(agree, differ, whole):
    """The table; whether all is within what is allowed."""
    good = True
    print("| notion | reference | verdicts agree | other exact columns | largest difference of numbers | in |")
    print("|--|--|--|--|--|--|")
    for title, prefix, reference, allowed in LINES:
        longer = [p for _, p, _, _ in LINES if p.startswith(prefix) and p != prefix]
        mine = lambda name: name.startswith(prefix) and not any(name.startswith(p) for p in longer)
        verdicts = agree[f"{prefix}outside"]
        exact = {n: a for n, a in agree.items() if mine(n) and n != f"{prefix}outside"}
        numbers = {n: v for n, v in differ.items() if mine(n)}
        worst = max(numbers, key=numbers.get)
        good &= all(a == b for a, b in [verdicts, *exact.values()]) and numbers[worst] <= allowed
        others = ", ".join(f"`{n}` {a} of {b}" for n, (a, b) in exact.items())
        print(f"| {title} | {reference} | {verdicts[0]} of {verdicts[1]} | {others} | {numbers[worst]:.0e} | `{worst}` |")
    for title, reference, name in [
        ("manifold, of the set", "prdc: precision, recall, density, coverage", "prdc"),
        ("TwoNN", "skdim.id.TwoNN(discard_fraction=0.1)", "twonn"),
        ("MLE", "skdim.id.MLE, n_neighbors=20", "mle"),
    ]:
        good &= whole[name] <= 1e-6
        print(f"| {title} | {reference} | | | {whole[name]:.0e} | |")
    return good


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binary", default="target/release/hullscope", type=pathlib.Path)
    binary = options.parse_args().binary.resolve()
    with tempfile.TemporaryDirectory() as folder:
        data = make(pathlib.Path(folder))
        table, space = run(binary, pathlib.Path(folder))
    version = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    print(f"{version}; CPython {sys.version.split()[0]}, {versions}; {ROWS} x {D} rows, {QUERIES} queries\n")
    expected = columns_of(data)
    agree, differ = compare(expected, table)
    held = brackets_hold(expected, table)
    out = {name: sum(map(bool, table[name])) for name in agree if name.endswith("_outside")}
    good = report(agree, differ, of_the_set(data, space))
    print("\nbrackets that hold the reference's number:", held)
    print("outside:", out)
    if not good or any(count != QUERIES for count in held.values()):
        sys.exit("some verdict or number differs")


if __name__ == "__main__":
    main()
