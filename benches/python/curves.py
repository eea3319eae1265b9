"""Extrapolators of learning curves, scored on the same curves: the recommended one, M1 to M4, one-break BNSL.

The rivals are fitted to all rows below the cut. M1 to M4 are the estimators of Alabdulmohsin et al. 2022 in the local
form of their code: the floor is sought near the smallest error, where the objective is not degenerate.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.optimize import least_squares, minimize_scalar, nnls

import isoflop as iso

Extrapolator = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
#: A curve needs so many rows below the cut, and one above.
FEWEST = 6


def recommended(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Extrapolate as the library does by default."""
    runs = iso.Runs({"x": x, "y": y}, loss="y", X="x")
    return np.asarray(iso.forecaster(runs).predict(X=at))


def m1(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Ln y linear in ln x."""
    slope, level = np.polyfit(np.log(x), np.log(y), 1)
    return np.exp(level + slope * np.log(at))


def m2(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Seek a floor below the smallest value, with a power law above it."""

    def line(floor: float) -> tuple[float, np.ndarray]:
        excess = np.log(y - floor)
        fit = np.polyfit(np.log(x), excess, 1)
        return float(np.mean((excess - np.polyval(fit, np.log(x))) ** 2)), fit

    floor = _descend(lambda e: line(e)[0], y.min() - 1e-3)
    return floor + np.exp(np.polyval(line(floor)[1], np.log(at)))


def m3(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Beta (1/x + gamma)^c by least squares on logs."""

    def law(theta: np.ndarray, points: np.ndarray) -> np.ndarray:
        return theta[0] + np.exp(theta[2]) * np.log(1 / points + np.exp(theta[1]))

    starts = [(0.0, -np.log(x.max()) - far, np.log(c)) for far in (0.0, 3.0) for c in (0.2, 0.5, 1.0)]
    return np.exp(_best(lambda t: law(t, x) - np.log(y), starts, law, at))


def m4(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Fit (y - floor) / (top - y)^alpha = beta x^-c, with the floor sought near the smallest value."""
    top = min(y.max() * 1.001, 1.001)

    def line(floor: float) -> tuple[float, np.ndarray]:
        columns = np.column_stack([np.ones_like(x), -np.ones_like(x), -np.log(x), np.log(top - y)])
        fit, norm = nnls(columns, np.log(y - floor))
        return norm**2 / len(x), fit

    floor = _descend(lambda e: line(e)[0], y.min() - 1e-3)
    up, down, c, alpha = line(floor)[1]
    target = up - down - c * np.log(at)
    low, high = np.full(len(at), floor), np.full(len(at), top)
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = np.log(middle - floor) - alpha * np.log(top - middle) > target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def bnsl(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Fit one break: a + b x^-c0 (1 + (x/d)^(1/f))^(-c1 f), by least squares on logs."""

    def law(theta: np.ndarray, points: np.ndarray) -> np.ndarray:
        a, b, c0, c1, d, f = theta
        bend = np.logaddexp(0.0, (np.log(points) - d) / np.exp(f))
        return np.logaddexp(a, b - c0 * np.log(points) - c1 * np.exp(f) * bend)

    middle = np.log(x).mean()
    starts = [
        (np.log(y.min() * share), np.log(y[0]), 0.2, slope, middle + side, 0.0)
        for share in (0.3, 0.8)
        for slope in (0.0, 0.3)
        for side in (-1.0, 1.0)
    ]
    return np.exp(_best(lambda t: law(t, x) - np.log(y), starts, law, at))


def _descend(objective: Callable[[float], float], start: float) -> float:
    """Return the local minimum that a short search down from `start` reaches."""
    width = max(0.3 * start, 1e-6)
    found = minimize_scalar(objective, bounds=(max(start - width, 1e-6), start), method="bounded")
    return float(found.x if found.fun < objective(start) else start)


def _best(residuals: Callable, starts: list, law: Callable, at: np.ndarray) -> np.ndarray:
    fits = [least_squares(residuals, start, method="trf", max_nfev=300) for start in starts]
    return law(min(fits, key=lambda fit: fit.cost).x, at)


RIVALS: dict[str, Extrapolator] = {"M1": m1, "M2": m2, "M3": m3, "M4": m4, "BNSL": bnsl}


def compare(frame: pl.DataFrame, ratio: float) -> tuple[dict[str, list[float]], int]:
    """Return the RMSLE of each extrapolator on each curve, fitted below the largest size over `ratio`."""
    scores: dict[str, list[float]] = {name: [] for name in ("recommended", *RIVALS)}
    for (_,), part in frame.sort("samples").group_by(["curve_id"], maintain_order=True):
        x, y = part["samples"].to_numpy().astype(float), np.maximum(part["error_rate"].to_numpy(), 1e-6)
        below = x <= x.max() / ratio
        if below.sum() < FEWEST or not y[below].min() > 2e-3:
            continue
        for name, extrapolate in {"recommended": recommended, **RIVALS}.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                predicted = extrapolate(x[below], y[below], x[~below])
            miss = np.log(np.maximum(predicted, 1e-6) / y[~below])
            scores[name].append(float(np.sqrt(np.mean(miss**2))))
    return scores, len(scores["recommended"])
