"""Make the files of this folder again: `python tests/data/make.py runs pins draws`.

`runs`   twin_runs.csv     the simulated twin of the 240 published Chinchilla runs
`pins`   twin_pins.json    optima on it per criterion, by numpy and scipy alone (tests/python/oracle.py)
`draws`  golden_draws.csv  refits by the package: they pin the random scheme and the numbers

The first two never change. Golden draws change with the random scheme or the solver's arithmetic; a commit that
changes them says so in CHANGELOG.md.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oracle import Chinchilla

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))
TRUTH = {"E": 1.82, "A": 480.0, "alpha": 0.348, "B": 2080.0, "beta": 0.366}
#: Criterion, delta and quantile of each pinned optimum.
PINNED = {
    "huber": ("huber", 1e-3, 0.5),
    "huber_wide": ("huber", 1e-2, 0.5),
    "squared": ("squared", np.inf, 0.5),
    "pseudo_huber": ("pseudo_huber", 1e-3, 0.5),
    "log_cosh": ("log_cosh", 1e-3, 0.5),
    "asymmetric_huber": ("huber", 1e-3, 0.2),
    "expectile": ("squared", np.inf, 0.2),
}


def make_runs() -> None:
    """Write 240 runs with heavy-tailed noise: few lie within the Huber width, as in the published ones."""
    rng = np.random.RandomState(20240417)  # a stream that numpy promises never to change
    n = np.round(np.exp(rng.uniform(np.log(4.4e7), np.log(1.6e10), 240)))
    flops = np.exp(rng.uniform(np.log(6e18), np.log(3e21), 240))
    d = np.round(flops / (6 * n))
    p = TRUTH
    clean = p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]
    loss = clean * np.exp(0.004 * rng.standard_t(3, 240))
    with (HERE / "twin_runs.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["N", "D", "loss"])
        out.writerows([f"{a:.0f}", f"{b:.0f}", f"{c:.6f}"] for a, b, c in zip(n, d, loss, strict=True))


def make_pins() -> None:
    """Write the optimum of each criterion, with 17 digits."""
    from helpers import twin
    from oracle import Chinchilla, inner, native

    out = {}
    for name, (criterion, delta, quantile) in PINNED.items():
        job = Chinchilla(**twin(), criterion=criterion, delta=delta, quantile=quantile)
        best = job.optimum(inner(TRUTH), starts=20)
        setting = {"criterion": criterion, "delta": delta if np.isfinite(delta) else None, "quantile": quantile}
        out[name] = {**setting, "objective": job.objective(best), "params": native(best)}
    out["standard_error"] = standard_error(Chinchilla(**twin()), inner(out["huber"]["params"]))
    (HERE / "twin_pins.json").write_text(json.dumps(out, indent=1) + "\n")


def standard_error(job: Chinchilla, best: np.ndarray, n_resamples: int = 6_000) -> dict[str, float]:
    """Return bootstrap standard errors by refits in scipy of rows drawn by numpy (takes minutes)."""
    from dataclasses import replace

    rng = np.random.RandomState(1)
    draws = []
    for _ in range(n_resamples):
        weights = np.bincount(rng.randint(0, 240, 240), minlength=240)
        draws.append(replace(job, weights=weights).descend(best))
    spread = np.array(draws).std(axis=0)
    return {"E": float(np.exp(best[0]) * spread[0]), "alpha": float(spread[2]), "beta": float(spread[4])}


def make_draws() -> None:
    """Write the golden draws."""
    from golden import jobs, write_draws

    write_draws(HERE / "golden_draws.csv", jobs())


if __name__ == "__main__":
    for what in sys.argv[1:]:
        {"runs": make_runs, "pins": make_pins, "draws": make_draws}[what]()
