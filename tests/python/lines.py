"""Runs on straight lines of logarithms, where least squares is known exactly: for tests of intervals."""

from __future__ import annotations

import numpy as np
import polars as pl

import isoflop as iso

LINE = iso.Law("A * X**b", variables=("X",), real=("b",), name="line")


def line(seed: int = 0, n: int = 24, sd: float = 0.1) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return runs on a straight line of logarithms, its design matrix and the logarithm of the loss."""
    rng = np.random.default_rng(seed)
    x = np.geomspace(1, 1e3, n)
    y = 0.7 - 0.2 * np.log(x) + sd * rng.standard_normal(n) * np.linspace(0.3, 1.5, n)
    return {"X": x, "loss": np.exp(y)}, np.column_stack([np.ones(n), np.log(x)]), y


def clustered(seed: int = 1, g: int = 8, m: int = 5) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return runs whose groups share X and noise, and the group of each."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(g), m)
    x = np.geomspace(1, 1e3, g)[groups]
    y = 0.7 - 0.2 * np.log(x) + 0.1 * rng.standard_normal(g)[groups] + 0.03 * rng.standard_normal(g * m)
    return {"X": x, "loss": np.exp(y), "run": groups}, groups


def least_squares(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients, residuals (observed minus fitted) and (X'X)^-1."""
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y
    return coefficients, y - design @ coefficients, inverse


def ends(frame: pl.DataFrame) -> np.ndarray:
    """Return low and high of each row of an interval table."""
    return frame.select("low", "high").to_numpy()
