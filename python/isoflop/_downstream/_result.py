"""`Downstream`: a loss law and a link per task, with joint draws; and what it forecasts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._errors import DataError, ExtrapolationWarning, compose, listed
from .._forecast import Forecaster
from .._points import make_frame
from .._quantiles import tails
from .._repr import bullets, html_table, number, percent, table
from .._seed import uniform
from .._store import finite
from ..estimators import TwoStep
from ._looseness import Looseness

#: Purpose of the stream that a forecaster's losses are drawn from.
LOSSES = 0x646F776E
#: The row that averages all tasks.
AVERAGE = "average"


@dataclass(frozen=True, eq=False, repr=False)
class DownstreamForecast:
    """Scores of runs that have not been made.

    Attributes
    ----------
    columns : dict of str to array
        One entry per task and point: task, the variables, loss, loss_low, loss_high (of a new run), estimate, mean_low,
        mean_high (the curve), low, high (a new run), extrapolated (the loss lies outside those a link has seen).
    level : float
    notes : tuple of str

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 3e8, 1e9] * 6, "D": np.geomspace(2e9, 1e11, 18)}, noise=0.005)
    >>> table = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss}
    >>> table["easy"] = 0.25 + 0.75 / (1 + np.exp(3 * (runs.loss - 2.9)))
    >>> found = iso.downstream(table, metric="easy", chance=0.25, n_resamples=200)
    >>> forecast = found.forecast(N=1e9, D=8e10).to_frame()
    >>> bool(forecast["low"][0] < forecast["estimate"][0] < forecast["high"][0])
    True
    """

    columns: dict[str, Any]
    level: float
    notes: tuple[str, ...]
    backend: str = "polars"

    def __getitem__(self, task: str) -> dict[str, Any]:
        """Return the columns of one task, or of "average"."""
        mine = [i for i, name in enumerate(self.columns["task"]) if name == task]
        if not mine:
            raise DataError(compose(f"no task {task!r}", f"there are {listed(dict.fromkeys(self.columns['task']))}"))
        return {name: np.asarray(x)[mine] for name, x in self.columns.items() if name != "task"}

    def to_frame(self) -> Any:
        """Return one row per task and point."""
        return make_frame(self.columns, self.backend)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        known = ("loss", "loss_low", "loss_high", "estimate", "mean_low", "mean_high", "low", "high", "extrapolated")
        places = [name for name in self.columns if name not in (*known, "task")]
        said = percent(self.level)
        headers = ["task", *places, "loss", "score", f"curve {said}", f"new run {said}", ""]
        rows = []
        for i, task in enumerate(self.columns["task"]):
            at = {name: x[i] for name, x in self.columns.items()}
            shown = [at[name] if isinstance(at[name], str) else number(float(at[name]), 4) for name in places]
            spans = [f"{at[a]:.3f} to {at[b]:.3f}" for a, b in (("mean_low", "mean_high"), ("low", "high"))]
            remark = "loss beyond the link's" if at["extrapolated"] else ""
            rows.append([task, *shown, number(float(at["loss"]), 4), f"{at['estimate']:.3f}", *spans, remark])
        return headers, rows

    def summary(self) -> str:
        """Return the forecast as text."""
        notes = bullets(self.notes)
        return "\n\n".join([table(*self._cells()), notes])

    def __repr__(self) -> str:
        """Show the summary."""
        return self.summary()

    def _repr_html_(self) -> str:
        return html_table(*self._cells())

    def to_dict(self) -> dict[str, Any]:
        """Return the forecast in JSON's types."""
        rows = len(self.columns["task"])
        plain = {name: np.asarray(x).tolist() for name, x in self.columns.items()}
        forecasts = [{name: x[i] for name, x in plain.items()} for i in range(rows)]
        return {"forecasts": forecasts, "level": self.level, "notes": list(self.notes)}


