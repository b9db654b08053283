"""What the compiled half says in warnings, reports and exceptions, in the words of a Python program: its messages name options as the command line has them."""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import Any, Iterable

#: Where this package lies.
HERE = os.path.dirname(__file__) + os.sep

#: What messages say, and what a program writes in its place; {} is a value, {rows} a list of row numbers.
TYPED = {
    "hullscope score": "Reference.score",
    "--notion {}": 'notions="{}"',
    "--space {}": 'space="{}"',
    "--exclude-rows {rows}": "np.delete(X, {}, axis=0)",
    "--skip-nonfinite": "X[np.isfinite(X).all(axis=1)]",
    "--labels FILE": "labels=",
    "--seed {}": "seed={}",
    "--quantile": "quantile",
    "--tolerance": "the tolerance",
}
#: Keys of a report whose texts are for people.
SAID = {"warnings", "notes", "outside_means", "score_means"}


def typed(text: str) -> str:
    """The same text with what a Python program writes.

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
        said = _rows if "{rows}" in words else str
        text = re.sub(rf"(?<![\w-]){pattern}(?![\w-])", lambda found: program.format(*map(said, found.groups())), text)
    return text


def _rows(value: str) -> str:
    """A list of row numbers and ranges as an index of an array; any other value as it is."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", value):
        return value
    ends = [part.split("-") for part in value.split(",")]
    parts = [f"{part[0]}:{int(part[1]) + 1}" if part[1:] else part[0] for part in ends]
    return f"np.r_[{', '.join(parts)}]"


def warn(texts: Iterable[str]) -> None:
    """Warn the program that called this package, whichever of its functions."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
        level, frame = level + 1, frame.f_back
    for text in texts:
        warnings.warn(typed(text), stacklevel=level)


def reworded(found: Any, said: bool = False) -> Any:
    """A report whose texts for people are those of a Python program."""
    if isinstance(found, dict):
        return {key: reworded(value, key in SAID) for key, value in found.items()}
    if isinstance(found, list):
        return [reworded(value, said) for value in found]
    return typed(found) if said and isinstance(found, str) else found
