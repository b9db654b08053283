"""Checks arguments that are no rows: what is refused is named with its value and with what is expected."""

from __future__ import annotations

import numbers
import operator
import reprlib
from typing import Any, Iterable

#: The most threads of a call.
THREADS = 1024


def whole(value: Any, name: str, least: int, most: int = 2**64 - 1) -> int:
    """A whole number in a range, both ends included.

    Examples
    --------
    >>> whole(0, "k", 1)
    Traceback (most recent call last):
    ValueError: k is 0; it must be at least 1
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise _wrong(value, name, "a whole number") from None
    if isinstance(value, bool):
        raise _wrong(value, name, "a whole number")
    if number < least:
        raise ValueError(f"{name} is {number}; it must be at least {least}")
    if number > most:
        raise ValueError(f"{name} is {number}; it must be at most {most}")
    return number


def threads(value: Any) -> int | None:
    """A number of threads; None for one per core."""
    return None if value is None else whole(value, "threads", 1, THREADS)


def real(value: Any, name: str) -> float:
    """A real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise _wrong(value, name, "a number")
    return float(value)


def text(value: Any, name: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise _wrong(value, name, "a text")
    return value


def texts(value: Any, name: str) -> list[str]:
    """One text or several; empty ones are left out."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Iterable):
        raise _wrong(value, name, "a text, or a list of texts,")
    return [found for found in (text(one, f"an item of {name}") for one in value) if found.strip()]


def _wrong(value: Any, name: str, expected: str) -> TypeError:
    return TypeError(f"{name} is {reprlib.repr(value)}, of type {type(value).__name__}; {expected} is needed")
