"""The job that the benches time: the 240 Chinchilla runs, or a simulated twin where they are not here."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from statistics import median

import numpy as np

DELTA = 1e-3
# The published fit of the measured table: log A, log B, log E, alpha, beta.
NEAR = np.array([6.17, 7.67, 0.597, 0.3473, 0.3672])


def table() -> tuple[str, dict[str, np.ndarray]]:
    """Return the name of the table and its columns `N`, `D`, `loss` (outliers left out)."""
    base = Path(os.environ.get("ISOFLOP_SHARED", Path(__file__).parents[3] / "shared"))
    for path in (base / "data" / "epoch_chinchilla.csv", base / "epoch_chinchilla.csv"):
        if path.is_file():
            return path.name, _read(path)
    return "simulated twin", _twin()


def _read(path: Path) -> dict[str, np.ndarray]:
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["outlier_epoch"] == "0"]
    names = {"N": "params", "D": "tokens", "loss": "loss"}
    return {name: np.array([float(row[column]) for row in rows]) for name, column in names.items()}


def _twin(n: int = 240) -> dict[str, np.ndarray]:
    """Simulate runs over the ranges of the measured ones, with noise whose tails are as heavy."""
    rng = np.random.default_rng(20)
    ln_n = rng.uniform(np.log(5e7), np.log(1.5e10), n)
    ln_d = rng.uniform(np.log(5e8), np.log(3e11), n)
    a, b, e, alpha, beta = NEAR
    loss = np.exp(e) + np.exp(a - alpha * ln_n) + np.exp(b - beta * ln_d)
    return {"N": np.exp(ln_n), "D": np.exp(ln_d), "loss": loss * np.exp(0.004 * rng.standard_t(2, n))}


def rounds(tasks: dict[str, object], n_rounds: int) -> dict[str, float]:
    """Run every task once per round, in turn, and return the median of each (tasks return a rate)."""
    seen: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(n_rounds):
        for name, task in tasks.items():
            seen[name].append(task())
    return {name: median(values) for name, values in seen.items()}
