"""What a plan may spend: one budget in one unit, and the days that it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._cluster import Cluster
from .._errors import DataError, compose

#: Unit of each keyword.
UNITS = {"C": "FLOP", "usd": "USD", "days": "days", "kwh": "kWh", "loss": "loss"}


@dataclass(frozen=True)
class Budget:
    """An amount of one unit."""

    keyword: str
    amount: float

    @property
    def unit(self) -> str:
        """FLOP, USD, days, kWh or loss."""
        return UNITS[self.keyword]

    @property
    def text(self) -> str:
        """The budget in words."""
        shown = {"FLOP": f"{self.amount:.4g} FLOP", "days": f"{self.amount:g} days", "loss": f"loss {self.amount:g}"}
        paid = f"{self.amount:,.0f}" if self.amount >= 100 else f"{self.amount:g}"
        return shown.get(self.unit, f"{paid} {self.unit}")


def read_budget(given: Mapping[str, float | None], cluster: Cluster) -> Budget:
    """Return the one budget that was given, after checking that the cluster can be paid in it."""
    named = {keyword: amount for keyword, amount in given.items() if amount is not None}
    choice = ", ".join(UNITS)
    if len(named) != 1:
        what = "no budget was given" if not named else f"{' and '.join(named)} were given"
        raise DataError(compose(f"{what}, expected exactly one of {choice}", "max_days= bounds the time of the others"))
    ((keyword, amount),) = named.items()
    try:
        value = float(amount)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0 < value < float("inf"):
        raise DataError(f"{keyword} is {amount!r}, expected one positive number")
    if keyword == "usd" and not cluster.price_usd_per_hour:
        raise DataError(compose(f"{cluster.device.name} has no price", "pass price_usd_per_hour= to the cluster"))
    return Budget(keyword, value)
