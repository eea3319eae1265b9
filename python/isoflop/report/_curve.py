"""The forecast band along one axis: compute-optimal runs over compute, or the path that `plot` draws along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._engine import Floats
from ..plot._path import path_of
from ..plot._words import LABELS
from ._decision import Decision, Model, band_of
from ._rows import Rows

#: Places along a curve.
POINTS = 80


@dataclass(frozen=True, eq=False)
class Curve:
    """The law and its two bands along `x`.

    Attributes
    ----------
    x, label, along : str
        Variable of the axis, its name in words, and what the curve stands for.
    at : ndarray
    loss, mean_low, mean_high, low, high : ndarray
        The law, the band of the mean curve, the band of a new run.
    end : float
        Where the runs end.
    """

    x: str
    label: str
    along: str
    at: Floats
    loss: Floats
    mean_low: Floats
    mean_high: Floats
    low: Floats
    high: Floats
    end: float


def optimal_curve(decision: Decision, rows: Rows) -> Curve:
    """Return the band of compute-optimal runs."""
    assert rows.compute is not None
    one = decision
    bands = (one.loss, one.mean_low, one.mean_high, one.new_low, one.new_high)
    return Curve("C", LABELS["C"], "compute-optimal runs", one.C, *bands, float(rows.compute.max()))


def path_curve(model: Model, level: float, held: Mapping[str, Any]) -> Curve:
    """Return the band along the law's one free variable, or along compute at the runs' median D/N."""
    path = path_of(model.fit, **held)
    places = path.grid(POINTS)
    points = path.points(places)
    kinds: tuple[Literal["mean", "new_run"], ...] = ("mean", "new_run")
    mean, new = (band_of(model, kind, level, points) for kind in kinds)
    along = path.describe()
    title = f"runs at {along}" if along else "the law"
    return Curve(path.x, path.label, title, places, mean[0], mean[1], mean[2], new[1], new[2], path.seen[1])
