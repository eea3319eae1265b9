"""What a design is to tell: the loss and the best size under a target budget, and how both move with the parameters.

Gradients are those of ln L by parameters on their internal scale (ln of positive ones, logit of those in (0, 1)).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .._engine import Floats, floats
from .._errors import ExtrapolationWarning, LawError, compose
from .._law import Law
from .._repr import number

#: Sizes that are looked at between 1e3 parameters and 1e3 tokens, and how often the best place is looked at closer.
SCAN, ZOOMS = 401, 5
#: Steps of ln N of the derivatives along a budget, and their weights (five points, fourth order).
STEP = 0.02
OFFSETS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
FIRST = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12
SECOND = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12


@dataclass(frozen=True)
class Version:
    """A law at one vector of parameters.

    Attributes
    ----------
    law : Law
        A law over N and D (and variables that are held).
    params : mapping
        Its parameters.
    free : tuple of str
        Those that the runs are to tell.
    held : mapping
        Values of the law's other variables.
    weight : float
        Among all versions.
    """

    law: Law
    params: Mapping[str, float]
    free: tuple[str, ...]
    held: Mapping[str, float]
    weight: float = 1.0

    def loss(self, N: Floats, D: Floats) -> Floats:
        """Return ln L."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExtrapolationWarning)
            return floats(np.log(self.law.predict(self.params, **self.points(N, D))))

    def slopes(self, columns: Mapping[str, Floats]) -> Floats:
        """Return the gradient of ln L at points, an array (points, free)."""
        words = [name if name in self.law.real else f"log {name}" for name in self.free]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExtrapolationWarning)
            found = self.law.jacobian(self.params, by=words, log=True, **columns)
        # On the logit scale d x = x (1 - x): what is left of d x = x on the log scale.
        rest = [1 - self.params[name] if name in self.law.unit else 1.0 for name in self.free]
        return floats(np.column_stack([found[word] * r for word, r in zip(words, rest, strict=True)]))

    def at(self, N: Floats, D: Floats) -> Floats:
        """Return `slopes` at sizes and tokens."""
        return self.slopes(self.points(N, D))

    def points(self, N: Floats, D: Floats) -> dict[str, Floats]:
        """Return the law's variables at sizes and tokens."""
        N, D = np.broadcast_arrays(np.asarray(N, dtype=np.float64), np.asarray(D, dtype=np.float64))
        return {"N": floats(N), "D": floats(D), **{name: np.full(N.shape, x) for name, x in self.held.items()}}


@dataclass(frozen=True)
class Target:
    """The optimum under a budget, and gradients of ln L and ln N there, an array (2, free)."""

    C: float
    N: float
    loss: float
    gradients: Floats


def optimal_size(version: Version, C: float) -> float:
    """Return the N of the lowest loss with C = 6 N D.

    Raises
    ------
    LawError
        If the loss is lowest at an end: the law has no best size there.
    """
    low, high = np.log(1e3), np.log(C / 6 / 1e3)
    for zoom in range(ZOOMS):
        u = np.linspace(low, high, SCAN if zoom == 0 else 41)
        loss = version.loss(np.exp(u), C / 6 * np.exp(-u))
        best = int(np.argmin(loss))
        if zoom == 0 and not 0 < best < SCAN - 1:
            raise LawError(
                compose(
                    f"the law {version.law.name or version.law.formula!r} has no best size at {number(C, 3)} FLOP: "
                    f"its loss is lowest at the {'smallest' if best == 0 else 'largest'} N",
                    "a design needs a law in which both N and D help",
                )
            )
        best = min(max(best, 1), len(u) - 2)
        low, high = u[best - 1], u[best + 1]
    # The vertex of the parabola through the last three: the curve is flat to rounding between them.
    return float(np.exp(0.5 * (low + high)))


def target_of(version: Version, C: float) -> Target:
    """Return the optimum and its gradients.

    Notes
    -----
    At the optimum the loss does not change with N, so its gradient is that at a fixed point. The size follows from
    d ln L / d ln N = 0: its gradient is minus the mixed derivative over the curvature along the budget.
    """
    best = optimal_size(version, C)
    u = np.log(best) + STEP * OFFSETS
    N, D = np.exp(u), C / 6 * np.exp(-u)
    slopes, loss = version.at(N, D), version.loss(N, D)
    curvature = float(SECOND @ loss) / STEP**2
    size = -(FIRST @ slopes) / STEP / curvature
    return Target(C, best, float(np.exp(loss[2])), floats(np.vstack([slopes[2], size])))
