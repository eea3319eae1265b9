"""What a design is worth: errors and bands of the targets, and whether its runs tell the best size at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats
from .._errors import DataError, compose, counted
from .._quantiles import tails
from .._repr import number
from ._known import Known
from ._target import Target, Version, optimal_size

#: Runs alone must tell ln N_opt better than this (a factor of ten either way), priors left out and p held.
OPEN = float(np.log(10.0))


@dataclass(frozen=True)
class Expected:
    """The forecast at the target that a design should lead to.

    Attributes
    ----------
    design : str
    cost : float
        Of its new runs.
    loss, loss_error, loss_low, loss_high : float
        The loss at the best size under the target, the standard error of its logarithm, and the band of the mean curve.
    N_opt, N_opt_error, N_opt_low, N_opt_high : float
        The best size, the standard error of its logarithm, and its interval.
    """

    design: str
    cost: float
    loss: float
    loss_error: float
    loss_low: float
    loss_high: float
    N_opt: float
    N_opt_error: float
    N_opt_low: float
    N_opt_high: float


@dataclass(frozen=True)
class Judge:
    """What is known, and the target that designs are judged by."""

    known: Known
    targets: tuple[Target, ...]
    centre: Target
    level: float

    def versions(self, N: Floats, D: Floats) -> list[dict[str, Any]]:
        """Return what the core needs of runs at some points, for each version of the law."""
        return [
            {
                "before": self.known.before(version),
                "slopes": version.at(N, D) / self.known.sigma,
                "targets": target.gradients,
                "weight": version.weight,
            }
            for version, target in zip(self.known.versions, self.targets, strict=True)
        ]

    def expected(self, design: str, cost: float, N: Floats, D: Floats) -> Expected:
        """Return what a design should lead to."""
        variances = _engine.design_variances(self.versions(N, D))
        weights = np.array([version.weight for version in self.known.versions])
        loss, size = np.exp(0.5 * (weights @ np.log(variances))).tolist()
        t = float(_engine.student([tails(self.level)[1]], self.known.df(len(N)))[0])
        centre = self.centre
        return Expected(
            design,
            cost,
            centre.loss,
            loss,
            *_ends(centre.loss, t * loss),
            centre.N,
            size,
            *_ends(centre.N, t * size),
        )

    def require_identified(self, N: Floats, D: Floats) -> None:
        """Raise where the runs, made and new, do not tell the best size.

        Priors are left out, and a shape p is held: else they would seem to tell what no run does.
        """
        errors = [
            self._error_alone(version, target, N, D)
            for version, target in zip(self.known.versions, self.targets, strict=True)
        ]
        if min(errors) <= OPEN:
            return
        error = "infinite" if not np.isfinite(min(errors)) else number(min(errors), 3)
        which = counted(len(N), "new run") + ("" if self.known.made is None else " and those already made")
        raise DataError(
            compose(
                f"the {which} do not identify N_opt at {number(self.centre.C, 3)} FLOP: without priors the standard "
                f"error of its logarithm is {error}, expected at most {number(OPEN, 2)} (a factor of 10)"
                + self._shape(N, D),
                "train several sizes at the same compute, from a fourth to four times the best one",
            )
        )

    def _error_alone(self, version: Version, target: Target, N: Floats, D: Floats) -> float:
        keep = [i for i, name in enumerate(version.free) if name != "p"]
        alone = replace(version, free=tuple(version.free[i] for i in keep))
        content = {
            "before": self.known.told(alone),
            "slopes": alone.at(N, D) / self.known.sigma,
            "targets": np.ascontiguousarray(target.gradients[1:, keep]),
            "weight": 1.0,
        }
        return float(np.sqrt(_engine.design_variances([content])[0, 0]))

    def _shape(self, N: Floats, D: Floats) -> str:
        """Say it where the new runs follow the compute-optimal frontier, or one ratio of tokens to parameters."""
        if len(N) < 2:
            return ""
        if np.ptp(np.log(D / N)) < np.log(1.2):
            return f"; all of them have {number(float(np.exp(np.mean(np.log(D / N)))), 3)} tokens per parameter"
        best = [optimal_size(self.known.best, C) for C in 6 * N * D]
        off = np.log(N / best)
        return "; all of them lie on the compute-optimal frontier" if np.ptp(off) < np.log(1.5) else ""


def _ends(centre: float, half: float) -> tuple[float, float]:
    with np.errstate(over="ignore"):
        return float(centre * np.exp(-half)), float(centre * np.exp(half))
