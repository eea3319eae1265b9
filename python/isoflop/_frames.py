"""One way to look into any table: polars, pandas, pyarrow, others by narwhals, or a dict of arrays.

Only reading, taking rows and handing back live here; what a column means is for `_roles` and `_runs`. Narwhals loads
with the first frame: a dict of arrays needs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from ._errors import DataError, compose, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

#: What `Table.kind` says of columns that hold a list per row begins with one of these.
LISTS = ("list", "array", "ndarray", "tuple")
T = TypeVar("T")
NUMERIC = ("number", "boolean")


class Numbers(NamedTuple):
    """A column as float64, and where it had no value at all (a NaN is a value)."""

    values: np.ndarray
    null: np.ndarray


@dataclass(frozen=True, slots=True)
class Table:
    """A table of equally long columns that never changes, so that each is read once.

    Parameters
    ----------
    native : object
        A frame that narwhals understands, or a dict of one-dimensional arrays.
    """

    native: Any
    _read: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[Table], tuple[Any]]:
        """Leave out what has been read already."""
        return Table, (self.native,)

    def _once(self, what: Any, read: Callable[[], T]) -> T:
        if what not in self._read:
            self._read[what] = read()
        found: T = self._read[what]
        return found

    @property
    def is_dict(self) -> bool:
        """Whether no frame came in, only arrays."""
        return isinstance(self.native, dict)

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return self._once("names", lambda: list(self.native if self.is_dict else self._frame.columns))

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        if self.is_dict:
            return len(next(iter(self.native.values()), ()))
        return len(self._frame)

    def kind(self, name: str) -> str:
        """Return what a column holds: number, boolean, text, or a word for something else."""
        if self.is_dict:
            return self._once(("kind", name), lambda: _numpy_kind(self.native[name]))
        return self._once(("kind", name), lambda: _narwhals_kind(self._series(name)))

    def numbers(self, name: str) -> Numbers:
        """Return a numeric column as float64, not to be written to; the caller has asked for its kind."""
        return self._once(("numbers", name), lambda: _sealed(self._numbers(name)))

    def _numbers(self, name: str) -> Numbers:
        if self.is_dict:
            column = self.native[name]
            if column.dtype.kind in "fiub":
                return Numbers(column.astype(np.float64), np.zeros(len(column), bool))
            return _from_objects(column)
        series = self._series(name)
        if not _fits_numpy(series.dtype):
            return _from_objects(_objects(series))
        return _from_series(series)

    def objects(self, name: str) -> np.ndarray:
        """Return a column as Python objects, with None where there is no value."""
        column = self.native[name].astype(object) if self.is_dict else _objects(self._series(name))
        missing = [v is None or (isinstance(v, float) and v != v) for v in column]
        column[np.array(missing, bool)] = None
        return column

    def lists(self, name: str) -> list[Any]:
        """Return a column of lists row by row, with None where there is no value."""
        return list(self.native[name]) if self.is_dict else _lists(self._series(name))

    def is_integer(self, name: str) -> bool:
        """Whether a column is stored as fixed-width integers, which can overflow."""
        if self.is_dict:
            return self.native[name].dtype.kind in "iu"
        return bool(self._series(name).dtype.is_integer())

    def take(self, rows: np.ndarray) -> Table:
        """Return the given rows, in the given order."""
        if self.is_dict:
            return Table({name: column[rows] for name, column in self.native.items()})
        return Table(self._frame[rows.tolist()].to_native())

    def to_native(self) -> Any:
        """Return the kind of frame that came in; polars where none did."""
        return new_frame(self.native) if self.is_dict else self.native

    @property
    def _frame(self) -> Any:
        import narwhals.stable.v2 as nw

        return self._once("frame", lambda: nw.from_native(self.native))

    def _series(self, name: str) -> Any:
        return self._frame.get_column(name)


def read_table(frame: Any) -> Table:
    """Take in a table, copying what could change under our hands.

    Parameters
    ----------
    frame : frame, dict of arrays or structured array
        Polars, pandas, pyarrow, modin, or a lazy frame (which is collected).

    Raises
    ------
    DataError
        If it is no table, has no rows, or its columns differ in length or share a name.

    Examples
    --------
    >>> from isoflop._frames import read_table
    >>> read_table({"N": [1e6, 1e7], "family": ["a", "b"]}).kind("family")
    'text'
    """
    if isinstance(frame, Table):
        return frame
    if isinstance(frame, np.ndarray) and frame.dtype.names:
        frame = {name: frame[name] for name in frame.dtype.names}
    table = Table(_dict_of_arrays(frame) if isinstance(frame, Mapping) else _native(frame))
    _check_names(table.names)
    if not table.n_rows:
        raise DataError(compose("the table has no rows", "check the file or the filter before it"))
    return table


def new_frame(columns: Mapping[str, Any], like: Any = None) -> Any:
    """Make a frame of the same kind as `like`; polars where that is None or no frame.

    Examples
    --------
    >>> from isoflop._frames import new_frame
    >>> new_frame({"N": [1.0], "loss": [2.5]}).shape
    (1, 2)
    """
    native = like.native if isinstance(like, Table) else like
    if native is None or isinstance(native, (Mapping, np.ndarray)):
        import polars as pl

        return pl.DataFrame({name: _plain(values) for name, values in columns.items()})
    import narwhals.stable.v2 as nw

    backend = nw.from_native(native).implementation
    return nw.from_dict(dict(columns), backend=backend).to_native()


def column_error(name: str, known: Sequence[str], wanted: str = "") -> DataError:
    """Return the error for a column that is not there, naming those that look like it."""
    close = nearest(name, known)
    hint = f"did you mean {listed(close)}?" if close else f"the table has {listed(known)}"
    return DataError(compose(f"no column {name!r}{wanted}", hint))


def _native(frame: Any) -> Any:
    import narwhals.stable.v2 as nw

    try:
        wrapped = nw.from_native(frame)
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"two columns share a name: {str(error).split(':')[-1].strip()}") from None
    except TypeError:
        if nw.dependencies.is_into_series(frame):
            raise _no_table(frame) from None
        return _by_capsule(frame)
    if isinstance(wrapped, nw.LazyFrame):
        wrapped = wrapped.collect()
    native = wrapped.to_native()
    return native.copy() if wrapped.implementation.is_pandas_like() else native


def _by_capsule(frame: Any) -> Any:
    if hasattr(frame, "__arrow_c_stream__"):
        import polars as pl

        return pl.DataFrame(frame)
    raise _no_table(frame)


def _no_table(frame: Any) -> DataError:
    hint = "pass a polars, pandas or pyarrow table, or a dict of arrays"
    return DataError(compose(f"a {type(frame).__name__} is no table of runs", hint))


def _dict_of_arrays(frame: Mapping[str, Any]) -> dict[str, np.ndarray]:
    columns = {name: _array(name, values) for name, values in frame.items()}
    lengths = {name: len(column) for name, column in columns.items() if column.ndim}
    if len(set(lengths.values())) > 1:
        short, long = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise DataError(f"columns differ in length: {short!r} has {lengths[short]} rows, {long!r} has {lengths[long]}")
    n = next(iter(lengths.values()), 1)
    return {name: c if c.ndim else np.full(n, c[()], c.dtype) for name, c in columns.items()}


def _array(name: str, values: Any) -> np.ndarray:
    try:
        column = np.array(values)
    except ValueError:  # sequences of different lengths among the values
        column = _as_objects(values)
    if column.ndim > 1 and isinstance(values, list | tuple):
        column = _as_objects(values)  # lists that happen to be equally long
    if isinstance(values, np.ma.MaskedArray):
        column = column.astype(object)
        column[np.ma.getmaskarray(values)] = None
    if column.dtype.kind == "U" and not isinstance(values, np.ndarray):
        column = np.array(values, dtype=object)  # numpy would turn [1.5, "x", None] into text
    if column.ndim > 1:
        raise DataError(f"column {name!r} has {column.ndim} dimensions, expected one")
    if column.dtype.kind == "S":
        return np.char.decode(column, "utf-8", "replace")
    return column.astype(np.float64) if column.dtype.kind == "f" and column.itemsize > 8 else column


def _as_objects(values: Any) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def _check_names(names: Sequence[Any]) -> None:
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise DataError(
            compose(
                f"column names must be text, got {listed(odd)}",
                "give the columns names before you pass the table",
            )
        )
    if not names:
        raise DataError("the table has no columns")


def _numpy_kind(column: np.ndarray) -> str:
    kinds = {"f": "number", "i": "number", "u": "number", "b": "boolean", "U": "text", "T": "text"}
    if column.dtype.kind == "O":
        return _object_kind(column)
    return kinds.get(column.dtype.kind) or str(column.dtype)


def _narwhals_kind(series: Any) -> str:
    import narwhals.stable.v2 as nw

    dtype = series.dtype
    if dtype.is_decimal() or dtype.is_numeric() or series.null_count() == len(series):
        return "number"  # a column without any value can become one
    if dtype == nw.Boolean:
        return "boolean"
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return "text"
    if dtype == nw.Object:
        return _object_kind(_objects(series))
    return str(dtype).lower()


def _object_kind(column: np.ndarray) -> str:
    from decimal import Decimal

    values = [v for v in column if v is not None]
    if not values:
        return "number"
    if all(isinstance(v, (bool, np.bool_)) for v in values):
        return "boolean"
    if all(isinstance(v, str) for v in values):
        return "text"
    if all(isinstance(v, (Real, Decimal)) for v in values):
        return "number"
    odd = next(v for v in values if not isinstance(v, (Real, Decimal)))
    return "text" if isinstance(odd, str) else type(odd).__name__


def _fits_numpy(dtype: Any) -> bool:
    return dtype.is_float() or (dtype.is_integer() and "128" not in str(dtype))


def _from_series(series: Any) -> Numbers:
    null = np.array(series.is_null().to_numpy(), bool)
    values = (series.fill_null(0) if null.any() else series).to_numpy()
    values = np.array(values, dtype=np.float64)
    if null.any():
        values[null] = np.nan
        if isinstance(getattr(series.to_native(), "dtype", None), np.dtype):
            null[:] = False  # plain pandas has one mark for both; it is NaN's own
    return Numbers(values, null)


def _sealed(numbers: Numbers) -> Numbers:
    """Forbid writing to arrays that are handed out more than once."""
    for array in numbers:
        array.setflags(write=False)
    return numbers


def _from_objects(column: np.ndarray) -> Numbers:
    null = np.array([v is None for v in column], bool)
    values = np.array([np.nan if v is None else _to_float(v) for v in column], np.float64)
    return Numbers(values, null)


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _objects(series: Any) -> np.ndarray:
    import narwhals.stable.v2 as nw

    column = np.empty(len(series), dtype=object)
    column[:] = [_scalar(value) for value in series.to_list()]
    null = np.array(series.is_null().to_numpy(), bool)
    if series.dtype == nw.Object:  # a NaN among Python objects is a NaN, not a missing value
        null &= np.array([not isinstance(v, float) for v in column], bool)
    column[null] = None
    return column


def _lists(series: Any) -> list[Any]:
    if series.implementation.is_polars():  # no copy, and no Python number per value
        return [value.to_numpy() if hasattr(value, "to_numpy") else value for value in series.to_native()]
    return list(series.to_list())


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _plain(values: Any) -> Any:
    """Give polars an array it takes: native byte order, objects as a list."""
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind in "OT":
        return values.tolist()
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
