"""The decision at many budgets: the optimum with its draws, the valley around it, what a new run there would score.

All that the slider of the page can show is computed here, once; the page only picks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import DataError, compose
from .._forecast import Forecaster
from .._optimum import compute_optimal

Model = Forecaster | Bootstrap
#: How far beyond the largest run the slider goes, and beyond the target where that is farther.
REACH, BEYOND_TARGET = 1_000.0, 10.0
#: Where the slider starts if no target is named, over the largest run.
USUAL_TARGET = 10.0
#: Steps per factor of ten of compute, and the fewest and most in all.
DENSITY, FEWEST, MOST = 12, 25, 97
#: Sizes along a valley, how far it goes to either side of the optimum, and the draws of a cloud.
ALONG, ASIDE, CLOUD = 41, 12.0, 200


@dataclass(frozen=True, eq=False)
class Decision:
    """Compute-optimal runs over a range of training compute.

    Attributes
    ----------
    C : ndarray
        Budgets in FLOP, rising.
    start : int
        The step of the target.
    optimum : Optimum
        What `iso.compute_optimal` says at these budgets.
    new_low, new_high : ndarray
        Band of what one more run at the optimum would score.
    sizes, loss, low, high : ndarray
        Per budget (rows): N along the valley, and the mean curve with its band.
    cloud_N, cloud_loss : ndarray or None
        Per budget: optima of a thinned set of draws.
    """

    C: Floats
    start: int
    optimum: Any
    new_low: Floats
    new_high: Floats
    sizes: Floats
    loss: Floats
    low: Floats
    high: Floats
    cloud_N: Floats | None
    cloud_loss: Floats | None

    @property
    def near(self) -> dict[float, tuple[Floats, Floats]]:
        """Near-optimal ranges of N by the share of compute that they may cost more."""
        ends = {float(share): tuple(floats(np.ravel(x)) for x in pair) for share, pair in self.optimum.near.items()}
        return dict(sorted(ends.items()))  # type: ignore[arg-type]


def budgets(seen: Floats, target: float | None) -> tuple[Floats, int]:
    """Return rising budgets from the smallest run to far beyond the largest, and the step of the target.

    Examples
    --------
    >>> C, start = budgets(np.array([1e19, 1e21]), 1e23)
    >>> f"{C[0]:.1e} {C[start]:.1e} {C[-1]:.1e}", len(C)
    ('1.0e+19 1.0e+23 1.0e+24', 61)
    """
    first, last = float(seen.min()), float(seen.max())
    target = USUAL_TARGET * last if target is None else target
    if not (np.isfinite(target) and target >= first):
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
    model: Model, seen: Floats, target: float | None, level: float, n_draws: int, rng: int, held: Mapping[str, Any]
) -> Decision:
    """Compute everything that the slider can show."""
    C, start = budgets(seen, target)
    extra = {"held": dict(held)} if held else {}
    best = compute_optimal(model, C=C, level=level, n_draws=n_draws, rng=rng, **extra)
    new = band_of(model, "new_run", level, {"N": best.N, "D": best.D, **held})
    aside = np.geomspace(1 / ASIDE, ASIDE, ALONG)
    sizes = np.asarray(best.N)[:, None] * aside
    along = {"N": sizes.ravel(), "D": (np.asarray(best.D)[:, None] / aside).ravel(), **held}
    valley = [x.reshape(sizes.shape) for x in band_of(model, "mean", level, along)]
    cloud = None if best.draws is None else [_thinned(best.draws[name]) for name in ("N", "loss")]
    return Decision(
        C, start, best, new[1], new[2], floats(sizes), *valley, *(cloud if cloud is not None else (None, None))
    )


def predict(model: Model, points: Mapping[str, Any]) -> Floats:
    """Return the loss at points: one number each, also where the model is a bootstrap."""
    one = model if isinstance(model, Forecaster) else model.fit
    return floats(np.asarray(one.predict(None, **points), dtype=np.float64))


def band_of(model: Model, kind: Any, level: float, points: Mapping[str, Any]) -> list[Floats]:
    """Return estimate, low and high of a band."""
    frame = model.band(None, kind=kind, level=level, **points)
    return [floats(np.asarray(frame[name], dtype=np.float64)) for name in ("estimate", "low", "high")]


def _thinned(draws: Any) -> Floats:
    """Return evenly spaced draws: the first ones would do, but draws may come in order of where they are from."""
    draws = np.asarray(draws, dtype=np.float64)
    picked = np.linspace(0, draws.shape[1] - 1, min(CLOUD, draws.shape[1])).round().astype(int)
    return floats(draws[:, picked])
