"""The isoFLOP profiles of a table: which rows are one budget, where each is lowest, here and in resamples.

The curves are in `_profile`; what is made of the minima is in `_isoflop`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .._engine import Codes, Floats
from .._errors import counted
from .._runs import Runs
from .._seed import NOISE
from ._allocation import NAMES
from ._estimates import line, resample_weights
from ._profile import FEWEST, Curve, minimum, smooth

#: Rows whose ln C lie closer than this to their neighbour belong to one budget.
SAME_BUDGET = 0.1
#: A size that alone decides its own residual has none to give.
LEAST_FREE = 1e-6


@dataclass(frozen=True)
class Profile:
    """One budget: its compute, C / (N D), its sizes (ln N, rising) and losses, and why it has no minimum, if so."""

    C: float
    kappa: float
    x: Floats
    loss: Floats
    rows: Codes
    reason: str = ""


def read_profiles(runs: Runs, budget: str | None, within: float | None, curve: Curve) -> list[Profile]:
    """Return one profile per budget, by rising compute: of a column, or of rows whose ln C lie close together.

    With `within`, a profile keeps the sizes whose loss exceeds its lowest by no more than this share.
    """
    n, d, c, loss = (runs.variable(name) for name in ("N", "D", "C", "loss"))
    if budget is None:
        codes, nominal = budgets_of(c)
    else:
        runs.require_positive([budget])
        levels, codes = np.unique(runs.variable(budget), return_inverse=True)
        nominal = [float(level) for level in levels]
    members = [np.flatnonzero(codes == i) for i in range(len(nominal))]
    if within is not None:
        members = [rows[loss[rows] <= (1 + within) * loss[rows].min()] for rows in members]
    return [_profile(at, rows, n, d, c, loss, curve) for at, rows in zip(nominal, members, strict=True)]


def budgets_of(c: Floats) -> tuple[Codes, list[float]]:
    """Return which budget each row is of, and the compute of each: rows whose ln C lie close together are one.

    Examples
    --------
    >>> codes, nominal = budgets_of(np.array([1e20, 1e19, 1.02e20]))
    >>> codes.tolist(), [f"{c:.3g}" for c in nominal]
    ([1, 0, 1], ['1e+19', '1.01e+20'])
    """
    order = np.argsort(c, kind="stable")
    codes = np.empty(len(c), dtype=np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(np.diff(np.log(c[order])) > SAME_BUDGET)])
    return codes, [float(np.exp(np.log(c[codes == i]).mean())) for i in range(codes.max() + 1)]


def _profile(compute: float, rows: Codes, n: Floats, d: Floats, c: Floats, loss: Floats, curve: Curve) -> Profile:
    rows = rows[np.argsort(n[rows], kind="stable")]
    kappa = float(np.exp(np.log(c[rows] / (n[rows] * d[rows])).mean()))
    x, distinct = np.log(n[rows]), len(np.unique(n[rows]))
    reason = "" if distinct >= FEWEST[curve] else f"{counted(distinct, 'size')}, a {curve} needs {FEWEST[curve]}"
    return Profile(compute, kappa, x, loss[rows], rows, reason)


def judged(profile: Profile, curve: Curve, scale: str) -> Profile:
    """Return the profile with the reason why it has no minimum, if it has none."""
    if profile.reason or np.isfinite(_minimum(profile, curve, scale, profile.loss[None])[0][0]):
        return profile
    lowest = int(np.argmin(profile.loss))
    end = "smallest" if lowest == 0 else "largest" if lowest == len(profile.x) - 1 else ""
    reason = f"no interior minimum{f', the {end} size is best' if end else ''}"
    return replace(profile, reason=reason)


def _minimum(
    profile: Profile, curve: Curve, scale: str, loss: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return ln N and loss of the minima of one profile for several vectors of losses or weights."""
    y = np.log(loss) if scale == "log" else loss
    x = profile.x
    if curve == "akima":  # sizes that were run twice count once, with their mean
        x, codes = np.unique(x, return_inverse=True)
        y = np.stack([y[:, codes == i].mean(axis=1) for i in range(len(x))], axis=1)
    weights = np.ones_like(y) if weights is None else weights
    at, height = minimum(x, np.broadcast_to(y, weights.shape), weights, curve)
    return at, np.exp(height) if scale == "log" else height


