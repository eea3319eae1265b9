"""The law M4, whose value is the root of an equation: from chance to a floor by a power law."""

from __future__ import annotations

from .._law import Law
from .._recipe import Recipe

m4 = Law(
    "implicit_m4(E_inf, E_0, alpha, log(beta) - c * log(X))",
    variables=("X",),
    response="L",
    name="m4",
    title="sigmoid-like curve from chance E_0 down to E_inf, power law in between (M4)",
    box={"E_inf": (1e-3, 1.0), "E_0": (0.05, 20.0), "alpha": (0.05, 5.0), "beta": (1e-3, 1e8), "c": (0.02, 2.0)},
    seed_at={"alpha": (0.5, 1.0, 2.0)},
    recipe=Recipe("squared", note="estimators are scored on held-out larger X, not on the fit"),
    units={"X": "any one resource, the others not limiting"},
    citation="Alabdulmohsin et al. 2022, arXiv 2209.06640, form M4: (eps - E_inf)/(E_0 - eps)^alpha = beta X^-c",
    validity="error rates from chance on; alpha = 0 is power_floor, alpha = 1 a logistic in log X",
    traps=(
        "E_0 and alpha speak of small X only: without points near chance hold E_0 at its known value (fixed=)",
        "the floor needs points beyond the bend: report profile or bootstrap intervals",
        "the sign of c differs between the paper and its code; here c above 0 falls with X",
    ),
)
