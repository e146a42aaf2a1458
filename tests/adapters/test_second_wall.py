"""Statements and the database agree on functions by their texts: those must be the same in every process."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TEXTS = """
from adapters.persistence.sql.second_wall import SecondWall
from adapters.persistence.sql.tables import build
from tests.application.world import NAMES, example
for name in NAMES:
    print(*SecondWall(build(example(name))).statements("here", "database", "role"), sep="\\n")
"""


def test_the_wall_is_the_same_whatever_order_a_process_gives_to_sets() -> None:
    made = [
        subprocess.check_output(  # noqa: S603
            [sys.executable, "-c", TEXTS], cwd=PROJECT, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2", "3")
    ]
    assert made[0]
    assert made.count(made[0]) == len(made)
