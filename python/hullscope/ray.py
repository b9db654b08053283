"""Many machines: queries distributed over actors, and references larger than one machine.

:func:`score` is for many queries: actors score a Ray Dataset, and each actor holds the whole reference. :func:`fit_sharded` is
for a reference larger than a machine: each actor holds a shard of it, and queries are scored in the calling process.

No answer depends on the other queries of a batch, so none depends on the batch size, the number of actors, or which actor
answers; and none depends on how the rows of a reference are split into shards.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Iterable

import numpy as np
import pyarrow
import ray
import ray.data

from . import _arguments, _arrays, _core, _words
from ._reference import QUANTILE, Reference, _asked, _Bar
from ._tally import OUTSIDE, SCORE, Tally, notions_among

__all__ = ["ShardedReference", "fit_sharded", "score", "summary"]

#: The index of a query in the whole set, which is unknown within a batch.
PLACE = "query_row"
#: Columns of classes in a result, and the inputs that they repeat.
CLASSES = {"label": "labels", "predicted": "predictions"}


#: A row in a message: "row 3", or "row 0 has 5 values and row 1 has 4".
NAMED = re.compile(r"\brow (\d+)\b")
#: The most rows, columns, numbers of a vector and letters of a value that a message about a batch shows.
ROWS, COLUMNS, NUMBERS, LETTERS = 2, 8, 4, 60


def _shown(batch: pyarrow.Table, column: str, text: str) -> str:
    """The rows of a batch that a message names, by what finds them in the dataset: the values of columns of numbers, texts and
    times, and the first numbers of the vector. Empty if it names none."""
    single = [field.name for field in batch.schema if field.name != column and not pyarrow.types.is_nested(field.type)]
    single = [name for name in single if not isinstance(batch[name].type, pyarrow.BaseExtensionType)][:COLUMNS]
    rows = [row for row in dict.fromkeys(map(int, NAMED.findall(text))) if row < len(batch)][:ROWS]
    told = []
    for row in rows:
        values = [f"{name}={_brief(repr(batch[name][row].as_py()))}" for name in single]
        told.append(f"row {row} of the batch has {', '.join([*values, _start(batch[column][row].as_py(), column)])}")
    return "".join(f"; {one}" for one in told)


def _start(vector: Any, column: str) -> str:
    """The first numbers of a vector, and how many there are."""
    if not hasattr(vector, "__len__") or isinstance(vector, (str, bytes)):
        return f"{column}={_brief(repr(vector))}"
    flat = vector.ravel() if isinstance(vector, np.ndarray) else vector
    start = [str(value) for value in flat[:NUMBERS]] + ["..."] * (len(flat) > NUMBERS)
    return f"{column}=[{_brief(', '.join(start))}] ({len(flat)} values)"


def _brief(text: str) -> str:
    return text if len(text) <= LETTERS else text[:LETTERS] + "..."


class _Scorer:
    """An actor that holds the reference and scores batches."""

    def __init__(self, path: str, columns: dict[str, str], threads: int) -> None:
        self._reference = Reference.load(path)
        self._columns = columns
        self._threads = threads

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        for column in self._columns.values():
            if column not in batch.column_names:
                raise ValueError(f"there is no column {column!r}; there are: {', '.join(batch.column_names)}")
        given = {what: batch[column] for what, column in self._columns.items()}
        try:
            result = self._reference.score(**given, threads=self._threads)
        except (TypeError, ValueError) as fault:
            column = self._columns["Q"]
            text = f"column {column!r}, whose rows are counted within a batch of {len(batch)}: {fault}"
            text += _shown(batch, column, str(fault))
            raise (TypeError if isinstance(fault, TypeError) else ValueError)(text) from None
        found = result.to_arrow().drop_columns([PLACE])
        for name in found.column_names:
            if name in CLASSES and self._columns.get(CLASSES[name]) == name:
                # The same classes, in the dataset's own type.
                continue
            if name in batch.column_names:
                raise ValueError(f"the dataset has a column {name!r} already; rename it, or leave it out")
            batch = batch.append_column(name, found[name])
        return batch


def score(
    ds: ray.data.Dataset,
    reference: str | os.PathLike[str],
    *,
    column: str,
    label_column: str | None = None,
    prediction_column: str | None = None,
    actors: int = 1,
    threads: int = 1,
    batch_size: int = 1024,
) -> ray.data.Dataset:
    """Judge each row of a dataset.

    Parameters
    ----------
    ds : ray.data.Dataset
        The queries.
    reference : path
        A ``.hull`` file that every machine can read; each actor loads it once.
    column : str
        The column of vectors: tensors, or lists of one length. Lists of different lengths are refused by row; the message
        holds the other values of the row, by which it is found.
    label_column, prediction_column : str, optional
        Columns of the class of each query, and of the class that a model predicts, as ``labels`` and ``predictions`` of
        :meth:`hullscope.Reference.score`: with both there is a column ``error``.
    actors : int
        The number of actors.
    threads : int
        Threads of each actor, which reserves as many CPUs.
    batch_size : int
        Queries in a batch. No answer depends on it.

    Returns
    -------
    ray.data.Dataset
        The columns of ``ds``, and those that ``hullscope score -o`` writes except ``query_row``, which is unknown within a batch:
        keep an identifier in ``ds``.

    Raises
    ------
    OSError, ValueError
        A file that does not exist, is not a reference or not all of one, or is of another version; raised before an actor
        is started. Faults in rows, and a file whose arrays were changed, are raised by Ray when the dataset is used. Of a row
        they name its number within its batch, since Ray does not tell where in the dataset a batch begins; the values of up
        to eight other columns of numbers, texts and times, such as an identifier or a path; and the first numbers of the vector.
    """
    threads = _arguments.whole(threads, "threads", 1, _arguments.THREADS)
    path = os.path.abspath(os.fspath(reference))
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not there; hullscope fit X.npy -o ref.hull makes such a file")
    _core.check_hull(path)
    columns = {"Q": column, "labels": label_column, "predictions": prediction_column}
    return ds.map_batches(
        _Scorer,
        fn_constructor_args=(path, {what: name for what, name in columns.items() if name is not None}, threads),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=threads,
    )


def summary(ds: ray.data.Dataset) -> dict[str, Any]:
    """What :attr:`hullscope.Result.summary` says of the queries, for a scored dataset.

    Counts, rates, intervals and quantiles equal those of one machine exactly: the quantiles are no sketches, but are taken from
    the columns themselves. The calling process holds their finite numbers, 8 bytes each: for each query one number for each
    notion and up to six of the hull and the nearest rows; and, when all are counted, a second copy of one column.

    Parameters
    ----------
    ds : ray.data.Dataset
        The dataset that :func:`score` returned. Columns may be left out: what needs them is then left out as well. A notion
        needs both its columns, ``NOTION_outside`` of Booleans and ``NOTION_score``; ``gap`` needs ``proof`` too.

    Returns
    -------
    dict
        ``queries``; ``hull``, ``neighbours`` and ``notions`` as in :attr:`hullscope.Result.summary`, with those of their keys that
        follow from the queries' columns. Facts about the reference, facts and left-out rows of notions, how the solver settled
        queries, and seconds are not in it: they are those of each batch, or of the reference alone.

    Raises
    ------
    ValueError
        A dataset that :func:`score` has not returned.
    """
    schema = ds.schema()
    kinds = dict(zip(schema.names, schema.types)) if schema else {}
    notions = notions_among(kinds)
    if not notions:
        raise ValueError(
            f"there is no column NOTION{OUTSIDE} of Booleans with a column NOTION{SCORE} of numbers, so the dataset is none "
            f"that score returned; there are: {list(kinds)}"
        )
    tally = Tally(list(kinds), notions)
    for batch in ds.select_columns(tally.names).iter_batches(batch_format="pyarrow", batch_size=None):
        tally.add(batch)
    return tally.summary()


class _Shard:
    """An actor that holds some rows of a reference. After a restart it makes them again from the same arguments."""

    def __init__(self, column: str | None, threads: int, *blocks: Any) -> None:
        self._threads = max(1, threads)
        self._shard: _core.Shard | None = None
        self._stamp: list[Any] = []
        self._fault: Exception | None = None
        try:
            self._make(column, blocks)
        except (TypeError, ValueError, OSError) as fault:
            # Raised at the first question instead: Ray would restart an actor whose constructor fails without end.
            self._fault = fault

    def _make(self, column: str | None, blocks: Iterable[Any]) -> None:
        self._stamp = [_stamp(block) for block in blocks]
        arrays = [_block(block, column) for block in blocks]
        arrays = [array for array in arrays if isinstance(array, str) or len(array)]
        if len({array.dtype for array in arrays if not isinstance(array, str)}) > 1:
            raise ValueError("a shard has blocks of different types; convert them to one")
        if arrays:
            rows = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            self._shard = _core.Shard(rows, threads=self._threads)

    def about(self) -> tuple[int, int, str, bool]:
        """Rows, columns, the number type, and whether each number is exactly a float32; 0 rows for an empty shard."""
        if self._fault:
            raise self._fault
        return self._shard.about() if self._shard else (0, 0, "", True)

    def stamp(self) -> list[Any]:
        """Size and modification time of each file of the rows; after a restart they must be those of the first start."""
        return self._stamp

    def process(self) -> int:
        """The process id, which changes with a restart."""
        return os.getpid()

    def answer(self, what: str, question: bytes, stamp: list[Any]) -> bytes:
        if self._fault:
            raise self._fault
        if stamp != self._stamp:
            raise ValueError("a file of this shard was changed after the fit; put it back, or fit again")
        assert self._shard is not None, "an empty shard is never asked"
        return self._shard.answer(what, question, threads=self._threads)


def _stamp(block: Any) -> Any:
    """Size and modification time of a file, which tell whether it was changed; None for an array."""
    if not isinstance(block, (str, os.PathLike)):
        return None
    found = os.stat(block)
    return [found.st_size, found.st_mtime_ns]


def _block(block: Any, column: str | None) -> _arrays.Rows:
    """Rows of a shard, from a path, a table with a column of vectors, or an array; only a table or an array may have no rows."""
    if isinstance(block, pyarrow.Table):
        if column not in block.column_names:
            if not block.num_rows:
                return np.empty((0, 0))
            raise ValueError(f"there is no column {column!r}; there are: {', '.join(block.column_names)}")
        block = block[column]
    if not isinstance(block, (str, os.PathLike)) and hasattr(block, "__len__") and not len(block):
        return np.empty((0, 0))
    return _arrays.rows(block, "the shard")


class ShardedReference(Reference):
    """A reference whose rows are split into shards, each held by an actor. Returned by :func:`fit_sharded`.

    :meth:`score`, :meth:`.Reference.leave_one_out` and :meth:`.Reference.save` are those of :class:`hullscope.Reference`;
    the last one fetches all rows to this machine.
    """

    def __init__(self, fitted: "_core.Fitted", actors: list[Any]) -> None:
        super().__init__(fitted)
        #: The actors, in the order of their rows.
        self.actors = actors

    def close(self) -> None:
        """End the actors; the reference cannot be used afterwards."""
        for actor in self.actors:
            ray.kill(actor)
        self.actors = []


def fit_sharded(
    reference: Any,
    *,
    column: str | None = None,
    shards: int | None = None,
    space: str | None = None,
    notions: str | Iterable[str] = "hull,range,ball",
    metric: str = "euclidean",
    k: int = 1,
    distance: bool | float = False,
    quantile: float = QUANTILE,
    seed: int = 0,
    progress: bool = False,
    threads: int | None = None,
    threads_per_shard: int = 1,
) -> ShardedReference:
    """Fit a reference whose rows are distributed over machines.

    Parameters
    ----------
    reference : ray.data.Dataset, or list of blocks
        Rows in the order of the dataset, or of the blocks. A block is an array, a table, a Ray object reference to one, or
        the path of a file that its actor can read; each is a shard. A block may have no rows. Files must not change: an actor
        that is restarted reads its file again, and refuses one of another size or modification time.
    column : str, optional
        The column of vectors of a dataset, or of tables.
    shards : int, optional
        Number of shards that a dataset is split into; one per block by default.
    space : str, optional
        Only ``"pixels"``, the rows as they are: other spaces are fitted on all rows, so transform the blocks first.
    notions, metric, k, distance, quantile, seed, progress, threads : as in :meth:`hullscope.Reference.fit`
        What is asked for, and how; ``threads`` are those of the calling process.
    threads_per_shard : int
        Threads of each actor, which reserves as many CPUs; with 0 it has one thread and reserves none, for clusters with
        fewer CPUs than shards. The call waits until every actor has its CPUs.

    Returns
    -------
    ShardedReference
        Its answers, row numbers, distances and bounds equal those of :meth:`hullscope.Reference.fit` on all rows in order.

    Raises
    ------
    TypeError, ValueError
        Blocks that do not fit together, an unsupported space, and every fault for which a single reference is refused.
    """
    if space not in (None, "pixels"):
        raise ValueError(
            f"space is {space!r}, and a reference in shards has no space; map the blocks, and the queries, first"
        )
    asked = _asked(neighbours=k, metric=metric, notions=notions, distance=distance, quantile=quantile, seed=seed)
    threads = _arguments.threads(threads)
    threads_per_shard = _arguments.whole(threads_per_shard, "threads_per_shard", 0, _arguments.THREADS)
    blocks = _blocks(reference, column, shards)
    remote = ray.remote(num_cpus=threads_per_shard, max_restarts=-1, max_task_retries=-1)(_Shard)
    actors = [remote.remote(column, threads_per_shard, *some) for some in blocks]
    try:
        fitted = _fitted(
            actors,
            asked,
            progress,
            threads,
        )
    except BaseException:
        for actor in actors:
            ray.kill(actor)
        raise
    _words.warn(fitted.warnings)
    return ShardedReference(fitted, actors)


def _blocks(reference: Any, column: str | None, shards: int | None) -> list[list[Any]]:
    """The blocks of each shard."""
    if isinstance(reference, ray.data.Dataset):
        if column is None:
            raise ValueError("column is not given; name the column of vectors")
        if shards is not None and shards < 1:
            raise ValueError(f"shards is {shards}; it must be at least 1")
        refs = reference.to_arrow_refs()
        if shards is not None and len(refs) < shards:
            refs = reference.repartition(shards).to_arrow_refs()
        cuts = np.linspace(0, len(refs), (shards or len(refs)) + 1).astype(int)
        return [refs[start:end] for start, end in zip(cuts, cuts[1:])]
    if not isinstance(reference, (list, tuple)):
        kind = type(reference).__name__
        raise TypeError(f"a ray.data.Dataset or a list of blocks is needed, not {kind}; np.array_split(X, 3) makes one")
    if shards not in (None, len(reference)):
        raise ValueError(f"shards is {shards}, and there are {len(reference)} blocks; each block is a shard")
    return [[block] for block in reference]


def _fitted(actors: list[Any], asked: dict[str, Any], progress: bool, threads: int | None) -> "_core.Fitted":
    """The reference fitted on the rows of all actors."""
    about = []
    for at, told in enumerate([actor.about.remote() for actor in actors]):
        try:
            about.append(ray.get(told))
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, (TypeError, ValueError)):
                kind_of_fault = TypeError if isinstance(cause, TypeError) else ValueError
                raise kind_of_fault(f"shard {at}: {cause}") from None
            raise cause if isinstance(cause, OSError) else error from None
        except ray.exceptions.ActorDiedError as error:
            raise ValueError(f"a shard could not be made: {error}") from None
    stamps = ray.get([actor.stamp.remote() for actor in actors])
    first = next(((at, *one) for at, one in enumerate(about) if one[0]), None)
    for at, one in enumerate(about):
        if first and one[0] and one[1:3] != first[2:4]:
            raise ValueError(
                f"shard {at} has {one[1]} columns of {one[2]}, and shard {first[0]} has {first[2]} of {first[3]}; "
                "all must be of one width and type"
            )
    kind = (first[2], first[3], all(one[3] for one in about)) if first else (0, "f64", True)

    def ask(what: str, questions: list[tuple[int, bytes]]) -> Callable[[], list[bytes] | None]:
        # A large question is put into the object store once for all actors.
        sent: dict[int, Any] = {}
        for _, question in questions:
            if id(question) not in sent:
                sent[id(question)] = ray.put(question) if len(question) > LARGE else question
        refs = [actors[shard].answer.remote(what, sent[id(question)], stamps[shard]) for shard, question in questions]

        def ready() -> list[bytes] | None:
            # Polled, so that Ctrl-C ends a call even if a shard does not answer.
            left = ray.wait(refs, num_returns=len(refs), timeout=0.1)[1] if refs else []
            return None if left else ray.get(refs)

        return ready

    with _Bar(progress) as bar:
        lens = [one[0] for one in about]
        return _core.fit_shards(lens, kind, ask, asked, threads=threads, progress=bar)


#: Bytes above which a question is put into the object store.
LARGE = 64 << 10
