"""Coverage of the forecaster's interval of the best size on simulated designs, where the truth is a law.

    python benches/python/allocation_coverage.py [--simulations 200]

Designs, noise and truths are those of `forecast_coverage.py`; budgets are 10 and 100 times the design's largest. How
the intervals hold on public sweeps, where the truth is no law, is in `allocations.py`.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import isoflop as iso
from forecast_coverage import ALPHA, BETA, FAR, KINDS, SHAPES, A, B, loss
from isoflop._repr import table

ROWS, LEVELS, DRAWS = 30, (0.80, 0.95), 1000
NOISES = ("iid", "size clusters", "checkpoints")


def log_best(compute: np.ndarray, p: float) -> np.ndarray:
    """Return ln of the best N under a budget, of any p."""
    level = (np.log(A / B) + np.log(ALPHA / BETA) / p) / (ALPHA + BETA)
    return level + BETA / (ALPHA + BETA) * np.log(compute / 6)


def study(kind: str, p: float, simulations: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by distance: coverage at both levels in per cent, median width of the 95 % interval, RMSE of ln N."""
    make, noise = KINDS[kind]
    design = make(ROWS)
    budgets = FAR * (6 * design.n * design.d).max()
    truth, base = log_best(budgets, p), loss(design.n, design.d, p)
    held, width, error = [], [], []
    for i in range(simulations):
        rng = np.random.default_rng([i, ROWS, round(100 * p), list(KINDS).index(kind)])
        columns = {"N": design.n, "D": design.d, "loss": base * np.exp(noise(design, rng))}
        groups = None if design.groups is None else "group"
        columns |= {} if design.groups is None else {"group": design.groups}
        model = iso.forecaster(iso.Runs(columns, N="N", D="D", loss="loss", groups=groups), n_threads=1)
        best = iso.compute_optimal(model, C=budgets, n_draws=DRAWS, rng=i, n_threads=1)
        tails = [((1 - level) / 2, (1 + level) / 2) for level in LEVELS]
        ends = [np.nanquantile(np.log(best.draws["N"]), pair, axis=1) for pair in tails]
        held.append([(low <= truth) & (truth <= high) for low, high in ends])
        width.append(ends[-1][1] - ends[-1][0])
        error.append(np.log(best.N) - truth)
    return 100 * np.mean(held, axis=0), np.median(width, axis=0), np.sqrt(np.mean(np.square(error), axis=0))


def main() -> None:
    """Print a line per noise and shape of the law."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=200)
    rows = []
    simulations = parser.parse_args().simulations
    for kind in NOISES:
        for p in SHAPES:
            held, width, error = study(kind, p, simulations)
            shown = [f"{x:.1f}" for x in held.T.ravel()] + [f"{x:.2f}" for x in (*width, *error)]
            rows.append([kind, f"{p:g}", *shown])
            print(*rows[-1], file=sys.stderr, flush=True)
    ends = [f"{level:.0%} at {ratio:g} x" for ratio in FAR for level in LEVELS]
    more = [f"{what} {ratio:g} x" for what in ("width", "RMSE") for ratio in FAR]
    print(table(["noise", "p", *ends, *more], rows))


if __name__ == "__main__":
    main()
