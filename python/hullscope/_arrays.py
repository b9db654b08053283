"""Converts a caller's rows to arrays that the compiled part reads in place."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, Union

import numpy as np

#: The input of the compiled part: an array, or the name of a file.
Rows = Union["np.ndarray[Any, Any]", str]
#: Types that are read in place.
IN_PLACE = (np.float16, np.float32, np.float64, np.uint8)
#: float64 holds every whole number up to this.
EXACT = 2**53


def rows(values: Any, name: str) -> Rows:
    """Rows as a C-contiguous array of float16, float32, float64 or uint8.

    Arrays of this kind are returned unchanged; every other layout or type is copied once. Further axes are
    flattened into the row.

    Parameters
    ----------
    values : array, tensor, table or path
        An object with ``__array__``, ``__dlpack__`` or ``to_numpy``, nested lists, or the path of any file that the command
        reads, which is returned as text. Of a table with one column of lists, that column; else all columns, in their order.
    name : str
        The name in messages.

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If there is no row or no column, or a whole number cannot be a float64 exactly.
    """
    return shaped(values, name)[0]


def shaped(values: Any, name: str) -> tuple[Rows, list[int]]:
    """The same, and the axes of a row before it was flattened: for an image height, width and channels. For a file, which has
    its own shape, they are empty."""
    if isinstance(values, (str, os.PathLike)):
        return os.fspath(values), []
    array = images(values, name)
    return np.ascontiguousarray(array.reshape(array.shape[0], -1)), list(array.shape[1:])


def images(values: Any, name: str) -> "np.ndarray[Any, Any]":
    """The same with all axes: n images of height x width, and possibly channels."""
    array = _array(values, name)
    if array.ndim == 1:
        raise ValueError(
            f"{name} has one axis of {array.shape[0]} values; rows and columns are needed: "
            f"use {name}.reshape(1, -1) for a single row, or {name}.reshape(-1, 1) for a single column"
        )
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name} has the shape {array.shape}; at least one row and one column are needed")
    return _readable(array, name)


def _array(values: Any, name: str) -> "np.ndarray[Any, Any]":
    _refuse_masked(values, name)
    array = _found(_vectors(values, name))
    if array is None:
        try:
            array = np.asarray(values)
        except ValueError:
            array = _objects(list(values))
        if array.ndim == 0 and array.dtype == object:
            raise TypeError(f"{name} is of type {type(values).__name__}, which is no array; {_advice(values, name)}")
    if array.dtype == object and array.ndim == 1:
        return _stacked(array, name)
    return array


def _refuse_masked(values: Any, name: str) -> None:
    """A masked value is no number, and what lies below the mask is not meant to be read."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        masked = np.ma.getmaskarray(values)
        row, count = int(np.argwhere(masked)[0, 0]), int(masked.sum())
        raise ValueError(
            f"{name}, row {row}: a value is masked, of {count} in all; leave such rows out, as np.ma.compress_rows({name}) does "
            f"with two axes, or fill them, as {name}.filled(0) does"
        )


def _advice(values: Any, name: str) -> str:
    """How an array is made from an object that is none."""
    if hasattr(values, "toarray"):
        return f"use {name}.toarray()"
    if isinstance(values, Mapping):
        return f"use np.column_stack(list({name}.values())) if its values are columns"
    if isinstance(values, Iterable):
        return f"use np.array(list({name}))"
    return "an array with a row for each sample, a table or a path is needed"


def single(values: Any, name: str, axes: list[int]) -> tuple[Rows, list[int]]:
    """One row of a set whose rows have these axes, as an array of one row, and its axes; without axes the set is a file.

    A row of a set of images may have their axes, be flat, or be an array of one row of either kind.
    """
    array = _array(values, name)
    one = array.ndim == len(axes) + 1 if axes else array.ndim > 1
    if not (one or array.ndim == 2 and len(array) == 1) or (not axes and len(array) != 1):
        array = array[None]
    return shaped(array, name)


def _vectors(values: Any, name: str) -> Any:
    """The column of vectors of a table that has one, as an embedding dump has; any other object unchanged.

    Raises
    ------
    ValueError
        If there are several such columns.
    """
    if hasattr(values, "column_names") and hasattr(values, "columns"):
        columns = list(zip(values.column_names, values.columns))
    elif hasattr(values, "columns") and hasattr(values, "dtypes"):
        cut = values.iloc if hasattr(values, "iloc") else values
        columns = [(called, cut[:, place]) for place, called in enumerate(values.columns)]
    else:
        return values
    found = [(called, column) for called, column in columns if _is_vectors(column)]
    if len(found) > 1:
        first, all_names = found[0][0], [called for called, _ in columns]
        what = f"{name} has several columns of lists: {', '.join(str(called) for called, _ in found)}"
        # Of equal names, which pandas and pyarrow allow, none chooses a column.
        raise ValueError(f"{what}; " + ("rename them" if all_names.count(first) > 1 else f"choose one, as {name}[{first!r}]"))
    return found[0][1] if found else values


