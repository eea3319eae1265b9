"""Scores of several tasks, read from a wide or a long table, and whether there is anything to learn from them.

One row per run (or checkpoint) comes out, with a column per task; only rows with every score are kept, so that all
tasks are resampled alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine import Floats, floats
from .._errors import DataError, compose, counted, listed
from .._frames import NUMERIC, column_error
from .._law import Law
from .._runs import Runs
from ._ranks import rank_correlation

#: Rows of a task; with fewer no link can be told from noise.
FEWEST = 5
#: A rank correlation of score and loss that is likelier than this by chance is none.
UNLIKELY = 0.05
Level = float | str | Mapping[str, float] | None


@dataclass(frozen=True, eq=False)
class Tasks:
    """Scores by task over the same rows.

    Attributes
    ----------
    columns : dict of str to array
        The first law's variables and level columns, one entry per row.
    loss : ndarray
    groups : list or None
        The run of each row, where the table names groups.
    scores : dict of str to ndarray
    n_left_out : int
        Rows without one of the scores.
    rows : ndarray
        First row of the table that each row comes from.
    """

    columns: dict[str, Any]
    loss: Floats
    groups: list[Any] | None
    scores: dict[str, Floats]
    n_left_out: int
    rows: Any

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks."""
        return tuple(self.scores)

    def frame(self, task: str) -> dict[str, Any]:
        """Return the columns of one task, its score among them."""
        groups = {} if self.groups is None else {"downstream_run": self.groups}
        return {**self.columns, "loss": self.loss, **groups, task: self.scores[task]}

    def keep(self, names: Sequence[str]) -> Tasks:
        """Return the same rows with fewer tasks."""
        chosen = {name: self.scores[name] for name in names}
        return Tasks(self.columns, self.loss, self.groups, chosen, self.n_left_out, self.rows)


def read_tasks(runs: Runs, metric: str | Sequence[str], task: str | None, law: Law | None) -> Tasks:
    """Read scores.

    Parameters
    ----------
    runs : Runs
    metric : str or sequence of str
        Columns of scores; with `task`, the one column that holds all of them.
    task : str, optional
        Column that says which task a row is of.
    law : Law or None
        Says which variables and levels are needed.

    Raises
    ------
    DataError
        If a column is missing, a score lies outside 0 to 1, or too few rows have every score.
    """
    names = [metric] if isinstance(metric, str) else list(metric)
    if not names:
        raise DataError(compose("no metric is named", "name columns of scores from 0 to 1: metric=['hellaswag']"))
    for name in names:
        _check_column(runs, name)
    if task is not None and (len(names) != 1 or task not in runs.columns):
        if task not in runs.columns:
            raise column_error(task, runs.columns)
        raise DataError(compose(f"metric names {listed(names)} beside task", "with task=, metric is one column"))
    variables = () if law is None else law.variables
    levels = () if law is None else tuple(dict.fromkeys(law.levels.values()))
    columns: dict[str, Any] = {name: runs._columns.numbers(name).values for name in variables}
    columns |= {name: _labels(runs, name) for name in levels}
    loss = runs._columns.numbers("loss").values
    codes = runs.group_codes()
    groups = None if codes is None else [codes[1][c] for c in codes[0]]
    if task is None:
        scores = {name: floats(runs._columns.numbers(name).values) for name in names}
        return _complete(columns, loss, groups, scores, np.arange(runs.n_rows))
    return _complete(*_pivot(columns, loss, groups, _labels(runs, task), runs._columns.numbers(names[0]).values, task))


def _check_column(runs: Runs, name: str) -> None:
    if name not in runs.columns:
        raise column_error(name, runs.columns)
    if runs._columns.kind(name) not in NUMERIC:
        raise DataError(f"column {name!r} holds {runs._columns.kind(name)} values, expected scores from 0 to 1")
    values = runs._columns.numbers(name).values
    bad = np.flatnonzero((values < 0) | (values > 1))
    if len(bad):
        hint = "divide percentages by 100; a loss or a perplexity is no score: pass it as loss="
        raise DataError(compose(f"column {name!r} is {values[bad[0]]:g} in row {bad[0]}, expected 0 to 1", hint))


