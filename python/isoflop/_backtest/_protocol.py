"""The protocol of a back-test: which rows count, what a group is, where the cuts are.

- Rows with loss below 7 nats and C of at least 1e16.
- Groups: the run id where the table has one, else N; where over 60 % of the rows would be a group of their own, sizes
  binned by 0.15 in ln N.
- For each ratio, fit the rows with C at most C_max / ratio, if these are at least 9 rows of 3 sizes; score all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import _roles
from .._engine import Codes, Floats, integers
from .._errors import DataError, compose, counted
from .._runs import Runs

MAX_LOSS, MIN_COMPUTE = 7.0, 1e16
MIN_ROWS, MIN_SIZES = 9, 3
#: A share of rows without company above this makes sizes the groups, in bins of ln N of this width.
ALONE, BIN = 0.6, 0.15
RATIOS = (3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one back-test as arrays."""

    N: Floats
    D: Floats
    C: Floats
    loss: Floats
    groups: Codes

    def take(self, rows: Codes) -> Table:
        """Return some of the rows."""
        return Table(*(getattr(self, name)[rows] for name in ("N", "D", "C", "loss", "groups")))

    def runs(self) -> Runs:
        """Return the rows as runs with groups."""
        columns = {"N": self.N, "D": self.D, "loss": self.loss, "group": self.groups}
        return Runs._unannounced(columns, N="N", D="D", loss="loss", groups="group")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.loss)


@dataclass(frozen=True, eq=False)
class Cell:
    """One cut: what is fitted and what is scored."""

    ratio: float
    fit: Table
    later: Table


def table_of(runs: Runs) -> Table:
    """Return the rows that the protocol counts, with their groups.

    Raises
    ------
    DataError
        If the runs have no loss, N or D, or no row is left.

    Examples
    --------
    >>> runs = Runs({"N": [1e7, 1e8, 1e8], "D": [1e10, 1e10, 1e9], "loss": [8.0, 3.0, 3.5]})
    >>> len(table_of(runs))
    2
    """
    missing = [name for name in ("N", "D") if name not in runs.roles]
    if missing or not runs.has_loss:
        what = missing[0] if missing else "loss"
        raise DataError(compose(f"a back-test needs {what}, and no column of the runs is it", f"name it: {what}=..."))
    runs, _ = runs.for_variables(["N", "D", "C"], positive=["N", "D", "C", "loss"])
    keep = (runs.loss < MAX_LOSS) & (runs.variable("C") >= MIN_COMPUTE)
    if not keep.any():
        raise DataError(f"no row has a loss below {MAX_LOSS:g} and C of at least {MIN_COMPUTE:g}")
    runs = runs.where(keep)
    sizes = runs.variable("N")
    return Table(sizes, runs.variable("D"), runs.variable("C"), runs.loss, groups_of(runs, sizes))


def groups_of(runs: Runs, sizes: Floats) -> Codes:
    """Return a group code per row.

    Examples
    --------
    >>> runs = Runs({"N": [1e8, 1.05e8, 2e8, 2e8], "run_id": [0, 1, 2, 3], "loss": [3.0, 3.0, 2.9, 2.8]})
    >>> groups_of(runs, runs.variable("N")).tolist()
    [0, 0, 1, 1]
    """
    declared = runs.group_codes()
    column = None if declared else _roles.run_column(runs.columns)
    if declared is not None:
        labels = np.asarray(declared[0])
    elif column is not None:
        labels = np.asarray(runs._columns.levels(column)[0])
    else:
        labels = np.unique(sizes, return_inverse=True)[1]
    _, code, count = np.unique(labels, return_inverse=True, return_counts=True)
    if np.mean(count[code] == 1) > ALONE:
        code = np.unique(np.round(np.log(sizes) / BIN), return_inverse=True)[1]
    return integers(code)


def cells(table: Table, ratios: Sequence[float]) -> list[Cell]:
    """Return the cuts that leave enough rows and sizes below, and rows above."""
    out = []
    for ratio in ratios:
        below = table.C.max() / ratio >= table.C
        if below.sum() >= MIN_ROWS and len(np.unique(table.N[below])) >= MIN_SIZES and not below.all():
            out.append(Cell(float(ratio), table.take(np.flatnonzero(below)), table.take(np.flatnonzero(~below))))
    return out


def check_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """Return the ratios, if all are above 1."""
    found = tuple(float(ratio) for ratio in ratios)
    if not found or not all(ratio > 1 for ratio in found):
        raise DataError(f"ratios are {list(ratios)!r}, expected numbers above 1, such as 3, 10, 30, 100")
    return found


def no_cells(name: str, n: int, ratios: Sequence[float]) -> DataError:
    """Return the error for a table that no cut can be made in."""
    return DataError(
        compose(
            f"{name}: no cut of {counted(n, 'row')} at C_max/{', C_max/'.join(f'{r:g}' for r in ratios)} leaves "
            f"{MIN_ROWS} rows and {MIN_SIZES} sizes below it",
            "use smaller ratios",
        )
    )
