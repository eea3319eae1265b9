"""`downstream` and `emergence`: from the loss to what a model scores on tasks.

The two steps are `estimators.two_step`, once per task over the same runs; what scores and links are is in `_tasks` and
`_links`, how loose they are in `_looseness`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from .. import laws
from .._engine import Floats, floats
from .._errors import DataError, ExtrapolationWarning, compose, counted, listed
from .._fitted import Fit
from .._forecast import Forecaster
from .._law import Law
from .._points import backend_of
from .._repr import number, percent
from .._runs import Runs, as_runs
from .._seed import seed_of
from ..estimators import TwoStep, two_step
from ._emergence import Emergence, emergence
from ._links import link_law
from ._looseness import Looseness, looseness
from ._result import Downstream, DownstreamForecast
from ._tasks import Level, Tasks, at_chance, levels_of, read_tasks

__all__ = ["Downstream", "DownstreamForecast", "Emergence", "Looseness", "downstream", "emergence"]


def downstream(
    runs: Any,
    *,
    metric: str | Sequence[str],
    task: str | None = None,
    law: Law | str | Forecaster = "chinchilla",
    link: Law | str = "sigmoid",
    chance: Level = None,
    ceiling: Level = 1.0,
    error: bool = False,
    at_chance_level: Literal["raise", "drop", "keep"] = "raise",
    final: bool = True,
    scheme: Literal["bayesian", "groups"] = "bayesian",
    n_resamples: int = 2_000,
    rng: Any = 0,
    n_threads: int | None = None,
    **variables: str,
) -> Downstream:
    """Forecast scores on tasks in two steps: the loss from resources, each score from the loss.

    Parameters
    ----------
    runs : Runs or frame
        Runs (or checkpoints, with `groups`) with the law's variables, the loss and scores from 0 to 1.
    metric : str or sequence of str
        Columns of scores; with `task`, the one column that holds those of all tasks.
    task : str, optional
        Column that says which task a row is of (a long table: a row per run and task).
    law : Law, str or Forecaster
        Law of the loss, refitted to the same resamples as the links; or a forecaster (`iso.forecaster`), whose bands
        hold farther out, and which is then independent of the links.
    link : "sigmoid", "exponential", or a law of one variable
        Sigmoid between chance and ceiling; exponential as Gadre et al. fit to averages of many tasks; or "logistic4",
        "logistic5", "gadre_err", your own.
    chance, ceiling : float, str, mapping of str to float, or None
        Scores of guessing and of mastery, known for all tasks, by task, or (chance) as a column; fitted where None.
    error : bool
        Whether metrics are errors, one minus a score.
    at_chance_level : {"raise", "drop", "keep"}
        What to do with tasks of which no run has learnt anything: their scores do not go with the loss, or are no
        better than chance.
    final : bool
        As in `estimators.two_step`.
    scheme, n_resamples, rng, n_threads
        As in `estimators.two_step`. All tasks are refitted to the same resamples of whole runs.
    **variables : str
        Columns, as in `Runs`.

    Returns
    -------
    Downstream

    Raises
    ------
    DataError
        If a score lies outside 0 to 1, a task is at chance level (named), or too few runs carry both steps.
    LawError
        If the link is not over one variable.

    Notes
    -----
    A loss is loosely tied to tasks: other data, or another tokeniser, move the link, and single tasks scatter about it.
    `Downstream.link` measures how much on these runs, and notes say it.

    References
    ----------
    Gadre et al. 2024, arXiv 2403.08540; Bhagia et al. 2024, arXiv 2412.04403; Dubey et al. 2024, arXiv 2407.21783.

    Examples
    --------
    >>> import isoflop as iso, numpy as np
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 3e8, 1e9] * 6, "D": np.geomspace(2e9, 1e11, 18)}, noise=0.005)
    >>> table = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss}
    >>> for name, middle in (("easy", 2.9), ("hard", 2.3)):
    ...     table[name] = 0.25 + 0.75 / (1 + np.exp(3 * (runs.loss - middle)))
    >>> found = iso.downstream(table, metric=["easy", "hard"], chance=0.25, n_resamples=200)
    >>> found.forecast(N=1e9, D=8e10).to_frame()["task"].to_list()
    ['easy', 'hard', 'average']
    """
    runs = _usable(as_runs(runs, **variables))
    given = laws.get(law) if isinstance(law, str) else law
    model = given if isinstance(given, Forecaster) else None
    first = given.law if isinstance(given, Forecaster) else given
    chance_column = chance if isinstance(chance, str) else None
    tasks = read_tasks(runs, metric, task, first)
    known = _column_levels(runs, chance_column, task) if chance_column else levels_of(chance, "chance", tasks)
    tops = levels_of(ceiling, "ceiling", tasks)
    links = {name: link_law(link, known.get(name), tops.get(name), error, name) for name in tasks.names}
    tasks, dull = _learnable(tasks, known, error, at_chance_level)
    options: dict[str, Any] = {"scheme": scheme, "n_resamples": n_resamples, "n_threads": n_threads, "final": final}
    seed = seed_of(rng)
    steps = {name: _step(tasks, name, first, links[name], link, {**options, "rng": seed}) for name in tasks.names}
    scale = scale_of(tasks.columns, tasks.loss)
    loose = {
        name: looseness(links[name], _link_fit(steps[name]), tasks.loss, tasks.scores[name], scale) for name in steps
    }
    notes = _notes(tasks, steps, loose, dull, model, link)
    return Downstream(steps, model, loose, dull, tuple(notes), backend_of(runs._columns.table))


def _usable(runs: Runs) -> Runs:
    if not runs.has_loss:
        raise DataError(compose("the runs have no loss", "name its column: loss='val_loss'"))
    return runs


def _column_levels(runs: Runs, column: str, task: str | None) -> dict[str, float | None]:
    if task is None:
        raise DataError(
            compose(f"chance names a column, {column!r}, but tasks are columns", "pass a mapping from task to number")
        )
    values = runs.variable(column)
    codes, labels = runs.factor(task)
    out: dict[str, float | None] = {}
    for code, label in enumerate(labels):
        mine = values[codes == code]
        if len(mine) and np.ptp(mine) > 0:
            said = f"column {column!r} holds several values for {label!r}, {mine.min():g} to {mine.max():g}"
            raise DataError(compose(said, "chance is one number per task"))
        out[str(label)] = float(mine[0]) if len(mine) else None
    return out


def _learnable(
    tasks: Tasks, known: Mapping[str, float | None], error: bool, policy: str
) -> tuple[Tasks, dict[str, str]]:
    """Return the tasks that some run has learnt, and why the others are left out."""
    if policy not in ("raise", "drop", "keep"):
        raise DataError(compose(f"at_chance_level is {policy!r}", "choose 'raise', 'drop' or 'keep'"))
    dull = {name: at_chance(x, tasks.loss, known.get(name), error) for name, x in tasks.scores.items()}
    dull = {name: why for name, why in dull.items() if why}
    if not dull or policy == "keep":
        return tasks, {}
    rest = [name for name in tasks.names if name not in dull]
    if policy == "raise" or not rest:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(dull.items())[:4])
        more = f"; and {len(dull) - 4} more" if len(dull) > 4 else ""
        hint = "leave them out (at_chance_level='drop'), or add larger runs" if rest else "add larger runs"
        raise DataError(compose(f"{counted(len(dull), 'task')} at chance level: {reasons}{more}", hint))
    return tasks.keep(rest), dull


def _step(tasks: Tasks, name: str, first: Law, link: Law, asked: Any, options: dict[str, Any]) -> TwoStep:
    roles = {letter: letter for letter in (*first.variables, "loss")}
    groups = {} if tasks.groups is None else {"groups": "downstream_run"}
    second: Any = asked if asked == "logistic4" else link
    table = as_runs(tasks.frame(name), False, **roles, **groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        return two_step(table, metric=name, first=first, second=second, **options)


def _link_fit(step: TwoStep) -> Fit:
    return step.second.fit


def scale_of(columns: Mapping[str, Any], loss: Floats) -> Floats:
    """Return what runs are ordered by: compute, else their first variable, else the loss turned round."""
    if "N" in columns and "D" in columns:
        return floats(np.asarray(columns["N"], float) * np.asarray(columns["D"], float))
    for name in ("C", "N", "D", *columns):
        if name in columns and np.asarray(columns[name]).dtype.kind in "fiu":
            return floats(columns[name])
    return floats(-loss)


def _notes(
    tasks: Tasks,
    steps: Mapping[str, TwoStep],
    loose: Mapping[str, Looseness],
    dull: Mapping[str, str],
    model: Forecaster | None,
    link: Any,
) -> list[str]:
    shares = sorted((x.explained, name) for name, x in loose.items())
    least, worst = shares[0]
    noise = max((x.noise, name) for name, x in loose.items())
    spans = f"{percent(max(least, 0.0))} ({worst}) to {percent(shares[-1][0])} ({shares[-1][1]})"
    spans = spans if len(shares) > 1 else percent(max(least, 0.0))
    tied = (
        f"a loss is loosely tied to tasks: here it explains {spans} of a score's variance, and scores stray from their "
        f"link by up to {number(noise[0], 2)} ({noise[1]}); other data move the link"
    )
    notes = [tied]
    driven = [name for name, x in loose.items() if x.scale_p < 0.05 / len(loose)]
    if driven:
        notes.append(f"at equal loss the score still goes with scale for {listed(driven, 6)}: links will miss there")
    far = [name for name, x in loose.items() if x.large_error > 2 * x.noise]
    if far:
        notes.append(f"links of smaller runs miss the larger ones by more than twice the noise for {listed(far, 6)}")
    if tasks.n_left_out:
        notes.append(f"{counted(tasks.n_left_out, 'row')} without some score or variable left out")
    if dull:
        notes.append(f"{counted(len(dull), 'task')} at chance level left out: {listed(dull, 6)}")
    failed = max(step.n_failed for step in steps.values())
    if failed:
        n = len(next(iter(steps.values())).ok)
        notes.append(f"up to {failed} of {n} resamples are unsound in a task and left out")
    if model is not None:
        notes.append("losses are a forecaster's, drawn independently of the links")
    if link == "exponential" and len(steps) > 1:
        notes.append("the exponential link was found on averages of many tasks; single ones follow it badly")
    return notes
