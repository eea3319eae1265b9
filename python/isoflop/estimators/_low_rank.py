"""`low_rank`: observational laws (Ruan et al. 2024): skills behind many benchmarks, and a target score from them.

Missing scores are completed at low rank, principal components give skills, a logistic link with a guess floor gives
the target. Completion is in `_completion`; laws of skills in size and tokens are in `_sloth`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .._engine import Floats
from .._errors import ConvergenceWarning, DataError, compose, counted
from .._fit import fit
from .._fitted import Fit
from .._frames import Table, read_table
from .._law import Law
from .._points import backend_of, make_frame
from .._quantiles import tails
from .._repr import Values, facts, html_table, number, percent, table
from .._seed import seed_of
from ._completion import Components, complete, components
from ._estimates import Estimates, draw, line, resample_count, resample_weights
from ._scores import check_filled, logistic, read_labels, read_numbers, read_scores

#: Name of the intercept among the estimates; the others are the benchmarks.
INTERCEPT = "intercept"


@dataclass(frozen=True)
class Trend:
    """How the target's index grows with compute in one family: index = level + slope ln C."""

    slope: float
    level: float
    n_models: int


@dataclass(frozen=True, eq=False, repr=False)
class LowRank:
    """Skills of models from their scores, and a target from the skills.

    Attributes
    ----------
    estimates : Estimates
        The index of the target, ``intercept + sum of coefficient x score``: as skills have no fixed directions, these
        are what resamples can be compared by.
    scores : tuple of str
        Benchmarks.
    target : str
        The column that the link predicts.
    floor : float
        Score of a guess.
    components : Components
        Mean, directions and shares of variance.
    filled : ndarray (m, j)
        The table of scores with the missing ones completed.
    n_missing : int
        How many those were.
    link : Fit
        Of ``floor + (1 - floor) logistic(w0 + w1 s1 + ...)``.
    trends : dict
        `Trend` per family, where families and compute are known.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> skill = np.linspace(-2, 2, 40)
    >>> table = {f"b{j}": 0.5 + 0.1 * (j + 1) * skill for j in range(3)}
    >>> table["hard"] = 0.25 + 0.75 / (1 + np.exp(1 - 2 * skill))
    >>> found = iso.estimators.low_rank(table, ["b0", "b1", "b2"], target="hard", floor=0.25, skills=1, n_resamples=50)
    >>> found.filled.shape, found.n_missing
    ((40, 3), 0)
    """

    estimates: Estimates
    scores: tuple[str, ...]
    target: str
    floor: float
    components: Components
    filled: Floats
    n_missing: int
    link: Fit
    trends: dict[Any, Trend]

    def interval(self, level: float = 0.95) -> Any:
        """Return a percentile interval per coefficient of the index."""
        return self.estimates.interval(level)

    def skills(self, models: Any = None) -> Any:
        """Return the skills of models (of those fitted where None): a frame with columns s1, s2, ..."""
        scores = self.filled if models is None else read_scores(read_table(models), self.scores)
        found = self.components.skills(scores)
        return make_frame({f"s{i + 1}": column.copy() for i, column in enumerate(found.T)}, self.estimates.backend)

    def predict(self, models: Any, /, *, level: float = 0.95) -> Any:
        """Return the target for models by their scores: a frame with columns estimate, low, high.

        Missing scores of theirs are filled by the components. The band is of the mean: resamples of the models that
        were fitted, everything done again.
        """
        scores = self.components.fill(read_scores(read_table(models), self.scores))
        return self._frame(np.column_stack([np.ones(len(scores)), scores]), level)

    def predict_at(self, family: Any, *, C: Any, level: float = 0.95) -> Any:
        """Return the target for models of one family at some compute, from the trend of the scores in that family.

        The frame has columns C, estimate, low, high. The band holds the uncertainty of the link, not that of the
        trend.
        """
        if family not in self.trends:
            known = ", ".join(map(repr, self.trends)) or "none: pass family=... and C=... to low_rank"
            raise DataError(compose(f"no trend for family {family!r}", f"there are {known}"))
        compute = np.atleast_1d(np.asarray(C, dtype=np.float64))
        trend = self.trends[family]
        index = trend.level + trend.slope * np.log(compute)
        at = np.tile(self.components.mean, (len(compute), 1))
        own = np.array(list(self.estimates.values.values()))
        # Along the index's own direction from the mean model: the shortest way to that index.
        direction = own[1:] / (own[1:] @ own[1:])
        at = at + (index - own[0] - at @ own[1:])[:, None] * direction
        return self._frame(np.column_stack([np.ones(len(at)), at]), level, {"C": compute})

    def _frame(self, design: Floats, level: float, columns: Mapping[str, Any] | None = None) -> Any:
        self.estimates.check_tails(level)
        own = np.array(list(self.estimates.values.values()))
        low, high = np.quantile(self.estimates.sound() @ design.T, tails(level), axis=0, method="weibull")
        ends = {name: self._score(x) for name, x in (("estimate", design @ own), ("low", low), ("high", high))}
        return make_frame({**(columns or {}), **ends}, self.estimates.backend)

    def _score(self, index: Floats) -> Floats:
        return self.floor + (1 - self.floor) * logistic(index)

    def summary(self, level: float = 0.95) -> str:
        """Return the fit as text: gaps, shares of variance, the link, the index with intervals."""
        headers, rows = self.estimates.cells(level)
        head = f"low-rank observational law: {self.target} from {len(self.scores)} benchmarks"
        return "\n".join([head, "", facts(self._facts()), "", table(headers, rows)])

    def _facts(self) -> list[tuple[str, str]]:
        size = self.filled.size
        shares = " + ".join(percent(x) for x in self.components.explained[: len(self.components.axes)])
        error = float(np.sqrt(np.mean(self.link.residuals**2)))
        return [
            ("models", f"{len(self.filled)}, {counted(self.n_missing, 'score')} of {size} missing and completed"),
            ("skills", f"{len(self.components.axes)}, which explain {shares} of the variance"),
            ("link", f"floor {number(self.floor)}, root mean square error {number(error, 3)} in sample"),
            *self.estimates.facts(),
        ]

    def __repr__(self) -> str:
        """Show target, models and skills."""
        return f"<LowRank for {self.target}: {len(self.filled)} models, {len(self.components.axes)} skills>"

    def _repr_html_(self) -> str:
        return html_table(*self.estimates.cells(0.95), caption=repr(self)[1:-1])


