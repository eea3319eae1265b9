"""`sloth`: latent skills that grow with size and tokens, with an intercept per family (Maia Polo et al. 2024).

The solver is in `_skill_solver`; skills without a law in size and tokens are in `_low_rank`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._engine import Floats
from .._errors import ConvergenceWarning, DataError, compose, counted, listed, warn
from .._frames import Table, read_table
from .._points import backend_of, make_frame
from .._quantiles import tails
from .._repr import Values, facts, html_table, number, table
from .._seed import seed_of
from ._estimates import Estimates, draw, resample_count, resample_weights
from ._scores import check_filled, logistic, read_labels, read_numbers, read_scores
from ._skill_solver import Skills, first_guess, solve

#: Resources of a model, centred: ln N, ln D and their product.
TERMS = ("ln N", "ln D", "ln N ln D")


@dataclass(frozen=True, eq=False, repr=False)
class Sloth:
    """Benchmark scores as logistic functions of a few skills that grow with N and D.

    Attributes
    ----------
    estimates : Estimates
        Log odds per benchmark: its slope in each of ln N, ln D and ln N ln D (each centred) and its level in each
        family. Skills have no fixed directions; these do not depend on them.
    scores : tuple of str
    floors : ndarray (j,)
        Score of a guess, per benchmark.
    families : tuple
    centre : ndarray (2,)
        Mean ln N and ln D, which are subtracted.
    skills : Skills
        The parameters themselves.
    n_models, n_missing : int
    residuals : ndarray (m, j)
        Predicted minus observed score; NaN where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> N, D = np.tile([1e8, 1e9, 1e10, 1e11], 3), np.repeat([1e11, 3e11, 1e12], 4)
    >>> index = 0.4 * np.log(N / 1e9) + 0.2 * np.log(D / 3e11) + np.repeat([0.0, 0.5, 0.2], 4)
    >>> table = {"family": np.repeat(["a", "b", "c"], 4), "N": N, "D": D}
    >>> table |= {f"b{j}": 0.25 + 0.75 / (1 + np.exp(j - 1 - index)) for j in range(3)}
    >>> found = iso.estimators.sloth(table, ["b0", "b1", "b2"], family="family", N="N", D="D", floors=0.25, skills=1)
    >>> found.n_models, found.n_missing
    (12, 0)
    """

    estimates: Estimates
    scores: tuple[str, ...]
    floors: Floats
    families: tuple[Any, ...]
    centre: Floats
    skills: Skills
    n_models: int
    n_missing: int
    residuals: Floats = field(repr=False)

    @property
    def converged(self) -> bool:
        """Whether the fit to all models did."""
        return self.skills.converged

    def slopes(self) -> Any:
        """Return the slopes of the log odds: a frame with columns benchmark, ln N, ln D, ln N ln D."""
        values = np.array(list(self.estimates.values.values())).reshape(len(self.scores), -1)[:, : len(TERMS)]
        columns = {name: values[:, i].copy() for i, name in enumerate(TERMS)}
        return make_frame({"benchmark": list(self.scores), **columns}, self.estimates.backend)

    def predict(self, family: Any, *, N: Any, D: Any, level: float = 0.95) -> Any:
        """Return the scores of a model of a known family: a frame with columns N, D, benchmark, estimate, low, high.

        The band is of the mean, over resamples of models.
        """
        if family not in self.families:
            raise DataError(compose(f"no family {family!r}", f"the fit knows {listed(self.families)}"))
        n, d = (x.reshape(-1) for x in np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (N, D))))
        own = np.zeros((len(n), len(self.families)))
        own[:, self.families.index(family)] = 1.0
        features = np.column_stack([_resources(np.log(n), np.log(d), self.centre), own])
        self.estimates.check_tails(level)
        low, high = np.quantile(self._at(features, self.estimates.sound()), tails(level), axis=0, method="weibull")
        estimate = self._at(features, np.array([list(self.estimates.values.values())]))[0]
        points = {"N": np.repeat(n, len(self.scores)), "D": np.repeat(d, len(self.scores))}
        ends = {k: v.reshape(-1) for k, v in (("estimate", estimate), ("low", low), ("high", high))}
        return make_frame({**points, "benchmark": list(self.scores) * len(n), **ends}, self.estimates.backend)

    def _at(self, features: Floats, draws: Floats) -> Floats:
        """Return scores (draws, points, benchmarks)."""
        maps = draws.reshape(len(draws), len(self.scores), -1)
        return self.floors + (1 - self.floors) * logistic(np.einsum("mp,bjp->bmj", features, maps))

    def summary(self, level: float = 0.95) -> str:
        """Return the fit as text: models, skills, errors, and the slopes with intervals."""
        headers, rows = self.estimates.cells(level)
        slopes = [row for row in rows if row[0].endswith(TERMS)]
        head = f"latent skills: {len(self.scores)} benchmarks over N, D and {len(self.families)} families"
        return "\n".join([head, "", facts(self._facts()), "", table(headers, slopes)])

    def _facts(self) -> list[tuple[str, str]]:
        error = float(np.nanmean(np.abs(self.residuals)))
        status = "converged" if self.converged else "not converged"
        return [
            ("models", f"{self.n_models}, {counted(self.n_missing, 'score')} missing"),
            ("skills", f"{len(self.skills.growth)}, mean absolute error {number(error, 3)} in sample"),
            ("status", f"{status}, objective {number(self.skills.objective)}"),
            *self.estimates.facts(),
        ]

    def __repr__(self) -> str:
        """Show benchmarks, models and skills."""
        count = len(self.skills.growth)
        return f"<Sloth of {len(self.scores)} benchmarks: {self.n_models} models, {counted(count, 'skill')}>"

    def _repr_html_(self) -> str:
        return html_table(*self.estimates.cells(0.95), caption=repr(self)[1:-1])


def sloth(
    models: Any,
    scores: Sequence[str],
    *,
    family: str,
    N: str,
    D: str,
    floors: Mapping[str, float] | float = 0.0,
    skills: int = 2,
    n_resamples: int = 100,
    rng: Any = 0,
) -> Sloth:
    """Fit latent skills that grow with size and tokens.

    Parameters
    ----------
    models : frame
        One row per model; a missing score is null or NaN.
    scores : sequence of str
        Columns of benchmark scores, between 0 and 1.
    family, N, D : str
        Columns of the family, parameters and training tokens of each model; none may be missing.
    floors : float or mapping of str to float
        Score of a guess: one for all benchmarks, or one per benchmark (0 where not named).
    skills : int
        How many.
    n_resamples : int
        Bootstrap resamples of models, with exponential weights so that no family is ever missing.
    rng : int, Generator, SeedSequence or None

    Returns
    -------
    Sloth

    Raises
    ------
    DataError
        If a column is missing or unusable, or there are fewer benchmarks than skills.

    Warns
    -----
    ConvergenceWarning
        If the fit to all models did not converge.

    Notes
    -----
    score = floor + (1 - floor) logistic(intercept_j + loadings_j · skills), skills = level of the family + slopes
    over ln N, ln D, ln N ln D. Families differ in their levels (how well they use data), slopes are shared: that is
    what lets one small model place a family. Robust least squares on the score (Huber, delta 0.01, the paper's
    smooth-L1). Damped Gauss-Newton from a regression of log odds replaces the paper's Adam.

    References
    ----------
    Maia Polo et al. 2024, arXiv 2412.06540.

    Examples
    --------
    >>> import isoflop as iso
    >>> import numpy as np
    >>> N, D = np.tile([1e8, 1e9, 1e10, 1e11], 3), np.repeat([1e11, 3e11, 1e12], 4)
    >>> index = 0.4 * np.log(N / 1e9) + 0.2 * np.log(D / 3e11) + np.repeat([0.0, 0.5, 0.2], 4)
    >>> table = {"family": np.repeat(["a", "b", "c"], 4), "N": N, "D": D}
    >>> table |= {f"b{j}": 0.25 + 0.75 / (1 + np.exp(j - 1 - index)) for j in range(3)}
    >>> found = iso.estimators.sloth(table, ["b0", "b1", "b2"], family="family", N="N", D="D", floors=0.25, skills=1)
    >>> found.predict("b", N=1e12, D=3e11).columns
    ['N', 'D', 'benchmark', 'estimate', 'low', 'high']
    """
    source = read_table(models)
    observed = read_scores(source, scores)
    check_filled(observed, scores)
    if not isinstance(skills, int) or not 1 <= skills <= len(scores):
        raise DataError(f"skills is {skills!r}, expected a whole number from 1 to {len(scores)}, the benchmarks")
    guesses = _floors(floors, scores)
    features, families, centre = _features(source, family, N, D)
    start = first_guess(features, observed, guesses, skills)
    found = solve(features, observed, guesses, np.ones(len(observed)), start)
    if not found.converged:
        warn("the latent skills did not converge", ConvergenceWarning, "ask for fewer skills, or drop odd models")
    names = tuple(f"{score} {term}" for score in scores for term in (*TERMS, *(f"[{label}]" for label in families)))
    seed = seed_of(rng)
    weights = resample_weights(len(observed), "bayesian", None, None, seed, resample_count(n_resamples))

    def again(row: Floats) -> dict[str, float] | None:
        refit = solve(features, observed, guesses, row, found)
        return dict(zip(names, _map(refit).ravel(), strict=True)) if refit.converged else None

    values = Values(dict(zip(names, _map(found).ravel(), strict=True)))
    drawn = "bayesian weights of models"
    return Sloth(
        Estimates(values, draw(again, weights, names), drawn, seed, backend_of(source)),
        tuple(scores),
        guesses,
        tuple(families),
        centre,
        found,
        len(observed),
        int(np.isnan(observed).sum()),
        guesses + (1 - guesses) * logistic(found.index(features)) - observed,
    )


def _floors(floors: Mapping[str, float] | float, scores: Sequence[str]) -> Floats:
    if isinstance(floors, Mapping):
        for name in floors:
            if name not in scores:
                raise DataError(compose(f"floors names {name!r}", f"the scores are {listed(scores)}"))
        found = np.array([float(floors.get(name, 0.0)) for name in scores])
    else:
        found = np.full(len(scores), float(floors))
    if not ((found >= 0) & (found < 1)).all():
        bad = int(np.argmax(~((found >= 0) & (found < 1))))
        raise DataError(f"the floor of {scores[bad]!r} is {found[bad]:g}, expected the score of a guess, below 1")
    return found


def _features(source: Table, family: str, n: str, d: str) -> tuple[Floats, list[Any], Floats]:
    """Return resources and one column per family, the families, and the means that were subtracted."""
    codes, labels = read_labels(source, family)
    size, tokens = np.log(read_numbers(source, n)), np.log(read_numbers(source, d))
    centre = np.array([size.mean(), tokens.mean()])
    return np.column_stack([_resources(size, tokens, centre), np.eye(len(labels))[codes]]), labels, centre


def _resources(size: Floats, tokens: Floats, centre: Floats) -> Floats:
    size, tokens = size - centre[0], tokens - centre[1]
    return np.column_stack([size, tokens, size * tokens])


def _map(skills: Skills) -> Floats:
    """Return log odds per benchmark over features (j, p), the intercept of the benchmark inside each family's level."""
    out = skills.loadings @ skills.growth
    out[:, len(TERMS) :] += skills.intercepts[:, None]
    return out
