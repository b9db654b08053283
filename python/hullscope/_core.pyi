"""The compiled half of the package."""

from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

from ._arrays import Rows

Progress = Callable[[str, int, int], None] | None

class Certificate:
    verdict: str
    proof: str | None
    rows: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None
    direction: NDArray[np.float64] | None
    margin: float | None
    def check(self, rows: Rows, query: Rows, *, threads: int | None) -> str | None: ...

class Answers:
    warnings: list[str]
    summary: str
    outcomes: str | None
    def __len__(self) -> int: ...
    def verdict(self) -> NDArray[np.int8]: ...
    def margin(self) -> NDArray[np.float64]: ...
    def bracket(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
    def columns(self) -> list[str]: ...
    def column(self, name: str) -> Any: ...
    def rates(self) -> str | None: ...
    def stream(self) -> object: ...
    def certificate(self, query: int) -> Certificate: ...

class Fitted:
    space: str | None
    shape: tuple[int, int]
    def __init__(
        self,
        rows: Rows,
        asked: dict[str, Any],
        *,
        space: str | None,
        labels: list[str | None] | None,
        threads: int | None,
        progress: Progress,
    ) -> None: ...
    def score(
        self, queries: Rows, beside: dict[str, Any], *, threads: int | None, progress: Progress
    ) -> Answers: ...
    def transform(self, rows: Rows, *, threads: int | None) -> NDArray[np.float64]: ...
    def save(self, path: str) -> None: ...
    @staticmethod
    def load(path: str) -> Fitted: ...

def analyze(
    reference: Rows, queries: Rows, asked: dict[str, Any], *, threads: int | None, progress: Progress
) -> Answers: ...
def command(words: list[str]) -> int: ...
