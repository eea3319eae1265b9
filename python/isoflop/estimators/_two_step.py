"""`two_step`: loss from resources, a task's score from the loss; both refitted to the same resample.

Each step is a fit and a bootstrap of its own (`_fit`, `_bootstrap`); what is here makes their draws joint and puts them
together. Laws that are fitted as one formula from end to end are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import laws
from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._engine import Floats
from .._errors import DataError, ExtrapolationWarning, FitError, compose, counted, listed, warn
from .._fit import fit
from .._formula import evaluate
from .._law import Law
from .._points import backend_of, make_frame
from .._quantiles import tails
from .._repr import facts, html_table, number, percent
from .._runs import as_runs
from .._seed import seed_of, uniform
from ._steps import UNIT, sigmoid_starts, split_steps

#: What the task ladder allowed for its sigmoid.
LADDER_BOUNDS = {"a": (-1.0, 0.0), "b": (0.0, 1.0)}
#: Purpose of the stream that picks the residuals of a new run.
NEW_RUN = 0x74776F


@dataclass(frozen=True, eq=False, repr=False)
class TwoStep:
    """A law of loss and a link from loss to a score, with joint draws.

    Attributes
    ----------
    first, second : Bootstrap
        Draws of both steps: draw i of both comes from the same resample of runs. Their `fit` is the step itself.
    metric : str
        The score.
    seen : tuple of float
        Least and largest loss in the second step; outside it the link is extrapolated.
    n_runs, n_left_out : int
        Runs in both steps, and runs that could not be used in one of them.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 3e8, 1e9, 3e9] * 5, "D": np.geomspace(1e9, 1e11, 20)}, noise=0.01)
    >>> frame = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss}
    >>> frame["acc"] = 0.9 - 0.65 / (1 + np.exp(-2.5 * (runs.loss - 2.8)))
    >>> steps = iso.estimators.two_step(frame, metric="acc", n_resamples=200)
    >>> steps.metric, steps.n_runs
    ('acc', 20)
    """

    first: Bootstrap
    second: Bootstrap
    metric: str
    seen: tuple[float, float]
    n_runs: int
    n_left_out: int

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which resamples are sound in both steps; bands use these."""
        return np.asarray(self.first.ok & self.second.ok)

    @property
    def n_failed(self) -> int:
        """How many are not."""
        return int(np.count_nonzero(~self.ok))

    def interval(self, level: float = 0.95) -> Any:
        """Return a percentile interval per parameter of both steps: columns step, parameter, estimate, low, high."""
        probs, rows = tails(level), []
        for step, boot in (("first", self.first), ("second", self.second)):
            for name, column in zip(boot.names, boot.draws[self._sound()].T, strict=True):
                low, high = np.quantile(column, probs, method="weibull")
                rows.append((step, name, boot.fit.params[name], float(low), float(high)))
        names = ("step", "parameter", "estimate", "low", "high")
        return make_frame({k: list(v) for k, v in zip(names, zip(*rows, strict=True), strict=True)}, self._backend)

    def predict(self, frame: Any = None, /, **variables: Any) -> Any:
        """Return the score that both steps together predict: as `Fit.predict`, of the metric.

        Warns
        -----
        ExtrapolationWarning
            Where the loss on the way lies outside those that the second step has seen.
        """
        points = self.first._points(frame, variables)
        loss = np.asarray(self.first.fit.predict(**points.columns, **self._levels(points)))
        self._warn(loss)
        return points.give_back(np.asarray(self.second.fit.predict(**{self._link: loss})), self.metric)

    def band(
        self,
        frame: Any = None,
        /,
        *,
        kind: Literal["mean", "new_run"] = "mean",
        level: float = 0.95,
        **variables: Any,
    ) -> Any:
        """Return an interval for the score at each point, with the uncertainty of both steps.

        Parameters
        ----------
        frame, **variables
            Points, as in `Fit.predict`.
        kind : {"mean", "new_run"}
            The curve, or what one more run would score: its loss strays from the first step and its score from the
            second, by residuals from the same place in both tables (the same run, where each has one row per run).
        level : float

        Returns
        -------
        frame
            The variables, kind, loss (of the first step), estimate, low, high, extrapolated (whether that loss lies
            outside those the second step has seen).
        """
        if kind not in ("mean", "new_run"):
            hint = "'mean' is the curve, 'new_run' what one more run scores"
            raise DataError(compose(f"kind is {kind!r}", hint))
        points = self.first._points(frame, variables)
        levels = self._levels(points)
        loss = np.asarray(self.first.fit.predict(**points.columns, **levels))
        drawn = self.first.predict(**points.columns, **levels)[self._sound()]
        scores = self._scores(drawn, kind)
        self._warn(loss)
        low, high = np.quantile(scores, tails(level), axis=0, method="weibull")
        columns = {**points.table(), "kind": [kind] * points.size, "loss": loss}
        columns |= {"estimate": np.asarray(self.second.fit.predict(**{self._link: loss})), "low": low, "high": high}
        return make_frame({**columns, "extrapolated": self._outside(loss)}, self._backend)

    def strayed(self, loss: Floats) -> Floats:
        """Return the loss of a new run from draws of the curve (n_resamples, points): the first step's residuals added.

        Every draw adds one residual, of the row whose residual its score gets in `link_draws`; NaN where unsound.
        """
        out = np.full(loss.shape, np.nan)
        out[self._sound()] = self._strayed(loss[self.ok], self._picks())
        return out

    def link_draws(self, loss: Floats, *, kind: Literal["mean", "new_run"] = "mean") -> Floats:
        """Return the score that each resample's link makes of losses: an array of their shape, NaN where unsound.

        Parameters
        ----------
        loss : ndarray (n_resamples, points)
            A loss per resample: draws of the curve, of a new run, or from elsewhere.
        kind : {"mean", "new_run"}
            The link's curve, or with the residual of one more run on top.
        """
        sound = self._sound()
        out = np.full(loss.shape, np.nan)
        out[sound] = self._linked(loss[sound], self._picks() if kind == "new_run" else None)
        return out

    def _scores(self, loss: Floats, kind: str) -> Floats:
        """Return scores (draws, points) from losses of the same shape."""
        picks = self._picks() if kind == "new_run" else None
        return self._linked(loss if picks is None else self._strayed(loss, picks), picks)

    def _picks(self) -> Floats:
        """Return where in the table each sound draw takes its residuals from, as numbers in [0, 1)."""
        return uniform(self.first.seed, NEW_RUN, int(self._sound().sum()))

    def _strayed(self, loss: Floats, picks: Floats) -> Floats:
        stray = _residuals(self.first, picks)[:, None]
        return loss * np.exp(stray) if self.first.fit.law.scale == "log" else loss + stray

    def _linked(self, loss: Floats, picks: Floats | None) -> Floats:
        shift = np.zeros(len(loss)) if picks is None else _residuals(self.second, picks)
        boot, shape = self.second, loss.shape
        columns = {name: np.repeat(x, shape[1]) for name, x in self._parameters(boot)}
        score = evaluate(boot.fit.law.formula, {**columns, self._link: loss.reshape(-1)}, self.metric).reshape(shape)
        return score * np.exp(shift)[:, None] if boot.fit.law.scale == "log" else score + shift[:, None]

    def _parameters(self, boot: Bootstrap) -> list[tuple[str, Floats]]:
        sound = self._sound()
        return [(name, boot.draws[sound, j]) for j, name in enumerate(boot.names)]

    def _sound(self) -> NDArray[np.bool_]:
        if not self.ok.any():
            raise FitError(compose("no resample is sound in both steps", "fix parameters, or add runs"))
        return self.ok

    @property
    def _link(self) -> str:
        return str(self.second.fit.law.variables[0])

    @property
    def _backend(self) -> str:
        return self.first.fit.backend

    def _levels(self, points: Any) -> dict[str, Any]:
        return {k: v for k, v in points.table().items() if k not in points.columns}

    def _outside(self, loss: Floats) -> NDArray[np.bool_]:
        return np.asarray((loss < self.seen[0]) | (loss > self.seen[1]))

    def _warn(self, loss: Floats) -> None:
        outside = np.atleast_1d(loss)[np.atleast_1d(self._outside(loss))]
        if len(outside):
            low, high = self.seen
            warn(
                f"the loss on the way, {outside.min():.4g} to {outside.max():.4g}, lies outside those from which "
                f"{self.metric} was learnt, {low:.4g} to {high:.4g}",
                ExtrapolationWarning,
                "the link is a guess there; add runs, or published models, with such a loss to the second step",
            )

    def summary(self, level: float = 0.95) -> str:
        """Return both steps as text."""
        parts = [f"two steps to {self.metric}", "", facts(self._facts())]
        for title, boot in (("first step", self.first), ("second step", self.second)):
            parts += ["", f"{title}: {boot.summary(level)}"]
        return "\n".join(parts)

    def _facts(self) -> list[tuple[str, str]]:
        left = f", {self.n_left_out} that lack something in one step left out" if self.n_left_out else ""
        failed = f"{self.n_failed} ({percent(self.n_failed / len(self.ok))})" if self.n_failed else "none"
        low, high = (number(x, 4) for x in self.seen)
        return [
            ("runs", f"{self.n_runs} in both steps{left}"),
            ("resamples", f"{len(self.ok):,} by {self.first.scheme}, the same runs in both steps"),
            ("left out", failed),
            ("link seen", f"losses {low} to {high}"),
        ]

    def __repr__(self) -> str:
        """Show both laws and how many runs there are."""
        one, two = (boot.fit.law.name or boot.fit.law.formula for boot in (self.first, self.second))
        return f"<TwoStep to {self.metric}: {one}, then {two}; {self.n_runs} runs>"

    def _repr_html_(self) -> str:
        return html_table(["", ""], self._facts(), caption=repr(self)[1:-1])


