"""What all tests share: where measured data lies, and a quiet, repeatable environment.

Strategies for hypothesis do not belong here (tests/python/strategies.py has them).
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("COLUMNS", "100")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[2]

settings.register_profile(
    "isoflop",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=int(os.environ.get("ISOFLOP_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("isoflop")


def shared_data() -> Path:
    """Return the folder with the measured tables: `$ISOFLOP_SHARED`, or `shared` beside the clone."""
    base = Path(os.environ.get("ISOFLOP_SHARED", ROOT.parent / "shared"))
    return base / "data" if (base / "data").is_dir() else base


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with the measured tables; the test is skipped where there is none."""
    folder = shared_data()
    if not folder.is_dir():
        pytest.skip("measured tables are not here (ISOFLOP_SHARED)")
    return folder


@pytest.fixture(scope="session")
def epoch(shared: Path) -> dict[str, np.ndarray]:
    """Return the 240 Chinchilla runs without the outliers, as columns `N`, `D`, `loss`."""
    with (shared / "epoch_chinchilla.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["outlier_epoch"] == "0"]
    names = {"N": "params", "D": "tokens", "loss": "loss"}
    return {name: np.array([float(row[column]) for row in rows]) for name, column in names.items()}
