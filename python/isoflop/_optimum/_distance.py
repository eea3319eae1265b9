"""How far below the runs of a model an optimum lies, where its law has not been checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats
from .._fitted import Fit
from .._forecast import Forecaster
from .._repr import number
from ._ask import Ask

#: Budgets that lie this close to the smallest run are not worth a word.
NEAR = 1.01


def distance(ask: Ask, model: Any, size: Floats, tokens: Floats) -> Iterator[str]:
    """Say so where the smallest optimum costs less compute than every run that the law was fitted to."""
    fit = model if isinstance(model, Fit) else model.fit if isinstance(model, Bootstrap | Forecaster) else None
    if fit is None or fit.problem is None:
        return
    columns = fit.problem.table["columns"]
    smallest = float(np.min(6.0 * np.asarray(columns[ask.size]) * columns[ask.tokens]))
    least = float(np.nanmin(6.0 * size * tokens))
    if least * NEAR < smallest:
        yield (
            f"the optimum of {number(least, 3)} FLOP (6 N D) lies {number(smallest / least, 3)} times below the "
            f"smallest run, {number(smallest, 3)} FLOP: the law has not been checked there"
        )
