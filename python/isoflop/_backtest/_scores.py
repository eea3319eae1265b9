"""Scores of forecasts given as quantiles of log loss, and how they are averaged.

Mean over the held-out rows of a cell (table and ratio), cells within a family, then families equally: the points of
one family are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._engine import Floats

#: Quantiles that every method gives: the ends of 90 and 95 % and a grid for CRPS and the centre.
GRID = (np.arange(99) + 0.5) / 99
PROBABILITIES = np.array([0.025, 0.05, 0.95, 0.975, *GRID])
LOW_95, LOW_90, HIGH_90, HIGH_95, CENTRE = 0, 1, 2, 3, 4 + 49
NAMES = ("rmse", "coverage_90", "coverage_95", "width_95", "interval_score_95", "crps")


def score_rows(quantiles: Floats, centre: Floats, observed: Floats) -> dict[str, Floats]:
    """Return the scores of each row: squared error, coverage, width, interval score and CRPS, all of log loss.

    Parameters
    ----------
    quantiles : ndarray (rows, probabilities)
        Of log loss, at `PROBABILITIES`.
    centre : ndarray
        Point forecasts of log loss.
    observed : ndarray
        Log of the losses that were measured.

    Examples
    --------
    >>> from statistics import NormalDist
    >>> q = np.array([[NormalDist().inv_cdf(p) for p in PROBABILITIES]])
    >>> scores = score_rows(q, np.array([0.0]), np.array([0.0]))
    >>> float(scores["crps"][0].round(3)), float(scores["width_95"][0].round(3))
    (0.234, 3.92)
    """
    low, high = quantiles[:, LOW_95], quantiles[:, HIGH_95]
    miss = np.maximum(low - observed, 0) + np.maximum(observed - high, 0)
    grid = quantiles[:, CENTRE - 49 :]
    error = observed[:, None] - grid
    pinball = np.where(error >= 0, GRID * error, (GRID - 1) * error)
    return {
        "squared": (centre - observed) ** 2,
        "coverage_90": ((quantiles[:, LOW_90] <= observed) & (observed <= quantiles[:, HIGH_90])).astype(float),
        "coverage_95": ((low <= observed) & (observed <= high)).astype(float),
        "width_95": high - low,
        "interval_score_95": high - low + (2 / 0.05) * miss,
        "crps": 2 * pinball.mean(axis=1),
    }


def score_cell(rows: Mapping[str, Floats]) -> dict[str, float]:
    """Return the means over a cell's rows, the root of the mean squared error among them."""
    means = {name: float(values.mean()) for name, values in rows.items() if name != "squared"}
    return {"rmse": float(np.sqrt(rows["squared"].mean())), **means}


def averaged(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the plain average of several scores."""
    return {name: float(np.mean([score[name] for score in scores])) for name in NAMES}


def by_family(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one method's scores: families equally, each the average of its cells."""
    families: dict[str, Any] = {}
    for family in dict.fromkeys(cell["family"] for cell in cells):
        own = [cell for cell in cells if cell["family"] == family]
        families[family] = {**averaged(own), "n": sum(cell["n"] for cell in own), "cells": len(own)}
    total = averaged(list(families.values())) if families else dict.fromkeys(NAMES, float("nan"))
    return {**total, "n": sum(f["n"] for f in families.values()), "families": families}
