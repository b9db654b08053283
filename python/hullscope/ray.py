"""Queries on many machines: a Ray Dataset scored by actors, each of which holds the reference once.

No answer depends on the other queries of a batch, so none depends on the batch size, the number of actors, or which of them
answers.
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow
import ray.data

from ._reference import Reference

__all__ = ["score", "summary"]

#: What a batch cannot know: the place of a query in the whole set.
PLACE = "query_row"


class _Scorer:
    """An actor: the reference, and what is asked of each batch."""

    def __init__(self, path: str, column: str, threads: int) -> None:
        self._reference = Reference.load(path)
        self._column = column
        self._threads = threads

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        if self._column not in batch.column_names:
            raise ValueError(f"there is no column {self._column!r}; there are: {', '.join(batch.column_names)}")
        found = self._reference.score(batch[self._column], threads=self._threads).to_arrow().drop_columns([PLACE])
        for name in found.column_names:
            if name in batch.column_names:
                raise ValueError(f"the dataset has a column {name!r} already; rename it, or leave it out")
            batch = batch.append_column(name, found[name])
        return batch


def score(
    ds: ray.data.Dataset,
    reference: str | os.PathLike[str],
    *,
    column: str,
    actors: int = 1,
    threads: int = 1,
    batch_size: int = 1024,
) -> ray.data.Dataset:
    """Judge each row of a dataset.

    Parameters
    ----------
    ds : ray.data.Dataset
    reference : path
        A ``.hull`` file that every machine can read; each actor loads it once.
    column : str
        The column of vectors: tensors, or lists of one length. Lists of different lengths are refused by row.
    actors : int
        How many of them.
    threads : int
        Of each actor, which takes as many CPUs.
    batch_size : int
        Queries at a time. No answer depends on it.

    Returns
    -------
    ray.data.Dataset
        The columns of ``ds``, and those that ``hullscope score -o`` writes but for ``query_row``, which a batch does not
        know: keep an identifier in ``ds``.

    Raises
    ------
    OSError, ValueError
        A file that is not there, or no reference: at once, before an actor is started.
    """
    path = os.path.abspath(os.fspath(reference))
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not there; hullscope fit X.npy -o ref.hull makes such a file")
    return ds.map_batches(
        _Scorer,
        fn_constructor_args=(path, column, threads),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=threads,
    )


def summary(ds: ray.data.Dataset) -> dict[str, dict[str, Any]]:
    """How many queries of a scored dataset are outside by each notion.

    Parameters
    ----------
    ds : ray.data.Dataset
        What :func:`score` returned.

    Returns
    -------
    dict
        For each notion ``queries``, ``outside``, ``undecided`` and ``rate``: the numbers of ``Result.summary`` of all
        queries on one machine, since counts add up.
    """
    names = [name for name in ds.columns() or [] if name.endswith(OUTSIDE)]
    counts = {name: [0, 0, 0] for name in names}
    for batch in ds.select_columns(names).iter_batches(batch_format="pyarrow"):
        for name, count in counts.items():
            values = batch[name]
            count[0] += len(values)
            count[1] += values.to_pylist().count(True)
            count[2] += values.null_count
    return {
        name.removesuffix(OUTSIDE): {
            "queries": queries,
            "outside": outside,
            "undecided": undecided,
            "rate": outside / max(queries, 1),
        }
        for name, (queries, outside, undecided) in counts.items()
    }


#: How the columns end that say whether a query is outside.
OUTSIDE = "_outside"
