"""The summary of scored queries from the columns of their table, as the compiled part makes it from their records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

#: The suffixes of columns that say whether a query is outside by a notion, and how far.
OUTSIDE, SCORE = "_outside", "_score"
#: Columns whose quantiles are in the summary, by its part.
SPREAD = {"hull": ["margin", "distance_lower", "distance_upper", "gap"], "neighbours": ["nearest_distance", "nearest_ratio"]}
#: Columns that are counted by value.
COUNTED = ["verdict", "proof", "reason", "scans"]


def notions_among(kinds: dict[str, Any]) -> list[str]:
    """The notions whose two columns are among those of a table, which are given with their pyarrow types.

    A column that is only named as one of a notion, but is of another type or without a score, is the caller's own.
    """
    from pyarrow.types import is_boolean, is_floating, is_null

    def is_side(kind: Any) -> bool:
        # Booleans with nulls are objects in a block of pandas, and a block of nulls alone has no type.
        return kind is object or is_boolean(kind) or is_null(kind)

    def is_score(kind: Any) -> bool:
        return kind is not None and kind is not object and is_floating(kind)

    names = [name.removesuffix(OUTSIDE) for name in kinds if name.endswith(OUTSIDE)]
    return [name for name in names if is_side(kinds[name + OUTSIDE]) and is_score(kinds.get(name + SCORE))]


class Tally:
    """What the summary needs of the columns of all batches: counts, and the numbers that quantiles are taken from."""

    def __init__(self, columns: list[str], notions: list[str]) -> None:
        self._notions = notions
        self._counted = [name for name in COUNTED if name in columns]
        self._counts: dict[str, dict[Any, int]] = {name: {} for name in self._counted}
        self._outside: dict[str, list[int]] = {notion: [0, 0, 0] for notion in notions}
        spread = [*(notion + SCORE for notion in notions), *SPREAD["hull"], *SPREAD["neighbours"]]
        # Without proofs it is not known which gaps count.
        spread = [name for name in spread if name in columns and (name != "gap" or "proof" in columns)]
        self._values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in spread}
        #: The columns that :meth:`add` takes.
        self.names = [*(notion + OUTSIDE for notion in notions), *self._counted, *self._values]
        self._queries = 0

    def add(self, batch: "pyarrow.Table") -> None:
        """Count some queries."""
        # Needed by no other part of the package.
        import pyarrow.compute as pc

        self._queries += len(batch)
        for notion, counts in self._outside.items():
            sides = batch[notion + OUTSIDE]
            counts[0] += len(sides)
            counts[1] += pc.sum(sides).as_py() or 0
            counts[2] += sides.null_count
        for name in self._counted:
            for found in batch[name].value_counts().to_pylist():
                counted = self._counts[name]
                counted[found["values"]] = counted.get(found["values"], 0) + found["counts"]
        for name, values in self._values.items():
            column = batch[name]
            if name == "gap":
                # Queries that are inside within the tolerance have no gap that was asked for; undecided ones, without a proof, do.
                column = column.filter(pc.fill_null(pc.not_equal(batch["proof"], "tolerance"), True))
            found = column.drop_null().to_numpy()
            values.append(found[np.isfinite(found)])

    def summary(self) -> dict[str, Any]:
        """The summary of all of them, with the keys of ``Result.summary``; can be asked for once, as it uses the numbers up."""
        # One column after the other: a second copy is only made of one, and is gone before the next.
        spread = {name: _quantiles(np.concatenate(self._values.pop(name) or [np.empty(0)])) for name in list(self._values)}
        parts = {part: {name: spread[name] for name in names if name in spread} for part, names in SPREAD.items()}
        return {
            "queries": self._queries,
            "hull": {**self._hull(), **parts["hull"]} if "verdict" in self._counted else None,
            "neighbours": parts["neighbours"] or None,
            "notions": [
                {"notion": notion, **_rate(*self._outside[notion]), "score": spread.get(notion + SCORE)}
                for notion in self._notions
            ],
        }

    def _hull(self) -> dict[str, Any]:
        verdicts = {verdict: self._counts["verdict"].get(verdict, 0) for verdict in ("inside", "outside", "undecided")}
        found: dict[str, Any] = dict(verdicts)
        rate = _rate(sum(verdicts.values()), verdicts["outside"], verdicts["undecided"])
        found.update(extrapolation_rate=rate["rate"], interval95=rate["interval95"])
        if "proof" in self._counts:
            found.update({proof: self._counts["proof"].get(proof, 0) for proof in ("exact", "tolerance", "separated")})
        if "reason" in self._counts:
            found["undecided_because"] = {why: count for why, count in self._counts["reason"].items() if why is not None}
        if "scans" in self._counts:
            scans = self._counts["scans"]
            total = sum(count * times for count, times in scans.items())
            found.update(scans_per_query=total / max(self._queries, 1), rounds=max(scans, default=0))
        return found


def _rate(queries: int, outside: int, undecided: int) -> dict[str, Any]:
    """Counts with the share outside and Wilson's 95 % interval, computed in the order of ``study::rate``."""
    found: dict[str, Any] = {"queries": queries, "outside": outside, "undecided": undecided, "rate": None, "interval95": None}
    if queries:
        n, p = float(queries), outside / queries
        z2 = Z95 * Z95
        middle, whole = p + z2 / (2 * n), 1 + z2 / n
        half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low = (middle - half) / whole if outside else 0.0
        high = (middle + half) / whole if outside < queries else 1.0
        found.update(rate=p, interval95=[low, high])
    return found


#: The z-value of a two-sided 95 % interval.
Z95 = 1.959963984540054


def _quantiles(values: NDArray[np.float64]) -> dict[str, float] | None:
    """Order statistics by linear interpolation, and the mean, computed in the order of ``study::rate``.

    The values are sorted in place.
    """
    if not len(values):
        return None
    values.sort()

    def at(share: float) -> float:
        place = share * (len(values) - 1)
        low = math.floor(place)
        one, next_one = float(values[low]), float(values[min(low + 1, len(values) - 1)])
        return one if one == next_one else one + (place - low) * (next_one - one)

    shares = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
    return {**{name: at(share) for name, share in shares.items()}, "mean": _sum(values) / len(values)}


def _sum(values: NDArray[np.float64]) -> float:
    """The sum, with the values added one after the other, as sum() of NumPy does not."""
    total = 0.0
    for start in range(0, len(values), 1 << 16):
        # A piece at a time, since the running sum is as large as what it is taken of.
        total = float(np.cumsum(np.append(total, values[start : start + (1 << 16)]))[-1])
    return total
