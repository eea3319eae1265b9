"""Checks of the catalogue against a table of values: what each law or calculation gives, and how far off it is.

The format is `id,law,output,value,params,inputs`, the last two as ``name=number`` or ``name=number,number`` joined by
semicolons. Every value is computed by the public law or calculation of that name.
"""

from __future__ import annotations

import csv
import inspect
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import DataError, IsoflopError, IsoflopWarning, LawError, compose, listed
from .._law import Law
from .._repr import table
from ._calculation import Results
from ._family import Family

COLUMNS = ("id", "law", "output", "value", "params", "inputs")
#: Relative error that is allowed: of closed forms, and where a root is searched for.
CLOSED, SEARCHED = 1e-12, 1e-9
#: What values can do to a formula.
FAULTS = (IsoflopError, ArithmeticError, LookupError, TypeError, ValueError)
#: Rows that fit a table of runs: they are described in words and belong to tests.
SKIPPED = "fit_"


@dataclass(frozen=True)
class CheckedRow:
    """One row of the table and what came out.

    Attributes
    ----------
    id, law, output : str
        As in the file.
    expected, found : float
        Value of the file, and of the library (NaN where it could not be computed).
    error : float
        Relative error, absolute where 0 is expected; infinite where nothing was computed.
    problem : str
        Why the row failed; empty where it passed or was skipped.
    skipped : bool
    """

    id: str
    law: str
    output: str
    expected: float = math.nan
    found: float = math.nan
    error: float = math.nan
    problem: str = ""
    skipped: bool = False

    @property
    def passed(self) -> bool:
        """Whether the value was computed and is right."""
        return not (self.skipped or self.problem)


@dataclass(frozen=True)
class Check:
    """Outcome of `check`: rows, counts and a text.

    Attributes
    ----------
    rows : tuple of CheckedRow
        In the order of the file.
    """

    rows: tuple[CheckedRow, ...]

    @property
    def n_passed(self) -> int:
        """How many values are right."""
        return sum(row.passed for row in self.rows)

    @property
    def n_failed(self) -> int:
        """How many are not, or could not be computed."""
        return sum(bool(row.problem) for row in self.rows)

    @property
    def n_skipped(self) -> int:
        """How many rows are fits of tables."""
        return sum(row.skipped for row in self.rows)

    @property
    def success(self) -> bool:
        """Whether no row failed."""
        return self.n_failed == 0

    def by_law(self) -> dict[str, list[CheckedRow]]:
        """Return the rows of each law, laws in the order of the file."""
        found: dict[str, list[CheckedRow]] = {}
        for row in self.rows:
            found.setdefault(row.law, []).append(row)
        return found

    def summary(self) -> str:
        """Return one line per law, one per failed row, and the counts as the last line."""
        lines = [table(["law", "rows", "largest error", ""], map(_law_line, self.by_law().values()))]
        failed = [f"{row.id} {row.law} {row.output}: {row.problem}" for row in self.rows if row.problem]
        counts = f"{self.n_passed} passed, {self.n_failed} failed, {self.n_skipped} skipped"
        return "\n".join([*lines, *(["", *failed] if failed else []), "", counts])

    def __str__(self) -> str:
        """Return the summary."""
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return counts, laws and failed rows in JSON's types."""
        laws = {
            name: {"rows": len(rows), "largest_error": _largest(rows), "failed": sum(bool(r.problem) for r in rows)}
            for name, rows in self.by_law().items()
        }
        failed = [vars(row) for row in self.rows if row.problem]
        counts = {"passed": self.n_passed, "failed": self.n_failed, "skipped": self.n_skipped}
        return {**counts, "laws": laws, "failed_rows": failed}


def _law_line(rows: Sequence[CheckedRow]) -> list[str]:
    failed, skipped = sum(bool(row.problem) for row in rows), all(row.skipped for row in rows)
    error = _largest(rows)
    word = "skipped" if skipped else f"{failed} failed" if failed else ""
    return [rows[0].law, str(len(rows)), "–" if error is None else f"{error:.1e}", word]


def _largest(rows: Sequence[CheckedRow]) -> float | None:
    errors = [row.error for row in rows if math.isfinite(row.error)]
    return max(errors, default=None)


