"""Designs of runs, by simulation: a chosen design against isoFLOP curves and a ladder of the same cost.

    python benches/python/plan_designs.py [--simulations 1000] [--table FILE.md]

Each design of 12 runs (1e22 FLOP in all, at most a fourth of it for one run, noise of ln loss 0.005) is simulated, the
p-norm law is fitted with weak priors, and its forecast of 1e24 FLOP compared with the truth: root mean squared errors
of ln loss at the p = 1 optimum, and of ln N_opt. The truth has p = 0.85, 1 or 2; the design is made for p = 1 and 2.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import isoflop as iso
from designs import TRUTH, loss
from isoflop._repr import table

F, TARGET, SIGMA, RUNS, SHAPES = 1e22, 1e24, 0.005, 12, (0.85, 1.0, 2.0)
PRIOR = {
    "alpha": iso.LogNormal(0.35, 0.35),
    "beta": iso.LogNormal(0.35, 0.35),
    "E": iso.LogNormal(1.7, 0.25),
    "p": iso.LogNormal(1.0, 1.0),
}
#: What must hold of the chosen design, and what isoFLOP curves reach, by p: errors of ln loss and of ln N_opt.
MUST = (0.0100, 0.155)
PRINTED = {0.85: (0.0166, 0.21), 1.0: (0.0177, 0.24), 2.0: (0.0140, 0.17)}


def log_size(A: float, B: float, alpha: float, beta: float, p: float, C: float = TARGET) -> float:
    """Return ln N_opt of a p-norm law."""
    level = np.log(A / B) + np.log(alpha / beta) / p
    return float((level + beta * np.log(C / 6)) / (alpha + beta))


def at_optimum(C: np.ndarray | float) -> np.ndarray:
    """Return the best sizes of the truth with p = 1."""
    A, B, a, b = (TRUTH[name] for name in ("A", "B", "alpha", "beta"))
    return np.exp((np.log(A * a / (B * b)) + b * np.log(np.asarray(C) / 6)) / (a + b))


def isoflop() -> tuple[np.ndarray, np.ndarray]:
    """Return three budgets ten times apart, each with four sizes from a fourth to four times the best."""
    C = np.repeat(F / (4 * 1.11) * np.array([1, 0.1, 0.01]), 4)
    N = at_optimum(C) * np.tile(np.geomspace(0.25, 4, 4), 3)
    return N, C / (6 * N)


def designs(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return sizes and tokens of each design."""
    law = iso.laws.get("pnorm")
    known = (law, {**TRUTH, "p": 1.0})
    given = {"budget": F, "target_C": TARGET, "k": RUNS, "sigma": SIGMA, "prior": PRIOR}
    began = time.perf_counter()
    plan = iso.plan_runs(known, rng=seed, **given)
    print(f"planned in {time.perf_counter() - began:.3f} s\n{plan!r}\n", file=sys.stderr)
    return {"isoFLOP": isoflop(), "optimised": (plan.columns["N"], plan.columns["D"])}


def errors(N: np.ndarray, D: np.ndarray, p: float, simulations: int, stream: list[int]) -> tuple[float, float]:
    """Return the root mean squared errors of ln loss and ln N_opt at the target."""
    size = float(at_optimum(TARGET))
    tokens = TARGET / (6 * size)
    mean, truth = loss(N, D, p), np.log(float(loss(size, tokens, p)))
    own = {name: TRUTH[name] for name in ("A", "B", "alpha", "beta")}
    best = log_size(**own, p=p)
    rng = np.random.default_rng(stream)
    found = np.empty((simulations, 2))
    for i in range(simulations):
        runs = {"N": N, "D": D, "loss": mean * np.exp(SIGMA * rng.standard_normal(len(N)))}
        fit = iso.fit(runs, "pnorm", criterion="huber", delta="auto", prior=PRIOR)
        values = {name: fit.params[name] for name in (*own, "p")}
        found[i] = np.log(fit.predict(N=size, D=tokens)) - truth, log_size(**values) - best
    return tuple(np.sqrt(np.mean(found**2, axis=0)).tolist())


def study(simulations: int, seed: int = 0) -> list[dict[str, float | str]]:
    """Return one row per design and p."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", iso.IsoflopWarning)
        return [
            {
                "design": name,
                "p": p,
                **dict(zip(("loss", "size"), errors(N, D, p, simulations, [seed, j]), strict=True)),
            }
            for name, (N, D) in designs(seed).items()
            for j, p in enumerate(SHAPES)
        ]


def verdict(row: dict[str, float | str], simulations: int) -> str:
    """Say whether a row of the chosen design holds, within two Monte-Carlo standard errors."""
    if row["design"] != "optimised":
        return "-"
    slack = 1 + 2 / np.sqrt(2 * simulations)
    return "yes" if row["loss"] <= MUST[0] * slack and row["size"] <= MUST[1] * slack else "NO"


def main(argv: list[str] | None = None) -> int:
    """Run the study and print its table; 1 where something that must hold does not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--table", type=Path, help="also write the table to this file")
    given = parser.parse_args(argv)
    began = time.perf_counter()
    found = study(given.simulations)
    rows = [
        [
            str(row["design"]),
            f"{row['p']:g}",
            f"{row['loss']:.4f}",
            f"{row['size']:.3f}",
            "{:.4f} / {:.3g}".format(*(PRINTED[row["p"]] if row["design"] == "isoFLOP" else MUST)),
            verdict(row, given.simulations),
        ]
        for row in found
    ]
    text = table(["design", "p", "ln loss", "ln N_opt", "printed, or at most", "holds"], rows)
    print(text)
    print(f"{given.simulations} simulations each, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if given.table:
        given.table.write_text(f"```text\n{text}\n```\n", encoding="utf-8")
    return int(any(row[-1] == "NO" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
