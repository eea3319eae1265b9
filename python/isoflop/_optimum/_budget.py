"""Which budget was given: its amounts, its unit, and whether the cost is in that unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._engine import Floats, floats
from .._errors import DataError, compose, listed
from .._given import numbers

#: The unit of each argument.
UNITS = {"C": "FLOP", "usd": "USD", "days": "days", "kwh": "kWh", "loss": "loss"}


@dataclass(frozen=True)
class Budget:
    """Amounts of one kind; `cost_unit` is what is spent where the amounts are losses."""

    amounts: Floats
    unit: str
    cost_unit: str
    is_scalar: bool

    @property
    def by_loss(self) -> bool:
        """Whether a loss is given and the smallest budget is asked for."""
        return self.unit == "loss"

    @property
    def targets(self) -> Floats:
        """What the core searches at: losses, or logarithms of budgets."""
        return self.amounts if self.by_loss else floats(np.log(self.amounts))

    def give_back(self, values: Floats) -> Any:
        """Return one value per amount, a float where one amount was given."""
        return float(values[0]) if self.is_scalar else values


def read_budget(given: Mapping[str, Any], cost: Any) -> Budget:
    """Return the one budget among `given`.

    Examples
    --------
    >>> read_budget({"C": 1e21, "loss": None}, None).unit
    'FLOP'
    """
    name, amounts = read_amounts(given)
    own = cost.unit if isinstance(cost, CostCurve) else "FLOP" if name in ("C", "loss") else UNITS[name]
    if name != "loss" and own != UNITS[name]:
        hint = f"pass {next(k for k, u in UNITS.items() if u == own)}=..., or a cost in {UNITS[name]}"
        raise DataError(compose(f"the budget is in {UNITS[name]} and the cost curve in {own}", hint))
    if name in ("usd", "days", "kwh") and cost is None:
        raise DataError(
            compose(
                f"what a run costs in {UNITS[name]} is not known",
                f"pass cluster=, such as iso.Cluster('H100-SXM', 1024), or cost=, an iso.CostCurve in {UNITS[name]} "
                "or a formula such as '6*N*D / 4e17 * 2.5 / 3600'",
            )
        )
    return Budget(amounts, UNITS[name], own, np.ndim(given[name]) == 0)


def read_amounts(given: Mapping[str, Any]) -> tuple[str, Floats]:
    """Return the keyword of the one budget that is given, and its amounts.

    Examples
    --------
    >>> read_amounts({"C": None, "usd": [1e5, 1e6]})
    ('usd', array([ 100000., 1000000.]))
    """
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        what = f"{len(named)} budgets are given ({listed(named)})" if named else "no budget is given"
        raise DataError(compose(what, f"pass exactly one of {', '.join(f'{n}=' for n in UNITS)}"))
    name, value = next(iter(named.items()))
    return name, _amounts(name, value)


def _amounts(name: str, value: Any) -> Floats:
    amounts = numbers(name, value, "a positive number or several")
    if np.ndim(value) > 1 or amounts.size == 0:
        raise DataError(f"{name} has shape {np.shape(value)}, expected a number or a list of numbers")
    bad = ~(np.isfinite(amounts) & (amounts > 0))
    if bad.any():
        raise DataError(f"{name} is {amounts[bad][0]:g}, expected a positive finite number")
    return amounts
