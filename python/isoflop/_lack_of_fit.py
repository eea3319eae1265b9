"""Lack of fit: whether the law misses its runs by more than runs at the same point differ among themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _engine
from ._engine import Floats
from ._notes import Kind, Note
from ._repr import number
from ._schedules import Schedules

LACK_OF_FIT = Kind(
    "lack-of-fit",
    "runs at the same point differ by {noise}, the law misses their means by {miss} "
    "(F = {ratio:.3g} on {a} and {b} degrees of freedom, p = {p:.1g})",
    "compare laws of another form, such as 'pnorm', or leave out runs far from the target",
)
NO_REPLICATES = Kind(
    "no-replicates",
    "no two {unit}s share a point, so the form of the law cannot be tested against noise between runs",
    "train one point twice with another seed",
)
#: Tail probability below which the misfit is taken for real.
RARE = 1e-3


@dataclass(frozen=True)
class LackOfFit:
    """The comparison of misfit and noise between replicates.

    Attributes
    ----------
    n_points, n_replicated : int
        Different points, and units (rows, or groups) that share theirs with another.
    noise, miss : float
        Standard deviation between replicates, and that of their means about the law, on the residuals' scale.
    ratio, p_value : float
        F, and the probability of a larger one where the law's form is right.
    df_miss, df_noise : int
        Degrees of freedom of both.
    """

    n_points: int
    n_replicated: int
    noise: float
    miss: float
    ratio: float
    p_value: float
    df_miss: int
    df_noise: int

    def note(self) -> Note | None:
        """Return the note that the comparison calls for."""
        if not self.p_value < RARE:
            return None
        shown = {"noise": number(self.noise, 3), "miss": number(self.miss, 3)}
        return LACK_OF_FIT(**shown, ratio=self.ratio, a=self.df_miss, b=self.df_noise, p=self.p_value)


def lack_of_fit(
    table: Mapping[str, Any], residuals: Floats, n_parameters: int, units: NDArray[np.int64]
) -> LackOfFit | None:
    """Compare misfit and noise; None without replicates, or with no more points than parameters.

    Parameters
    ----------
    table : mapping
        The rows as the core takes them.
    residuals : ndarray
        Per row.
    n_parameters : int
        Free ones.
    units : ndarray
        The group of each row (or a number of its own), -1 for rows of weight 0.

    Notes
    -----
    The sum of squares about the law is that about the means of replicates and that of the means about the law (Draper
    and Smith 1998, section 2.1). Where the form is right, their mean squares have the ratio F. Rows of one group at one
    point share its noise and count as one; F then has no more degrees of freedom than the groups allow.
    """
    cells = _cells(table, residuals, units)
    if cells is None:
        return None
    point, unit, weight, r = cells
    counts = np.bincount(point)
    means = np.bincount(point, weight * r) / np.bincount(point, weight)
    within = float(np.sum(weight * (r - means[point]) ** 2))
    between = float(np.sum(weight * means[point] ** 2))
    df_noise, df_miss = len(r) - len(counts), len(counts) - n_parameters
    if df_noise < 1 or df_miss < 1 or not within > 0:
        return None
    twice = counts[point] > 1
    df_miss_units = max(len(np.unique(unit)) - n_parameters, 1)
    df_noise_units = max(len(np.unique(unit[twice])) - 1, 1)
    ratio = (between / df_miss) / (within / df_noise)
    df = (min(df_miss, df_miss_units), min(df_noise, df_noise_units))
    return LackOfFit(
        n_points=len(counts),
        n_replicated=int(twice.sum()),
        noise=math.sqrt(within / df_noise),
        miss=math.sqrt(between / df_miss),
        ratio=ratio,
        p_value=f_tail(ratio, *df),
        df_miss=df[0],
        df_noise=df[1],
    )


def has_replicates(table: Mapping[str, Any], units: NDArray[np.int64]) -> bool:
    """Return whether two units have a row at the same point."""
    return _cells(table, np.zeros(len(units)), units) is not None


def _cells(table: Mapping[str, Any], residuals: Floats, units: NDArray[np.int64]) -> Any:
    """Return point, unit, weight and mean residual of each cell: the rows of one unit at one point."""
    seen = units >= 0
    point = np.unique(_point_codes(table)[seen], return_inverse=True)[1]
    both, cell = np.unique(np.column_stack([point, units[seen]]), axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    weight = np.bincount(cell, table["weights"][seen])
    r = np.bincount(cell, table["weights"][seen] * residuals[seen]) / weight
    return None if len(both) == len(np.unique(point)) else (both[:, 0], both[:, 1], weight, r)


def _point_codes(table: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return a code per row, the same for rows at the same point."""
    columns = [v.labels() if isinstance(v, Schedules) else v.tolist() for v in table["columns"].values()]
    columns += [codes.tolist() for codes, _ in table["factors"].values()]
    points = list(zip(*columns, strict=True))
    index = {point: i for i, point in enumerate(dict.fromkeys(points))}
    return np.array([index[point] for point in points])


def f_tail(ratio: float, a: float, b: float) -> float:
    """Return the probability that F on `a` and `b` degrees of freedom exceeds `ratio`.

    Examples
    --------
    >>> round(f_tail(3.4780, 4, 10), 4)
    0.05
    """
    return _engine.f_cdf(1 / ratio, b, a) if ratio > 0 else 1.0  # the other end, where nothing cancels
