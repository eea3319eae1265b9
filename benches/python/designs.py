"""Simulated designs of the coverage study: where runs are made, their noise, the truth and the targets.

Everything is on the scale of log loss. No fits live here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: The published values of the replication (Besiroglu et al. 2024) in the units of Hoffmann et al. 2022.
TRUTH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
#: What the paper's exponents and budgets say of the optimum, as formulas over parameters.
N_OPT = "(alpha*A/(beta*B))**(1/(alpha+beta)) * ({C!r}/6)**(beta/(alpha+beta))"


@dataclass(frozen=True)
class Design:
    """Points of a design and the group of each (size or run; None where rows are independent)."""

    name: str
    N: np.ndarray
    D: np.ndarray
    groups: np.ndarray | None

    @property
    def C(self) -> np.ndarray:
        """Compute of each run."""
        return 6.0 * self.N * self.D


def optimum(C: float | np.ndarray) -> np.ndarray:
    """Return the best model size for a budget, of the truth with p = 1."""
    A, B, a, b = (TRUTH[k] for k in ("A", "B", "alpha", "beta"))
    return np.asarray((a * A / (b * B)) ** (1 / (a + b)) * (np.asarray(C) / 6) ** (b / (a + b)))


def iso(n: int) -> Design:
    """Return k budgets from 6e18 to 3e21, each with n/k sizes around its optimum."""
    k = {30: 5, 60: 6, 240: 10}[n]
    C = np.repeat(np.geomspace(6e18, 3e21, k), n // k)
    N = optimum(C) * np.tile(np.geomspace(1 / 5, 5, n // k), k)
    return Design("iso", N, C / (6 * N), None)


def grid(n: int) -> Design:
    """Return sizes from 7e7 to 2e9, each with several multiples of tokens per parameter; groups are sizes."""
    g, m = {30: (6, 5), 60: (10, 6), 240: (16, 15)}[n]
    N = np.repeat(np.geomspace(7e7, 2e9, g), m)
    return Design("grid", N, N * np.tile(np.geomspace(5, 160, m), g), np.repeat(np.arange(g), m))


def ckpt(n: int) -> Design:
    """Return runs of 160 tokens per parameter with checkpoints; groups are runs."""
    g, m = {30: (6, 5), 60: (12, 5), 240: (24, 10)}[n]
    N = np.repeat(np.geomspace(7e7, 2e9, g), m)
    return Design("ckpt", N, 160 * N * np.tile(np.geomspace(1 / 32, 1, m), g), np.repeat(np.arange(g), m))


def loss(N: float | np.ndarray, D: float | np.ndarray, p: float = 1.0) -> np.ndarray:
    """Return the true loss."""
    u, v = TRUTH["A"] * np.power(N, -TRUTH["alpha"]), TRUTH["B"] * np.power(D, -TRUTH["beta"])
    return np.asarray(TRUTH["E"] + (u**p + v**p) ** (1 / p))


def noise(kind: str, design: Design, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise on log loss, a row per simulation: a number (iid), hetero, t3out, cluster or ckpt."""
    shape = (size, len(design.N))
    if kind == "hetero":
        return 0.005 * (design.C / np.median(design.C)) ** -0.25 * rng.standard_normal(shape)
    if kind == "t3out":
        bulk = 0.005 * rng.standard_t(3, shape) / np.sqrt(3)
        return bulk + np.where(rng.random(shape) < 0.05, rng.uniform(0.02, 0.1, shape), 0.0)
    if kind in ("cluster", "ckpt"):
        assert design.groups is not None
        shared = 0.004 * rng.standard_normal((size, design.groups.max() + 1))[:, design.groups]
        own = rng.standard_normal(shape) if kind == "cluster" else serial(design.groups, shape, rng)
        return shared + 0.003 * own
    return float(kind) * rng.standard_normal(shape)


def serial(groups: np.ndarray, shape: tuple[int, int], rng: np.random.Generator, phi: float = 0.8) -> np.ndarray:
    """Return AR(1) series of variance 1 inside groups of neighbouring rows."""
    out = rng.standard_normal(shape)
    for i in range(1, shape[1]):
        if groups[i] == groups[i - 1]:
            out[:, i] = phi * out[:, i - 1] + np.sqrt(1 - phi**2) * out[:, i]
    return out


def new_run_sd(kind: str) -> float:
    """Return the noise of a new run."""
    return float(kind) if kind[0].isdigit() or kind[0] == "." else 0.005


def targets(design: Design, p: float = 1.0) -> tuple[dict[str, object], dict[str, float]]:
    """Return what intervals are for, and the true values: alpha, a, E, loss and N_opt at 10 and 100 times C_max."""
    of: dict[str, object] = {"alpha": "alpha", "a": "beta/(alpha+beta)", "E": "E"}
    a, b = TRUTH["alpha"], TRUTH["beta"]
    true = {"alpha": a, "a": b / (a + b), "E": TRUTH["E"]}
    for ratio in (10, 100):
        C = ratio * float(design.C.max())
        N = float(optimum(C))
        of |= {f"L {ratio}x": {"N": N, "D": C / (6 * N)}, f"N_opt {ratio}x": N_OPT.format(C=C)}
        true |= {f"L {ratio}x": float(loss(N, C / (6 * N), p)), f"N_opt {ratio}x": N}
    return of, true
