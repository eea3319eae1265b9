"""`Allocation`: N and D that grow as powers of compute, with draws: what both estimators of an optimum come to.

How the optima are found is in `_envelope` and `_isoflop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine import Floats, floats
from .._errors import DataError, compose
from .._frames import NUMERIC, Table, column_error, new_frame, read_table
from .._points import make_frame
from .._quantiles import tails
from .._repr import Values
from ._estimates import Estimates

#: What is estimated: N = N_coefficient * C**a, D = D_coefficient * C**b.
NAMES = ("a", "N_coefficient", "b", "D_coefficient")


@dataclass(frozen=True)
class Optimum:
    """The best N and D for some compute: floats, or arrays of a common shape.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> C = np.repeat([1e19, 1e20, 1e21], 9)
    >>> N = 0.12 * (C / 6) ** 0.5126 * np.tile(np.geomspace(0.25, 4, 9), 3)
    >>> runs = iso.simulate("chinchilla", {"N": N, "D": C / (6 * N)}, params="epoch2024", noise=0.0)
    >>> best = iso.estimators.isoflop(runs, n_resamples=100).predict(C=1e24)
    >>> f"{best.C:.3g} {best.N:.3g} {best.D:.3g}"
    '1e+24 9.55e+10 1.75e+12'
    """

    C: Any
    N: Any
    D: Any


@dataclass(frozen=True, eq=False, repr=False)
class Allocation:
    """N and D as powers of compute: ``N = N_coefficient * C**a``, ``D = D_coefficient * C**b``.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> C = np.repeat([1e19, 1e20, 1e21], 9)
    >>> N = 0.12 * (C / 6) ** 0.5126 * np.tile(np.geomspace(0.25, 4, 9), 3)
    >>> runs = iso.simulate("chinchilla", {"N": N, "D": C / (6 * N)}, params="epoch2024", noise=0.0)
    >>> found = iso.estimators.isoflop(runs, n_resamples=100)
    >>> round(found.params["a"], 3), round(found.params["b"], 3)
    (0.513, 0.487)
    """

    estimates: Estimates

    @property
    def params(self) -> Values:
        """Values of a, N_coefficient, b, D_coefficient, from all rows."""
        return self.estimates.values

    def interval(self, level: float = 0.95) -> Any:
        """Return a percentile interval per parameter: a frame with columns parameter, estimate, low, high."""
        return self.estimates.interval(level)

    def standard_error(self) -> Values:
        """Return the standard deviation over resamples, per parameter."""
        return self.estimates.standard_error()

    def predict(self, frame: Any = None, /, *, C: Any = None) -> Any:
        """Return the best N and D for some compute.

        Parameters
        ----------
        frame : frame, optional
            A table with a column ``C`` (or the column that `C` names).
        C : float, array or str
            Compute in FLOP; beside a frame, the name of its column.

        Returns
        -------
        Optimum or frame
            `.C`, `.N`, `.D` for numbers; a frame comes back with columns ``N_opt`` and ``D_opt``.
        """
        if frame is None:
            compute = _positive(C)
            n, d = (_power(self.params, which, compute) for which in ("N", "D"))
            return Optimum(compute, n, d) if np.ndim(compute) else Optimum(float(compute), float(n), float(d))
        table = read_table(frame)
        compute = _positive(_column(table, C or "C"))
        columns = {f"{which}_opt": _power(self.params, which, compute) for which in ("N", "D")}
        return _with(table, columns)

    def band(self, *, C: Any, level: float = 0.95) -> Any:
        """Return an interval for the best N and D at some compute: a frame with columns C, N, N_low, N_high, D, ..."""
        compute = np.atleast_1d(_positive(C)).reshape(-1)
        self.estimates.check_tails(level)
        columns: dict[str, Any] = {"C": compute}
        at = np.log(compute)
        for which, (slope, scale) in {"N": (0, 1), "D": (2, 3)}.items():
            draws = self.estimates.sound()
            logs = draws[:, [slope]] * at + np.log(draws[:, [scale]])
            low, high = np.exp(np.quantile(logs, tails(level), axis=0, method="weibull"))
            columns |= {which: _power(self.params, which, compute), f"{which}_low": low, f"{which}_high": high}
        return make_frame(columns, self.estimates.backend)


def _power(params: Mapping[str, float], which: str, compute: Floats) -> Floats:
    exponent = params["a" if which == "N" else "b"]
    return np.asarray(params[f"{which}_coefficient"] * compute**exponent)


def _positive(compute: Any) -> Floats:
    if compute is None or isinstance(compute, str):
        raise DataError(compose("no value for 'C'", "pass C=..., in FLOP"))
    array = floats(compute) if np.ndim(compute) else np.asarray(float(compute))
    if not (array > 0).all():
        bad = np.atleast_1d(array)[np.atleast_1d(~(array > 0))][0]
        raise DataError(f"C is {bad:g}, expected FLOP above 0")
    return array


def _column(table: Table, name: str) -> Floats:
    if name not in table.names:
        raise column_error(name, table.names, " of compute (name another with C=...)")
    if table.kind(name) not in NUMERIC:
        raise DataError(f"column {name!r} holds {table.kind(name)} values, expected FLOP")
    return table.numbers(name).values


def _with(table: Table, columns: Mapping[str, Floats]) -> Any:
    """Return the frame with further columns, in its own kind."""
    if table.is_dict:
        return new_frame({**table.native, **columns})
    import narwhals.stable.v2 as nw

    wrapped = nw.from_native(table.native)
    if wrapped.implementation.is_pandas_like():  # pandas aligns by index, rows go by place
        return table.native.assign(**columns)
    series = [nw.new_series(name, values, backend=wrapped.implementation) for name, values in columns.items()]
    return wrapped.with_columns(*series).to_native()
