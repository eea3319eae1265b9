"""`compare_laws`: several laws on one table, and what the table can tell apart.

Fits are `_fit`'s, likelihoods are in `_likelihood`, forecasts of held-back runs in `_origins`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from . import laws as catalogue
from ._engine import Floats
from ._errors import DataError, LawError, compose, listed
from ._fit import fit as fit_law
from ._fitted import Fit
from ._law import Law, Scale
from ._likelihood import Likelihood, student
from ._origins import CUTS, Origin, origins
from ._points import make_frame
from ._prior import Prior
from ._recipe import Criterion
from ._repr import html_table, number, table
from ._runs import Runs, as_runs
from ._verdict import verdict


@dataclass(frozen=True, eq=False, repr=False)
class LawComparison:
    """Laws fitted to the same rows by the same recipe.

    Attributes
    ----------
    fits : dict of str to Fit
        By the law's name, in the order that was asked for.
    likelihoods : dict of str to Likelihood
        Largest likelihood under Student's t with 4 degrees of freedom: AICc and BIC come from it.
    origins : tuple of Origin
        Cuts at which small runs forecast the larger ones.
    verdict : str
        What the table can and cannot tell apart.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 8, "D": [1e9, 1e10, 1e11, 1e12] * 6}, noise=0.003)
    >>> found = iso.compare_laws(runs, ["chinchilla", "kaplan_nd"])
    >>> list(found.fits), found.likelihoods["chinchilla"].aicc < found.likelihoods["kaplan_nd"].aicc
    (['chinchilla', 'kaplan_nd'], True)
    """

    fits: dict[str, Fit]
    likelihoods: dict[str, Likelihood]
    origins: tuple[Origin, ...]
    verdict: str

    def forecast_error(self, name: str) -> float:
        """Return the root mean square of forecasts of held-back runs, each cut counting alike; NaN without cuts."""
        squares = [float(np.mean(origin.errors[name] ** 2)) for origin in self.origins]
        return math.sqrt(sum(squares) / len(squares)) if squares else math.nan

    def rows(self) -> list[dict[str, Any]]:
        """Return what is known of each law: one dict per law, in the order that was asked for."""
        return [
            {
                "law": name,
                "parameters": len(fit.free),
                "objective": fit.objective,
                "sigma": robust_sigma(fit),
                "aicc": self.likelihoods[name].aicc,
                "bic": self.likelihoods[name].bic,
                "forecast_error": self.forecast_error(name),
                "at_bound": ", ".join(fit.at_bound),
                "status": fit.status,
            }
            for name, fit in self.fits.items()
        ]

    def to_frame(self) -> Any:
        """Return one row per law: parameters, objective, sigma, aicc, bic, forecast_error, at_bound, status."""
        return self._frame(self.rows())

    def forecasts(self) -> Any:
        """Return one row per law and cut: how far beyond the fitted runs, rows below and above, error."""
        return self._frame([{"law": name, **cut} for name in self.fits for cut in self._cuts(name)])

    def _cuts(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "factor": origin.factor,
                "n_train": origin.n_train,
                "n_test": origin.n_test,
                "forecast_error": float(np.sqrt(np.mean(origin.errors[name] ** 2))),
            }
            for origin in self.origins
        ]

    def _frame(self, rows: list[dict[str, Any]]) -> Any:
        columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
        return make_frame(columns, next(iter(self.fits.values())).backend)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = self.rows()
        least = {name: min(row[name] for row in rows) for name in ("aicc", "bic")}
        cells = [
            [
                row["law"],
                str(row["parameters"]),
                number(row["objective"]),
                number(row["sigma"], 3),
                *(f"{row[name] - least[name]:.1f}" for name in least),
                number(row["forecast_error"], 3),
                row["status"] + (f", at bound: {row['at_bound']}" if row["at_bound"] else ""),
            ]
            for row in rows
        ]
        return ["law", "parameters", "objective", "sigma", "AICc above", "BIC above", "forecast error", ""], cells

    def summary(self) -> str:
        """Return the table as text, AICc and BIC above the smallest of each, and the verdict."""
        fit = next(iter(self.fits.values()))
        scale = "log loss" if fit.law.scale == "log" else "the loss itself"
        head = f"{fit.n_rows} rows, {fit.recipe.text(fit.delta)}, residuals on {scale}"
        return "\n".join([head, "", table(*self._cells()), "", textwrap.fill(self.verdict, 104)])

    def __repr__(self) -> str:
        """Show the summary."""
        return self.summary()

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), self.verdict)

    def to_dict(self) -> dict[str, Any]:
        """Return table, cuts and verdict in JSON's types."""
        laws = [
            {**row, "at_bound": list(fit.at_bound), "params": dict(fit.params), "cuts": self._cuts(row["law"])}
            for row, fit in zip(self.rows(), self.fits.values(), strict=True)
        ]
        return {"laws": laws, "verdict": self.verdict}