def low_rank(
    models: Any,
    scores: Sequence[str],
    *,
    target: str,
    floor: float = 0.0,
    skills: int = 3,
    rank: int = 1,
    family: str | None = None,
    C: str | None = None,
    n_resamples: int = 200,
    rng: Any = 0,
) -> LowRank:
    """Fit an observational law: a target score from the skills behind other scores.

    Parameters
    ----------
    models : frame
        One row per model; a missing score is null or NaN.
    scores : sequence of str
        Columns of benchmark scores, between 0 and 1.
    target : str
        Column of the score to predict. Models without it still shape the skills.
    floor : float
        Score of a guess on the target.
    skills : int
        How many principal components to keep.
    rank : int
        Rank at which missing scores are completed.
    family, C : str, optional
        Columns of the model's family and training compute; with both, `predict_at` extrapolates within a family.
    n_resamples : int
        Bootstrap resamples of models (exponential weights): completion, components and link are redone in each.
    rng : int, Generator, SeedSequence or None

    Returns
    -------
    LowRank

    Raises
    ------
    DataError
        If a column is missing or not numeric, a benchmark has no score, or models are too few.

    Notes
    -----
    The link is fitted by least squares on the score. Its logarithm of odds is linear in the completed scores, so a
    fit is told by one coefficient per benchmark whatever directions the skills take. Scores of models that share a
    family, and benchmarks that leaked into training data, are not independent: the band knows nothing of either.
    Hold out the strongest models to see how far it carries.

    References
    ----------
    Ruan, Maddison, Hashimoto 2024, arXiv 2405.10938.

    Examples
    --------
    >>> import isoflop as iso
    >>> import numpy as np
    >>> skill = np.linspace(-2, 2, 40)
    >>> table = {f"b{j}": 0.5 + 0.1 * (j + 1) * skill for j in range(3)}
    >>> table["hard"] = 0.25 + 0.75 / (1 + np.exp(1 - 2 * skill))
    >>> found = iso.estimators.low_rank(table, ["b0", "b1", "b2"], target="hard", floor=0.25, skills=1, n_resamples=50)
    >>> found.predict({"b0": [0.7], "b1": [0.9], "b2": [1.1]})["estimate"].round(4).to_list()
    [0.9644]
    """
    source = read_table(models)
    raw, wanted = read_scores(source, scores), read_scores(source, [target])[:, 0]
    _check(raw, wanted, scores, target, floor, skills, rank)
    names, seed = (INTERCEPT, *scores), seed_of(rng)
    weights = resample_weights(len(raw), "bayesian", None, None, seed, resample_count(n_resamples))
    filled, found, link = _fitted(raw, wanted, floor, skills, rank, np.ones(len(raw)))
    values = Values(dict(zip(names, _index(found, link), strict=True)))

    def again(row: Floats) -> dict[str, float] | None:
        _, own, refit = _fitted(raw, wanted, floor, skills, rank, row)
        return dict(zip(names, _index(own, refit), strict=True)) if refit.success else None

    drawn = "bayesian weights of models"
    estimates = Estimates(values, draw(again, weights, names), drawn, seed, backend_of(source))
    trends = _trends(source, family, C, filled @ _index(found, link)[1:] + values[INTERCEPT])
    n_missing = int(np.isnan(raw).sum())
    return LowRank(estimates, tuple(scores), target, float(floor), found, filled, n_missing, link, trends)