def two_step(
    runs: Any,
    *,
    metric: str,
    first: Law | str = "chinchilla",
    second: Law | str = "logistic4",
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    final: bool = True,
    scheme: Literal["bayesian", "groups"] = "bayesian",
    n_resamples: int = 10_000,
    rng: Any = 0,
    n_threads: int | None = None,
    **variables: Any,
) -> TwoStep:
    """Fit a law of loss and a link from that loss to a score, and draw both jointly.

    Parameters
    ----------
    runs : Runs or frame
        Runs (or checkpoints, with `groups`) with the variables of the first law, the loss and the metric. The loss may
        be a task's own, such as bits per byte of the right answer.
    metric : str
        Column of the score. A run without one, or without what the first law needs, is left out of both steps.
    first : Law or str
        Law of the loss.
    second : Law or str
        Law of the metric in one variable, the loss.
    bounds : mapping of str to (low, high), optional
        Bounds of the second step. Where None and `second` is "logistic4": a from -1 to 0, b from 0 to 1.
    final : bool
        Where the runs have groups, whether the first step sees the last checkpoint of each only (losses in the middle
        of a decaying schedule are no samples of it); the second step sees all of them.
    scheme : {"bayesian", "groups"}
        Exponential weights of runs, so that none is ever missing, or runs drawn with replacement. Ladders are short:
        drawn runs often miss what identifies a parameter.
    n_resamples : int
        Resamples of whole runs; both steps are refitted to the same ones.
    rng : int, Generator, SeedSequence or None
    n_threads : int, optional
    **variables : str
        Columns, as in `Runs`.

    Returns
    -------
    TwoStep

    Raises
    ------
    DataError
        If the second law has not exactly one variable, or too few runs carry both steps.

    Notes
    -----
    Independent intervals of the two steps must not be multiplied: a run that is lucky in loss is lucky in the score
    too. Here draw i of both steps comes from the same resample of runs. The second step is fitted at observed losses.

    References
    ----------
    Bhagia et al. 2024, arXiv 2412.04403.

    Examples
    --------
    >>> import isoflop as iso
    >>> import numpy as np
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 3e8, 1e9, 3e9] * 5, "D": np.geomspace(1e9, 1e11, 20)}, noise=0.01)
    >>> frame = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss}
    >>> frame["acc"] = 0.9 - 0.65 / (1 + np.exp(-2.5 * (runs.loss - 2.8)))
    >>> steps = iso.estimators.two_step(frame, metric="acc", n_resamples=200)
    >>> round(float(steps.predict(N=1e9, D=3e10)), 2)
    0.7
    """
    runs = as_runs(runs, **variables)
    one, two = (laws.get(law) if isinstance(law, str) else law for law in (first, second))
    if len(two.variables) != 1:
        hint = "name a law of one variable, such as 'logistic4' or 'gadre_err'"
        raise DataError(compose(f"the second law is over {listed(two.variables)}, expected the loss only", hint))
    steps, n_left_out = split_steps(runs, one, two, metric, final)
    ladder = second == "logistic4"
    bounds = LADDER_BOUNDS if bounds is None and ladder else bounds
    starts = sigmoid_starts(steps[1][two.variables[0]], steps[1]["loss"]) if ladder else None
    seed, n_runs = seed_of(rng), int(steps[0][UNIT].max()) + 1
    if scheme not in ("bayesian", "groups"):
        raise DataError(compose(f"scheme is {scheme!r}", "choose 'bayesian' or 'groups'; both draw whole runs"))
    fits = (
        fit(steps[0], one, loss="loss", groups=UNIT),
        fit(steps[1], two, loss="loss", groups=UNIT, bounds=bounds, starts=starts),
    )
    backend = backend_of(runs._columns.table)
    loss_law, link = (
        bootstrap(replace(found, backend=backend), n_resamples, scheme=scheme, rng=seed, n_threads=n_threads)
        for found in fits
    )
    loss = steps[1][two.variables[0]]
    seen = (float(loss.min()), float(loss.max()))
    return TwoStep(loss_law, link, metric, seen, n_runs, n_left_out)


def _residuals(boot: Bootstrap, pick: Floats) -> Floats:
    """Return residuals, observed minus predicted, of rows picked by numbers in [0, 1); widened for the parameters."""
    residuals, q = -boot.fit.residuals, len(boot.fit.free)
    n = len(residuals)
    if n <= q:
        raise FitError(compose(f"{counted(n, 'residual')} of {q} parameters tell nothing of a new run", "add runs"))
    return np.asarray(residuals[(pick * n).astype(np.intp)] * np.sqrt(n / (n - q)))
