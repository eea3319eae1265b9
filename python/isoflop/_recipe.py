"""How a fit weighs its residuals: criteria, their settings, and what the core is told.

A residual is predicted minus observed, on the law's response scale. Priors and bounds are in `_options`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ._errors import DataError, compose, listed, nearest
from ._repr import number

Criterion = Literal["huber", "squared", "pseudo_huber", "log_cosh", "absolute", "quantile"]
CRITERIA: tuple[str, ...] = get_args(Criterion)
#: Criteria whose shape has a width.
WITH_DELTA = ("huber", "pseudo_huber", "log_cosh")
#: Where a continued delta starts; the core drives it down until the loss is absolute to rounding.
FIRST_DELTA = 1e-2


@dataclass(frozen=True)
class Recipe:
    """What is summed over rows.

    Parameters
    ----------
    criterion : {"huber", "squared", "pseudo_huber", "log_cosh", "absolute", "quantile"}
        Shape of the sum. "absolute" and "quantile" are reached through ever narrower asymmetric Huber losses.
    delta : float or "auto", optional
        Width of the quadratic middle, in units of the response (log loss: 0.001 is 0.1 %). "auto" is
        1.345 times a robust residual scale.
    quantile : float, optional
        Between 0 and 1. Over-prediction weighs ``2 (1 - quantile)`` and under-prediction ``2 quantile``, so 0.5 is
        symmetric with weight 1, and 0.1 lets a tenth of the runs lie below the curve: it follows the best-tuned runs.
    note : str
        What else the paper did.

    Examples
    --------
    >>> Recipe("huber", 1e-3).text()
    'huber, delta 0.001, sum over rows'
    >>> Recipe("quantile", quantile=0.1).weights()
    (1.8, 0.2)
    """

    criterion: Criterion = "huber"
    delta: float | Literal["auto"] | None = None
    quantile: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.criterion not in CRITERIA:
            close = nearest(str(self.criterion), CRITERIA)
            hint = f"did you mean {listed(close)}?" if close else f"choose one of {listed(CRITERIA)}"
            raise DataError(compose(f"unknown criterion {self.criterion!r}", hint))
        self._check_delta()
        if self.quantile is not None and not 0 < self.quantile < 1:
            raise DataError(f"quantile is {self.quantile}, expected a number between 0 and 1")
        if self.criterion == "quantile" and self.quantile is None:
            raise DataError(compose("criterion 'quantile' needs a quantile", "pass quantile=0.1, for example"))
        if self.criterion == "absolute" and self.quantile is not None:
            raise DataError(compose("criterion 'absolute' takes no quantile", "use criterion='quantile'"))

    def _check_delta(self) -> None:
        if self.delta is None or self.delta == "auto":
            return
        if self.criterion in ("squared", "absolute"):
            raise DataError(compose(f"criterion {self.criterion!r} has no delta", "use criterion='huber'"))
        if not (isinstance(self.delta, int | float) and self.delta > 0):
            raise DataError(f"delta is {self.delta!r}, expected a number above 0 or 'auto'")

    def weights(self) -> tuple[float, float]:
        """Return the weights of over- and under-prediction."""
        q = 0.5 if self.quantile is None else self.quantile
        return 2 * (1 - q), 2 * q

    def override(self, criterion: str | None, delta: float | str | None, quantile: float | None, scale: str) -> Recipe:
        """Return this recipe with what the user asked for in place of the paper's choices."""
        if criterion is None and quantile is not None:
            criterion = "quantile"
        if criterion is None and delta is not None and self.criterion not in WITH_DELTA:
            criterion = "huber"
        changed = criterion is not None or delta is not None or quantile is not None
        kind = criterion or self.criterion
        if delta is None and kind in WITH_DELTA:
            delta = self.delta if self.delta is not None else default_delta(scale)
        if quantile is None and kind == "quantile" and self.criterion == "quantile":
            quantile = self.quantile
        return replace(
            self,
            criterion=kind,  # type: ignore[arg-type]
            delta=delta,  # type: ignore[arg-type]
            quantile=quantile,
            note="" if changed else self.note,
        )

    def core(self) -> dict[str, Any]:
        """Return the part of the core's recipe that is about residuals."""
        over, under = self.weights()
        auto = self.delta == "auto"
        continued = self.criterion in ("absolute", "quantile") and self.delta is None
        delta = FIRST_DELTA if continued or auto else self.delta
        return {
            "shape": self.criterion if self.criterion in WITH_DELTA else "huber",
            "delta": math.inf if self.criterion == "squared" else float(delta or 0.0),
            "auto_delta": auto,
            "over": over,
            "under": under,
            "continuation": continued,
        }

    def text(self, delta: float | None = None) -> str:
        """Return the recipe in words; `delta` is the width that "auto" came to."""
        parts: list[str] = [self.criterion]
        if self.delta == "auto":
            parts.append("delta auto" if delta is None else f"delta auto = {number(delta)}")
        elif self.delta is not None:
            parts.append(f"delta {number(self.delta)}")
        if self.quantile is not None:
            over, under = self.weights()
            parts.append(f"quantile {number(self.quantile)} (over-prediction weighs {over:g}, under- {under:g})")
        return ", ".join([*parts, "sum over rows"])


def default_delta(scale: str) -> float | Literal["auto"]:
    """Return the width used where neither the user nor a paper says: 0.001 on log loss, adaptive otherwise."""
    return 1e-3 if scale == "log" else "auto"
