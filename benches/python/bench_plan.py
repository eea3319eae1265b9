"""Time optima under budgets over draws of a bootstrap, and scipy's scalar minimiser on a share of the same.

    python benches/python/bench_plan.py [--json] [--draws 100000] [--budgets 20] [--cpu-time]

The budgets run from 1e19 to 1e26 FLOP. `formula` pays 6 N D; `table` pays dollars read off a table of 60 sizes;
`served` adds 1e12 inference tokens; `limited` repeats 25e9 tokens (Muennighoff's law). The rival minimises the loss
over ln N for 200 draws at each budget by `scipy.optimize.minimize_scalar` (bounded, xatol 1e-8), from Python as users
do. The first two must take at most 2 s for 100,000 draws x 20 budgets on two cores. Build with `make bench` first.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

import isoflop as iso
from isoflop._demo import demo_runs

LIMIT_S, RIVAL_DRAWS = 2.0, 200
SIZES = np.geomspace(1e7, 1e13, 60)


def jobs(draws, budgets):
    """Return what is timed: name to a call."""
    boot = iso.fit(demo_runs(), "chinchilla").bootstrap(draws, rng=0)
    C = np.geomspace(1e19, 1e26, budgets)
    price = 6 * SIZES / (0.4e15 - 1e14 * np.abs(np.log10(SIZES) - 10) / 6) * 2.5 / 3600
    curve = iso.CostCurve(SIZES, price, unit="USD")
    repeated = iso.laws.get("muennighoff")
    base = repeated.published["muennighoff2023"].params
    spread = np.random.default_rng(0).normal(0, 0.02, (draws, len(base)))
    limited = _as_bootstrap(repeated, base, spread)
    return boot, {
        "formula": lambda: iso.compute_optimal(boot, C=C),
        "table": lambda: iso.compute_optimal(boot, usd=C / 1e18, cost=curve),
        "served": lambda: iso.compute_optimal(boot, C=C * 1e3, lifetime_tokens=1e12),
        "limited": lambda: limited(C),
    }


def _as_bootstrap(law, base, spread):
    """Return the optima of made-up draws of a law: what the core does, without intervals."""
    from isoflop import _engine
    from isoflop._optimum._ask import ask

    draws = _engine.floats(np.array([base[name] for name in law.parameters]) * (1 + spread))
    nothing = dict.fromkeys(
        ("cost", "letters", "held", "over", "sizes", "N", "D", "tokens_per_param", "lifetime_tokens", "inference")
    )
    question = ask(law, unique_tokens=25e9, **nothing).question(law.spec)

    def run(C):
        first = _engine.optimum(question, draws[:1], np.log(C), np.full(len(C), np.nan), None, 1)
        threads = _engine.thread_count(None)
        return _engine.optimum(question, draws, np.log(C), first["size"][:, 0], None, threads)

    return run


def rival(boot, budgets):
    """Return seconds per optimum of scipy, and the largest difference of ln N from ours."""
    from scipy.optimize import minimize_scalar

    C = np.geomspace(1e19, 1e26, budgets)
    ours = np.log(iso.compute_optimal(boot, C=C, n_draws=RIVAL_DRAWS).draws["N"])
    rows = boot.draws[boot.ok][:RIVAL_DRAWS]
    E, A, alpha, B, beta = rows.T
    off, start = 0.0, time.perf_counter()
    for i in range(len(rows)):
        for j, c in enumerate(np.log(C / 6)):
            found = minimize_scalar(
                lambda z, i=i, c=c: E[i] + A[i] * np.exp(-alpha[i] * z) + B[i] * np.exp(-beta[i] * (c - z)),
                bounds=(10, 35),
                method="bounded",
                options={"xatol": 1e-8},
            )
            off = max(off, abs(found.x - ours[j, i]))
    return (time.perf_counter() - start) / (len(rows) * budgets), off


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--budgets", type=int, default=20)
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds of all threads, on a busy machine")
    given = parser.parse_args()
    clock = time.process_time if given.cpu_time else time.perf_counter
    boot, todo = jobs(given.draws, given.budgets)
    figures = {}
    for name, job in todo.items():
        times = []
        for _ in range(3):
            start = clock()
            job()
            times.append(clock() - start)
        figures[name] = min(times)
    scipy, off = rival(boot, given.budgets)
    each = figures["formula"] / (given.draws * given.budgets)
    figures |= {"scipy_each": scipy, "scipy_ratio": scipy / each, "largest_difference": off}
    if given.json:
        print(json.dumps(figures))
        return
    for name in todo:
        print(f"{name:8} {given.draws:,} draws x {given.budgets} budgets   {figures[name]:.2f} s")
    print(
        f"scipy    {scipy * 1e6:.0f} us an optimum, {scipy / each:,.0f} times ours; ln N differs by {off:.1e} at most"
    )


if __name__ == "__main__":
    main()
