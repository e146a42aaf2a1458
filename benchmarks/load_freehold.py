"""Fills a Freehold project folder; the only file of the benchmark that knows Freehold's tables."""

from pathlib import Path

from benchmarks.data import Data
from benchmarks.processes import Trouble


def load(folder: Path, data: Data) -> None:
    """Make an empty folder one that `freehold serve` serves, with all records of `data` in its `freehold.db`.

    Each account logs in with `data.PASSWORD`. Raises `Trouble` where that cannot be done.
    """
    raise Trouble("load_freehold.load is not written yet")
