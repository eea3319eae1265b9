"""`isoflop`: approach 2 of Hoffmann et al. 2022, the lowest point of each isoFLOP profile, and a line through them.

Both stages are redone in every resample. What a fitted law (approach 3) says of the same runs, and how far a curve of
this kind misses the optimum of that law on this very grid, is computed beside it. Curves are in `_profile`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .._engine import Floats
from .._errors import DataError, compose, counted, listed
from .._law import Law
from .._points import backend_of, make_frame
from .._quantiles import tails
from .._repr import Values, facts, html_table, number, percent, table
from .._runs import as_runs
from .._seed import seed_of
from ._allocation import Allocation
from ._beside import Beside, ends, put_beside
from ._budgets import Profile, draw_minima, judged, lines, minima, read_profiles
from ._estimates import Estimates, resample_count
from ._profile import CURVES, FEWEST, Curve, through

#: The ways of resampling, in words.
SCHEMES = {
    "wild": "residuals with random signs",
    "bayesian": "bayesian weights of rows within their budget",
    "rows": "rows drawn within their budget",
}


@dataclass(frozen=True, eq=False, repr=False)
class IsoFLOP(Allocation):
    """Approach 2: N and D at the minima of isoFLOP profiles, as powers of compute.

    Attributes
    ----------
    estimates : Estimates
        a, N_coefficient, b, D_coefficient, and their values per resample.
    curve, scale : str
        What was laid through each profile, and whether through the loss or its logarithm.
    profiles : tuple of Profile
        Every budget, those without an interior minimum included.
    N_opt, loss : ndarray
        Where each curve is lowest, and how low; NaN without an interior minimum.
    draws : ndarray (resamples, budgets)
        ln N of the minima per resample.
    n_far : int
        Rows that `within` left out.
    beside : Beside or None
        Approach 3 on the same runs, and the bias of the curve under it.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> C = np.repeat([1e19, 1e20, 1e21], 9)
    >>> N = 0.12 * (C / 6) ** 0.5126 * np.tile(np.geomspace(0.25, 4, 9), 3)
    >>> runs = iso.simulate("chinchilla", {"N": N, "D": C / (6 * N)}, params="epoch2024", noise=0.0)
    >>> found = iso.estimators.isoflop(runs, n_resamples=100)
    >>> found.N_opt.shape, len(found.dropped)
    ((3,), 0)
    """

    curve: Curve
    scale: str
    profiles: tuple[Profile, ...]
    N_opt: Floats
    loss: Floats
    draws: Floats = field(repr=False)
    beside: Beside | None = None
    n_far: int = 0

    @property
    def dropped(self) -> dict[float, str]:
        """Budgets without an interior minimum, and why."""
        return {p.C: p.reason for p in self.profiles if p.reason}

    def to_frame(self, level: float = 0.95) -> Any:
        """Return one row per budget: C, rows, N_opt, N_low, N_high, D_opt, loss, note; bias under the law beside it."""
        probs = tails(level)
        edges = np.array([ends(column, probs) for column in self.draws.T])
        c, kappa = (np.array([getattr(p, name) for p in self.profiles]) for name in ("C", "kappa"))
        columns: dict[str, Any] = {"C": c, "rows": [len(p.x) for p in self.profiles], "N_opt": self.N_opt}
        columns |= {"N_low": edges[:, 0].copy(), "N_high": edges[:, 1].copy(), "D_opt": c / (kappa * self.N_opt)}
        columns |= {"loss": self.loss, "note": [p.reason for p in self.profiles]}
        if self.beside is not None:
            columns |= {"N_opt_law": self.beside.N_opt, "bias": np.expm1(self.beside.bias)}
        return make_frame(columns, self.estimates.backend)

    def curves(self, n: int = 100) -> Any:
        """Return the curve through each profile at `n` sizes, as a frame: C, N, loss.

        Budgets with too few sizes for a curve are left out.

        Examples
        --------
        >>> import isoflop as iso
        >>> C = np.repeat([1e19, 1e20], 5)
        >>> N = 0.12 * (C / 6) ** 0.51 * np.tile(np.geomspace(0.25, 4, 5), 2)
        >>> runs = iso.simulate("chinchilla", {"N": N, "D": C / (6 * N)}, params="epoch2024", noise=0.0)
        >>> iso.estimators.isoflop(runs, n_resamples=10).curves(50).shape
        (100, 3)
        """
        drawn = [p for p in self.profiles if len(np.unique(p.x)) >= FEWEST[self.curve]]
        at = [np.linspace(p.x[0], p.x[-1], n) for p in drawn]
        response = [np.log(p.loss) if self.scale == "log" else p.loss for p in drawn]
        heights = [through(p.x, y, x, self.curve) for p, y, x in zip(drawn, response, at, strict=True)]
        loss = np.exp(heights) if self.scale == "log" else np.array(heights)
        columns = {"C": np.repeat([p.C for p in drawn], n), "N": np.exp(np.ravel(at)), "loss": loss.ravel()}
        return make_frame(columns, self.estimates.backend)

    def summary(self, level: float = 0.95) -> str:
        """Return the profiles as text: minima, powers with intervals, the curve's bias, approach 3 beside it."""
        headers, rows = self.estimates.cells(level)
        head = f"isoFLOP profiles (approach 2): a {self.curve} per budget through the {self._response}"
        parts = [head, "", facts(self._facts()), "", table(headers, rows), "", table(*self._budgets())]
        return "\n".join([*parts, *self._comparison()])

    @property
    def _response(self) -> str:
        return "log loss" if self.scale == "log" else "loss"

    def _facts(self) -> list[tuple[str, str]]:
        n_rows = sum(len(p.x) for p in self.profiles)
        far = f", {self.n_far} far from their lowest left out" if self.n_far else ""
        without = f", {len(self.dropped)} without a minimum inside their sizes" if self.dropped else ""
        kept = np.isfinite(self.N_opt)
        lost = 1 - np.isfinite(self.draws[:, kept]).mean()
        return [
            ("profiles", f"{len(self.profiles)} of {n_rows} rows{far}{without}"),
            *self.estimates.facts(),
            ("minima lost", f"{percent(float(lost))} of those in resamples"),
        ]

    def _budgets(self) -> tuple[list[str], list[list[str]]]:
        rows = []
        for i, profile in enumerate(self.profiles):
            bias = "" if self.beside is None else _signed(np.expm1(self.beside.bias[i]))
            n = self.N_opt[i]
            cells = [number(n, 4), number(profile.C / (profile.kappa * n), 4), number(float(self.loss[i]), 5), bias]
            rows.append([number(profile.C, 4), str(len(profile.x)), *cells, profile.reason])
        return ["C", "rows", "N", "D", "loss", "bias of N", ""], rows

    def _comparison(self) -> list[str]:
        if self.beside is None:
            return []
        law = self.beside.fit.law.name or self.beside.fit.law.formula
        low, high = (number(end, 4) for end in self.beside.a_interval)
        lines = [
            ("approach 3", f"{law}: a = {number(self.beside.a, 4)} ({low} to {high} at 95 %)"),
            ("approach 2", f"a = {number(self.params['a'], 4)}"),
            ("bias of a", f"{self.beside.bias_a:+.4f}: what this {self.curve} finds on noiseless losses of that law"),
        ]
        return ["", facts(lines)]

    def __repr__(self) -> str:
        """Show the curve, the budgets and the exponents."""
        return f"<IsoFLOP by {self.curve}: {len(self.profiles)} budgets, {len(self.dropped)} without>\n{self.params!r}"

    def _repr_html_(self) -> str:
        return html_table(*self.estimates.cells(0.95), caption=f"isoFLOP profiles by {self.curve}")


