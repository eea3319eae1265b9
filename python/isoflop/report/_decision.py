"""The decision at many budgets: the optimum with its draws, the valley around it, what a new run there would score.

All that the slider of the page can show is computed here, once; the page only picks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import DataError, IsoflopError, compose
from .._forecast import Forecaster
from .._given import scalar
from .._optimum import Optimum, compute_optimal

Model = Forecaster | Bootstrap
#: How far beyond the largest run the slider goes, and beyond the target where that is farther.
REACH, BEYOND_TARGET = 1_000.0, 10.0
#: Where the slider starts if no target is named, over the largest run.
USUAL_TARGET = 10.0
#: Steps per factor of ten of compute, and the fewest and most in all.
DENSITY, FEWEST, MOST = 10, 25, 81
#: Sizes along a valley, how far it goes to either side of the optimum, and the draws of a cloud.
ALONG, ASIDE, CLOUD = 41, 12.0, 150
#: Refits that optima are computed for, and draws for a forecaster's own optimum.
DRAWS, SECOND = 10_000, 1_000


@dataclass(frozen=True, eq=False)
class Decision:
    """Compute-optimal runs over a range of training compute.

    Where the optimum lies is the law's word, and its refits say how sure that is; what a run there would score is the
    model's word.

    Attributes
    ----------
    C : ndarray
        Budgets in FLOP, rising.
    start : int
        The step of the target.
    optimum : Optimum
        What `iso.compute_optimal` says at these budgets.
    loss, mean_low, mean_high, new_low, new_high : ndarray
        The model's forecast at the optimum: the mean curve, and one more run.
    sizes, valley, low, high : ndarray
        Per budget (rows): N, the law's loss along it, and the band of refits.
    cloud_N, cloud_loss : ndarray or None
        Per budget: optima of a thinned set of draws.
    second : Optimum or None
        What a forecaster says where its error structures are averaged, at the target.
    """

    C: Floats
    start: int
    optimum: Optimum
    loss: Floats
    mean_low: Floats
    mean_high: Floats
    new_low: Floats
    new_high: Floats
    sizes: Floats
    valley: Floats
    low: Floats
    high: Floats
    cloud_N: Floats | None
    cloud_loss: Floats | None
    second: Optimum | None

    @property
    def N(self) -> Floats:
        """Parameters of the optimum."""
        return floats(self.optimum.N)

    @property
    def D(self) -> Floats:
        """Training tokens of the optimum."""
        return floats(self.optimum.D)

    @property
    def near(self) -> dict[float, tuple[Floats, Floats]]:
        """Near-optimal ranges of N by the share of compute that they may cost more, the narrow one first."""
        return {share: (floats(low), floats(high)) for share, (low, high) in sorted(self.optimum.near.items())}


def budgets(seen: Floats, target: float | None) -> tuple[Floats, int]:
    """Return rising budgets from the smallest run to far beyond the largest, and the step of the target.

    Examples
    --------
    >>> C, start = budgets(np.array([1e19, 1e21]), 1e23)
    >>> f"{C[0]:.1e} {C[start]:.1e} {C[-1]:.1e}", len(C)
    ('1.0e+19 1.0e+23 1.0e+24', 51)
    """
    first, last = float(seen.min()), float(seen.max())
    target = USUAL_TARGET * last if target is None else target
    if not first <= scalar("target", target, "training compute in FLOP such as 1e24") < np.inf:
        raise DataError(
            compose(f"target is {target:g} FLOP, the smallest run took {first:.3g}", "name a budget of at least that")
        )
    low, middle, high = np.log10([first, target, max(REACH * last, BEYOND_TARGET * target)])
    step = (high - low) / np.clip(np.round(DENSITY * (high - low)), FEWEST, MOST)
    below, above = int((middle - low) / step + 1e-9), int((high - middle) / step + 1e-9)
    C = 10 ** (middle + step * np.arange(-below, above + 1))
    C[below] = target  # to the last digit
    return floats(C), below


def decide(
    model: Model, boot: Bootstrap | None, steps: tuple[Floats, int], level: float, rng: int, held: Mapping[str, Any]
) -> Decision:
    """Compute everything that the slider can show."""
    C, start = steps
    refits = model.fit if boot is None else _few(boot)
    best = compute_optimal(refits, C=C, level=level, rng=rng, held=held or None)
    at = {"N": best.N, "D": best.D, **held}
    loss, mean_low, mean_high = band_of(model, "mean", level, at)
    _, new_low, new_high = band_of(model, "new_run", level, at)
    aside = np.geomspace(1 / ASIDE, ASIDE, ALONG)
    sizes = floats(np.asarray(best.N)[:, None] * aside)
    along = {"N": sizes.ravel(), "D": (np.asarray(best.D)[:, None] / aside).ravel(), **held}
    around = band_of(refits, "mean", level, along) if isinstance(refits, Bootstrap) else [law_at(model, along)] * 3
    valley, low, high = (floats(x.reshape(sizes.shape)) for x in around)
    cloud_N, cloud_loss = (None if best.draws is None else _thinned(best.draws[name]) for name in ("N", "loss"))
    return Decision(
        C=C, start=start, optimum=best, loss=loss, mean_low=mean_low, mean_high=mean_high, new_low=new_low,
        new_high=new_high, sizes=sizes, valley=valley, low=low, high=high, cloud_N=cloud_N, cloud_loss=cloud_loss,
        second=_second(model, float(C[start]), level, rng, held),
    )  # fmt: skip


def _second(model: Model, C: float, level: float, rng: int, held: Mapping[str, Any]) -> Optimum | None:
    """Return the optimum under a forecaster's own average, which may differ: its errors take part of the trend."""
    if not isinstance(model, Forecaster):
        return None
    try:
        found = compute_optimal(model, C=C, level=level, n_draws=SECOND, rng=rng, held=held or None)
    except IsoflopError:
        return None
    return found if np.isfinite([found.N, *found.interval("N")]).all() else None


def _few(boot: Bootstrap) -> Bootstrap:
    """Return a bootstrap of at most so many refits: each is drawn by itself, so the first ones are a sample."""
    first = slice(DRAWS)
    return replace(boot, draws=boot.draws[first], objective=boot.objective[first], status=boot.status[first])


def law_at(model: Model, points: Mapping[str, Any]) -> Floats:
    """Return the law's loss at points: its curve, without what a forecaster knows of deviations nearby."""
    return floats(np.asarray(model.fit.predict(None, **points), dtype=np.float64))


def band_of(model: Model, kind: Any, level: float, points: Mapping[str, Any]) -> list[Floats]:
    """Return estimate, low and high of a band."""
    frame = model.band(None, kind=kind, level=level, **points)
    return [floats(np.asarray(frame[name], dtype=np.float64)) for name in ("estimate", "low", "high")]


def _thinned(draws: Any) -> Floats:
    """Return evenly spaced draws: the first ones would do, but draws may come in order of where they are from."""
    draws = np.asarray(draws, dtype=np.float64)
    picked = np.linspace(0, draws.shape[1] - 1, min(CLOUD, draws.shape[1])).round().astype(int)
    return floats(draws[:, picked])
