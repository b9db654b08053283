"""Replaces command-line options in the messages of the compiled part by what a Python program writes."""

from __future__ import annotations

import functools
import os
import re
import sys
import warnings
from typing import Any, Iterable

#: The folder of this package.
HERE = os.path.dirname(__file__) + os.sep

#: Text of messages, and its replacement in Python; {} is a value, {rows} a list of row numbers.
TYPED = {
    "hullscope score": "Reference.score",
    "--notion {}": 'notions="{}"',
    "--space {}": 'space="{}"',
    "--exclude-rows {rows}": "np.delete(X, {}, axis=0)",
    "--skip-nonfinite": "X[np.isfinite(X).all(axis=1)]",
    "--labels FILE": "labels=",
    "--link": "link=True",
    "classes' names or codes (--class-names FILE says what codes are called)": "classes' names",
    "--seed {}": "seed={}",
    "--quantile": "quantile",
    "--json FILE writes all": "the report has all",
    "on the page that -o writes": "on the page that folder= writes",
    "--tolerance": "the tolerance",
}
#: Keys of a report whose texts are messages.
SAID = {"warnings", "notes", "outside_means", "score_means"}


@functools.lru_cache(maxsize=256)
def typed(text: str) -> str:
    """The text with options of the command line replaced by Python.

    Examples
    --------
    >>> typed("leave them out with --exclude-rows 7,12-19")
    'leave them out with np.delete(X, np.r_[7, 12:20], axis=0)'
    >>> typed("drawn by --seed 0, as --notion cone asks about directions")
    'drawn by seed=0, as notions="cone" asks about directions'
    """
    for words, program in TYPED.items():
        value = r"([^\s;]*[^\s;,.])"
        pattern = re.escape(words).replace(re.escape("{}"), value).replace(re.escape("{rows}"), value)
        # Tables are wrapped.
        pattern = pattern.replace(re.escape(" "), r"\s+")
        said = _rows if "{rows}" in words else str
        text = re.sub(rf"(?<![\w-]){pattern}(?![\w-])", lambda found: program.format(*map(said, found.groups())), text)
    return text


def _rows(value: str) -> str:
    """A list of row numbers and ranges as a NumPy index; any other value unchanged."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", value):
        return value
    ends = [part.split("-") for part in value.split(",")]
    parts = [f"{part[0]}:{int(part[1]) + 1}" if part[1:] else part[0] for part in ends]
    return f"np.r_[{', '.join(parts)}]"


def warn(texts: Iterable[str]) -> None:
    """Issue warnings at the line that called this package, through whatever function."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        level, frame = level + 1, frame.f_back
    for text in texts:
        warnings.warn(typed(text), stacklevel=level)


def reworded(found: Any, said: bool = False) -> Any:
    """A report in which the messages are replaced by :func:`typed`."""
    if isinstance(found, dict):
        return {key: reworded(value, key in SAID) for key, value in found.items()}
    if isinstance(found, list):
        return [reworded(value, said) for value in found]
    return typed(found) if said and isinstance(found, str) else found
