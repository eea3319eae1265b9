"""`Runs`: a table of training runs with the meaning of its columns.

Values are checked when a law asks for them, never before: a NaN in a column that no law uses is no
fault. Names are settled in `_roles`, values read in `_columns` and judged in `_checks`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import _checks, _roles, _runs_text
from ._columns import Codes, Columns, Floats
from ._errors import DataError, compose, counted, rows_text
from ._fingerprint import digest
from ._frames import NUMERIC, Table, column_error, read_table
from ._levels import last_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ._schedules import Schedules

_SETTINGS = {"loss_unit": "nats", "bytes_per_token": None, "nan_policy": "raise"}


@dataclass(frozen=True, init=False, repr=False, eq=False, slots=True)
class Runs:
    """Training runs, one row each (or one row per checkpoint), and what their columns mean.

    Parameters
    ----------
    frame : frame or dict of arrays
        Polars, pandas, pyarrow or anything else that narwhals opens.
    loss, N, D, C : str, optional
        Columns of the loss, parameters, tokens and compute. Usual names (`val_loss`, `params`,
        `tokens`, `flops`, ...) are understood; where several fit, the choice is printed. Without a
        column for C it is 6 N D, in float64; `C="6*N*D"` asks for that.
    groups : str, optional
        Column that tells which rows belong to one run: the unit of resampling.
    weights : str, optional
        Column of row weights.
    loss_unit : {"nats", "bits", "bits_per_byte"}
        What the loss column is in; it is converted to nats per token.
    bytes_per_token : float or str, optional
        Number or column, for bits per byte.
    nan_policy : {"raise", "omit"}
        Whether unusable rows are an error or are left out and counted.
    **variables : str
        Other letters of a formula and their columns, such as `X="flops"`; every column also goes
        by its own name.

    Attributes
    ----------
    notes : tuple of str
        What was chosen or left out on the way here.

    Raises
    ------
    DataError
        For missing, non-numeric or doubly used columns.

    Notes
    -----
    Rows are counted from 0, in the table as it came in. `where` and `final` keep those numbers.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.Runs({"params": [1e8, 1e9], "tokens": [2e9, 2e10], "val_loss": [3.1, 2.6]})
    >>> runs.roles
    {'loss': 'val_loss', 'N': 'params', 'D': 'tokens'}
    >>> runs.variable("C")
    array([1.2e+18, 1.2e+20])
    """

    _columns: Columns
    _asked: dict[str, str]
    notes: tuple[str, ...]

    def __init__(
        self,
        frame: Any,
        *,
        loss: str | None = None,
        N: str | None = None,
        D: str | None = None,
        C: str | None = None,
        groups: str | None = None,
        weights: str | None = None,
        loss_unit: Literal["nats", "bits", "bits_per_byte"] = "nats",
        bytes_per_token: float | str | None = None,
        nan_policy: Literal["raise", "omit"] = "raise",
        **variables: str,
    ) -> None:
        roles = {"loss": loss, "N": N, "D": D, "C": C, "groups": groups, "weights": weights}
        settings = {
            "loss_unit": loss_unit, "bytes_per_token": bytes_per_token, "nan_policy": nan_policy
        }  # fmt: skip
        self._settle(read_table(frame), roles | variables, settings)
        self._announce()

    # -- how it comes about -------------------------------------------------------------------

    @classmethod
    def _unannounced(cls, frame: Any, **keywords: Any) -> Runs:
        """Build without units check or printed notes, for a caller that filters rows first."""
        runs = object.__new__(cls)
        settings = {name: keywords.pop(name, default) for name, default in _SETTINGS.items()}
        runs._settle(read_table(frame), keywords, settings)
        return runs

    def _settle(self, table: Table, asked: Mapping[str, str | None], settings: Mapping[str, Any]) -> None:
        _checks.check_settings(**settings)
        given = {role: column for role, column in asked.items() if column is not None}
        _roles.check_names(given)
        scale = settings["bytes_per_token"]
        if isinstance(scale, str) and scale not in table.names:
            raise column_error(scale, table.names, " (asked for as bytes_per_token)")
        roles = _roles.assign(table, given)
        columns = Columns(table, roles.columns, roles.derives_c, np.arange(table.n_rows), **settings)
        self._fill(columns, given, tuple(roles.notes))

    def _fill(self, columns: Columns, asked: dict[str, str], notes: tuple[str, ...]) -> None:
        object.__setattr__(self, "_columns", columns)
        object.__setattr__(self, "_asked", asked)
        object.__setattr__(self, "notes", notes)

    def _announce(self, is_loss: bool | None = None) -> None:
        """Check units, add what is to be said of the rows, and print the notes.

        Whether the response is a loss is known to a law; a column alone is judged by its name.
        """
        repeated = _roles.repeated_runs(self._columns.table, self._asked)
        self._fill(self._columns, self._asked, (*self.notes, *repeated))
        _print(self.notes)
        _checks.check_units(self._columns)
        if self._is_called_loss if is_loss is None else is_loss:
            _checks.check_loss(self._columns)

    @property
    def _is_called_loss(self) -> bool:
        return "loss" in self.roles and _roles.is_called("loss", self.roles["loss"])

    def _keep(self, mask: NDArray[np.bool_], *notes: str) -> Runs:
        """Return the rows of a mask, with notes unless they are there already."""
        columns = self._columns if mask.all() else self._columns.take(mask)
        runs = object.__new__(type(self))
        runs._fill(columns, self._asked, tuple(dict.fromkeys((*self.notes, *notes))))
        return runs

    def with_roles(self, **roles: Any) -> Runs:
        """Return the same rows with further roles, letters or settings; None takes a role back.

        Parameters
        ----------
        **roles
            As in `Runs`; a column that already has a role may be given another letter.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.Runs({"flops": [1e18, 1e19], "loss": [3.0, 2.8]}, C="flops")
        >>> runs.with_roles(X="flops").variable("X")
        array([1.e+18, 1.e+19])
        """
        old = self._columns
        settings = {name: roles.pop(name, getattr(old, name)) for name in _SETTINGS}
        owner = {column: role for role, column in old.roles.items() if role in ("N", "D", "C")}
        special = (*_roles.ALIASES, "groups", "weights")
        new = {
            role: column if role in special or column is None else owner.get(column, column)
            for role, column in roles.items()
        }
        runs = object.__new__(type(self))
        runs._settle(old.table, self._asked | new, settings)
        columns = replace(runs._columns, rows=old.rows)
        new_notes = [note for note in runs.notes if note not in self.notes]
        _print(new_notes)
        runs._fill(columns, runs._asked, (*self.notes, *new_notes))
        return runs

    # -- what is in it ------------------------------------------------------------------------

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self._columns.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows

    @property
    def row_numbers(self) -> NDArray[np.int64]:
        """The number of each row in the table as it came in, from 0."""
        return self._columns.rows.copy()

    @property
    def columns(self) -> list[str]:
        """The columns of the table, in order."""
        return list(self._columns.table.names)

    @property
    def roles(self) -> dict[str, str]:
        """Role or letter to column."""
        return dict(self._columns.roles)

    @property
    def derived(self) -> dict[str, str]:
        """What is computed from other columns: `{"C": "6*N*D"}`, or nothing."""
        return {"C": _roles.DERIVED_C} if self._columns.derives_c else {}

    @property
    def variables(self) -> list[str]:
        """Every name that a formula can use as a number: letters first, then columns."""
        letters = [name for name in self.roles if name not in ("loss", "groups", "weights")]
        names = dict.fromkeys([*letters, *self.derived, *self.columns])
        return [name for name in names if self._columns.kind(name) in NUMERIC]

    @property
    def has_loss(self) -> bool:
        """Whether a column is the loss (a table of points to predict has none)."""
        return "loss" in self.roles

    @property
    def loss_unit(self) -> str:
        """What the loss column was in; `loss` is in nats per token."""
        return self._columns.loss_unit

    @property
    def nan_policy(self) -> str:
        """Whether unusable rows raise or are left out."""
        return self._columns.nan_policy

    @property
    def loss(self) -> Floats:
        """The loss in nats per token, checked like any variable."""
        return self.variable("loss")

    @property
    def weights(self) -> Floats:
        """The weight of each row; ones where no column was named."""
        if "weights" not in self.roles:
            return np.ones(self.n_rows)
        values = self.variable("weights")
        _checks.check_weights(self._columns.label("weights"), values, self._columns.rows)
        return values

    def variable(self, name: str) -> Floats:
        """Return a variable as float64.

        Parameters
        ----------
        name : str
            A letter of the formula (`N`, `D`, `C`, `loss`, or one that was mapped), or a column.

        Raises
        ------
        DataError
            If there is none, it is not numeric, or (under `nan_policy="raise"`) has nulls, NaN or
            infinite values.

        Examples
        --------
        >>> import isoflop as iso
        >>> iso.Runs({"N": [1e8, 1e9], "loss": [3.1, 2.6], "width": [512, 2048]}).variable("width")
        array([ 512., 2048.])
        """
        return self._columns.variable(name).copy()

    def factor(self, name: str) -> tuple[Codes, list[Any]]:
        """Return the levels of a column: a code per row, and the labels in code order.

        Parameters
        ----------
        name : str
            A column of text or whole numbers, or a letter mapped to one.

        Returns
        -------
        codes : array of int64
            Position of each row's label; -1 where there is none under `nan_policy="omit"`.
        labels : list
            Sorted, so that the order of rows does not matter.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.Runs({"loss": [3.0, 2.0, 2.5], "family": ["b", "a", "b"]})
        >>> runs.factor("family")
        (array([1, 0, 1]), ['a', 'b'])
        """
        codes, labels = self._columns.levels(name)
        broken = [label for label in labels if isinstance(label, float)]
        if broken:
            label = self._columns.label(name)
            message = f"{label} holds {broken[0]!r}, expected text or whole numbers as levels"
            raise DataError(compose(message, "use it as a variable of the formula instead"))
        return codes, labels

    def schedule(self, name: str) -> Schedules:
        """Return a column whose rows are lists of learning rates, in the form of the core.

        Parameters
        ----------
        name : str
            A column of lists, or a letter mapped to one.

        Raises
        ------
        DataError
            If a row holds no list of rates that are 0 or more and not all 0.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.Runs({"loss": [3.0, 2.0], "lr": [[1e-3], [1e-3, 5e-4]]})
        >>> runs.schedule("lr").lengths.tolist()
        [1, 2]
        """
        return self._columns.schedule(name)

    def group_codes(self) -> tuple[Codes, list[Any]] | None:
        """Return the group of each row and the labels, or None where no groups were named."""
        return self._columns.levels("groups") if "groups" in self.roles else None

    def require_positive(self, names: Iterable[str]) -> None:
        """Raise if a variable has a value of zero or less, for laws that take its logarithm."""
        self._columns.require_positive(names)

    def for_variables(
        self,
        names: Iterable[str],
        *,
        factors: Iterable[str] = (),
        positive: Iterable[str] = (),
        schedules: Iterable[str] = (),
    ) -> tuple[Runs, int]:
        """Return the rows that a law over these variables can use, and how many it cannot.

        The loss, weights and groups are looked at too, where the table has them.

        Parameters
        ----------
        names : iterable of str
            The variables of the law.
        factors : iterable of str
            The columns of its levels.
        positive : iterable of str
            Those of the variables (or `"loss"`) that must be above zero.
        schedules : iterable of str
            Columns whose rows must be lists of learning rates.

        Raises
        ------
        DataError
            Under `nan_policy="raise"` for the first column with an unusable value; always if no
            row is left.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.Runs({"N": [1e8, None, 1e9], "loss": [3.1, 2.9, 2.6]}, nan_policy="omit")
        >>> subset, n_omitted = runs.for_variables(["N"])
        >>> len(subset), n_omitted
        (2, 1)
        """
        positive = set(positive)
        own = [role for role in ("loss", "weights") if role in self.roles]
        grouped = ["groups"] if "groups" in self.roles else []
        bad = self._columns.unusable(
            dict.fromkeys([*names, *own, *positive]), dict.fromkeys([*factors, *grouped]), positive, schedules
        )
        n_omitted = int(bad.sum())
        if n_omitted == self.n_rows:
            message = "no row has usable values in every column of the law"
            raise DataError(compose(message, "look at the columns in print(runs.summary())"))
        if not n_omitted:
            return self, 0
        where = rows_text(self._columns.rows[bad])
        return self._keep(~bad, f"{n_omitted} of {self.n_rows} rows left out ({where})"), n_omitted

    def bits_per_byte(self, bytes_per_token: float | str | None = None) -> Floats:
        """Return the loss in bits per byte of text.

        Parameters
        ----------
        bytes_per_token : float or str, optional
            Number or column; that of the table where not given.

        Examples
        --------
        >>> import isoflop as iso
        >>> iso.Runs({"N": [1e8], "loss": [2.0]}).bits_per_byte(4.0).round(4)
        array([0.7213])
        """
        scale = self._columns.bytes_per_token if bytes_per_token is None else bytes_per_token
        _checks.check_loss_unit("bits_per_byte", scale)
        return self.loss / (_checks.LN2 * self._columns.scale(scale))

    # -- other rows ---------------------------------------------------------------------------

    def where(self, keep: str | NDArray[np.bool_]) -> Runs:
        """Return the rows for which an expression is true.

        Parameters
        ----------
        keep : str or array of bool
            Such as `"outlier_epoch == 0 and N > 1e8"`: comparisons, `and`, `or`, `not`, `in`,
            arithmetic, letters, columns (in backticks where needed), text in quotes.

        Raises
        ------
        DataError
            If it cannot be understood, or no row is left.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.Runs({"N": [1e8, 1e9], "loss": [3.1, 2.6], "family": ["a", "b"]})
        >>> len(runs.where("N > 1e8 and family in ('b', 'c')"))
        1
        """
        if isinstance(keep, str):
            from . import _where

            mask = _where.mask(keep, self._columns.filter_value, self.n_rows)
        else:
            mask = _as_mask(keep, self.n_rows)
        if not mask.any():
            shown = f" {keep!r}" if isinstance(keep, str) else ""
            hint = "compare it with the ranges in print(runs.summary())"
            raise DataError(compose(f"no row passes the filter{shown}", hint))
        return self._keep(mask)

    def final(self, by: str | None = None) -> Runs:
        """Return the last checkpoint of each run: the row with the most tokens.

        Parameters
        ----------
        by : str, optional
            The column that tells runs apart; `groups`, or a column such as `run_id`, otherwise.

        Notes
        -----
        Without D, a column such as `step` is used. Among equals the later row is kept, and a note
        says so.

        Examples
        --------
        >>> import isoflop as iso
        >>> table = {"run": [1, 1, 2], "D": [1e9, 2e9, 1e9], "loss": [3.0, 2.8, 2.9]}
        >>> iso.Runs(table, groups="run").final().loss
        array([2.8, 2.9])
        """
        name = by or ("groups" if "groups" in self.roles else _roles.run_column(self.columns))
        if name is None:
            hint = "name the column that tells runs apart: groups=... or final(by=...)"
            raise DataError(compose("cannot tell which rows belong to one run", hint))
        codes, labels = self._columns.levels(name)
        clock = "D" if "D" in self.roles else _roles.step_column(self.columns)
        mask, ties = last_rows(codes, self.variable(clock))
        if mask.all():
            return self
        runs = counted(len(labels), "run")
        note = f"last checkpoint of {runs}: largest {clock} by {self._columns.name(name)!r}"
        if ties:
            note += f"; {ties} of them with several such rows, the last row kept"
        return self._keep(mask, note)

    def split(self, by: str) -> dict[Any, Runs]:
        """Return the rows of each value of a column, by value.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.Runs({"N": [1e8, 1e9], "loss": [3.1, 2.6], "task": ["code", "web"]})
        >>> [(task, len(part)) for task, part in runs.split("task").items()]
        [('code', 1), ('web', 1)]
        """
        codes, labels = self._columns.levels(by)
        return {label: self._keep(codes == code) for code, label in enumerate(labels)}

    # -- what leaves --------------------------------------------------------------------------

    def to_frame(self) -> Any:
        """Return the rows as the kind of frame that came in; polars where none did."""
        return self._columns.table.to_native()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the columns that have a role, the same for every kind of frame."""
        return self.fingerprint_of(self.roles)

    def fingerprint_of(self, names: Iterable[str]) -> str:
        """Return the SHA-256 of the values of some letters or columns, in row order."""
        return digest({name: self._columns.content(name) for name in names}, self.n_rows)

    def summary(self) -> str:
        """Return what the columns mean and the range of each, as text."""
        return _runs_text.summary(self._columns, self.notes)

    def __repr__(self) -> str:
        """Return at most a dozen lines."""
        return _runs_text.short(self._columns)

    def _repr_html_(self) -> str:
        return _runs_text.html(self._columns)


def as_runs(frame: Any, is_loss: bool = True, /, **keywords: Any) -> Runs:
    """Return `frame` as Runs: built, or with further roles where it is already.

    `is_loss` says whether the response is a loss, whose units can be judged.
    """
    if not isinstance(frame, Runs):
        runs = Runs._unannounced(frame, **keywords)
        runs._announce(is_loss)
        return runs
    if is_loss and not frame._is_called_loss:  # or it was judged when it came in
        _checks.check_loss(frame._columns)
    return frame.with_roles(**keywords) if keywords else frame


def _print(notes: Iterable[str]) -> None:
    for note in notes:
        sys.stderr.write(f"isoflop: {note}\n")


def _as_mask(keep: Any, n_rows: int) -> NDArray[np.bool_]:
    mask = np.asarray(keep)
    if mask.dtype != bool or mask.shape != (n_rows,):
        message = f"the filter is an array of {mask.dtype} with shape {mask.shape}, expected {n_rows} truth values"
        raise DataError(compose(message, 'or write it as text, such as "N > 1e8"'))
    return mask