def _check(
    raw: Floats, wanted: Floats, scores: Sequence[str], target: str, floor: float, skills: int, rank: int
) -> None:
    check_filled(raw, scores)
    if target in scores:
        raise DataError(compose(f"the target {target!r} is among the scores", "leave it out of scores"))
    if not 0 <= floor < 1:
        raise DataError(f"floor is {floor!r}, expected the score of a guess, from 0 to below 1")
    for name, value in (("skills", skills), ("rank", rank)):
        if not isinstance(value, int) or not 1 <= value <= len(scores):
            raise DataError(f"{name} is {value!r}, expected a whole number from 1 to {len(scores)}")
    seen = int((~np.isnan(wanted)).sum())
    if seen < skills + 2:
        need = f"expected at least {skills + 2} for {counted(skills, 'skill')}"
        raise DataError(f"{counted(seen, 'model')} with a score in {target!r}, {need}")


def _fitted(
    raw: Floats, wanted: Floats, floor: float, skills: int, rank: int, weights: Floats
) -> tuple[Floats, Components, Fit]:
    """Return completed scores, components and link for some weights of models."""
    filled = complete(raw, rank, weights)
    found = components(filled, skills, weights)
    seen = ~np.isnan(wanted)
    columns = {f"s{i + 1}": column.copy() for i, column in enumerate(found.skills(filled[seen]).T)}
    with warnings.catch_warnings():  # its status is looked at by the caller
        warnings.simplefilter("ignore", ConvergenceWarning)
        link = fit(
            {**columns, "loss": wanted[seen]},
            _link(skills),
            criterion="squared",
            fixed={"floor": floor},
            weights=weights[seen],
            loss="loss",
        )
    return filled, found, link


@cache
def _link(skills: int) -> Law:
    names = tuple(f"s{i + 1}" for i in range(skills))
    inner = " + ".join(["w0", *(f"w{i + 1} * {name}" for i, name in enumerate(names))])
    real = tuple(f"w{i}" for i in range(skills + 1))
    return Law(f"floor + (1 - floor) * logistic({inner})", variables=names, real=(*real, "floor"), scale="linear")


def _index(found: Components, link: Fit) -> Floats:
    """Return intercept and coefficients over scores of the link's log odds."""
    slopes = np.array([link.params[f"w{i + 1}"] for i in range(len(found.axes))]) @ found.axes
    return np.concatenate([[link.params["w0"] - slopes @ found.mean], slopes])


def _trends(table: Table, family: str | None, compute: str | None, index: Floats) -> dict[Any, Trend]:
    """Return the line of the index in ln C of each family with at least two models of different compute."""
    if family is None and compute is None:
        return {}
    if family is None or compute is None:
        raise DataError(compose("a trend needs both family and C", "name both columns, or neither"))
    codes, labels = read_labels(table, family)
    at = read_numbers(table, compute)
    out = {}
    for code, label in enumerate(labels):
        own = codes == code
        slope, level = line(np.log(at[own]), index[own], np.ones(own.sum()))
        if np.isfinite(slope):
            out[label] = Trend(float(slope), float(level), int(own.sum()))
    return out
