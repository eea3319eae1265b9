"""Whether rows share noise although no groups were declared: one-way analysis of variance of the residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._engine import Codes, Floats
from ._errors import PrecisionWarning, counted, warn
from ._fitted import Fit

#: The share of pure chance below which residuals of a group are said to be alike.
CHANCE = 0.01


@dataclass(frozen=True)
class Anova:
    """One-way analysis of variance.

    Attributes
    ----------
    intraclass : float
        Intraclass correlation: the share of the variance that rows of a group have in common (0 or more).
    p_value : float
        Chance of such an F where groups do not matter.
    n_groups : int
    """

    intraclass: float
    p_value: float
    n_groups: int


def anova(values: Floats, codes: Codes) -> Anova:
    """Return the analysis of variance of values by group.

    Parameters
    ----------
    values : ndarray
        Residuals.
    codes : ndarray of int
        The group of each.

    References
    ----------
    Donner 1986, for unequal group sizes.

    Examples
    --------
    >>> found = anova(np.array([1.0, 1.1, 3.0, 3.1, 2.0, 2.1]), np.array([0, 0, 1, 1, 2, 2]))
    >>> round(found.intraclass, 3), found.p_value < 1e-3
    (0.995, True)
    """
    from . import _engine

    _, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    n, g = len(values), len(counts)
    means = np.bincount(codes, values) / counts
    between = float(counts @ (means - values.mean()) ** 2) / max(g - 1, 1)
    within = float(((values - means[codes]) ** 2).sum()) / max(n - g, 1)
    size = (n - float((counts**2).sum()) / n) / max(g - 1, 1)
    shared = max((between - within) / size, 0.0)
    total = shared + within
    ratio = between / within if within > 0 else np.inf
    p_value = 1 - _engine.f_cdf(ratio, g - 1, n - g) if np.isfinite(ratio) and g > 1 and n > g else float(ratio <= 1)
    return Anova(shared / total if total > 0 else 0.0, p_value, g)


def repeats(fit: Fit) -> tuple[str, Anova] | None:
    """Return the variable (N, or a run id) whose repeated values share residuals, with its analysis.

    None where groups are declared, nothing repeats, or residuals of a value are no more alike than chance has it.
    """
    if fit.groups is not None or fit.problem is None:
        return None
    table = fit.problem.table
    seen = table["weights"] > 0
    found = []
    for name, column in {**fit.repeats, "N": table["columns"].get("N")}.items():
        if column is None:
            continue
        codes = np.unique(np.asarray(column)[seen], return_inverse=True)[1]
        n_groups, n = int(codes.max()) + 1, int(seen.sum())
        if 3 <= n_groups <= n // 2:
            result = anova(fit.residuals[seen], codes)
            if result.p_value < CHANCE:
                found.append((name, result))
    return max(found, key=lambda item: item[1].intraclass, default=None)


def warn_repeats(fit: Fit) -> None:
    """Warn where rows of one size or run share noise and no groups are declared."""
    found = repeats(fit)
    if found is None:
        return
    name, result = found
    warn(
        f"{name} repeats ({counted(result.n_groups, 'value')} in {fit.n_rows} rows), no groups are declared, and "
        f"residuals of one {name} are alike: intraclass correlation {result.intraclass:.2f}; intervals that take rows "
        "as independent are too narrow",
        PrecisionWarning,
        f"declare groups: iso.Runs(..., groups={name!r})",
    )
