"""Multipliers and crossings in every common resample: the joint law refitted, one recipe read against the other."""

from __future__ import annotations

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import FitError
from ._frontier import Frontier
from ._invert import REACH

#: Halvings of the bracket of a multiplier: to 1e-8 of its logarithm.
HALVINGS = 32


def recipe_draws(boot: Bootstrap, frontier: Frontier, level: str) -> dict[str, Floats]:
    """Return the sound draws of one recipe's parameters, as columns."""
    if not boot.ok.any():
        raise FitError("no common resample is sound")
    sound = boot.draws[boot.ok]
    names = list(boot.names)
    own = {name: f"{name}[{level}]" if f"{name}[{level}]" in names else name for name in frontier.law.parameters}
    return {name: floats(sound[:, names.index(column), None]) for name, column in own.items()}


def draw_multipliers(boot: Bootstrap, frontier: Frontier, C: Floats) -> Floats:
    """Return the multiplier at each compute of the first recipe in every sound draw."""
    loss = frontier.loss(recipe_draws(boot, frontier, "a"), C)
    other = recipe_draws(boot, frontier, "b")
    low, high = np.full(loss.shape, -REACH), np.full(loss.shape, REACH)
    never = loss < frontier.loss(other, C * np.exp(REACH))
    always = loss > frontier.loss(other, C * np.exp(-REACH))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        needs_more = loss < frontier.loss(other, C * np.exp(-middle))
        low, high = np.where(needs_more, low, middle), np.where(needs_more, middle, high)
    return floats(np.where(never, 0.0, np.where(always, np.inf, np.exp(0.5 * (low + high)))))


def share_crossing(boot: Bootstrap, frontier: Frontier, span: tuple[float, float]) -> float:
    """Return the share of sound draws whose curves cross within a range of compute."""
    C = np.geomspace(*span, 65)
    gap = frontier.loss(recipe_draws(boot, frontier, "a"), C) - frontier.loss(recipe_draws(boot, frontier, "b"), C)
    return float(np.mean((np.diff(np.sign(gap), axis=1) != 0).any(axis=1)))
