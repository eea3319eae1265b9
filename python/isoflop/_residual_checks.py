"""What the residuals of a fit show: outliers, a spread that changes, a trend that the law leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._engine import Floats
from ._errors import counted, rows_text
from ._lack_of_fit import RARE, f_tail
from ._notes import Kind, Note
from ._repr import number

OUTLIERS = Kind(
    "outliers",
    "{rows} beyond {cut:.1f} robust standard deviations of {sigma}, {above} above the curve; "
    "the largest is {worst:+.1f}",
    "look at these runs (diverged, wrong token count, another tokeniser); {pull}",
)
WRONG_SCALE = Kind(
    "residual-scale",
    "the spread of residuals goes with the {power:+.1f} ± {error:.1f} power of the predicted value, "
    "on a {scale} scale that fits the noise it would not change",
    "take intervals that allow for it (HC3, wild, groups){other}",
)
TREND = Kind(
    "trend-left",
    "residuals by thirds of {name} are {low}, {middle} and {high} (predicted minus observed, p = {p:.1g}): "
    "the law bends otherwise than the runs",
    "compare laws of another form, such as 'pnorm', or leave out runs far from the target",
)
#: Values beyond this many standard deviations count as this many in tests of trends.
CLIP = 3.0
#: Of the median absolute deviation, beside the standard deviation of a normal sample.
EFFICIENCY = 0.37
#: Of ln |z|, z standard normal: π²/8 (its standard deviation squared).
LOG_VARIANCE = math.pi**2 / 8
#: Standard errors from which a power of the spread is taken for real.
SURE = 3.3


@dataclass(frozen=True)
class Spread:
    """How the size of residuals goes with the predicted value: as this power of it."""

    power: float
    error: float


def robust_sigma(residuals: Floats, n_parameters: int, squared: bool) -> float:
    """Return 1.4826 times the median size of residuals, allowing for the fitted parameters.

    Least squares shrinks all residuals a little. Robust criteria make as many of them (nearly) vanish as there are
    parameters: these are left out.
    """
    n, q = len(residuals), min(n_parameters, len(residuals) - 1)
    sizes = np.sort(np.abs(residuals))
    if squared:
        return 1.4826 * float(np.median(sizes)) * math.sqrt(n / (n - q))
    return 1.4826 * float(np.median(sizes[q:]))


def normal_scores(values: Floats) -> Floats:
    """Return what a normal sample of this size would be expected to hold at each value's rank."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    normal = NormalDist()
    return np.array([normal.inv_cdf((r + 0.5) / len(values)) for r in rank])


def outlier_cut(n: int, n_parameters: int) -> float:
    """Return the size that the largest of `n` residuals exceeds once in twenty where noise is normal.

    Their unit is a robust sigma, which is as uncertain as a standard deviation from 0.37 times as many rows: so they
    are Student's on as many degrees of freedom.

    Examples
    --------
    >>> round(outlier_cut(240, 5), 2)
    3.87
    """
    df = max(EFFICIENCY * (n - n_parameters), 2.0)
    low, high = 0.0, 1e4
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if f_tail(middle**2, 1, df) > 0.05 / n else (low, middle)
    return high


def outlier_note(
    residuals: Floats, standardised: Floats, sigma: float, n_parameters: int, squared: bool
) -> Note | None:
    """Return a note of the rows that lie far off, if there are any."""
    cut = outlier_cut(len(residuals), n_parameters)
    far = np.nonzero(np.abs(standardised) > cut)[0]
    if not len(far):
        return None
    far = far[np.argsort(-np.abs(standardised[far]))]
    rows = f"{rows_text(far)} {'lies' if len(far) == 1 else 'lie'}"
    above = counted(int((residuals[far] < 0).sum()), "of them is", "of them are")
    pull = (
        "they pull least squares with all their weight: criterion='huber' bounds it"
        if squared
        else "the criterion bounds their pull"
    )
    worst = -float(standardised[far[0]])
    return OUTLIERS(rows=rows, cut=cut, sigma=number(sigma, 3), above=above, worst=worst, pull=pull)


def spread(residuals: Floats, fitted: Floats, inflation: float) -> Spread | None:
    """Return how the size of residuals goes with the prediction; None where predictions are not all positive.

    A regression of ln |r| on ln fitted, whose errors have a known variance where noise is normal; `inflation`
    multiplies the error where rows share noise.
    """
    kept = residuals != 0
    if not (fitted > 0).all() or kept.sum() < 10:
        return None
    x = np.log(fitted[kept])
    x = x - x.mean()
    square = float(x @ x)
    if not square > 1e-12 * len(x):
        return None
    return Spread(float(x @ np.log(np.abs(residuals[kept]))) / square, inflation * math.sqrt(LOG_VARIANCE / square))


def spread_note(found: Spread | None, scale: str) -> Note | None:
    """Return a note where the spread surely changes with the prediction."""
    if found is None or abs(found.power) <= SURE * found.error:
        return None
    other = -1.0 if scale == "log" else 1.0
    fits = abs(found.power - other) <= SURE * found.error
    hint = f", or fit with scale={'linear' if scale == 'log' else 'log'!r}, where it would be constant" if fits else ""
    return WRONG_SCALE(power=found.power, error=found.error, scale=scale, other=hint)


def trend_notes(table: Mapping[str, Any], standardised: Floats, sigma: float, codes: NDArray[np.int64]) -> list[Note]:
    """Return a note per variable along which thirds of the units lie off the curve, the ends against the middle."""
    clipped = np.clip(standardised, -CLIP, CLIP)
    seen = codes >= 0
    size = np.bincount(codes[seen])
    means = np.bincount(codes[seen], clipped[seen]) / size
    notes = []
    for name, values in table["columns"].items():
        if not isinstance(values, np.ndarray):
            continue
        at = np.bincount(codes[seen], values[seen]) / size
        found = _thirds(at, means)
        if found is not None and found[1] < RARE:
            low, middle, high = (number(sigma * x, 2) for x in found[0])
            notes.append(TREND(name=name, low=low, middle=middle, high=high, p=found[1]))
    return notes


def _thirds(at: Floats, values: Floats) -> tuple[Floats, float] | None:
    """Return the mean of values in each third by `at`, and the tail probability of F; None for too few values."""
    ends = np.quantile(at, [1 / 3, 2 / 3])
    third = np.searchsorted(ends, at, side="left")
    counts = np.bincount(third, minlength=3)
    if counts.min() < 4:
        return None
    means = np.bincount(third, values, minlength=3) / counts
    within = float(np.sum((values - means[third]) ** 2))
    between = float(np.sum(counts * (means - values.mean()) ** 2))
    if not within > 0:
        return None
    b = len(values) - 3
    return means, f_tail((between / 2) / (within / b), 2, b)
