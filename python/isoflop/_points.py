"""Points to predict at: from a frame or keywords that broadcast, to the core's columns, and back.

The names of expanded parameters (`E[a]`) are made here too, since levels come in with the points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ._engine import Codes, Floats, floats, predict
from ._errors import DataError, ExtrapolationWarning, compose, counted, listed, nearest, warn
from ._frames import LISTS, NUMERIC, Table, column_error, new_frame, read_table
from ._levels import level
from ._schedules import Schedules
from ._schedules import read as read_schedules

if TYPE_CHECKING:
    from ._evaluate import Part
    from ._law import Law

Labels = Mapping[str, Sequence[Any]]

#: More points than this are not looked through in Python.
MANY = 100_000
#: Values that are outside a range by less than this share of its end are at the end.
ROUNDING = 1e-12


def expand(parameters: Sequence[str], levels: Mapping[str, str], labels: Labels) -> tuple[str, ...]:
    """Return one name per value: plain ones as they are, levelled ones as ``E[label]``.

    Examples
    --------
    >>> expand(("E", "alpha"), {"E": "family"}, {"family": ("a", "b")})
    ('E[a]', 'E[b]', 'alpha')
    """
    return tuple(
        name
        for base in parameters
        for name in ([f"{base}[{x}]" for x in labels.get(levels[base], ())] if base in levels else [base])
    )


@dataclass(frozen=True)
class Points:
    """Points in the core's form: equally long flat columns, the shape they came in, the frame if there was one."""

    columns: dict[str, Any]
    codes: dict[str, Codes]
    shape: tuple[int, ...]
    labels: Labels = field(default_factory=dict)
    frame: Table | None = None

    @property
    def size(self) -> int:
        """How many points there are."""
        return int(np.prod(self.shape))

    def give_back(self, values: Floats, name: str = "loss") -> Any:
        """Return one value per point in the shape, or the frame, that the points came in."""
        if self.frame is not None:
            return _with_column(self.frame, name, values)
        return values.reshape(self.shape) if self.shape else float(values[0])

    def table(self) -> dict[str, Any]:
        """Return the points as columns, levels by their labels."""
        named = {f: np.array(self.labels[f], dtype=object)[c] for f, c in self.codes.items()}
        columns = {k: v.lists() if isinstance(v, Schedules) else v for k, v in self.columns.items()}
        return {**columns, **named}


def read_points(
    law: Law | Part, labels: Labels, frame: Any, given: Mapping[str, Any], aliases: Mapping[str, str] | None = None
) -> Points:
    """Read points from a frame, keywords, or both.

    Parameters
    ----------
    law : Law or Part
        Says which variables and levels are needed.
    labels : mapping
        Known labels per level column, in code order.
    frame : frame, Runs or None
        A table with the variables as columns, by their own names or by `aliases`.
    given : mapping
        Values by name. Beside a frame, text names one of its columns.
    aliases : mapping, optional
        Column that stood for a variable when the law was fitted (``X`` was ``flops``).
    """
    needed = [*law.variables, *dict.fromkeys(law.levels.values())]
    given = _by_variable(needed, given, aliases or {})
    source: Table | None
    if hasattr(frame, "for_variables"):  # Runs know their columns, units and a C that is computed
        given = {**{n: _from_runs(frame, n, law) for n in needed if n not in given}, **given}
        source = read_table(frame.to_frame())
    else:
        source = None if frame is None else read_table(frame)
    raw = {name: _find(name, source, given, aliases or {}) for name in needed}
    lists = {n: read_schedules(n, raw[n]) for n in law.schedules}
    arrays: dict[str, np.ndarray] = {n: column.numbers.reshape(own) for n, (column, own) in lists.items()}
    arrays |= {n: _numeric(n, raw[n]) for n in law.variables if n not in lists}
    arrays |= {n: _codes(n, raw[n], labels) for n in needed if n not in arrays}
    shape = _common_shape(arrays)
    flat: dict[str, Any] = {n: np.ascontiguousarray(np.broadcast_to(a, shape)).reshape(-1) for n, a in arrays.items()}
    for name in law.positive:
        _check_positive(name, flat[name])
    columns = {n: lists[n][0]._replace(numbers=flat[n]) if n in lists else flat[n] for n in law.variables}
    warn_outside(law, columns)
    codes = {n: flat[n] for n in needed if n not in law.variables}
    return Points(columns, codes, shape, labels, source)


def _from_runs(runs: Any, name: str, law: Law | Part) -> Any:
    if name in law.schedules:
        return runs.schedule(name)
    if name in law.variables:
        return runs.variable(name)
    codes, labels = runs.factor(name)
    return np.array(labels, dtype=object)[codes]


