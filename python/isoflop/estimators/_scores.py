"""Tables of models and their benchmark scores, read for `_low_rank` and `_sloth`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._engine import Floats
from .._errors import DataError, compose
from .._frames import NUMERIC, Table, column_error
from .._levels import code_levels


def read_scores(table: Table, names: Sequence[str]) -> Floats:
    """Return columns as an array (models, names), NaN where there is no score.

    Raises
    ------
    DataError
        If a column is missing, holds no numbers, or infinite ones.
    """
    if isinstance(names, str) or not names:
        raise DataError(
            compose(f"scores is {names!r}, expected names of columns", "pass a list: ['mmlu', 'hellaswag']")
        )
    return np.column_stack([_numbers(table, name) for name in names])


def read_numbers(table: Table, name: str) -> Floats:
    """Return a column of numbers above zero, none missing."""
    values = _numbers(table, name)
    if not (values > 0).all():
        row = int(np.argmax(~(values > 0)))
        shown = "no value" if np.isnan(values[row]) else f"{values[row]:g}"
        raise DataError(
            compose(f"column {name!r} has {shown} in row {row}, expected numbers above 0", "drop such rows")
        )
    return values


def read_labels(table: Table, name: str) -> tuple[np.ndarray, list[Any]]:
    """Return a code per row and the sorted labels of a column of names; every row must have one."""
    if name not in table.names:
        raise column_error(name, table.names)
    codes, labels = code_levels(table.objects(name))
    if (codes < 0).any():
        raise DataError(
            f"column {name!r} has no value in row {int(np.argmax(codes < 0))}, expected a name in every row"
        )
    return codes, labels


def _numbers(table: Table, name: str) -> Floats:
    if name not in table.names:
        raise column_error(name, table.names)
    if table.kind(name) not in NUMERIC:
        raise DataError(f"column {name!r} holds {table.kind(name)} values, expected numbers")
    values = np.asarray(table.numbers(name).values)
    if np.isinf(values).any():
        raise DataError(f"column {name!r} is infinite in row {int(np.argmax(np.isinf(values)))}, expected a number")
    return values


def check_filled(scores: Floats, names: Sequence[str]) -> None:
    """Raise if a benchmark has no score, or a model has none: nothing could be said of it."""
    for name, column in zip(names, scores.T, strict=True):
        if np.isnan(column).all():
            raise DataError(compose(f"column {name!r} has no score at all", "leave it out of scores"))
    empty = np.flatnonzero(np.isnan(scores).all(axis=1))
    if len(empty):
        raise DataError(compose(f"row {empty[0]} has no score at all", "drop models without any score"))


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
