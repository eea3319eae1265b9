"""`CostCurve`: what a run of a model size costs per token, as a table over sizes that is read smoothly between them.

Where the numbers come from (a cluster, a price list, a measurement) is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ._engine import Floats, floats
from ._errors import DataError, compose, rows_text
from ._repr import html_table, number, table
from ._store import finite

Unit = Literal["FLOP", "USD", "days", "kWh"]
UNITS: tuple[str, ...] = get_args(Unit)


@dataclass(frozen=True, eq=False, repr=False)
class CostCurve:
    """The cost of a training run as a function of its model: cost(N, D) = fixed(N) + per_token(N)·D.

    Parameters
    ----------
    N : array
        Model sizes in parameters, rising, at least one that can be run.
    per_token : array
        Cost of one training token at each size, above 0; NaN where the size cannot be run.
    fixed : float or array
        What is paid at each size whatever the number of tokens is, 0 or more.
    unit : {"FLOP", "USD", "days", "kWh"}
        What cost counts.
    flops_per_token : array, optional
        Training FLOP per token at each size, so that results can say what compute was bought; 6·N where None.
    label : str
        What the table describes, for messages and summaries.
    reasons : mapping of int to str
        Why a size (by its row) cannot be run.

    Raises
    ------
    DataError
        If columns differ in length, sizes do not rise, prices are not positive, or no size can be run.

    Notes
    -----
    Between sizes ln per_token and ln fixed (or fixed, where some of it is 0) are monotone piecewise cubics of ln N
    (Fritsch and Carlson 1980): smooth, and without bumps that the table does not have. Sizes outside the table, and
    those between two of which one cannot be run, are not allowed.

    Examples
    --------
    >>> import isoflop as iso
    >>> curve = iso.CostCurve(N=[1e9, 1e10, 1e11], per_token=[3e-9, 3e-8, 3e-7], unit="USD")
    >>> round(curve(N=3e9, D=1e12))
    9000
    >>> curve.sizes
    ((1000000000.0, 100000000000.0),)
    """

    N: Any
    per_token: Any
    fixed: Any = 0.0
    unit: Unit = "USD"
    _: KW_ONLY
    flops_per_token: Any = None
    label: str = ""
    reasons: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the columns and freeze them."""
        if self.unit not in UNITS:
            raise DataError(compose(f"unit is {self.unit!r}", f"choose one of {', '.join(map(repr, UNITS))}"))
        N = np.atleast_1d(_numbers("N", self.N))
        if N.ndim != 1 or not (np.isfinite(N) & (N > 0)).all() or not (np.diff(N) > 0).all():
            raise DataError("N of a cost curve must be positive sizes in rising order")
        object.__setattr__(self, "N", N)
        object.__setattr__(self, "per_token", _column("per_token", self.per_token, N))
        object.__setattr__(self, "fixed", _column("fixed", self.fixed, N, least=0.0))
        if self.flops_per_token is not None:
            object.__setattr__(self, "flops_per_token", _column("flops_per_token", self.flops_per_token, N))
            unknown = np.flatnonzero(np.isnan(self.flops_per_token) & self.can_run)
            if len(unknown):
                raise DataError(f"flops_per_token is nan in {rows_text(unknown)}, expected positive numbers")
        object.__setattr__(self, "reasons", dict(self.reasons))
        if not self.can_run.any():
            why = "; ".join(dict.fromkeys(self.reasons.values()))
            raise DataError(compose(f"no size of the cost curve {self.label!r} can be run", why or None))

    @property
    def can_run(self) -> NDArray[np.bool_]:
        """Which sizes can be run."""
        return np.asarray(np.isfinite(self.per_token) & np.isfinite(self.fixed))

    @property
    def sizes(self) -> tuple[tuple[float, float], ...]:
        """Stretches of sizes that can be run, as (smallest, largest); a lone size has both ends alike."""
        ok = self.can_run
        edges = np.flatnonzero(np.diff(np.concatenate(([0], ok.astype(int), [0]))))
        return tuple((float(self.N[a]), float(self.N[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True))

    def __call__(self, N: Any, D: Any) -> Any:
        """Return the cost of runs, in `unit`.

        Parameters
        ----------
        N, D : float or array
            Parameters and tokens, which broadcast.

        Raises
        ------
        DataError
            If a size lies outside the table or cannot be run.
        """
        sizes, tokens = np.broadcast_arrays(_numbers("N", N), _numbers("D", D))
        self._require(sizes)
        cost = self.fixed_at(sizes) + self.price(sizes) * tokens
        return cost if cost.ndim else float(cost)

    def price(self, N: Any) -> Any:
        """Return the cost of one token at sizes, in `unit`."""
        return self.read(self.per_token, N)

    def fixed_at(self, N: Any) -> Any:
        """Return the fixed part of the cost at sizes, in `unit`."""
        return self.read(self.fixed, N)

    def read(self, values: Floats, N: Any) -> Any:
        """Return a column of one value per size, read between the sizes."""
        if self._is_log(values):
            return np.exp(_read(self._knots(), self.pieces(np.log(values)), np.log(N)))
        return _read(self._knots(), self.pieces(values), np.log(N))

    def flops(self, N: Any, D: Any) -> Any:
        """Return the training FLOP of runs: from `flops_per_token`, or 6·N·D where the curve has none."""
        if self.flops_per_token is None:
            return 6.0 * np.asarray(N) * D
        return self.read(self.flops_per_token, N) * D

    def pieces(self, values: Floats) -> Floats:
        """Return the cubic pieces of a column over ln N between the sizes that can be run: an array (pieces, 4)."""
        return monotone(self._knots(), values[self.can_run])

    def _knots(self) -> Floats:
        return floats(np.log(self.N[self.can_run]))

    def to_core(self, extra_fixed: Floats | None = None) -> dict[str, Any]:
        """Return the curve as the core takes it; `extra_fixed` is added to the fixed part at each size."""
        fixed = self.fixed if extra_fixed is None else self.fixed + extra_fixed
        knots = self._knots()
        if len(knots) == 1:
            knots = floats([knots[0], knots[0] + 1.0])
        is_log = self._is_log(fixed)
        return {
            "knots": knots,
            "per_token": self.pieces(np.log(self.per_token)),
            "fixed": self.pieces(np.log(fixed) if is_log else fixed) if fixed[self.can_run].any() else None,
            "fixed_is_log": is_log,
        }

    def _is_log(self, values: Floats) -> bool:
        """Whether a column is read by its logarithm: where none of it is 0."""
        return bool((values[self.can_run] > 0).all())

    def _require(self, N: Floats) -> None:
        inside = np.zeros(N.shape, dtype=bool)
        for low, high in self.sizes:
            inside |= (low * (1 - 1e-12) <= N) & (high * (1 + 1e-12) >= N)
        if not inside.all():
            first = float(N[~inside].flat[0])
            shown = ", ".join(f"{number(a, 3)} to {number(b, 3)}" for a, b in self.sizes)
            raise DataError(compose(f"N is {number(first)}, which the cost curve does not hold", f"it holds {shown}"))

    def to_dict(self) -> dict[str, Any]:
        """Return the table in JSON's types."""
        return {f.name: finite(getattr(self, f.name)) for f in fields(self)}

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [number(n, 4), number(price, 4), number(fixed, 4), self.reasons.get(i, "") if not ok else ""]
            for i, (n, price, fixed, ok) in enumerate(
                zip(self.N, self.per_token, self.fixed, self.can_run, strict=True)
            )
        ]
        shown = rows if len(rows) <= 20 else [*rows[:10], ["..."] * 4, *rows[-9:]]
        return ["N", f"{self.unit} per token", "fixed", ""], shown

    def __repr__(self) -> str:
        """Show the table, at most twenty rows of it."""
        return "\n".join(x for x in (self.label, table(*self._cells())) if x)

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), self.label)


