"""The experiments of "Learning in High Dimension Always Amounts to Extrapolation" [1]_.

Each runs in a separate process, and returns what ``hullscope paper --json`` writes.

References
----------
.. [1] R. Balestriero, J. Pesenti and Y. LeCun, "Learning in High Dimension Always Amounts to Extrapolation", 2021,
   arXiv:2110.09485.
"""

from __future__ import annotations

import os
from typing import Any

from . import _arguments
from ._compare import _command

__all__ = ["fig1", "fig5", "latents", "pixels"]


def _paper(
    which: str, quick: bool, folder: str | os.PathLike[str] | None, threads: int | None, trials: int | None = None
) -> dict[str, Any]:
    words = ["paper", which, *(["--quick"] if quick else [])]
    words += [] if trials is None else ["--trials", str(_arguments.whole(trials, "trials", 1))]
    words += [] if folder is None else ["-o", os.fspath(folder)]
    words += [] if threads is None else ["--threads", str(_arguments.threads(threads))]
    found: dict[str, Any] = _command(words)
    return found


def fig1(
    quick: bool = False,
    *,
    trials: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Figure 1: the share of new samples in the hull of N samples, against N.

    Parameters
    ----------
    quick : bool
        Fewer trials and sizes: seconds instead of minutes.
    trials : int, optional
        New samples at each point: 100,000 by default, or 20,000 if ``quick``.
    folder : path, optional
        Folder for tables, figures and a page.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    dict
        What ``hullscope paper --json`` writes: ``points`` has a dict for each setting (``data``), dimension ``d`` and size
        ``n``, with the measured ``rate`` and, where it is known, the exact one (``theory``).

    Raises
    ------
    ValueError
        What the command refuses, as a folder with the results of another one.
    """
    return _paper("fig1", quick, folder, threads, trials)


def pixels(
    quick: bool = False, *, folder: str | os.PathLike[str] | None = None, threads: int | None = None
) -> dict[str, Any]:
    """Figures 3 and 4: the share of test images in the hull of the training images, in pixels.

    Parameters
    ----------
    quick : bool
        Fewer sizes and images.
    folder : path, optional
        Folder for tables, figures and a page.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    dict
        What ``hullscope paper --json`` writes.

    Raises
    ------
    ValueError
        What the command refuses, as a folder with the results of another one.
    """
    return _paper("pixels", quick, folder, threads)


def latents(
    quick: bool = False, *, folder: str | os.PathLike[str] | None = None, threads: int | None = None
) -> dict[str, Any]:
    """Table 1: the share of test images in the hull of the training images, in the latent space of a network.

    Parameters
    ----------
    quick : bool
        Fewer sizes and images.
    folder : path, optional
        Folder for tables, figures and a page.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    dict
        What ``hullscope paper --json`` writes.

    Raises
    ------
    ValueError
        What the command refuses, as a folder with the results of another one.
    """
    return _paper("latents", quick, folder, threads)


def fig5(
    quick: bool = False, *, folder: str | os.PathLike[str] | None = None, threads: int | None = None
) -> dict[str, Any]:
    """Figure 5: the vertices of a cube against each other, before and after a linear map.

    Parameters
    ----------
    quick : bool
        Fewer sizes and images.
    folder : path, optional
        Folder for tables, figures and a page.
    threads : int, optional
        Threads of this call; one per core by default.

    Returns
    -------
    dict
        What ``hullscope paper --json`` writes.

    Raises
    ------
    ValueError
        What the command refuses, as a folder with the results of another one.
    """
    return _paper("fig5", quick, folder, threads)
