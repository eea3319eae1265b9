"""Estimators that are not formulas: each takes runs and returns a frozen result with a summary and intervals.

- `envelope`: approach 1, the minimum over training curves;
- `isoflop`: approach 2, the lowest point of each isoFLOP profile;
- `low_rank`: observational laws, missing scores completed and skills found by principal components;
- `sloth`: latent skills that grow with size and tokens, an intercept per family;
- `two_step`: loss from resources and a task's score from the loss, drawn jointly.

Laws that are formulas are fitted by `isoflop.fit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import getter

if TYPE_CHECKING:
    from ._allocation import Allocation, Optimum
    from ._envelope import Envelope, envelope
    from ._estimates import Estimates
    from ._isoflop import IsoFLOP, isoflop
    from ._low_rank import LowRank, low_rank
    from ._sloth import Sloth, sloth
    from ._two_step import TwoStep, two_step

#: Where the names live; each loads at its first use.
_LATE = {
    "Allocation": "_allocation",
    "Envelope": "_envelope",
    "Estimates": "_estimates",
    "IsoFLOP": "_isoflop",
    "LowRank": "_low_rank",
    "Optimum": "_allocation",
    "Sloth": "_sloth",
    "TwoStep": "_two_step",
    "envelope": "_envelope",
    "isoflop": "_isoflop",
    "low_rank": "_low_rank",
    "sloth": "_sloth",
    "two_step": "_two_step",
}

__all__ = [
    "Allocation",
    "Envelope",
    "Estimates",
    "IsoFLOP",
    "LowRank",
    "Optimum",
    "Sloth",
    "TwoStep",
    "envelope",
    "isoflop",
    "low_rank",
    "sloth",
    "two_step",
]


if not TYPE_CHECKING:  # or checkers would take every name for granted
    __getattr__ = getter(__name__, _LATE, globals())


def __dir__() -> list[str]:
    """Return public names that are not loaded yet, too."""
    return sorted({*globals(), *__all__})
