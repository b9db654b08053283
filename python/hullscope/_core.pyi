"""The compiled half of the package."""

from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

class Answers:
    warnings: list[str]
    summary: str
    def __len__(self) -> int: ...
    def verdict(self) -> NDArray[np.int8]: ...
    def margin(self) -> NDArray[np.float64]: ...
    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
    def columns(self) -> list[str]: ...
    def column(self, name: str) -> Any: ...

def analyze(
    reference: NDArray[Any],
    queries: NDArray[Any],
    *,
    hull: bool,
    neighbours: int,
    metric: str,
    notions: list[str],
    gap: float | None,
    seed: int,
    threads: int | None,
    progress: Callable[[str, int, int], None] | None,
) -> Answers: ...