def isoflop(
    runs: Any,
    *,
    curve: Curve = "parabola",
    scale: Literal["linear", "log"] = "linear",
    budget: str | None = None,
    within: float | None = None,
    scheme: Literal["wild", "bayesian", "rows"] = "wild",
    noise: float | None = None,
    law: Law | str | None = "chinchilla",
    n_resamples: int = 1000,
    rng: Any = 0,
    **variables: Any,
) -> IsoFLOP:
    """Find the best N and D for each compute from the lowest point of each isoFLOP profile.

    Parameters
    ----------
    runs : Runs or frame
        Runs of several sizes at each of several budgets, with N, D, loss, and C (6 N D where there is none).
    curve : {"parabola", "cubic", "akima"}
        What is laid through a profile, in ln N: least-squares polynomials, or Akima's interpolation (Porian et al.).
    scale : {"linear", "log"}
        Whether it goes through the loss or its logarithm.
    budget : str, optional
        Column of the nominal compute. Where None, rows whose C differ by less than 10 % from a neighbour's are one.
    within : float, optional
        Keep the sizes whose loss exceeds the lowest of their budget by no more than this share. Far from its minimum a
        profile is no parabola: 0.1 to 0.25 keeps the part that is nearly one.
    scheme : {"wild", "bayesian", "rows"}
        How rows are resampled within their budget: every residual with a random sign (made up for leverage), with
        exponential weights, or drawn with replacement. An interpolation leaves no residuals: there noise is added.
    noise : float, optional
        Standard deviation of that noise in ln loss (seed to seed). Where None, that of the residuals of cubics.
    law : Law, str or None
        Law in N and D to fit to the same runs, for the comparison and for the bias; None leaves both out.
    n_resamples : int
    rng : int, Generator, SeedSequence or None
    **variables : str
        Columns, as in `Runs`.

    Returns
    -------
    IsoFLOP

    Raises
    ------
    DataError
        If fewer than two budgets have a minimum inside their sizes.

    Notes
    -----
    A minimum counts only strictly between the smallest and the largest size of its budget. Budgets without are named
    in the summary and in `dropped`. The exponent comes from least squares of ln N on ln C over budgets, D is
    C / (kappa N) with the mean kappa = C / (N D) of its budget.

    Simulated with noise of 0.4 %, six budgets and 9 to 15 sizes each (300 times), the standard error of the exponent is
    0.97 to 1.01 of its real spread with random signs and 95 % intervals hold 92 to 94 %; exponential weights give 0.8
    and 85 %, drawing rows 1.25 to 2 and 96 to 97 %.

    When alpha and beta differ, a profile is not symmetric and the lowest point of a parabola is not the optimum. If
    the sizes lie the same way about the optimum at every budget, it misses by the same factor everywhere and the
    exponent is right; a grid that is fixed in absolute terms bends the exponent too. Both are computed for the grid at
    hand, by laying the same curve through noiseless losses of the fitted law.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, section 3.2; Porian et al. 2024, arXiv 2406.19146.

    Examples
    --------
    >>> import isoflop as iso
    >>> import numpy as np
    >>> C = np.repeat([1e19, 1e20, 1e21], 9)
    >>> N = 0.12 * (C / 6) ** 0.5126 * np.tile(np.geomspace(0.25, 4, 9), 3)
    >>> runs = iso.simulate("chinchilla", {"N": N, "D": C / (6 * N)}, params="epoch2024", noise=0.0)
    >>> found = iso.estimators.isoflop(runs, n_resamples=100)
    >>> round(found.params["a"], 3), len(found.dropped)
    (0.513, 0)
    """
    _check(curve, scale, scheme, within, noise)
    runs = as_runs(runs, **variables)
    used, _ = runs.for_variables(("N", "D", "C"), positive=("N", "D", "C", "loss"))
    profiles = [judged(p, curve, scale) for p in read_profiles(used, budget, within, curve)]
    at, height = minima(profiles, curve, scale, [p.loss for p in profiles])
    seed, count = seed_of(rng), resample_count(n_resamples)
    kept = np.isfinite(at)
    if kept.sum() < 2:
        raise DataError(_no_minima(profiles, curve))
    draws = draw_minima(profiles, curve, scale, scheme, noise, seed, count, used.n_rows)
    draws[:, ~kept] = np.nan
    values = Values({name: float(x[0]) for name, x in lines(profiles, at[None]).items()})
    table_of = np.column_stack(list(lines(profiles, draws).values()))
    drawn = "noise on the losses" if curve == "akima" else SCHEMES[scheme]
    estimates = Estimates(values, table_of, drawn, seed, backend_of(runs._columns.table))
    n_far = used.n_rows - sum(len(p.x) for p in profiles)
    beside = None if law is None else put_beside(used, profiles, curve, scale, law, seed, count)
    return IsoFLOP(estimates, curve, scale, tuple(profiles), np.exp(at), height, draws, beside, n_far)


