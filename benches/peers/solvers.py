"""The peers: three other ways to decide whether q lies in the convex hull of the rows of X, in float64.

Each solver is built once for a reference set and then asked query by query. `verdict(q)` returns "inside" or
"outside", each only with a proof: weights whose residual vanishes, or a direction w with <w, q> > max <w, x_i> over
all rows. All work on rows centred on their mean, which changes no verdict.
"""

import numpy as np
from scipy.linalg.lapack import dposv
from scipy.optimize import linprog


class Reference:
    """Rows centred on their mean, and what pricing needs."""

    def __init__(self, rows):
        rows = np.asarray(rows, dtype=np.float64)
        self.mean = rows.mean(axis=0)
        self.rows = np.ascontiguousarray(rows - self.mean)
        self.squares = np.einsum("ij,ij->i", self.rows, self.rows)
        self.radius = float(np.sqrt(self.squares.max()))

    def centred(self, q):
        return np.asarray(q, dtype=np.float64) - self.mean

    def nearest(self, q, k):
        """The k rows nearest to the centred point q, in no order."""
        distances = self.squares - 2.0 * (self.rows @ q)
        return best(-distances, k)


def best(scores, k):
    """Indices of the k largest scores, in no order."""
    if k >= len(scores):
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - k)[-k:]


class Linprog:
    """The usual recipe: one feasibility program over all rows, scipy's linprog with HiGHS."""

    def __init__(self, reference):
        self.reference = reference
        self.matrix = np.vstack([reference.rows.T, np.ones(len(reference.rows))])
        self.cost = np.zeros(len(reference.rows))

    def verdict(self, q, seconds=None):
        options = {} if seconds is None else {"time_limit": seconds}
        target = np.append(self.reference.centred(q), 1.0)
        result = linprog(self.cost, A_eq=self.matrix, b_eq=target, bounds=(0, None), method="highs", options=options)
        return {0: "inside", 2: "outside"}.get(result.status, "undecided")


class ColumnGeneration:
    """HiGHS on a few rows at a time.

    The program is the gauge about the mean, min sum(l) + M sum(|s|) with sum(l_i x_i) + s = q, l >= 0: q is inside
    exactly when its value is at most 1, because the mean is. Its dual is a direction w with <w, x_i> <= 1 for the rows
    in the program. All rows are priced with one product <w, x_i>: if their maximum is below <w, q>, w separates and
    q is outside; if the value is at most 1 without slack, q is inside; otherwise the 2d best rows are added, and the
    primal simplex goes on from the basis it has, which added columns keep feasible.
    Each query starts from its nearest 2(d+1) rows.
    """

    SLACK_COST = 10.0
    TOLERANCE = 1e-9

    def __init__(self, reference):
        import highspy

        self.highspy = highspy
        self.reference = reference
        self.dim = reference.rows.shape[1]
        # M must exceed every |w_j| of an optimal dual; the hull holds a ball about the mean of at least a tenth of
        # the radius in all sets used here, so that |w| <= 10 / radius. Checked: slack at the end raises.
        self.slack_cost = self.SLACK_COST * 10.0 / reference.radius
        self.products = 0

    def start(self, q):
        """A model of the slack columns and the rows nearest to q."""
        d = self.dim
        self.highs = self.highspy.Highs()
        for name, value in [("output_flag", False), ("presolve", "off"), ("threads", 1), ("solver", "simplex"),
                            ("simplex_strategy", 0)]:
            self.highs.setOptionValue(name, value)
        self.every = np.arange(d, dtype=np.int32)
        none = np.zeros(0)
        self.highs.addRows(d, q, q, 0, np.zeros(d, np.int32), none.astype(np.int32), none)
        signs = np.concatenate([np.ones(d), -np.ones(d)])
        self.highs.addCols(
            2 * d, np.full(2 * d, self.slack_cost), np.zeros(2 * d), np.full(2 * d, np.inf), 2 * d,
            np.arange(2 * d, dtype=np.int32), np.concatenate([self.every, self.every]), signs,
        )
        self.held = np.zeros(len(self.reference.rows), dtype=bool)
        self.products += 1
        self.add(self.reference.nearest(q, 2 * (d + 1)))

    def add(self, rows):
        k, d = len(rows), self.dim
        self.held[rows] = True
        self.highs.addCols(
            k, np.ones(k), np.zeros(k), np.full(k, np.inf), k * d, np.arange(0, k * d, d, dtype=np.int32),
            np.tile(self.every, k), self.reference.rows[rows].ravel(),
        )

    def rounds(self, q):
        """Solve and price in turn; yields (value, slack is used, w, scores of all rows)."""
        self.start(q)
        while True:
            self.highs.run()
            solution = self.highs.getSolution()
            w = np.array(solution.row_dual)
            slack = sum(solution.col_value[: 2 * self.dim])
            scores = self.reference.rows @ w
            self.products += 1
            yield float(w @ q), slack > self.TOLERANCE * self.reference.radius, w, scores
            better = best(scores, 2 * self.dim)
            better = better[(scores[better] > 1.0 + self.TOLERANCE) & ~self.held[better]]
            if len(better) == 0:
                raise RuntimeError("no row improves an undecided program")
            self.add(better)
            self.highs.setOptionValue("simplex_strategy", 4)

    def verdict(self, q, seconds=None):
        q = self.reference.centred(q)
        for value, slack, _, scores in self.rounds(q):
            if value > scores.max() + self.TOLERANCE:
                return "outside"
            if value <= 1.0 + self.TOLERANCE and not slack:
                return "inside"

    def gauge(self, q, relative=1e-3):
        """min {t : mean + (q - mean)/t is in the hull}, to a relative accuracy."""
        q = self.reference.centred(q)
        for value, slack, _, scores in self.rounds(q):
            lower = value / max(scores.max(), 1.0)
            if not slack and value <= lower * (1.0 + relative):
                return 0.5 * (value + lower)


