"""Priors on parameters: what the user writes, and what the core gets (mean and sd on its internal scale).

The internal scale is ln for positive parameters, logit for those in (0, 1), the value itself for real ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from isoflop._errors import LawError


@dataclass(frozen=True)
class Prior:
    """A Gaussian on the internal scale of a parameter; use one of its three kinds."""

    domain: ClassVar[str]

    def internal(self) -> tuple[float, float]:
        """Return mean and standard deviation on the internal scale."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        mean, sd = self.internal()
        if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
            raise LawError(f"{self!r} is no prior: its centre must lie in the {self.domain} domain and sd be above 0")


@dataclass(frozen=True)
class LogNormal(Prior):
    """A log-normal prior on a positive parameter.

    Parameters
    ----------
    median : float
        The value with half of the belief on each side.
    sd : float
        Standard deviation of the parameter's logarithm; 0.35 says "within a factor of 2 with 95 %".

    Examples
    --------
    >>> LogNormal(median=1.0, sd=0.35).internal()
    (0.0, 0.35)
    """

    domain: ClassVar[str] = "positive"
    median: float
    sd: float

    def internal(self) -> tuple[float, float]:
        """Return mean and standard deviation of the logarithm."""
        return (math.log(self.median) if self.median > 0 else math.nan), self.sd


@dataclass(frozen=True)
class Normal(Prior):
    """A normal prior on a parameter of any sign.

    Examples
    --------
    >>> Normal(mean=0.0, sd=2.0).internal()
    (0.0, 2.0)
    """

    domain: ClassVar[str] = "real"
    mean: float
    sd: float

    def internal(self) -> tuple[float, float]:
        """Return mean and standard deviation as they are."""
        return self.mean, self.sd


@dataclass(frozen=True)
class LogitNormal(Prior):
    """A logit-normal prior on a parameter between 0 and 1; `sd` is that of its logit.

    Examples
    --------
    >>> LogitNormal(median=0.5, sd=1.0).internal()
    (0.0, 1.0)
    """

    domain: ClassVar[str] = "unit"
    median: float
    sd: float

    def internal(self) -> tuple[float, float]:
        """Return mean and standard deviation of the logit."""
        return (math.log(self.median / (1 - self.median)) if 0 < self.median < 1 else math.nan), self.sd


def lowest_of(loss: Any) -> float:
    """Return the smallest loss above 0, 1 where there is none: faults of rows are for the fit to name.

    Examples
    --------
    >>> lowest_of([3.0, 2.5, float("nan")]), lowest_of([-1.0])
    (2.5, 1.0)
    """
    return min((float(x) for x in loss if x > 0), default=1.0)


def weak(lowest_loss: float) -> Mapping[str, Prior]:
    """Return the weak priors by parameter name, for runs whose smallest loss is `lowest_loss`.

    Notes
    -----
    Centres and spreads of published families: exponents 0.28 to 0.35 with spread 0.35, floors about 0.7 of the best
    loss with spread 0.25, p around 1 within a factor of e. Amplitudes are left flat. They are on by default for
    forecasts and off for inference: a fit that uses them says so.

    Examples
    --------
    >>> weak(2.0)["E"]
    LogNormal(median=1.4, sd=0.25)
    """
    return {
        "alpha": LogNormal(0.35, 0.35),
        "beta": LogNormal(0.35, 0.35),
        "E": LogNormal(0.70 * lowest_loss, 0.25),
        "p": LogNormal(1.0, 1.0),
    }
