"""What the tests of the catalogue share: designs of runs, noiseless recovery, derivatives, published values."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isoflop as iso

DATA = Path(__file__).parents[1] / "data"


def grid(**ranges: tuple[float, float, int]) -> dict[str, np.ndarray]:
    """Return all combinations of values that are evenly spaced in logs: name -> (first, last, count)."""
    axes = [np.geomspace(low, high, count) for low, high, count in ranges.values()]
    mesh = np.meshgrid(*axes, indexing="ij")
    return {name: values.ravel() for name, values in zip(ranges, mesh, strict=True)}


@dataclass(frozen=True)
class Case:
    """A law, the truth, where it is measured, and what of it a fit can find."""

    law: str
    params: Mapping[str, float]
    points: Mapping[str, np.ndarray]
    shape: Mapping[str, Any] = field(default_factory=dict)
    fixed: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    rtol: float = 1e-6
    label: str = ""

    @property
    def found(self) -> iso.Law:
        return iso.laws.get(self.law, **self.shape)

    def __str__(self) -> str:
        return self.label or self.law


def recover(case: Case) -> iso.Fit:
    """Fit runs without noise by the plain global search and check that predictions are those of the truth."""
    loss = case.found.predict(case.params, **case.points)
    assert np.all(np.isfinite(loss))
    fixed = {name: case.params[name] for name in case.fixed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", iso.ConvergenceWarning)  # asserted below
        fit = iso.fit({"loss": loss, **case.points}, case.found, fixed=fixed or None, **case.options)
    # (Xc / X)**alpha without noise: at the level of rounding the relative stopping rule is never met.
    assert fit.success or (fit.status == "max_iterations" and fit.objective < 1e-24), fit.message
    np.testing.assert_allclose(fit.predict(**case.points), loss, rtol=case.rtol, atol=case.rtol * np.abs(loss).max())
    return fit


def check_params(fit: iso.Fit, params: Mapping[str, float], rtol: float) -> None:
    """Check that a fit has found the parameters of the truth."""
    for name, value in params.items():
        assert fit.params[name] == pytest.approx(value, rel=rtol, abs=1e-12), name


def slopes_by_differences(law: iso.Law, params: Mapping[str, float], points: Mapping[str, Any], name: str) -> Any:
    """Return d response/d parameter by differences of fourth order, and what rounding makes of them."""
    h = 3e-4 * (abs(params[name]) or 1.0)

    def at(step: float) -> Any:
        return np.asarray(law.predict({**params, name: params[name] + step * h}, **points))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h), 1e-14 * np.abs(at(0)) / h


@cache
def published_rows() -> tuple[dict[str, str], ...]:
    """Return the rows of published_values.csv."""
    with (DATA / "published_values.csv").open(newline="") as file:
        return tuple(csv.DictReader(file))


def rows_of(law: str) -> dict[str, dict[str, str]]:
    """Return the rows of one law of the table, by parameter."""
    found = {row["parameter"]: row for row in published_rows() if row["law"] == law}
    assert found, law
    return found