def _numbers(name: str, values: Any) -> Floats:
    try:
        return floats(values) if np.ndim(values) else np.asarray(float(values))
    except (TypeError, ValueError):
        raise DataError(f"{name} holds {values!r}, expected numbers") from None


def _column(name: str, values: Any, N: Floats, least: float | None = None) -> Floats:
    array = _numbers(name, values)
    if array.ndim == 0:
        array = np.full(len(N), float(array))
    if array.shape != N.shape:
        raise DataError(f"{name} has {array.size} values, expected {len(N)}, one per size")
    bad = np.flatnonzero((array < 0) if least is not None else (array <= 0) | np.isposinf(array))
    if len(bad):
        need = "0 or more" if least is not None else "positive numbers, NaN where a size cannot be run"
        raise DataError(f"{name} is {array[bad[0]]:g} in {rows_text(bad)}, expected {need}")
    return floats(array)


def monotone(x: Floats, y: Sequence[float] | Floats) -> Floats:
    """Return the coefficients of the monotone cubic through points: rows c0..c3 of powers of (x - x_k).

    Examples
    --------
    >>> monotone(np.array([0.0, 1.0, 2.0]), [0.0, 1.0, 2.0]).round(12).tolist()
    [[0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    """
    y = floats(y)
    if len(x) == 1:
        return floats([[y[0], 0.0, 0.0, 0.0]])
    h, rise = np.diff(x), np.diff(y) / np.diff(x)
    slope = _slopes(h, rise)
    c2 = (3 * rise - 2 * slope[:-1] - slope[1:]) / h
    c3 = (slope[:-1] + slope[1:] - 2 * rise) / h**2
    return floats(np.column_stack([y[:-1], slope[:-1], c2, c3]))


def _slopes(h: Floats, rise: Floats) -> Floats:
    """Return slopes at the knots: weighted harmonic means inside, one-sided parabolas at the ends."""
    if len(rise) == 1:
        return floats([rise[0], rise[0]])
    inner = np.zeros(len(rise) - 1)
    same = rise[:-1] * rise[1:] > 0
    before, after = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (before + after) / (before / rise[:-1] + after / rise[1:])
    inner[same] = mean[same]
    ends = (_end(h[0], h[1], rise[0], rise[1]), _end(h[-1], h[-2], rise[-1], rise[-2]))
    return floats([ends[0], *inner, ends[1]])


def _end(h0: float, h1: float, r0: float, r1: float) -> float:
    slope = ((2 * h0 + h1) * r0 - h0 * r1) / (h0 + h1)
    if slope * r0 <= 0:
        return 0.0
    return float(3 * r0 if r0 * r1 < 0 and abs(slope) > abs(3 * r0) else slope)


def _read(knots: Floats, pieces: Floats, x: Any) -> Any:
    at = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(pieces) - 1)
    t, c = np.asarray(x) - knots[at], pieces[at]
    return c[..., 0] + t * (c[..., 1] + t * (c[..., 2] + t * c[..., 3]))