def _check(curve: str, scale: str, scheme: str, within: float | None, noise: float | None) -> None:
    for name, value, known in (
        ("curve", curve, CURVES),
        ("scale", scale, ("linear", "log")),
        ("scheme", scheme, tuple(SCHEMES)),
    ):
        if value not in known:
            raise DataError(compose(f"{name} is {value!r}", f"choose one of {listed(known)}"))
    if within is not None and not within > 0:
        raise DataError(compose(f"within is {within!r}, expected a share above 0", "0.1 keeps losses up to 10 % above"))
    if noise is not None and curve != "akima":
        hint = "leave it out, or take curve='akima'"
        raise DataError(compose(f"noise is for an interpolation, a {curve} is refitted to resampled rows", hint))
    if noise is not None and not noise >= 0:
        raise DataError(f"noise is {noise!r}, expected a standard deviation of ln loss of 0 or more")


def _no_minima(profiles: list[Profile], curve: str) -> str:
    reasons = "; ".join(f"C = {p.C:.3g}: {p.reason}" for p in profiles if p.reason)
    found = len(profiles) - sum(bool(p.reason) for p in profiles)
    message = (
        f"{counted(found, 'budget')} of {len(profiles)} with a {curve} that is lowest inside its sizes, expected 2"
    )
    return compose(f"{message} ({reasons})" if reasons else message, "train sizes on both sides of the best one")


def _signed(share: float) -> str:
    return "" if not np.isfinite(share) else f"{100 * share:+.1f} %"
