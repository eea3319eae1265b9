"""An independent reference for the Chinchilla law: numpy and scipy only, nothing of the package.

Residuals, their two derivatives and the criteria as the textbooks write them; optima by a trust region from many
starts, polished by Newton steps. Slow and exact: what the core is compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

#: (rho, rho', rho'') of a residual and a width.
CRITERIA: dict[str, Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray, np.ndarray]]] = {
    "squared": lambda r, d: (r**2 / 2, r, np.ones_like(r)),
    "huber": lambda r, d: (
        np.where(np.abs(r) <= d, r**2 / 2, d * (np.abs(r) - d / 2)),
        np.clip(r, -d, d),
        (np.abs(r) <= d).astype(float),
    ),
    "pseudo_huber": lambda r, d: (
        r**2 / (1 + np.sqrt(1 + (r / d) ** 2)),
        r / np.sqrt(1 + (r / d) ** 2),
        (1 + (r / d) ** 2) ** -1.5,
    ),
    "log_cosh": lambda r, d: (
        d**2 * (np.abs(r / d) + np.log1p(np.exp(-2 * np.abs(r / d))) - np.log(2)),
        d * np.tanh(r / d),
        1 - np.tanh(r / d) ** 2,
    ),
}
ORDER = ("E", "A", "alpha", "B", "beta")


@dataclass(frozen=True)
class Chinchilla:
    """ln(E + A/N**alpha + B/D**beta) - ln loss over rows, in (ln E, ln A, alpha, ln B, beta)."""

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    criterion: str = "huber"
    delta: float = 1e-3
    quantile: float = 0.5
    weights: np.ndarray | float = 1.0

    def rows(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return residuals, their Jacobian and their second derivatives."""
        n, d = np.log(self.N), np.log(self.D)
        one, zero = np.ones_like(n), np.zeros_like(n)
        parts = np.stack([t[0] + zero, t[1] - t[2] * n, t[3] - t[4] * d])
        slopes = np.stack(
            [
                np.column_stack([one, zero, zero, zero, zero]),
                np.column_stack([zero, one, -n, zero, zero]),
                np.column_stack([zero, zero, zero, one, -d]),
            ]
        )
        value = np.logaddexp.reduce(parts)
        share = np.exp(parts - value)
        jacobian = np.einsum("ki,kij->ij", share, slopes)
        bend = np.einsum("ki,kij,kil->ijl", share, slopes, slopes) - jacobian[:, :, None] * jacobian[:, None, :]
        return value - np.log(self.loss), jacobian, bend

    def parts(self, t: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return objective, gradient and Hessian."""
        r, jacobian, bend = self.rows(t)
        side = np.where(r > 0, 2 * (1 - self.quantile), 2 * self.quantile) * self.weights
        rho, slope, curve = (side * x for x in CRITERIA[self.criterion](r, self.delta))
        hessian = jacobian.T @ (curve[:, None] * jacobian) + np.einsum("i,ijk->jk", slope, bend)
        return float(rho.sum()), jacobian.T @ slope, hessian

    def objective(self, t: np.ndarray) -> float:
        """Return the objective."""
        return self.parts(t)[0]

    def descend(self, start: np.ndarray) -> np.ndarray:
        """Return the optimum that a trust region reaches from `start`, polished by Newton steps."""
        # Scaled by its value at the start: scipy's tolerances are absolute.
        unit = max(self.objective(start), 1e-300)
        last: dict[bytes, tuple[float, np.ndarray, np.ndarray]] = {}

        def at(t: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            if t.tobytes() not in last:
                last.clear()
                last[t.tobytes()] = self.parts(t)
            return last[t.tobytes()]

        found = optimize.minimize(
            lambda t: at(t)[0] / unit,
            start,
            jac=lambda t: at(t)[1] / unit,
            hess=lambda t: at(t)[2] / unit,
            method="trust-exact",
            options={"gtol": 1e-9, "maxiter": 2000},
        )
        return self.polish(found.x)

    def polish(self, t: np.ndarray) -> np.ndarray:
        """Return `t` after the Newton steps that still lower the objective."""
        for _ in range(50):
            value, gradient, hessian = self.parts(t)
            step = np.linalg.lstsq(hessian, -gradient, rcond=1e-15)[0]
            sizes = [s for s in 0.5 ** np.arange(12) if self.objective(t + s * step) < value]
            if not sizes:
                break
            t = t + sizes[0] * step
        return t

    def optimum(self, near: np.ndarray, starts: int = 6, seed: int = 0) -> np.ndarray:
        """Return the best optimum from `near` and from starts around it."""
        rng = np.random.RandomState(seed)
        around = [near, *(near + rng.standard_normal((starts, 5)) * [0.1, 0.5, 0.03, 0.5, 0.03])]
        return min((self.descend(t) for t in around), key=self.objective)


def inner(params: dict[str, float]) -> np.ndarray:
    """Return native parameters as the vector of this module."""
    p = params
    return np.array([np.log(p["E"]), np.log(p["A"]), p["alpha"], np.log(p["B"]), p["beta"]])


def native(t: np.ndarray) -> dict[str, float]:
    """Return the vector of this module as native parameters."""
    return dict(zip(ORDER, [np.exp(t[0]), np.exp(t[1]), t[2], np.exp(t[3]), t[4]], strict=True))