def compare_laws(
    runs: Any,
    laws: Sequence[str | Law] | Mapping[str, str | Law],
    *,
    criterion: Criterion | None = None,
    delta: float | Literal["auto"] | None = None,
    scale: Scale | None = None,
    prior: Mapping[str, Prior] | Literal["weak"] | None = None,
    along: str | None = None,
    cuts: Sequence[float] = CUTS,
    rng: Any = 0,
    **variables: str,
) -> LawComparison:
    """Fit several laws to the same rows by the same recipe, and say what the rows can tell apart.

    Parameters
    ----------
    runs : Runs or frame
        Training runs; only rows that every law can use are compared.
    laws : sequence of str or Law, or mapping of str to them
        At least two; names of the catalogue, laws, or either by a label of your own.
    criterion, delta, scale : optional
        As in `fit`, for all laws; the recipe and the scale of the first law where None.
    prior : mapping or "weak", optional
        As in `fit`, for all laws.
    along : str, optional
        Variable that held-back runs are the largest in; C, or the only variable, where None.
    cuts : sequence of float
        Rolling origins: the laws are fitted to runs below the largest compute over each of these, and forecast
        those above. A cut needs ten rows and three sizes below it.
    rng : int, Generator, SeedSequence or None
        For the starts.
    **variables : str
        Columns of variables and roles, as in `fit`.

    Returns
    -------
    LawComparison

    Raises
    ------
    DataError, LawError
        As in `fit`; fewer than two laws.

    Notes
    -----
    The objective is comparable as all laws share recipe and rows, but has no penalty for parameters. AICc and BIC are
    of Student's t with 4 degrees of freedom and a scale of its own, which outliers do not dominate; they take rows as
    independent. `forecast_error` is what a forecaster wants to know, on the scale of residuals (log loss: 0.01 is 1 %).

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 8, "D": [1e9, 1e10, 1e11, 1e12] * 6}, noise=0.003)
    >>> found = iso.compare_laws(runs, ["chinchilla", "kaplan_nd"])
    >>> min(found.likelihoods, key=lambda name: found.likelihoods[name].aicc)
    'chinchilla'
    """
    chosen = _chosen(laws, scale)
    first = next(iter(chosen.values()))
    runs = _usable(as_runs(runs, **variables), chosen)
    recipe = first.paper_recipe().override(criterion, delta, None, first.scale)
    options = {
        "criterion": recipe.criterion,
        "delta": recipe.delta,
        "quantile": recipe.quantile,
        "prior": prior,
        "rng": rng,
    }
    fits = {name: fit_law(runs, law, **options) for name, law in chosen.items()}
    likelihoods = {name: student(fit, runs) for name, fit in fits.items()}
    compute, sizes = _order(runs, chosen, along)
    rolled = tuple(origins(runs, chosen, compute, sizes, options, cuts))
    return LawComparison(fits, likelihoods, rolled, verdict(fits, likelihoods, rolled, runs.group_codes()))


def robust_sigma(fit: Fit) -> float:
    """Return 1.4826 times the median size of residuals, with the correction for fitted parameters."""
    n, q = fit.n_rows, len(fit.free)
    return float(1.4826 * np.median(np.abs(fit.residuals)) * math.sqrt(n / (n - q))) if n > q else math.nan


def _chosen(laws: Sequence[str | Law] | Mapping[str, str | Law], scale: Scale | None) -> dict[str, Law]:
    """Return laws by label, all on one scale of residuals."""
    if isinstance(laws, str | Law) or len(laws) < 2:
        raise LawError(compose("one law cannot be compared", "pass laws=['chinchilla', 'pnorm'], for example"))
    pairs = laws.items() if isinstance(laws, Mapping) else [(None, law) for law in laws]
    found: dict[str, Law] = {}
    for label, one in pairs:
        law = catalogue.get(one) if isinstance(one, str) else one
        if not isinstance(law, Law):
            raise LawError(f"laws holds a {type(law).__name__}, expected laws or names")
        name = label or law.name or law.formula
        if name in found:
            raise LawError(compose(f"two laws are called {name!r}", "pass a mapping of labels to laws"))
        found[name] = law
    shared = scale or next(iter(found.values())).scale
    return {name: law if law.scale == shared else replace(law, scale=shared) for name, law in found.items()}


def _usable(runs: Runs, laws: Mapping[str, Law]) -> Runs:
    """Return the rows that every law can use."""
    for law in laws.values():
        positive = (*law.positive, *(("loss",) if law.scale == "log" else ()))
        plain = [name for name in law.variables if name not in law.schedules]
        factors = tuple(dict.fromkeys(law.levels.values()))
        runs, _ = runs.for_variables(plain, factors=factors, positive=positive, schedules=law.schedules)
    return runs


def _order(runs: Runs, laws: Mapping[str, Law], along: str | None) -> tuple[Floats, Floats]:
    """Return what cuts are made along, and the sizes that are counted below them."""
    names = list(dict.fromkeys(name for law in laws.values() for name in law.variables if name not in law.schedules))
    if along is None:
        along = names[0] if len(names) == 1 else "C"
    try:
        compute = runs.variable(along)
    except DataError:
        known = listed(names)
        raise DataError(
            compose(f"runs have no {along!r} to hold back the largest of", f"pass along=: {known}")
        ) from None
    return compute, runs.variable("N") if "N" in names else compute
