"""How often intervals of compute multipliers hold, on ladders whose truth is known: docs/measured/recipes.md.

    python benches/python/recipes_coverage.py [--simulations 1000] [--drawn 200] [--part all] [--write FILE]

Both recipes have n runs log-spaced from 1e18 to 1e21 FLOP on E + A C^-alpha. Multipliers are asked for in the middle of
the ladder, at its end, and 10 and 100 times beyond. `t` is what `compare_recipes` gives; `normal` is the same with 1.96
in place of Student's quantile, and `draws` the percentiles of its common resamples: both to show what they miss. Sweeps
over N and D are compared along the best split of compute. Exit code 1 where `t` holds less often than it must.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import isoflop as iso

BASE = {"E": 1.7, "A": 1000.0, "alpha": 0.155}
#: The same law with 1.3 times the compute; and a recipe with another floor and exponent, which crosses.
SAME = {**BASE, "A": 1000.0 * 1.3**-0.155}
OTHER = {"E": 1.6, "A": 620.0, "alpha": 0.143}
RANGE = (1e18, 1e21)
PLACES = ("middle", "end", "10x", "100x")
#: Resamples behind the percentiles.
B = 399
#: Per cent that every t interval must hold, give or take two Monte-Carlo standard errors.
MUST = 93.0


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    row: str
    n: int
    new: dict[str, float] = field(default_factory=lambda: SAME)
    noise: float = 0.005
    #: Share of the noise's variance that both recipes have in common at a scale.
    common: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


def cases() -> Iterator[Case]:
    """Yield every case, in the order of the table."""
    together = {"shared": ["E", "exponents"]}
    for n in (4, 6, 8):
        yield Case("own E and alpha", n, options={"pair": "none"})
        yield Case("own E and alpha, another law", n, new=OTHER, options={"pair": "none"})
        yield Case("own E and alpha, noise shared", n, common=0.8)
        yield Case("E and alpha shared, noise shared", n, common=0.8, options=together)
    yield Case("own E and alpha, noise 0.02", 4, noise=0.02, options={"pair": "none"})
    yield Case("own E and alpha, paired in vain", 8)
    yield Case("E pinned", 4, options={"asymptote": 1.7, "pair": "none"})


def loss(params: dict[str, float], C: np.ndarray) -> np.ndarray:
    return params["E"] + params["A"] * C ** -params["alpha"]


def targets(n: int) -> np.ndarray:
    low, high = RANGE
    return np.array([np.sqrt(low * high), high, 10 * high, 100 * high])


def truth(case: Case) -> np.ndarray:
    """Return the multiplier at every target; 0 where the new recipe never gets there."""
    C, new = targets(case.n), case.new
    above = np.maximum(loss(BASE, C) - new["E"], 0)
    with np.errstate(divide="ignore"):
        return C / (new["A"] / above) ** (1 / new["alpha"])


def simulate(case: Case, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], ...]:
    C = np.geomspace(*RANGE, case.n)
    both = np.sqrt(case.common) * rng.standard_normal(case.n)
    rest = np.sqrt(1 - case.common)
    return tuple(
        {"C": C, "loss": loss(law, C) * np.exp(case.noise * (both + rest * rng.standard_normal(case.n)))}
        for law in (BASE, case.new)
    )


def normal_level(df: float) -> float:
    """Return the level whose Student quantile is the normal one of 95 %."""
    t = np.linspace(0, 1.959964, 20_001)
    density = (1 + t**2 / df) ** (-(df + 1) / 2)
    whole = np.concatenate([t, 1.959964 + np.geomspace(1e-4, 1e7, 200_000)])
    return float(np.trapezoid(density, t) / np.trapezoid((1 + whole**2 / df) ** (-(df + 1) / 2), whole))


def measure(case: Case, simulations: int, drawn: int) -> dict[str, np.ndarray]:
    """Return the share held, by method and target, and the median width of t intervals in the logarithm."""
    rng = np.random.default_rng([17, case.n, round(1e4 * case.noise), round(10 * case.common)])
    at, true = targets(case.n), truth(case)
    held: dict[str, list[np.ndarray]] = {"t": [], "normal": [], "draws": [], "width": []}
    for i in range(simulations):
        old, new = simulate(case, rng)
        n_resamples = B if i < drawn else 0
        found = iso.compare_recipes(old, new, scales=at, n_resamples=n_resamples, rng=i, **case.options)
        held["t"].append((found.low <= true) & (true <= found.high))
        with np.errstate(divide="ignore"):
            held["width"].append(np.log(found.high) - np.log(found.low))
        if i < drawn:
            _, low, high = found.multiplier_at(at, normal_level(found.df))
            held["normal"].append((low <= true) & (true <= high))
            low, high = np.quantile(found.draws(), [0.025, 0.975], axis=0, method="inverted_cdf")
            held["draws"].append((low <= true) & (true <= high))
    out = {name: 100 * np.mean(values, axis=0) for name, values in held.items() if name != "width"}
    return {**out, "width": np.median(held["width"], axis=0)}


HEAD = """# Coverage of compute multipliers

