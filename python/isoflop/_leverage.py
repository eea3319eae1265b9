"""How much each row and run weighs in a fit: the linear model at the optimum, leverages, units of resampling.

Everything is on the internal scale (ln of positive parameters) and on the scale of the residuals, as in the core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _engine
from ._engine import Floats
from ._errors import FitError
from ._fitted import Fit
from ._notes import Kind, Note

HIGH_LEVERAGE = Kind(
    "high-leverage",
    "{unit} {label} holds a combination of parameters nearly alone (leverage {leverage:.2f} of at most 1)",
    "add runs near it, or see what the fit says without it: influence()",
)
#: A direction of the parameters of which more than this share rests on one unit is that unit's own.
ALONE = 0.9


def internal_jacobian(fit: Fit) -> tuple[Floats, tuple[str, ...]]:
    """Return d residual / d internal parameter per row, and the parameters: those free and at no bound.

    Raises
    ------
    FitError
        If the fit holds no data.
    """
    if fit.problem is None:
        raise FitError("this fit holds no data to diagnose")
    table, labels = fit.problem.table, fit.labels
    codes = {name: found for name, (found, _) in table["factors"].items()}
    slopes = _engine.jacobian(fit.law.spec_at(labels), fit.theta, table["columns"], codes)
    columns: dict[str, Any] = {}
    for name, slope in zip(fit.law.parameters, slopes, strict=True):
        factor = fit.law.levels.get(name)
        if factor is None:
            columns[name] = slope
            continue
        for code, label in enumerate(labels[factor]):
            columns[f"{name}[{label}]"] = np.where(codes[factor] == code, slope, 0.0)
    moving = tuple(name for name in fit.names if name in fit.free and name not in fit.at_bound)
    internal = [columns[name] * _chain(fit.law.domain(name), fit.params[name]) for name in moving]
    jacobian = np.column_stack(internal) if internal else np.empty((fit.n_rows, 0))
    scale = fit.fitted[:, None] if fit.law.scale == "log" else 1.0
    return np.nan_to_num(jacobian / scale), moving


def _chain(domain: str, value: float) -> float:
    """Return d native / d internal."""
    return value if domain == "positive" else value * (1 - value) if domain == "unit" else 1.0


def orthonormal(fit: Fit) -> Floats:
    """Return an orthonormal basis of the weighted Jacobian, one row per row; priors take their share."""
    jacobian, names = internal_jacobian(fit)
    assert fit.problem is not None
    root = np.sqrt(fit.problem.table["weights"])
    recipe = fit.problem.recipe
    sd = np.asarray(recipe["prior_sd"])[[fit.names.index(name) for name in names]]
    held = np.sqrt(float(recipe.get("kappa", 0.0))) / np.where(np.isnan(sd), np.inf, sd)
    stacked = np.vstack([jacobian * root[:, None], np.diag(held)])
    size = np.linalg.norm(stacked, axis=0)
    basis, singular, _ = np.linalg.svd(stacked / np.where(size > 0, size, 1.0), full_matrices=False)
    kept = singular > 1e-8 * singular.max(initial=0.0)
    return _engine.floats(basis[: fit.n_rows, kept])


def unit_codes(fit: Fit) -> tuple[NDArray[np.int64], list[Any]]:
    """Return the unit of each row, -1 for rows of weight 0, and the labels: in the order of the jackknife.

    Units are groups, or rows where there are none. The core keeps the levels of a law apart: units come sorted by
    level, and inside a level as they first appear.
    """
    assert fit.problem is not None
    table = fit.problem.table
    keys = np.arange(fit.n_rows) if fit.groups is None else fit.groups
    levels = list(zip(*(codes.tolist() for codes, _ in table["factors"].values()), strict=True)) or [()] * fit.n_rows
    strata = {level: i for i, level in enumerate(dict.fromkeys(levels))}
    first: dict[int, int] = {}
    for row in np.nonzero(table["weights"] > 0)[0]:
        first.setdefault(int(keys[row]), int(row))
    order = sorted(first, key=lambda key: strata[levels[first[key]]])
    place = {key: i for i, key in enumerate(order)}
    codes = np.array([place.get(int(key), -1) for key in keys])
    codes[table["weights"] <= 0] = -1
    names = fit.group_labels
    return codes, [names[key] if fit.groups is not None and names else key for key in order]


def unit_leverage(basis: Floats, codes: NDArray[np.int64], n_units: int) -> tuple[Floats, Floats]:
    """Return each unit's share of all parameters (they add up to their number), and its largest of one direction."""
    seen = codes >= 0
    total = np.bincount(codes[seen], (basis[seen] ** 2).sum(axis=1), minlength=n_units)
    order = np.argsort(codes[seen], kind="stable")
    rows, counts = basis[seen][order], np.bincount(codes[seen], minlength=n_units)
    parts = np.split(rows, np.cumsum(counts)[:-1])
    alone = [float(np.linalg.norm(part, 2)) ** 2 if part.size else 0.0 for part in parts]
    return _engine.floats(total), _engine.floats(np.minimum(alone, 1.0))


def leverage_notes(unit: str, labels: list[Any], alone: Floats) -> list[Note]:
    """Return a note for each of at most three units that hold a direction alone."""
    worst = [i for i in np.argsort(-alone)[:3] if alone[i] > ALONE]
    return [HIGH_LEVERAGE(unit=unit, label=labels[i], leverage=alone[i]) for i in worst]
