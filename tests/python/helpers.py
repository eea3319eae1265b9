"""What several test files share: the simulated twin of the shared job, scripts in fresh interpreters."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parents[1] / "data"


@cache
def twin() -> dict[str, np.ndarray]:
    """Return 240 runs simulated by the project (tests/data/README.md) as columns `N`, `D`, `loss`."""
    with (DATA / "twin_runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in ("N", "D", "loss")}


def pins() -> dict[str, Any]:
    """Return the results pinned on the twin."""
    return json.loads((DATA / "twin_pins.json").read_text())


def run_python(code: str, *, timeout: float = 60, **environment: str) -> str:
    """Run `code` in a fresh interpreter and return what it prints; its errors become the test's."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
