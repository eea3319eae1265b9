"""The bundled demo: 120 simulated runs, from the table to a fit, a million refits and a forecast.

The runs are ours: `python -m isoflop._demo` writes `data/demo_runs.csv` again, to the same bytes. What is printed and
drawn is the shell's business (`cli`, `plot`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from . import laws
from ._draws import Bootstrap
from ._fit import fit as fit_law
from ._fitted import Fit
from ._points import make_frame
from ._read import read_runs
from ._runs import Runs
from ._simulate import simulate

PATH = Path(__file__).parent / "data" / "demo_runs.csv"
#: What is true in the demo: the corrected Chinchilla constants, half a percent of noise.
TRUTH, NOISE, SEED = "epoch2024", 0.005, 2026
#: Compute budgets in FLOP, sizes per budget, and the widest ratio of a size to the best one.
BUDGETS, N_SIZES, WIDEST = np.geomspace(6e18, 3e21, 10), 12, 5.0
KINDS: tuple[Literal["mean", "new_run"], ...] = ("mean", "new_run")
#: How far the forecast goes beyond the largest run.
REACH = 10.0


def demo_runs() -> Runs:
    """Return the simulated runs that come with the package.

    Examples
    --------
    >>> len(demo_runs())
    120
    """
    return read_runs(PATH, loss="loss", N="params", D="tokens", C="flops")


def demo_fit(runs: Runs) -> Fit:
    """Return the demo's fit.

    Examples
    --------
    >>> demo_fit(demo_runs()).success
    True
    """
    fit: Fit = fit_law(runs, "chinchilla")
    return fit


def forecast(runs: Runs, boot: Bootstrap) -> dict[str, float]:
    """Return the forecast at ten times the largest compute, at the runs' usual tokens per parameter.

    Returns
    -------
    dict
        N, D, C, loss, mean_low and mean_high (the law's curve), low and high (a new run), and the truth.

    Examples
    --------
    >>> at = forecast(demo_runs(), demo_fit(demo_runs()).bootstrap(1000))
    >>> at["low"] < at["mean_low"] < at["loss"] < at["mean_high"] < at["high"]
    True
    """
    ratio = float(np.median(runs.variable("D") / runs.variable("N")))
    compute = REACH * float(runs.variable("C").max())
    at: dict[str, Any] = {"N": float(np.sqrt(compute / 6 / ratio)), "D": float(np.sqrt(compute / 6 * ratio))}
    mean, new = (boot.band(None, **at, kind=kind).row(0, named=True) for kind in KINDS)
    truth = float(laws.chinchilla.published[TRUTH].predict(**at))
    ends = {"mean_low": mean["low"], "mean_high": mean["high"], "low": new["low"], "high": new["high"]}
    return {**at, "C": compute, "loss": mean["estimate"], **ends, "truth": truth}


def make_table() -> Any:
    """Simulate the demo's runs: sizes around the best one at each of ten compute budgets."""
    law = laws.chinchilla
    p = law.published[TRUTH].params
    scale = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    best = scale * (BUDGETS / 6) ** (p["beta"] / (p["alpha"] + p["beta"]))
    N = np.round(np.outer(best, np.geomspace(1 / WIDEST, WIDEST, N_SIZES)).ravel())
    D = np.round(np.repeat(BUDGETS, N_SIZES) / 6 / N)
    loss = simulate(law, {"N": N, "D": D}, params=TRUTH, noise=NOISE, rng=SEED).loss
    flops = [float(f"{c:.6e}") for c in 6 * N * D]
    columns = {"params": N.astype(np.int64), "tokens": D.astype(np.int64), "flops": flops, "loss": loss.round(5)}
    return make_frame({"run_id": [f"run-{i:03d}" for i in range(len(N))], **columns}, "polars")


if __name__ == "__main__":
    make_table().write_csv(PATH)
