"""The numbers that the tests of the notions hold, from independent implementations; run by hand.

    python3 -m venv /tmp/notions
    /tmp/notions/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 prdc==0.2 scikit-dimension==0.5.0
    /tmp/notions/bin/python benches/peers/notions.py

The tables are made by formulas in whole numbers, so that Rust and Python have the same.
"""

import numpy
import prdc
import scipy.linalg
import scipy.stats
import sklearn.datasets
import skdim


def table(first, rows, columns):
    """Rows first .. first + rows of a table without structure: whole numbers from 0 to 100, by tenths."""
    i = numpy.arange(first, first + rows)[:, None]
    j = numpy.arange(columns)[None, :]
    return ((37 * i + 61 * j + i * i * (j + 3)) % 101) / 10


def waves(first, rows, columns):
    """Rows first .. first + rows of a table without repeats."""
    i = numpy.arange(first, first + rows)[:, None]
    j = numpy.arange(1, columns + 1)[None, :]
    return numpy.sin(i * i * 0.37 * j) * j


def chi_square():
    print("chi-square tails")
    for freedom, x in [(1, 0.5), (1, 3.84), (2, 40.0), (7, 1e-3), (61, 60.0), (61, 200.0), (3000, 2900.0), (3000, 3300.0)]:
        print(f"            ({freedom}, {x}, {float(scipy.stats.chi2.sf(x, freedom))!r}),")


def moments(rows):
    return rows.mean(axis=0), numpy.cov(rows, rowvar=False)


def distance(point, mean, covariance):
    """With the pseudo-inverse of the correlations: independent of the columns' units."""
    deviation = numpy.sqrt(numpy.diag(covariance))
    correlation = covariance / numpy.outer(deviation, deviation)
    inverse = scipy.linalg.pinvh(correlation, rtol=1e-10)
    z = (point - mean) / deviation
    return float(numpy.sqrt(z @ inverse @ z))


def mahalanobis():
    rows, queries = table(0, 60, 4), table(200, 5, 4)
    # A fifth column that the others determine.
    extend = lambda x: numpy.column_stack([x, x[:, 0] - 2 * x[:, 1] + 3])
    rows, queries = extend(rows), extend(queries)
    print("mahalanobis", [distance(q, *moments(rows)) for q in queries])
    others = [distance(rows[i], *moments(numpy.delete(rows, i, axis=0))) for i in range(5)]
    print("mahalanobis, left out", others)
    classes = numpy.arange(60) % 3

    def tied(point, rows, classes):
        kinds = numpy.unique(classes)
        means = [rows[classes == kind].mean(axis=0) for kind in kinds]
        within = numpy.vstack([rows[classes == kind] - mean for kind, mean in zip(kinds, means)])
        covariance = within.T @ within / (len(rows) - len(kinds))
        return min(distance(point, mean, covariance) for mean in means)

    print("mahalanobis, tied", [tied(q, rows, classes) for q in queries])
    others = [tied(rows[i], numpy.delete(rows, i, axis=0), numpy.delete(classes, i)) for i in range(5)]
    print("mahalanobis, tied, left out", others)

def dimension():
    twonn = skdim.id.TwoNN(discard_fraction=0.1)
    rows = waves(0, 300, 5)
    print("TwoNN", float(twonn.fit(rows).dimension_))
    print("MLE", float(skdim.id.MLE().fit(rows, n_neighbors=20).dimension_))
    digits = sklearn.datasets.load_digits().data[:1437]
    print("digits: TwoNN", float(twonn.fit(digits).dimension_), "MLE", float(skdim.id.MLE().fit(digits, n_neighbors=20).dimension_))


def manifold():
    rows, queries = waves(0, 300, 5), 1.2 * waves(1000, 80, 5)
    for k in (1, 5):
        found = prdc.compute_prdc(rows, queries, nearest_k=k)
        print("manifold", k, {name: float(value) for name, value in found.items()})


if __name__ == "__main__":
    chi_square()
    mahalanobis()
    dimension()
    manifold()
