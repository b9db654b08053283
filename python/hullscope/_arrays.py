"""Whatever a caller holds rows in, as the arrays that the compiled half reads in place."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

#: Types that are read in place.
IN_PLACE = (np.float16, np.float32, np.float64, np.uint8)
#: The largest whole number up to which float64 holds every other.
EXACT = 2**53


def rows(values: Any, name: str) -> np.ndarray:
    """Rows as a C-contiguous array of float16, float32, float64 or uint8.

    Arrays that are so already are returned as they are; every other layout or type is copied once. Further axes are
    flattened into the row.

    Parameters
    ----------
    values : array, tensor, table or path
        An object with ``__array__``, ``__dlpack__`` or ``to_numpy``, nested lists, or the path of a ``.npy`` file.
    name : str
        What messages call it.

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If there is no row or no column, or a whole number is not exactly a float64.
    """
    array = _array(values, name)
    if array.ndim == 1:
        raise ValueError(
            f"{name} has one axis of {array.shape[0]} values; rows and columns are needed: "
            f"use {name}.reshape(1, -1) for a single row, or {name}.reshape(-1, 1) for a single column"
        )
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name} has the shape {array.shape}; at least one row and one column are needed")
    array = array.reshape(array.shape[0], -1)
    return np.ascontiguousarray(_readable(array, name))


def _array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    if isinstance(values, (str, os.PathLike)):
        return np.load(values, mmap_mode="r", allow_pickle=False)
    if hasattr(values, "column_names") and hasattr(values, "columns"):
        # A pyarrow Table has no rows of numbers of its own.
        return np.column_stack([column.to_numpy() for column in values.columns])
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if hasattr(values, "__dlpack__"):
        return np.from_dlpack(values)
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: every row needs as many values as the first ({error})") from None


def _readable(array: np.ndarray, name: str) -> np.ndarray:
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
    raise TypeError(f"{name} is of type {array.dtype}; real numbers are needed: convert it with {name}.astype('float32')")