def check(path: str | os.PathLike[str]) -> Check:
    """Evaluate every row of a table of values by the law or calculation of its name.

    Parameters
    ----------
    path : path
        CSV with the columns ``id,law,output,value,params,inputs``. ``output`` is the response of a law by its letter,
        one of its parts, or a result of a calculation.

    Returns
    -------
    Check
        Rows whose law begins with ``fit_`` are skipped. A name that is not known fails its row.

    Raises
    ------
    DataError
        If the file has not these columns.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            hint = f"the format is {','.join(COLUMNS)}"
            raise DataError(compose(f"{os.fspath(path)!r} has no column {listed(missing)}", hint))
        return Check(tuple(_checked({k: (row.get(k) or "").strip() for k in COLUMNS}) for row in reader))


def _checked(row: Mapping[str, str]) -> CheckedRow:
    blank = CheckedRow(row["id"], row["law"], row["output"])
    if blank.law.startswith(SKIPPED):
        return replace(blank, skipped=True)
    try:
        expected = _number("value", row["value"])
    except IsoflopError as fault:
        return replace(blank, error=math.inf, problem=_first_line(fault))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", IsoflopWarning)  # values outside a range are arithmetic here
            found = _value(row["law"], row["output"], _read("params", row["params"]), _read("inputs", row["inputs"]))
    except FAULTS as fault:  # a row never ends the check, whatever its values do to a formula
        known = "" if isinstance(fault, IsoflopError) else f"{type(fault).__name__}: "
        return replace(blank, expected=expected, error=math.inf, problem=known + _first_line(fault))
    return _judged(blank, expected, found)


def _judged(blank: CheckedRow, expected: float, found: float) -> CheckedRow:
    """Return the row with its error, and with a problem where that is more than allowed."""
    error = abs(found - expected) / (abs(expected) or 1.0)
    allowed = SEARCHED if _is_searched(blank.law) else CLOSED
    problem = f"expected {expected!r}, got {found!r} (relative error {error:.1e}, allowed {allowed:g})"
    return replace(blank, expected=expected, found=found, error=error, problem="" if error <= allowed else problem)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _value(name: str, output: str, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> float:
    """Return one output of a law, the law of a family, or a calculation."""
    from . import calculations, find

    function = calculations().get(name)
    if function is not None:
        return _of_calculation(function, output, {**params, **inputs})
    found = find(name)
    lists = found.lists if isinstance(found, Family) else ()
    law = found.law_for(_flat({**params, **inputs}, lists)) if isinstance(found, Family) else found
    return _of_law(law, output, _flat(params, lists, law.schedules), _flat(inputs, lists, law.schedules))


def _of_calculation(function: Callable[..., Results], output: str, given: Mapping[str, Any]) -> float:
    takes = inspect.signature(function).parameters
    results = function(**{name: value for name, value in given.items() if name in takes})
    if output not in results:
        raise LawError(f"{function.__name__} gives no {output!r}, it gives {listed(results)}")
    return float(results[output])


def _of_law(law: Law, output: str, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> float:
    values = {name: value for name, value in {**inputs, **params}.items() if name in law.parameters}
    points = {name: value for name, value in {**params, **inputs}.items() if name in law.variables}
    return float(law.quantity(output, values, **points))


def _flat(values: Mapping[str, Any], lists: Sequence[str], schedules: Sequence[str] = ()) -> dict[str, Any]:
    """Return lists as numbered names, ``c=[1, 2]`` as c1 and c2; a list of one is written as a number in the file."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name in schedules:
            flat[name] = value if isinstance(value, list) else [value]
        elif isinstance(value, list) or name in lists:
            several = value if isinstance(value, list) else [value]
            flat.update({f"{name}{i}": x for i, x in enumerate(several, start=1)})
        else:
            flat[name] = value
    return flat


def _is_searched(name: str) -> bool:
    """Whether the value is the root of an equation."""
    from . import calculations, find

    function = calculations().get(name)
    if function is not None:
        return bool(getattr(function, "searches", False))
    law = find(name)
    return isinstance(law, Law) and any("implicit_" in text for text in (law.formula, *law.where.values()))


def _read(what: str, text: str) -> dict[str, Any]:
    """Return the values of ``name=number;name=number,number``."""
    values: dict[str, Any] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, sign, value = entry.partition("=")
        if not sign:
            raise DataError(f"{what} holds {entry!r}, expected name=number")
        numbers = [_number(f"{what} {name.strip()}", x) for x in value.split(",")]
        values[name.strip()] = numbers if len(numbers) > 1 else numbers[0]
    return values


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{what} is {text.strip()!r}, expected a number") from None