def minima(profiles: list[Profile], curve: Curve, scale: str, losses: list[Floats]) -> tuple[Floats, Floats]:
    """Return ln N and loss of the minimum of each profile under these losses; NaN for profiles without one."""
    found = [
        (np.nan, np.nan) if p.reason else tuple(x[0] for x in _minimum(p, curve, scale, loss[None]))
        for p, loss in zip(profiles, losses, strict=True)
    ]
    at, height = np.array(found, dtype=np.float64).T
    return at, height


def draw_minima(
    profiles: list[Profile],
    curve: Curve,
    scale: str,
    scheme: Literal["wild", "bayesian", "rows"],
    noise: float | None,
    seed: int,
    count: int,
    n_rows: int,
) -> Floats:
    """Return ln N of the minima per resample and budget."""
    out = np.full((count, len(profiles)), np.nan)
    stream = np.random.Generator(np.random.Philox(key=[seed, NOISE]))
    if curve == "akima":
        sd = _residual_sd(profiles) if noise is None else noise
        shifts = sd * stream.standard_normal((count, n_rows))
    elif scheme == "wild":
        signs = stream.choice([-1.0, 1.0], size=(count, n_rows))
    else:
        strata = np.full(n_rows, len(profiles), dtype=np.int64)  # rows of no profile keep to themselves
        for code, profile in enumerate(profiles):
            strata[profile.rows] = code
        weights = resample_weights(n_rows, scheme, None, strata, seed, count)
    for i, profile in enumerate(profiles):
        if profile.reason:
            continue
        if curve == "akima":
            found = _minimum(profile, curve, scale, profile.loss * np.exp(shifts[:, profile.rows]))
        elif scheme == "wild":
            found = _minimum(profile, curve, scale, _wild(profile, curve, scale, signs[:, profile.rows]))
        else:
            found = _minimum(profile, curve, scale, profile.loss[None], weights[:, profile.rows])
        out[:, i] = found[0]
    return out


def _wild(profile: Profile, curve: Curve, scale: str, signs: Floats) -> Floats:
    """Return losses (n, k): the curve plus its residuals with random signs, each made up for the size's leverage."""
    y = np.log(profile.loss) if scale == "log" else profile.loss
    value, leverage = smooth(profile.x, y, curve)
    residual = (y - value) / np.sqrt(np.maximum(1 - leverage, LEAST_FREE))
    drawn = value + signs * residual
    return np.exp(drawn) if scale == "log" else drawn


def _residual_sd(profiles: list[Profile]) -> float:
    """Return the residual standard deviation of ln loss about a cubic per budget."""
    total, left = 0.0, 0
    for profile in profiles:
        if len(profile.x) > 4:
            z = (profile.x - profile.x.mean()) / max(np.ptp(profile.x), 1e-300)
            y = np.log(profile.loss)
            residual = y - np.polyval(np.polyfit(z, y, 3), z)
            total, left = total + float(residual @ residual), left + len(z) - 4
    return float(np.sqrt(total / left)) if left else 0.0


def lines(profiles: list[Profile], at: Floats) -> dict[str, Floats]:
    """Return a, b and the coefficients from ln N (n, budgets); NaN where fewer than two budgets have a minimum."""
    c, kappa = (np.log([getattr(p, name) for p in profiles]) for name in ("C", "kappa"))
    weights = np.isfinite(at).astype(np.float64)
    a, n0 = line(c, at, weights)
    b, d0 = line(c, c - kappa - at, weights)
    return dict(zip(NAMES, (a, np.exp(n0), b, np.exp(d0)), strict=True))