def _labels(runs: Runs, name: str) -> np.ndarray:
    codes, labels = runs.factor(name)
    return np.array(labels, dtype=object)[codes]


def _pivot(
    columns: dict[str, Any], loss: Floats, groups: list[Any] | None, labels: np.ndarray, values: Floats, task: str
) -> tuple[Any, ...]:
    """Return a long table as a wide one: a row per run and point."""
    keys = list(zip(*columns.values(), loss.tolist(), groups or [None] * len(loss), strict=True))
    index: dict[Any, int] = {}
    rows = np.array([index.setdefault(key, len(index)) for key in keys])
    first = np.array([int(np.argmax(rows == i)) for i in range(len(index))])
    scores: dict[str, Floats] = {}
    for label in dict.fromkeys(labels.tolist()):
        mine = np.flatnonzero(labels == label)
        twice = rows[mine][np.bincount(rows[mine])[rows[mine]] > 1]
        if len(twice):
            said = f"{task} {label!r} has several scores for the run of row {first[twice[0]]}"
            raise DataError(compose(said, "keep one metric per task, or name groups= so that runs can be told apart"))
        column = np.full(len(index), np.nan)
        column[rows[mine]] = values[mine]
        scores[str(label)] = floats(column)
    wide = {name: np.asarray(column)[first] for name, column in columns.items()}
    return wide, loss[first], None if groups is None else [groups[i] for i in first], scores, first


def _complete(
    columns: dict[str, Any], loss: Floats, groups: list[Any] | None, scores: dict[str, Floats], rows: Any
) -> Tasks:
    numeric = [np.asarray(x, float) for x in columns.values() if np.asarray(x).dtype.kind in "fiu"]
    whole = np.isfinite(np.column_stack([loss, *scores.values(), *numeric])).all(axis=1)
    n = int(whole.sum())
    if n < FEWEST:
        worst = max(scores, key=lambda name: int(np.isnan(scores[name]).sum()))
        said = f"{counted(n, 'row')} have the loss, the law's variables and every score, expected {FEWEST} or more"
        raise DataError(compose(said, f"{worst!r} lacks most scores; leave such tasks out"))
    return Tasks(
        {name: np.asarray(x)[whole] for name, x in columns.items()},
        floats(loss[whole]),
        None if groups is None else [g for g, ok in zip(groups, whole, strict=True) if ok],
        {name: floats(x[whole]) for name, x in scores.items()},
        int((~whole).sum()),
        rows[whole],
    )


def levels_of(level: Level, what: str, tasks: Tasks) -> dict[str, float | None]:
    """Return the level of chance, or the ceiling, of each task; None where it is to be fitted."""
    if level is None or isinstance(level, int | float):
        return {name: None if level is None else float(level) for name in tasks.names}
    if isinstance(level, Mapping):
        odd = [name for name in level if name not in tasks.names]
        if odd:
            raise DataError(compose(f"{what} names {listed(odd)}", f"the tasks are {listed(tasks.names)}"))
        return {name: None if name not in level else float(level[name]) for name in tasks.names}
    raise DataError(compose(f"{what} is {level!r}", "give a number, or a mapping from task to number"))


def at_chance(scores: Floats, loss: Floats, chance: float | None, error: bool) -> str:
    """Return why nothing can be learnt from a task, "" where something can.

    Examples
    --------
    >>> at_chance(np.array([0.25, 0.24, 0.26, 0.25, 0.25, 0.26]), np.arange(6.0), 0.25, False)
    'its score does not rise as the loss falls (rank correlation +0.49, p = 0.32)'
    """
    score = 1 - scores if error else scores
    r, p = rank_correlation(score, loss)
    if p > UNLIKELY or r > 0:
        return f"its score does not rise as the loss falls (rank correlation {r:+.2f}, p = {p:.2g})"
    best = score[np.argsort(loss)[: max(3, len(loss) // 4)]]
    spread = float(best.std(ddof=1)) / np.sqrt(len(best))
    if chance is not None and best.mean() <= chance + 2 * spread:
        return f"its best runs score {best.mean():.3f}, no more than chance, {chance:.3f}"
    return ""
