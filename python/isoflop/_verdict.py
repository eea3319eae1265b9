"""What a comparison of laws can and cannot tell apart, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ._repr import number, percent

if TYPE_CHECKING:
    from ._engine import Floats
    from ._fitted import Fit
    from ._likelihood import Likelihood
    from ._origins import Origin

#: Differences of AICc below the first say nothing, above the second they are clear (Burnham and Anderson 2002).
CLOSE, CLEAR = 2.0, 10.0
#: Standard errors that a difference of forecasts must have, and groups that a standard error needs.
ERRORS, GROUPS = 2.0, 4
#: Share of the squared error that a difference must be, and relative difference of curves that is rounding.
SHARE, SAME = 0.02, 1e-6


def verdict(
    fits: Mapping[str, Fit],
    likelihoods: Mapping[str, Likelihood],
    origins: Sequence[Origin],
    groups: tuple[Any, list[Any]] | None,
) -> str:
    """Return sentences about likelihood, forecasts, and the reach of both."""
    sentences = [_by_likelihood(likelihoods, groups is not None), _by_forecast(fits, origins, groups)]
    same = [pair for pair in combinations(fits, 2) if _same(fits[pair[0]], fits[pair[1]])]
    if same:
        pairs = "; ".join(f"{one} and {other}" for one, other in same)
        sentences.append(f"The same curve came out for {pairs}: one law in two forms, or one the limit of the other.")
    unsound = [name for name, fit in fits.items() if not fit.success]
    if unsound:
        sentences.append(f"The fit of {_joined(unsound)} is not sound: read nothing from its line.")
    return " ".join(filter(None, sentences))


def _same(one: Fit, other: Fit) -> bool:
    return bool(np.allclose(one.fitted, other.fitted, rtol=SAME, atol=0.0))


def _by_likelihood(likelihoods: Mapping[str, Likelihood], grouped: bool) -> str:
    ranked = sorted(likelihoods, key=lambda name: likelihoods[name].aicc)
    best, rest = ranked[0], ranked[1:]
    gap = {name: likelihoods[name].aicc - likelihoods[best].aicc for name in rest}
    level = [name for name in rest if gap[name] < CLOSE]
    middle = [name for name in rest if CLOSE <= gap[name] < CLEAR]
    behind = [name for name in rest if gap[name] >= CLEAR]
    parts = []
    if level:
        parts.append(f"AICc cannot tell {_joined([best, *level])} apart (less than {CLOSE:g} between them)")
    else:
        parts.append(f"AICc prefers {best}")
    if middle:
        parts.append(f"speaks weakly against {_joined(middle)}")
    if behind:
        worst = _joined([f"{name} ({number(gap[name], 3)} above)" for name in behind])
        parts.append(f"speaks clearly against {worst}")
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{text}; it takes checkpoints of one run as independent, so gaps are too large." if grouped else f"{text}."


def _by_forecast(fits: Mapping[str, Fit], origins: Sequence[Origin], groups: tuple[Any, list[Any]] | None) -> str:
    if not origins:
        return "The runs span too little compute to hold the largest back, so nothing here tests forecasts."
    errors = {name: _pooled(origins, name) for name in fits}
    best = min(errors, key=lambda name: errors[name])
    level = [name for name in fits if name != best and not _differs(origins, best, name, groups)]
    log = next(iter(fits.values())).law.scale == "log"
    size = percent(errors[best]) if log else number(errors[best], 3)
    furthest = max(origin.factor for origin in origins)
    reach = f"runs up to {furthest:g} times beyond the fitted ones"
    if len(level) == len(fits) - 1:
        text = f"Forecasts of {reach} cannot tell the laws apart ({best} is off by {size})"
    else:
        but = f", but not clearly better than by {_joined(level)}" if level else ""
        text = f"Forecasts of {reach} are best by {best} (off by {size}){but}"
    return f"{text}; further out nothing is tested."


def _pooled(origins: Sequence[Origin], name: str) -> float:
    return float(np.sqrt(np.mean([np.mean(origin.errors[name] ** 2) for origin in origins])))


def _differs(origins: Sequence[Origin], best: str, other: str, groups: tuple[Any, list[Any]] | None) -> bool:
    """Whether squared errors differ by more than their scatter from run to run."""
    last = max(int(origin.rows.max()) for origin in origins) + 1
    total, count = np.zeros(last), np.zeros(last)
    for origin in origins:
        total[origin.rows] += origin.errors[other] ** 2 - origin.errors[best] ** 2
        count[origin.rows] += 1
    rows = np.nonzero(count)[0]
    gaps = _by_group(total[rows] / count[rows], None if groups is None else np.asarray(groups[0])[rows])
    if len(gaps) < GROUPS or gaps.mean() < SHARE * _pooled(origins, best) ** 2:
        return False
    return bool(gaps.mean() > ERRORS * gaps.std(ddof=1) / np.sqrt(len(gaps)))


def _by_group(values: Floats, codes: Any) -> Floats:
    if codes is None:
        return values
    return np.array([values[codes == code].mean() for code in np.unique(codes)])


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
