"""What a design is worth: errors and bands of the targets, and whether its runs tell the best size at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._errors import DataError, compose, counted
from .._quantiles import tails
from .._repr import number
from ._costs import Candidates
from ._known import Known
from ._mixture import SEARCHED, Mixture
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
class Usual:
    """A design that people make, and what it should lead to."""

    runs: Candidates
    expected: Expected


@dataclass(frozen=True)
class Judge:
    """What is known, and the target that designs are judged by."""

    known: Known
    targets: tuple[Target, ...]
    centre: Target
    level: float
    mixture: Mixture | None = None

    def beliefs(self, N: Floats, D: Floats, *, searched: bool = False) -> list[dict[str, Any]]:
        """Return what the core needs of runs at some points: the forecaster's mixture, or versions of the law."""
        if self.mixture is not None:
            return [self.mixture.belief(N, D, SEARCHED if searched else None)]
        pairs = zip(self.known.versions, self.targets, strict=True)
        return [self._belief(version, target.gradients, N, D) for version, target in pairs]

    def _belief(self, version: Version, gradients: Floats, N: Floats, D: Floats, alone: bool = False) -> dict[str, Any]:
        known = self.known
        content = {
            "before": known.told(version) if alone else known.before(version),
            "slopes": floats(version.at(N, D) / known.sigma),
            "targets": floats(gradients),
            "weight": 1.0,
            "field": None,
        }
        return {"versions": [content], "apart": np.zeros(len(gradients)), "weight": version.weight}

    def expected(self, design: str, cost: float, N: Floats, D: Floats) -> Expected:
        """Return what a design should lead to."""
        loss, size = np.sqrt(self._variances(N, D)).tolist()
        df = self.known.df(len(N)) if self.mixture is None else self.mixture.df(len(N))
        t = float(_engine.student([tails(self.level)[1]], df)[0])
        middle = self.centre.loss if self.mixture is None else float(np.exp(self.mixture.centre))
        best = self.centre.N
        loss_ends, size_ends = _ends(middle, t * loss), _ends(best, t * size)
        return Expected(design, cost, middle, loss, *loss_ends, best, size, *size_ends)

    def _variances(self, N: Floats, D: Floats) -> Floats:
        """Return variances of ln L and ln N_opt: geometric means where there are several beliefs."""
        beliefs = self.beliefs(N, D)
        weights = np.array([belief["weight"] for belief in beliefs])
        return floats(np.exp(weights @ np.log(_engine.design_variances(beliefs, len(N)))))

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
        belief = self._belief(alone, target.gradients[1:, keep], N, D, alone=True)
        return float(np.sqrt(_engine.design_variances([belief], len(N))[0, 0]))

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