def _by_variable(needed: Sequence[str], given: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Return keywords by variable; the column that a variable was fitted on may be named instead."""
    back = {column: name for name, column in aliases.items() if name in needed and column not in needed}
    out: dict[str, Any] = {}
    for word, value in given.items():
        name = word if word in needed else back.get(word)
        if name is None:
            close = nearest(word, needed)
            hint = f"did you mean {listed(close)}?" if close else f"it takes {listed(needed)}"
            raise DataError(compose(f"the law has no variable {word!r}", hint))
        out[name] = value
    return out


def _find(name: str, source: Table | None, given: Mapping[str, Any], aliases: Mapping[str, str]) -> Any:
    if source is None:
        if name not in given:
            raise DataError(compose(f"no value for {name!r}", f"pass {name}=..., the law needs it"))
        return given[name]
    if name in given:
        value = given[name]
        return _column(source, value) if isinstance(value, str) and value in source.names else value
    for column in (name, aliases.get(name)):
        if column in source.names:
            return _column(source, column)
    raise column_error(name, source.names, f", which the law needs (name another with {name}=...)")


def _column(source: Table, column: str) -> Any:
    kind = source.kind(column)
    if kind in NUMERIC:
        return source.numbers(column).values
    if kind.startswith(LISTS):
        return source.lists(column)
    return source.objects(column)


def _numeric(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        try:
            array = np.array(array.tolist(), dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"{name} holds {value!r}, expected numbers") from None
    return floats(array) if array.ndim else np.asarray(float(array))


def _codes(factor: str, value: Any, labels: Labels) -> np.ndarray:
    known = labels.get(factor, ())
    index = {str(level(x)): i for i, x in enumerate(known)}
    array = np.asarray(value, dtype=object)
    words = [str(level(x)) for x in array.reshape(-1)]
    odd = next((word for word in words if word not in index), None)
    if odd is not None:
        raise DataError(compose(f"{factor} {odd!r} is not among the levels of the fit", f"it knows {listed(known)}"))
    codes = [index[word] for word in words]
    return np.array(codes, dtype=np.int64).reshape(array.shape)


def make_frame(columns: Mapping[str, Any], backend: str) -> Any:
    """Return columns as a frame of the kind that `backend_of` named."""
    if backend == "polars":
        return new_frame(columns)
    import narwhals.stable.v2 as nw

    kind: Any = nw.Implementation.from_string(backend)
    return nw.from_dict(dict(columns), backend=kind).to_native()


def backend_of(table: Table) -> str:
    """Return the kind of frame to hand back: the one that came in, polars for a dict of arrays."""
    if table.is_dict:
        return "polars"
    import narwhals.stable.v2 as nw

    return str(nw.from_native(table.native).implementation.value)


def _common_shape(arrays: Mapping[str, np.ndarray]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        sizes = [
            f"{name} has {f'{a.size} values' if a.ndim == 1 else f'shape {a.shape}'}"
            for name, a in arrays.items()
            if a.ndim
        ]
        hint = "pass as many values of each, or one; for a grid, N[:, None] and D"
        raise DataError(compose(f"{', '.join(sizes)}, which do not broadcast", hint)) from None


def _check_positive(name: str, values: Floats) -> None:
    # Millions of points are left to the core, which looks only where a value is not finite.
    if 0 < values.size <= MANY and not values.min() > 0:  # a NaN is not above 0 either
        row = int(np.argmin(values > 0))
        raise DataError(f"{name} is {values[row]:g} at point {row}, expected values above 0")


def part_spec(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the spec of a law's named part as one of its own; domains of its parameters are left to be added."""
    return {**spec, "formula": name, "real": [], "unit": [], "box": {}, "seed_at": {}}


def warn_outside(law: Law | Part, columns: Mapping[str, Any]) -> None:
    """Warn where values of a variable, or of a part over variables, lie outside the law's range for it."""
    for name, (low, high) in law.range.items():
        values = columns[name] if name in columns else predict(part_spec(law.spec, name), [], columns, {})
        outside = ~((values >= low - ROUNDING * abs(low)) & (values <= high + ROUNDING * abs(high)))
        if outside.any():
            first = int(np.argmax(outside))
            more = f" and {counted(int(outside.sum()) - 1, 'more point')}" if outside.sum() > 1 else ""
            warn(
                f"{name} is {values[first]:g} at point {first}{more}, "
                f"outside the range {low:g} to {high:g} in which {law.name or 'the law'} is valid",
                ExtrapolationWarning,
            )


def _with_column(frame: Table, name: str, values: Floats) -> Any:
    """Return the frame with one more column; a column of that name stays and the new one says `predicted`."""
    import narwhals.stable.v2 as nw

    name = f"{name}_predicted" if name in frame.names else name
    if frame.is_dict:
        return new_frame({**frame.native, name: values})
    wrapped = nw.from_native(frame.native)
    series = nw.new_series(name, values, backend=wrapped.implementation)
    native = wrapped.to_native()
    if wrapped.implementation.is_pandas_like():  # pandas aligns by index, rows go by place
        return native.assign(**{name: values})
    return nw.from_native(native).with_columns(series).to_native()