Share of nominal 95 % intervals of `iso.compare_recipes` that hold the true multiplier, in per cent, on simulated
ladders ({simulations:,} a row for t, Monte-Carlo standard error {t_error:.1f}; {drawn} for the others, {error:.1f}).
Noise has a standard deviation of 0.005 on log loss unless said, and runs of a scale share 80 % of its variance where
"noise shared". The new recipe is the old one with 1.3 times the compute, except in "another law". "t" is what
`compare_recipes` gives: multipliers that a t test does not reject. "normal" has 1.96 in place of Student's quantile;
"draws" are percentiles of common wild resamples. The width is the ratio of the ends of t, in the median.
`benches/python/recipes_coverage.py` makes this page.

| ladders | runs each | method | middle | end | 10x | 100x | width: middle | end | 10x | 100x |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def lines(case: Case, found: dict[str, np.ndarray]) -> Iterator[str]:
    for method in ("t", "normal", "draws"):
        shares = " | ".join(f"{x:.1f}" for x in found[method])
        ends = [f"{np.exp(w):.3g}" if np.isfinite(w) else "open" for w in found["width"]]
        yield f"| {case.row} | {case.n} | {method} | {shares} | {' | '.join(ends if method == 't' else [''] * 4)} |"


# -- sweeps over N and D ------------------------------------------------------------------------

EPOCH = dict(iso.laws.get("chinchilla").published["epoch2024"].params)
#: Both amplitudes smaller by a tenth: the same multiplier at every scale.
BETTER = {**EPOCH, "A": 0.9 * EPOCH["A"], "B": 0.9 * EPOCH["B"]}
FACTOR = 0.9 ** (-(EPOCH["alpha"] + EPOCH["beta"]) / (EPOCH["alpha"] * EPOCH["beta"]))
BUDGETS = (1e19, 1e20, 1e21, 1e22, 1e23)


def grid(rng: np.random.Generator, common: float) -> list[iso.Runs]:
    """Return 6 sizes by 5 token counts; a share of the noise is common to both recipes."""
    N, D = np.repeat(np.geomspace(1e8, 3e9, 6), 5), np.tile(np.geomspace(2e9, 1e11, 5), 6)
    both = np.sqrt(common) * rng.standard_normal(30)
    return [
        iso.Runs({"N": N, "D": D, "loss": chinchilla(N, D, p, 0.005 * (both + rest))})
        for p in (EPOCH, BETTER)
        for rest in [np.sqrt(1 - common) * rng.standard_normal(30)]
    ]