def _is_vectors(column: Any) -> bool:
    """Whether the values of a column of pyarrow, polars or pandas are lists or arrays."""
    of = column.type if hasattr(column, "type") else column.dtype
    # pandas holds a type of pyarrow, and pyarrow's own tensors have a list as their storage.
    of = getattr(of, "pyarrow_dtype", of)
    if hasattr(getattr(of, "storage_type", of), "value_field") or getattr(of, "inner", None) is not None:
        return True
    if of != object or not hasattr(column, "dropna"):
        return False
    first = next(iter(column.dropna()), None)
    return isinstance(first, (list, tuple, np.ndarray))


def _found(values: Any) -> "np.ndarray[Any, Any] | None":
    """The array from an object's protocol; None for an object without one."""
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    if getattr(values, "requires_grad", False) and hasattr(values, "detach"):
        # A tensor of PyTorch whose gradient is wanted gives no array; no gradient goes through a verdict.
        values = values.detach()
    if hasattr(values, "column_names") and hasattr(values, "columns"):
        # A pyarrow Table has no array protocol.
        return np.column_stack([column.to_numpy() for column in values.columns])
    if hasattr(values, "combine_chunks"):
        values = values.combine_chunks()
    if hasattr(values, "to_numpy_ndarray") and values.null_count == 0:
        # Tensors of pyarrow.
        return np.asarray(values.to_numpy_ndarray())
    if hasattr(getattr(values, "type", None), "list_size") and values.null_count == 0:
        # A pyarrow array of lists of fixed length: its numbers are consecutive.
        return np.asarray(values.flatten()).reshape(-1, values.type.list_size)
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if hasattr(values, "__dlpack__"):
        return np.from_dlpack(values)
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    return None


def _objects(values: "list[Any]") -> "np.ndarray[Any, Any]":
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _stacked(array: "np.ndarray[Any, Any]", name: str) -> "np.ndarray[Any, Any]":
    """An array from rows that are sequences."""
    lengths = [len(row) if hasattr(row, "__len__") and not isinstance(row, str) else -1 for row in array]
    if lengths and all(length < 0 for length in lengths):
        return array
    for row, length in enumerate(lengths):
        if length < 0:
            raise ValueError(f"{name}, row {row}: {array[row]!r} is no list of numbers; leave the row out")
        if length != lengths[0]:
            raise ValueError(
                f"{name} is ragged: row 0 has {lengths[0]} values and row {row} has {length}; all rows need the same number"
            )
    return np.stack([np.asarray(row) for row in array])


def _readable(array: "np.ndarray[Any, Any]", name: str) -> "np.ndarray[Any, Any]":
    if array.dtype.type in IN_PLACE and array.dtype.isnative:
        return array
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f" and size <= 8:
        return array.astype(array.dtype.newbyteorder("="))
    if kind == "b" or (kind in "iu" and size <= 2):
        return array.astype(np.float32)
    if kind in "iu":
        if size == 8 and (array.max() > EXACT or array.min() < -EXACT):
            beyond = (array > EXACT) | (array < -EXACT)
            row, column = np.unravel_index(int(np.argmax(beyond)), array.shape)
            raise ValueError(
                f"{name}, row {row}, column {column}: {array[row, column]} is not exactly a float64; "
                "leave identifiers out"
            )
        return array.astype(np.float64)
    raise TypeError(
        f"{name} is of type {array.dtype}; real numbers are needed: leave out what is none, and convert the rest to float32"
    )


def labels(values: Any, name: str) -> list[str | None] | None:
    """Classes by name, from anything with one value per row; ``None`` and NaN are unknown classes.

    Raises
    ------
    ValueError
        If there is more than one axis.
    """
    if values is None:
        return None
    return [_label(value) for value in _listed(values, name)]


def _listed(values: Any, name: str) -> "list[Any]":
    """One value per row as a list."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(values, method):
            values = getattr(values, method)()
            break
    listed = list(values)
    if any(isinstance(value, (list, tuple, np.ndarray)) for value in listed):
        raise ValueError(f"{name} has two axes; one value for each row is needed: use {name}.ravel()")
    return listed


def _label(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def numbers(values: Any, name: str) -> list[float] | None:
    """One number per query.

    Raises
    ------
    ValueError
        If there is more than one axis.
    """
    if values is None:
        return None
    return [float("nan") if value is None else float(value) for value in _listed(values, name)]
