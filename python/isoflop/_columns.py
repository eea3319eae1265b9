"""The columns of a run table under the names that formulas use: as numbers, as levels, as filters.

Below `Runs`, which adds what users see; nothing here is printed or warned about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _checks, _roles, _schedules
from ._errors import DataError, compose, listed
from ._frames import LISTS, NUMERIC, Numbers, Table, column_error
from ._levels import code_levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._schedules import Schedules
    from ._where import Value

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """A table, what its columns mean, and which rows of the original are in it.

    Parameters
    ----------
    table : Table
        The rows.
    roles : mapping
        Role or letter to column (or to `"C"`, where that is computed).
    derives_c : bool
        Whether C is 6 N D.
    rows : array of int
        Number of each row in the table as it came in.
    loss_unit, bytes_per_token, nan_policy
        As in `Runs`.
    """

    table: Table
    roles: Mapping[str, str]
    derives_c: bool
    rows: NDArray[np.int64]
    loss_unit: str = "nats"
    bytes_per_token: float | str | None = None
    nan_policy: str = "raise"

    def take(self, mask: NDArray[np.bool_]) -> Columns:
        """Return the rows of a mask."""
        chosen = np.nonzero(mask)[0]
        return replace(self, table=self.table.take(chosen), rows=self.rows[chosen])

    def source(self, name: str) -> str | None:
        """Return the column behind a name, or None for a C that is computed."""
        column = self.roles.get(name, name)
        names = self.table.names
        if column in names:
            return column
        if column == "C" and self.derives_c:
            return None
        if name in _roles.ALIASES:
            hint = f"name it with {name}=...; the table has {listed(names)}"
            raise DataError(compose(f"no column was understood as {name}", hint))
        raise column_error(name, [*names, *(r for r in self.roles if r not in names)])

    def name(self, name: str) -> str:
        """Return the column behind a name, or the formula of what is computed."""
        return self.source(name) or _roles.DERIVED_C

    def label(self, name: str) -> str:
        """Return how messages speak of a variable: `column 'tokens' (D)`."""
        column = self.source(name)
        if column is None:
            return f"{name} ({_roles.DERIVED_C})"
        return f"column {column!r}" + (f" ({name})" if column != name else "")

    def kind(self, name: str) -> str:
        """Return what a variable holds, as `Table.kind`."""
        column = self.source(name)
        return "number" if column is None else self.table.kind(column)

    def numbers(self, name: str) -> Numbers:
        """Return a variable with its faults: the loss in nats, C computed where need be."""
        column = self.source(name)
        if column is None:
            return self._six_nd()
        if self.table.kind(column) not in NUMERIC:
            raise _roles.not_numeric(self.table, column, name)
        numbers = self.table.numbers(column)
        if name == "loss" and self.loss_unit != "nats":
            return _checks.to_nats(numbers, self.loss_unit, self.scale(self.bytes_per_token))
        if column == self.roles.get("C") and {"N", "D"} <= self.roles.keys():
            self._refuse_wrapped(name, column, numbers)
        return numbers

    def variable(self, name: str) -> Floats:
        """Return a variable as float64, free of faults under `nan_policy="raise"`."""
        numbers = self.numbers(name)
        if self.nan_policy == "raise":
            self.refuse(name, _checks.faults(numbers), "finite numbers")
        return numbers.values

    def refuse(self, name: str, found: Mapping[str, NDArray[np.bool_]], want: str) -> None:
        """Raise for the faults of a variable, if there are any."""
        if found:
            raise _checks.fault_error(self.label(name), found, self.rows, want)

    def require_positive(self, names: Iterable[str]) -> None:
        """Raise if a variable has a value of zero or less."""
        for name in names:
            found = _checks.faults(self.numbers(name), positive=True)
            signs: dict[str, NDArray[np.bool_]] = {
                word: mask for word, mask in found.items() if word in ("zero", "negative")
            }
            self.refuse(name, signs, "positive numbers")

    def scale(self, bytes_per_token: float | str | None) -> Floats | float:
        """Return bytes per token, of all rows or of each."""
        if not isinstance(bytes_per_token, str):
            return 1.0 if bytes_per_token is None else float(bytes_per_token)
        self.require_positive([bytes_per_token])
        return self.variable(bytes_per_token)

    def levels(self, name: str, checked: bool = True) -> tuple[Codes, list[Any]]:
        """Return a code per row (-1 for none) and the sorted labels."""
        column = self.source(name)
        if column is None:
            return code_levels(self._six_nd().values)
        values = self.table.objects(column)
        null = np.array([value is None for value in values], bool)
        if checked and self.nan_policy == "raise" and null.any():
            self.refuse(name, {"null": null}, "a value in every row")
        try:
            return code_levels(values)
        except TypeError:
            message = f"{self.label(name)} holds {self.kind(name)} values, expected text or whole numbers"
            raise DataError(compose(message, "name a column of labels")) from None

    def schedules(self, name: str) -> list[Floats | None]:
        """Return the learning rates of each row, None where a row holds no schedule."""
        rows = self.table.lists(self.name(name))
        return [None if value is None else _schedules.rates_of(value) for value in rows]

    def schedule(self, name: str) -> Schedules:
        """Return a column of schedules that are all usable."""
        self._without_schedule(name, strict=True)
        return _schedules.encode([rates for rates in self.schedules(name) if rates is not None])

    def _without_schedule(self, name: str, strict: bool) -> NDArray[np.bool_]:
        """Return which rows hold no schedule; where there are any, raise if `strict`."""
        bad = np.array([rates is None for rates in self.schedules(name)], bool)
        if strict and bad.any():
            values = self.table.lists(self.name(name))
            raise _schedules.fault(self.label(name), [values[i] for i in np.nonzero(bad)[0]], self.rows[bad])
        return bad

    def unusable(
        self, names: Iterable[str], factors: Iterable[str], positive: set[str], schedules: Iterable[str] = ()
    ) -> NDArray[np.bool_]:
        """Return which rows cannot be used; under `nan_policy="raise"` the first fault raises."""
        bad = np.zeros(len(self.rows), bool)
        for name in names:
            found = _checks.faults(self.numbers(name), name in positive)
            if self.nan_policy == "raise":
                self.refuse(name, found, "positive numbers" if name in positive else "finite numbers")
            for mask in found.values():
                bad |= mask
        for name in factors:
            bad |= self.levels(name)[0] < 0
        for name in schedules:
            bad |= self._without_schedule(name, self.nan_policy == "raise")
        return bad

    def filter_value(self, name: str) -> Value:
        """Return a variable as the row filter takes it."""
        from . import _where

        kind = self.kind(name)
        if kind == "text":
            return _where.text(self.table.objects(self.name(name)))
        if kind not in NUMERIC:
            raise DataError(f"{self.label(name)} holds {kind} values, a filter needs numbers or text")
        values, null = self.numbers(name)
        return _where.truth(values == 1, null) if kind == "boolean" else _where.number(values, null)

    def content(self, name: str) -> Floats | list[Any]:
        """Return the values of a variable as the fingerprint takes them."""
        if name != "groups" and self.kind(name) in NUMERIC:
            return self.numbers(name).values
        if self.kind(name).startswith(LISTS):
            return self.schedule(name).labels()
        codes, labels = self.levels(name, checked=False)
        return [labels[code] if code >= 0 else None for code in codes]

    def _six_nd(self) -> Numbers:
        n, d = self.numbers("N"), self.numbers("D")
        with np.errstate(over="ignore", invalid="ignore"):
            return Numbers(6.0 * n.values * d.values, n.null | d.null)

    def _refuse_wrapped(self, name: str, column: str, numbers: Numbers) -> None:
        if self.table.is_integer(column):
            expected = self._six_nd().values
            _checks.refuse_wrapped(self.label(name), numbers, expected, self.rows)