def checkpoints(rng: np.random.Generator, common: float) -> list[iso.Runs]:
    """Return 12 runs of 5 checkpoints, whose noise is 0.004 per run and 0.003 per checkpoint."""
    N = np.repeat(np.geomspace(7e7, 2e9, 12), 5)
    D, run = N * 160 * np.tile(np.geomspace(1 / 32, 1, 5), 12), np.repeat(np.arange(12), 5)
    out = []
    for p in (EPOCH, BETTER):
        noise = 0.004 * rng.standard_normal(12)[run] + 0.003 * rng.standard_normal(60)
        out.append(iso.Runs({"N": N, "D": D, "loss": chinchilla(N, D, p, noise), "run": run}, groups="run"))
    return out


def chinchilla(N: np.ndarray, D: np.ndarray, p: dict[str, float], noise: np.ndarray) -> np.ndarray:
    return (p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]) * np.exp(noise)


SWEEPS = (
    ("grid of 30 runs", grid, 0.0, "none"),
    ("grid of 30 runs, paired in vain", grid, 0.0, "auto"),
    ("grid of 30 runs, noise shared", grid, 0.8, "auto"),
    ("12 runs of 5 checkpoints", checkpoints, 0.0, "none"),
    ("12 runs of 5 checkpoints, paired in vain", checkpoints, 0.0, "auto"),
)

SWEEP_HEAD = """
## Sweeps over N and D

Chinchilla's law fitted to both recipes, by least squares; the new recipe needs {factor:.3f} times less compute at every
budget. Per cent of {simulations:,} t intervals that hold it (Monte-Carlo standard error {t_error:.1f}), by FLOP of the
old recipe; runs reach about 2e21.

| sweep | 1e19 | 1e20 | 1e21 | 1e22 | 1e23 | width: 1e20 | 1e22 |
|---|---|---|---|---|---|---|---|
"""


def sweeps(simulations: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a line of the table and what it says, by sweep."""
    for name, design, common, how in SWEEPS:
        rng, held, width = np.random.default_rng(23), [], []
        for _ in range(simulations):
            tables = design(rng, common)
            found = iso.compare_recipes(*tables, scales=BUDGETS, pair=how, criterion="squared", n_resamples=0)
            held.append((found.low <= FACTOR) & (found.high >= FACTOR))
            with np.errstate(divide="ignore"):
                width.append(np.log(found.high) - np.log(found.low))
        shares, wide = 100 * np.mean(held, axis=0), np.exp(np.median(width, axis=0))
        cells = " | ".join(f"{x:.1f}" for x in shares)
        yield f"| {name} | {cells} | {wide[1]:.3g} | {wide[3]:.3g} |", shares


def monte_carlo(n: int) -> float:
    """Return the standard error of a coverage near 95 %, in per cent."""
    return 100 * float(np.sqrt(0.05 * 0.95 / n))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--drawn", type=int, default=200)
    parser.add_argument("--part", choices=("all", "ladders", "sweeps"), default="all")
    parser.add_argument("--write", type=Path, help="for sweeps alone, what is added to the page")
    given = parser.parse_args()
    warnings.simplefilter("ignore", iso.IsoflopWarning)
    errors = {"t_error": monte_carlo(given.simulations), "error": monte_carlo(given.drawn)}
    text = HEAD.format(simulations=given.simulations, drawn=given.drawn, **errors) if given.part != "sweeps" else ""
    failed, began = [], time.perf_counter()
    for case in cases() if given.part != "sweeps" else ():
        found = measure(case, given.simulations, given.drawn)
        failed += [case.row] if (found["t"] < MUST - 2 * errors["t_error"]).any() else []
        for line in lines(case, found):
            text += line + "\n"
            print(line, f"({time.perf_counter() - began:.0f} s)", flush=True)
    if given.part != "ladders":
        text += SWEEP_HEAD.format(simulations=given.simulations, factor=FACTOR, **errors)
        for line, shares in sweeps(given.simulations):
            failed += [line] if (shares < MUST - 2 * errors["t_error"]).any() else []
            text += line + "\n"
            print(line, f"({time.perf_counter() - began:.0f} s)", flush=True)
    if given.write:
        before = given.write.read_text() if given.part == "sweeps" and given.write.exists() else ""
        given.write.write_text(before + text)
    print("below what they must hold:", failed or "none")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
