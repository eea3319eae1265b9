"""What a forecast says about itself in plain words."""

from __future__ import annotations

import numpy as np

from .._engine import Floats
from .._repr import number, percent
from ._component import Component, Parts, shares_of

#: Beyond so many times the largest run a forecast says so; beyond so many it is called a guess.
FAR, TOO_FAR = 10.0, 1_000.0
#: A source with more than this share of the variance is named.
LARGE_SHARE = 0.5


def notes_on(outside: Floats, parts: Parts) -> list[str]:
    """Return notes about the points: distance, leverage, and what most of the uncertainty is."""
    notes = []
    far = float(10 ** np.nanmax(outside)) if np.isfinite(outside).any() else 1.0
    if far >= FAR:
        notes.append(f"the farthest point is {number(far, 3)} times beyond the largest run")
    if far >= TOO_FAR:
        notes.append(
            "so far out the form of the law is an assumption that no run has checked: treat the band as a guess"
        )
    leverage = float(np.max(parts.leverage))
    if leverage > 1:
        notes.append(
            f"the parameters are extrapolated: leverage {number(leverage, 3)} times that of the most telling run"
        )
    for name, share in shares_of(parts).items():
        if name != "noise" and float(np.mean(share)) > LARGE_SHARE:
            notes.append(f"most of the uncertainty is {name}: {percent(float(np.mean(share)))} of the variance")
    return notes


def remarks_on(components: list[Component], prior_text: str) -> list[str]:
    """Return notes about the model: priors, error structure, rows left out."""
    notes = [prior_text] if prior_text else []
    for c in components:
        name = f"{c.fit.law.name or 'the law'}: " if len(components) > 1 else ""
        if len(c.rows) < int((c.fit.problem.table["weights"] > 0).sum() if c.fit.problem else 0):
            notes.append(f"{name}{c.fit.n_rows} rows were thinned to {len(c.rows)} for the error structure")
        if c.n_failed:
            notes.append(
                f"{name}{c.n_failed} of {len(c.cells)} error structures could not be fitted and have no weight"
            )
        if c.smooth > LARGE_SHARE:
            notes.append(
                f"{name}residuals are smooth in the variables ({percent(c.smooth)}): the form is not quite right"
            )
        if c.grouped > LARGE_SHARE:
            notes.append(
                f"{name}rows of a group share noise ({percent(c.grouped)}): {c.n_groups} groups carry the band"
            )
            if c.n_groups <= c.n_free:
                notes.append(f"{name}{c.n_groups} groups for {c.n_free} parameters: the width of the band is rough")
        notes += [f"{name}{text}" for text in (*_constant(c), *_ungrouped(c))]
        if c.fit.at_bound:
            notes.append(f"{name}{', '.join(c.fit.at_bound)} ended at a bound and is held there")
    return notes


def _constant(c: Component) -> list[str]:
    """Say which variables do not vary: what the law says along them comes from the priors alone."""
    columns = c.problem.table["columns"]
    plain = [v for v in c.fit.law.variables if v not in c.fit.law.schedules]
    return [
        f"all rows have {v} = {number(float(columns[v][0]), 4)}: what the law says along {v} is the priors' word alone"
        for v in plain
        if np.ptp(columns[v]) == 0
    ]


def _ungrouped(c: Component) -> list[str]:
    """Ask for groups where sizes repeat and none were named."""
    sizes = c.problem.table["columns"].get("N")
    if c.fit.groups is not None or sizes is None:
        return []
    n_sizes = len(np.unique(sizes))
    if n_sizes > len(sizes) / 2:
        return []
    found = f"no groups were named, and N takes {n_sizes} values in {len(sizes)} rows"
    return [f"{found}: where rows of a size or a run share noise the band is too narrow without groups=..."]
