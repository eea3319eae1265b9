"""The fitted runs as charts need them: variables, compute, residuals, and a name for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine import Floats, floats
from .._errors import FitError
from .._fitted import Fit
from .._roles import is_called
from ..plot._words import LABELS, LOSS

#: Rows that a chart shows; all of them count in every number.
MOST = 1_500


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that the fit rests on.

    Attributes
    ----------
    variables : dict of str to ndarray
        Of the law, with C = 6 N D where the law has N and D.
    loss, fitted : ndarray
    labels : list of str
        The group, or the number of the row.
    titles : dict of str to str
        Variables in words, or by the name of their column.
    response : str
        What `loss` is, in words: a column that is no loss goes by its own name.
    n_all : int
        How many there were before they were thinned, 0 where they were not.
    """

    variables: dict[str, Floats]
    loss: Floats
    fitted: Floats
    labels: list[str]
    titles: dict[str, str]
    response: str = LOSS
    n_all: int = 0

    @property
    def counted(self) -> str:
        """How many they are, in words."""
        n = len(self.loss)
        return f"{n:,} of {self.n_all:,} runs" if self.n_all > n else f"{n:,} run{'' if n == 1 else 's'}"

    def thinned(self) -> Rows:
        """Return at most `MOST` rows, spread evenly over the order of the table, for charts."""
        n = len(self.loss)
        if n <= MOST:
            return self
        kept = np.linspace(0, n - 1, MOST).round().astype(int)
        variables = {name: values[kept] for name, values in self.variables.items()}
        return Rows(
            variables, self.loss[kept], self.fitted[kept], [self.labels[i] for i in kept], self.titles, self.response, n
        )

    @property
    def deviation(self) -> Floats:
        """Observed over predicted, minus 1."""
        return floats(self.loss / self.fitted - 1)

    @property
    def compute(self) -> Floats | None:
        """Training compute in FLOP, where it is known."""
        return self.variables.get("C")


def rows_of(fit: Fit, response: str | None = None) -> Rows:
    """Return the rows of a fit whose weight is above 0; `response` is the column that was fitted, if it is known."""
    if fit.problem is None:
        raise FitError("this fit holds no runs to report on")
    table = fit.problem.table
    seen = table["weights"] > 0
    variables = {name: table["columns"][name][seen] for name in fit.law.variables if name not in fit.law.schedules}
    if {"N", "D"} <= set(variables):
        variables = {"C": floats(6.0 * variables["N"] * variables["D"]), **variables}
    labels = [label for label, keep in zip(_labels(fit), seen, strict=True) if keep]
    is_loss = response is None or is_called("loss", response)
    titles = {name: LABELS.get(name, fit.columns.get(name, name)) for name in variables}
    shown = LOSS if is_loss else str(response)
    return Rows(variables, table["response"][seen], fit.fitted[seen], labels, titles, shown)


def _labels(fit: Fit) -> list[str]:
    """Return the group and levels of each row, or its number among those that were fitted."""
    assert fit.problem is not None
    parts: list[list[Any]] = []
    if fit.groups is not None and fit.group_labels:
        parts.append([fit.group_labels[code] if code >= 0 else "" for code in fit.groups])
    for factor, (codes, _) in fit.problem.table["factors"].items():
        parts.append([f"{factor} {fit.labels[factor][code]}" for code in codes])
    if not parts:
        return [f"row {i}" for i in range(fit.n_rows)]
    return [", ".join(str(word) for word in words if word != "") for words in zip(*parts, strict=True)]


def span(values: Floats) -> tuple[float, float]:
    """Return the smallest and the largest value."""
    return float(np.min(values)), float(np.max(values))
