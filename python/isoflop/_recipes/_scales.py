"""At which compute recipes are compared: overlap of the tables, scales, target.

What is found there is `_invert`'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._engine import Floats, floats
from .._errors import DataError, compose
from .._given import scalar
from .._repr import number
from ._contrast import Contrasts
from ._frontier import FLOP, Frontier
from ._tables import Tables

#: With more scales than this, multipliers are given on a grid of so many.
MOST_SCALES, GRID = 12, 7


def compute_of(tables: Tables) -> Floats:
    """Return the compute of every run: 6 N D under a law of N and D."""
    columns = tables.columns
    return floats(FLOP * columns["N"] * columns["D"]) if "D" in columns and "N" in columns else columns["C"]


def check_overlap(tables: Tables, compute: Floats, names: tuple[str, str], needed: bool) -> list[str]:
    """Return a note where the recipes have no runs at common compute; raise where they must have some."""
    one, other = compute[~tables.second], compute[tables.second]
    low, high = max(one.min(), other.min()), min(one.max(), other.max())
    if low <= high * (1 + 1e-9):
        return []
    spans = [f"{n} {number(x.min(), 3)} to {number(x.max(), 3)}" for n, x in zip(names, (one, other), strict=True)]
    text = f"the recipes have no runs at common compute: {spans[0]}, {spans[1]} FLOP"
    if needed:
        raise DataError(compose(text, "add runs that overlap, or overlap=False to compare by extrapolation alone"))
    return [f"{text}: every multiplier rests on extrapolation"]


def target_of(contrasts: Contrasts, compute: Floats, target: float | None, loss: float | None, name: str) -> float:
    """Return the compute at which recipes are compared in the end.

    Raises
    ------
    DataError
        If the loss asked for lies at or below the first recipe's asymptote, or above every loss.
    """
    if target is not None and loss is not None:
        raise DataError(compose("target and target_loss are both given", "give one of them"))
    if loss is None:
        expected = "compute above 0 in FLOP"
        aim = float(compute.max()) if target is None else scalar("target", target, expected)
        if not 0 < aim < np.inf:
            raise DataError(f"target is {aim:g}, expected {expected}")
        return aim
    loss = scalar("target_loss", loss, "a loss in nats per token")
    low, high = float(compute.min()) * 1e-6, float(compute.max()) * 1e12
    ends = contrasts.loss("a", floats([low, high]))
    if not ends[1] < loss < ends[0]:
        floor = contrasts.params("a").get("E", float(ends[1]))
        said = f"at or below the asymptote {floor:.4g} of {name}" if loss <= ends[1] else f"above every loss of {name}"
        hint = f"{name} goes from {ends[0]:.4g} at {low:.1e} FLOP to {ends[1]:.4g} at {high:.1e}"
        raise DataError(compose(f"target_loss is {loss:g}, {said}", hint))
    grid = np.geomspace(low, high, 4_001)
    return float(np.exp(np.interp(-loss, -contrasts.loss("a", grid), np.log(grid))))


def scales_of(scales: Any, tables: Tables, compute: Floats, target: float, frontier: Frontier) -> Floats:
    """Return where multipliers are given: runs of the first recipe that the second has runs around, and the target."""
    if scales is not None:
        at = floats(np.ravel(scales))
        if not len(at) or not (at > 0).all():
            raise DataError(compose(f"scales are {scales!r}", "expected compute above 0 in FLOP"))
        return at
    one, other = compute[~tables.second], compute[tables.second]
    low, high = max(one.min(), other.min()), min(one.max(), other.max())
    found = np.unique(np.round(np.log(one[(one >= 0.999 * low) & (one <= 1.001 * high)]), 4))
    if frontier.splits or not 0 < len(found) <= MOST_SCALES:
        found = np.linspace(np.log(min(low, high)), np.log(max(low, high)), GRID)
    if np.abs(found - np.log(target)).min() > 1e-3:
        found = np.sort(np.append(found, np.log(target)))
    at = np.exp(found)
    exact = np.append(one, target)
    near = exact[np.abs(np.log(exact[None, :] / at[:, None])).argmin(axis=1)]
    return floats(np.where(np.abs(np.log(near / at)) < 1e-3, near, at))


def inside(at: Floats, multiplier: Floats, tables: Tables, compute: Floats) -> Any:
    """Return whether C lies within the first recipe's runs and C over the multiplier within the second's."""
    one, other = compute[~tables.second], compute[tables.second]
    with np.errstate(divide="ignore"):
        needs = at / multiplier
    slack = 1 + 1e-3
    within = (at * slack >= one.min()) & (at <= one.max() * slack)
    return within & (needs * slack >= other.min()) & (needs <= other.max() * slack)