class Wolfe:
    """Wolfe's minimum-norm point of conv(X) - q (Wolfe 1976), on BLAS and LAPACK.

    A full product prices all rows. The first is made with w = q - mean, which settles what is far outside. Between
    two full products the iteration runs on a short list, the `candidates` rows that the last full product liked
    best; that is several times faster than pricing all rows for each new vertex, and the result is the same.
    The affine minimiser of the corral is one dposv of its Gram matrix plus ones.
    """

    def __init__(self, reference, candidates=None):
        self.reference = reference
        d = reference.rows.shape[1]
        self.candidates = 4 * d if candidates is None else candidates
        self.room = d + 2
        self.products = 0

    def verdict(self, q, seconds=None):
        rows = self.reference.rows
        q = self.reference.centred(q)
        scale = self.reference.radius + float(np.linalg.norm(q))
        point = -q  # the mean, seen from q
        corral = np.empty((self.room, len(q)))
        gram = np.empty((self.room, self.room))
        members, weights = [], np.zeros(0)
        while True:
            scores = rows @ point
            self.products += 1
            scores -= q @ point
            lowest = int(np.argmin(scores))
            if scores[lowest] > 1e-12 * scale * scale:
                return "outside"
            if members and point @ point <= (1e-9 * scale) ** 2:
                return "inside"
            if members and scores[lowest] > point @ point - 1e-12 * scale * scale:
                raise RuntimeError("Wolfe's iteration stalled")
            chosen = best(-scores, self.candidates) if self.candidates else np.array([lowest])
            short = rows[chosen] - q
            if not members:
                members, weights = [lowest], np.ones(1)
                corral[0] = rows[lowest] - q
                gram[0, 0] = corral[0] @ corral[0]
                point = corral[0].copy()
            while True:
                local = short @ point
                place = int(np.argmin(local))
                norm = point @ point
                if local[place] > norm - 1e-12 * scale * scale or norm <= (1e-9 * scale) ** 2:
                    break
                if self.candidates and local[place] > 0.5 * norm:
                    break  # half of the way to the optimum of the short list: the point may separate all rows
                new = int(chosen[place])
                if new in members:
                    break
                members, weights, point = self.major(corral, gram, members, weights, short[place], new)
                if not self.candidates:
                    break

    def major(self, corral, gram, members, weights, vertex, number):
        """Take a vertex into the corral, and shrink the corral until its affine minimiser is inside it."""
        k = len(members)
        corral[k] = vertex
        gram[k, :k] = gram[:k, k] = corral[:k] @ vertex
        gram[k, k] = vertex @ vertex
        members = members + [number]
        weights = np.append(weights, 0.0)
        while True:
            k = len(members)
            _, affine, info = dposv(gram[:k, :k] + 1.0, np.ones(k), lower=1)
            if info != 0:
                affine = np.linalg.lstsq(gram[:k, :k] + 1.0, np.ones(k), rcond=None)[0]
            affine /= affine.sum()
            if affine.min() > 0.0:
                return members, affine, affine @ corral[:k]
            falling = np.flatnonzero(affine <= 0.0)
            steps = weights[falling] / np.maximum(weights[falling] - affine[falling], 1e-300)
            step = steps.min()
            weights = weights + step * (affine - weights)
            weights[falling[steps <= step]] = 0.0
            keep = np.flatnonzero(weights > 1e-14)
            members = [members[i] for i in keep]
            weights = weights[keep] / weights[keep].sum()
            corral[: len(keep)] = corral[keep]
            gram[: len(keep), : len(keep)] = gram[np.ix_(keep, keep)]


SOLVERS = {
    "linprog": Linprog,
    "highs": ColumnGeneration,
    "wolfe": Wolfe,
    "wolfe_plain": lambda reference: Wolfe(reference, candidates=0),
}