@dataclass(frozen=True, eq=False, repr=False)
class Downstream:
    """Scores of one or several tasks in two steps: a law of the loss, and a link from the loss to each score.

    Attributes
    ----------
    steps : dict of str to TwoStep
        Both steps by task. Draw i of every task comes from the same resample of runs.
    forecaster : Forecaster or None
        What the loss comes from where it is not the first step's law.
    looseness : dict of str to Looseness
        How loosely each task hangs on the loss.
    left_out : dict of str to str
        Tasks that were left out, and why.
    notes : tuple of str

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 3e8, 1e9] * 6, "D": np.geomspace(2e9, 1e11, 18)}, noise=0.005)
    >>> table = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss}
    >>> table["easy"] = 0.25 + 0.75 / (1 + np.exp(3 * (runs.loss - 2.9)))
    >>> found = iso.downstream(table, metric="easy", chance=0.25, n_resamples=200)
    >>> found.forecast(N=1e9, D=8e10).to_frame()["task"].to_list()
    ['easy']
    """

    steps: dict[str, TwoStep]
    forecaster: Forecaster | None
    looseness: dict[str, Looseness]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    backend: str = "polars"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks."""
        return tuple(self.steps)

    def forecast(self, frame: Any = None, /, *, level: float = 0.95, **variables: Any) -> DownstreamForecast:
        """Forecast every task, and their average where there are several.

        Parameters
        ----------
        frame, **variables
            Points, as in `Fit.predict`.
        level : float
            Nominal coverage of both bands.

        Returns
        -------
        DownstreamForecast

        Examples
        --------
        >>> import isoflop as iso, numpy as np
        >>> runs = iso.simulate("chinchilla", {"N": [1e8, 3e8, 1e9] * 6, "D": np.geomspace(2e9, 1e11, 18)}, noise=0.005)
        >>> table = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss}
        >>> table["acc"] = 0.25 + 0.75 / (1 + np.exp(2.5 * (runs.loss - 2.5)))
        >>> found = iso.downstream(table, metric="acc", chance=0.25, n_resamples=200)
        >>> round(float(found.forecast(N=1e9, D=8e10)["acc"]["estimate"][0]), 2)
        0.68
        """
        probs = tails(level)
        points = next(iter(self.steps.values())).first._points(frame, variables)
        given, draws = self._losses(points)
        sound = draws["new_run"][np.isfinite(draws["new_run"]).all(axis=1)]
        loss_low, loss_high = np.quantile(sound, probs, axis=0, method="weibull")
        places = points.table()
        rows: list[dict[str, Any]] = []
        scores: dict[str, list[Floats]] = {"mean": [], "new_run": []}
        estimates = []
        for task, step in self.steps.items():
            estimate = np.asarray(step.second.fit.predict(**{step._link: given}))
            found = {kind: step.link_draws(draws[kind], kind=kind) for kind in ("mean", "new_run")}
            for kind, x in found.items():
                scores[kind].append(x)
            estimates.append(estimate)
            rows.append(
                {"task": task, "estimate": estimate, "extrapolated": step._outside(given), **_ends(found, probs)}
            )
        if len(rows) > 1:
            mean = {kind: floats(np.mean(x, axis=0)) for kind, x in scores.items()}
            outside = np.any([row["extrapolated"] for row in rows], axis=0)
            average = {"task": AVERAGE, "estimate": np.mean(estimates, axis=0), "extrapolated": outside}
            rows.append({**average, **_ends(mean, probs)})
        columns = _columns(rows, places, {"loss": given, "loss_low": loss_low, "loss_high": loss_high}, points.size)
        self._warn(given)
        return DownstreamForecast(columns, level, self.notes, self.backend)

    def _losses(self, points: Any) -> tuple[Floats, dict[str, Floats]]:
        """Return the loss at each point, and draws of the curve and of a new run (n_resamples, points)."""
        step = next(iter(self.steps.values()))
        levels = step._levels(points)
        if self.forecaster is None:
            first = step.first
            loss = np.asarray(first.fit.predict(**points.columns, **levels)).reshape(-1)
            drawn = first.predict(**points.columns, **levels)
            return floats(loss), {"mean": drawn, "new_run": step.strayed(drawn)}
        model, n = self.forecaster, step.first.n_resamples
        asked, parts = model._at(None, {**points.columns, **levels})
        t = _engine.student(np.clip(uniform(step.first.seed, LOSSES, n), 1e-9, 1 - 1e-9), parts.df)[:, None]
        ends = {"mean": parts.mean_variance, "new_run": parts.variance}
        out = {kind: model._loss(parts.mean + t * np.sqrt(variance)) for kind, variance in ends.items()}
        return floats(np.asarray(model.predict(**asked.columns, **levels)).reshape(-1)), out

    def _warn(self, loss: Floats) -> None:
        outside = [task for task, step in self.steps.items() if step._outside(loss).any()]
        if outside:
            low, high = next(iter(self.steps.values())).seen
            warnings.warn(
                compose(
                    f"losses of {loss.min():.4g} to {loss.max():.4g} go beyond those that links have seen, "
                    f"{low:.4g} to {high:.4g}: {listed(outside, 4)}",
                    "the link is a guess there; add larger runs, or published models, to the second step",
                ),
                ExtrapolationWarning,
                stacklevel=3,
            )

    def link(self) -> Any:
        """Return how loosely each task hangs on the loss: one row per task, see `Looseness`."""
        fields = ("explained", "noise", "scale_correlation", "scale_p", "large_error", "large_bias")
        columns: dict[str, Any] = {"task": list(self.looseness)}
        columns |= {name: [getattr(x, name) for x in self.looseness.values()] for name in fields}
        return make_frame(columns, self.backend)

    def interval(self, level: float = 0.95) -> Any:
        """Return intervals of the link's parameters: columns task, parameter, estimate, low, high."""
        rows: dict[str, list[Any]] = {name: [] for name in ("task", "parameter", "estimate", "low", "high")}
        for task, step in self.steps.items():
            boot, sound = step.second, step._sound()
            for name, column in zip(boot.names, boot.draws[sound].T, strict=True):
                low, high = np.quantile(column, tails(level), method="weibull")
                for key, value in zip(rows, (task, name, boot.fit.params[name], low, high), strict=True):
                    rows[key].append(value)
        return make_frame(rows, self.backend)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                task,
                percent(max(x.explained, 0.0)),
                number(x.noise, 2),
                f"{x.scale_correlation:+.2f}" + (" *" if x.scale_p < 0.05 else ""),
                number(x.large_error, 2),
                number(x.large_bias, 2),
            ]
            for task, x in self.looseness.items()
        ]
        return ["task", "explained by loss", "noise", "rest with scale", "large left out: error", "bias"], rows

    def summary(self) -> str:
        """Return laws, links and how loose they are, as text."""
        step = next(iter(self.steps.values()))
        first = "the forecaster's law" if self.forecaster is not None else step.first.fit.law.formula
        head = [f"loss: {first}", f"score: {step.second.fit.law.formula}"]
        notes = bullets(self.notes)
        return "\n\n".join(["\n".join(head), table(*self._cells()), "* p below 0.05", notes])

    def to_dict(self) -> dict[str, Any]:
        """Return laws, parameters and looseness by task in JSON's types; draws are left out."""
        tasks = {
            name: {
                "link": step.second.fit.law.formula,
                "params": dict(step.second.fit.params),
                "loss_seen": list(step.seen),
                "n_runs": step.n_runs,
                **asdict(self.looseness[name]),
            }
            for name, step in self.steps.items()
        }
        fit = next(iter(self.steps.values())).first.fit if self.forecaster is None else self.forecaster.fit
        loss = {"law": fit.law.formula, "params": dict(fit.params)}
        content = {"loss": loss, "tasks": tasks, "left_out": self.left_out, "notes": self.notes}
        plain: dict[str, Any] = finite(content)
        return plain

    def __repr__(self) -> str:
        """Show how many tasks and runs there are."""
        n = next(iter(self.steps.values())).n_runs
        return f"<Downstream: {len(self.steps)} tasks of {n} runs, {listed(self.tasks, 4)}>"

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), caption=repr(self)[1:-1])


def _ends(found: Mapping[str, Floats], probs: tuple[float, float]) -> dict[str, Floats]:
    """Return both bands; a score lies between 0 and 1."""
    out: dict[str, Floats] = {}
    for kind, word in (("mean", "mean_"), ("new_run", "")):
        sound = found[kind][np.isfinite(found[kind]).all(axis=1)]
        low, high = np.clip(np.quantile(sound, probs, axis=0, method="weibull"), 0.0, 1.0)
        out |= {f"{word}low": low, f"{word}high": high}
    return out


def _columns(
    rows: list[dict[str, Any]], places: Mapping[str, Any], loss: Mapping[str, Floats], size: int
) -> dict[str, Any]:
    names = ("estimate", "mean_low", "mean_high", "low", "high", "extrapolated")
    out: dict[str, Any] = {"task": [row["task"] for row in rows for _ in range(size)]}
    out |= {name: np.tile(np.asarray(x), len(rows)) for name, x in places.items()}
    out |= {name: np.tile(x, len(rows)) for name, x in loss.items()}
    return {**out, **{name: np.concatenate([np.atleast_1d(row[name]) for row in rows]) for name in names}}
