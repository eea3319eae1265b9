"""`Optimum`: the best model and data under a budget, how sure they are, and how it is read and printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .. import _store
from .._engine import Floats
from .._errors import DataError, compose, listed
from .._points import make_frame
from .._repr import number
from ._text import html_of, short, text_of

#: Stands for infinite costs, whose differences are numbers.
_VAST = 1e300
#: What has an interval.
QUANTITIES = ("N", "D", "tokens_per_param", "loss", "C", "cost")


@dataclass(frozen=True, eq=False, repr=False)
class Optimum:
    """The best allocation of a budget.

    Numbers are floats for one budget and arrays (budgets,) for several; ends of intervals are NaN where the model has
    neither draws nor errors.

    Attributes
    ----------
    N, D, tokens_per_param : float or ndarray
        Parameters, training tokens, and their ratio.
    loss : float or ndarray
        Loss at the optimum.
    C : float or ndarray
        Training FLOP, by the convention of the cost.
    cost : float or ndarray
        All that is paid, inference included, in `cost_unit`.
    budget : float or ndarray
        What was asked for, in `unit`: "FLOP", "USD", "days", "kWh", or "loss".
    N_low, N_high, ... : float or ndarray
        Ends of intervals at `level`, for N, D, tokens_per_param, loss, C and cost; see `interval`.
    near : dict of float to (low, high)
        By share of more budget, the sizes that reach the optimum's loss with that much more: valleys are flat.
    over : dict of str to float or ndarray
        Further variables that were free.
    wall : dict of str to float
        Where data are limited: smallest budget whose optimum repeats them at all ("one_pass"), or four times.
    draws : dict of str to ndarray, or None
        N, D, loss and cost of each draw's own optimum: arrays (budgets, draws), NaN where a draw has none.
    notes : tuple of str
        What the reader should know, in plain words.

    Examples
    --------
    >>> import isoflop as iso
    >>> best = iso.compute_optimal(iso.laws.get("chinchilla").published["epoch2024"], C=[1e22, 1e24])
    >>> (best.N / 1e9).round(1)
    array([ 9. , 95.9])
    >>> best.to_frame().columns[:4]
    ['budget', 'C', 'N', 'N_low']
    """

    N: Any
    D: Any
    tokens_per_param: Any
    loss: Any
    C: Any
    cost: Any
    budget: Any
    unit: str
    cost_unit: str
    level: float
    ends: dict[str, tuple[Any, Any]]
    near: dict[float, tuple[Any, Any]]
    over: dict[str, Any] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    draws: dict[str, Floats] | None = None
    notes: tuple[str, ...] = ()
    law: str = ""
    backend: str = "polars"

    def __getattr__(self, name: str) -> Any:
        """Return an end of an interval: ``N_low``, ``loss_high``, ..."""
        quantity, _, side = name.rpartition("_")
        if side in ("low", "high") and quantity in QUANTITIES:
            return self.interval(quantity)[side == "high"]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        """Return the ends of intervals for completion, too."""
        return [*super().__dir__(), *(f"{q}_{side}" for q in QUANTITIES for side in ("low", "high"))]

    def interval(self, name: str) -> tuple[Any, Any]:
        """Return (low, high) of a quantity at `level`.

        Parameters
        ----------
        name : {"N", "D", "tokens_per_param", "loss", "C", "cost"}, or a variable of `over`

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 8, "D": [3e9, 3e10, 3e11, 3e10] * 6}, rng=1)
        >>> best = iso.compute_optimal(iso.fit(runs), C=1e23)
        >>> low, high = best.interval("N")
        >>> low < best.N < high, (low, high) == (best.N_low, best.N_high)
        (True, True)
        """
        if name not in self.ends:
            raise DataError(compose(f"there is no interval of {name!r}", f"there are those of {listed(self.ends)}"))
        return self.ends[name]

    def to_frame(self) -> Any:
        """Return one row per budget: the optimum with its intervals and near-optimal ranges.

        Examples
        --------
        >>> import isoflop as iso
        >>> law = iso.laws.get("chinchilla").published["epoch2024"]
        >>> iso.compute_optimal(law, C=[1e22, 1e24]).to_frame().columns[:6]
        ['budget', 'C', 'N', 'N_low', 'N_high', 'D']
        """
        return make_frame(self._columns(), self.backend)

    def _columns(self) -> dict[str, Floats]:
        columns: dict[str, Any] = {"budget": self.budget, "C": self.C}
        for name in ("N", "D", "tokens_per_param", "loss", *self.over):
            value = self.over[name] if name in self.over else getattr(self, name)
            low, high = self.ends[name]
            columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
        if self.unit == "loss" or self.cost_unit != "FLOP":
            low, high = self.ends["cost"]
            columns |= {"cost": self.cost, "cost_low": low, "cost_high": high}
        for share, (low, high) in self.near.items():
            name = f"near_{number(100 * share, 3)}"
            columns |= {f"{name}_low": low, f"{name}_high": high}
        return {name: np.atleast_1d(np.asarray(value, dtype=np.float64)) for name, value in columns.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the draws in JSON's types."""
        plain = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("backend", "draws", "near", "ends")
        }
        plain["ends"] = {name: list(ends) for name, ends in self.ends.items()}
        plain["near"] = [{"share": share, "N_low": low, "N_high": high} for share, (low, high) in self.near.items()]
        plain["n_draws"] = 0 if self.draws is None else int(self.draws["N"].shape[1])
        saved: dict[str, Any] = _store.finite(plain)
        return saved

    def summary(self) -> str:
        """Return the optimum as text: facts for one budget, a row per budget for several; and the notes.

        Examples
        --------
        >>> import isoflop as iso
        >>> law = iso.laws.get("chinchilla").published["epoch2024"]
        >>> print(iso.compute_optimal(law, C=5.76e23).summary())
        chinchilla: the best size and data for a budget
        <BLANKLINE>
        budget                     5.76e+23 FLOP
        model size N               72.2B parameters
        training tokens D          1.33T
        tokens per parameter       18.4
        loss                       1.9744
        N within 2 % more budget   57.6B to 92.4B
        N within 10 % more budget  45.1B to 127B
        <BLANKLINE>
        - published values come without correlations, so there are no intervals
        """
        return text_of(self)

    def __repr__(self) -> str:
        """Show one budget on a line, or a row per budget, at most twenty; never the draws."""
        return short(self)

    def _repr_html_(self) -> str:
        return html_of(self)


def quantile_ends(draws: Mapping[str, Floats], probs: tuple[float, float]) -> dict[str, tuple[Floats, Floats]]:
    """Return both ends per quantity over the draws that have one; infinite costs count.

    Examples
    --------
    >>> ends = quantile_ends({"N": np.array([[1.0, 2.0, np.nan, 3.0]])}, (0.25, 0.75))
    >>> [float(x[0]) for x in ends["N"]]
    [1.0, 3.0]
    """
    return {name: _quantiles(values, probs) for name, values in draws.items()}


def _quantiles(values: Floats, probs: tuple[float, float]) -> tuple[Floats, Floats]:
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for i, row in enumerate(values):
        known = row[~np.isnan(row)]
        if len(known) and (known == known[0]).all():
            low[i] = high[i] = known[0]
        elif len(known):
            ends = np.quantile(np.minimum(known, _VAST), probs, method="weibull")
            low[i], high[i] = np.where(ends > _VAST / 1e9, np.inf, ends)
    return low, high
