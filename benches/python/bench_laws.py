"""Time refits of every law of the catalogue: 240 simulated rows, one core.

    python benches/python/bench_laws.py [--json] [--seconds 0.5] [--cpu-time] [LAW ...]

Truths and designs are those of the catalogue's own tests (tests/python), rows are repeated to 240, with noise of 0.5 %
on log responses and of 0.5 % of their spread on linear ones. Each law is fitted by its paper's recipe and refitted to
rows drawn with replacement. Laws that are plain formulas of at most six parameters must reach 30,000 refits per second
on an AVX-512 core; the others have no figure. Build with `make bench` first: other profiles are slower.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import isoflop as iso

sys.path.insert(0, str(Path(__file__).parents[2]))
ROWS, NOISE = 240, 0.005
FLOOR, MOST_PARAMETERS = 30_000, 6
#: Rows that a schedule, an implicit root or several breaks make dear: no figure is set for them.
APART = ("m4", "bnsl", "lr_annealing", "lr_annealing_n", "mpl")


def cases():
    """Yield (law, formula object, design, truth, parameters held) of every case, the first per law."""
    first = importlib.import_module("tests.python.test_catalogue_a")
    second = importlib.import_module("tests.python.test_catalogue_b")
    seen = set()
    for case in first.IDENTIFIED:
        if case.law not in seen:
            seen.add(case.law)
            yield case.law, case.found, case.points, dict(case.params), {n: case.params[n] for n in case.fixed}
    for name, (shape, points, params) in second.CASES.items():
        law = iso.laws.get(name, **shape)
        if name not in seen:
            seen.add(name)
            yield name, law, points, second.values_of(law, params), {}
    yield from staged(second)


def staged(tests):
    """Yield laws whose tests fit them in stages, as they are fitted there, and one that only shares another's."""
    law = iso.laws.get("deepseek_allocation")
    yield law.name, law, {"C": np.geomspace(1e17, 1e20, 12)}, {"k": 0.1715, "p_C": 0.5243}, {}
    law, alone = iso.laws.get("aghajanyan"), {**tests.ALONE, **tests.OTHER}
    grid = np.meshgrid(np.geomspace(8e6, 3e10, 6), *[np.geomspace(5e9, 1e11, 6)] * 2, indexing="ij")
    points = {name: x.ravel() for name, x in zip(("N", "Di", "Dj"), grid, strict=True)}
    yield law.name, law, points, {**alone, **tests.PAIR}, alone
    wide = np.meshgrid([256.0, 512, 1024, 3072], [3.0, 6, 12, 28, 80], np.geomspace(1e10, 3.5e11, 12), indexing="ij")
    law = iso.laws.get("gemstones_wd")
    points = {name: x.ravel() for name, x in zip(("width", "depth", "D"), wide, strict=True)}
    yield law.name, law, points, {**law.published["mcleish2025"].params, "E": 0.8}, {}
    law = iso.laws.get("distill_student")
    grid = np.meshgrid(
        np.geomspace(1.4e8, 8e9, 8), np.geomspace(2e9, 5e11, 6), [1.9, 2.1, 2.3, 2.5, 2.8], indexing="ij"
    )
    points = {name: x.ravel() for name, x in zip(("N_S", "D_S", "L_T"), grid, strict=True)}
    truth = dict(law.published["busbridge2025"].params)
    yield law.name, law, points, truth, {name: truth[name] for name in ("E", "A", "B", "alpha", "beta", "gamma")}


def runs_of(law, points, truth):
    """Return 240 noisy rows: the design, repeated."""
    needed = {*law.variables, *law.levels.values()}
    points = {name: values for name, values in points.items() if name in needed}
    n = max(len(values) for values in points.values())
    rows = np.arange(ROWS) % n if n <= ROWS else np.linspace(0, n - 1, ROWS).astype(int)
    columns = {
        name: [values[i] for i in rows] if isinstance(values, list) else np.asarray(values)[rows]
        for name, values in points.items()
    }
    clean = np.asarray(law.predict(truth, **columns))
    noise = np.random.default_rng(0).standard_normal(ROWS)
    loss = clean * np.exp(NOISE * noise) if law.scale == "log" else clean + NOISE * np.ptp(clean) * noise
    return {**columns, "loss": loss}


def measure(law, points, truth, fixed, seconds, clock):
    """Return the rate of refits and what came of them."""
    runs = runs_of(law, points, truth)
    began = clock()
    fit = iso.fit(runs, law, loss="loss", fixed=fixed or None)
    fit_ms = 1e3 * (clock() - began)
    count, spent = 20, 0.0  # a few laws make only some refits a second
    while True:
        began = clock()
        boot = fit.bootstrap(count, scheme="rows", rng=0, n_threads=1)
        spent = clock() - began
        if spent >= seconds / 2 or count >= 200_000:
            break
        count = int(min(200_000, max(2 * count, count * seconds / max(spent, 1e-5))))
    return {
        "free": len(fit.free),
        "refits_per_second": count / spent,
        "fit_ms": fit_ms,
        "status": fit.status,
        "unsound": boot.n_failed / count,
    }


def show(name, row):
    """Print one law's figures."""
    held = row["free"] <= MOST_PARAMETERS and name not in APART
    mark = "" if not held else "ok" if row["refits_per_second"] >= FLOOR else "below 30,000"
    figures = f"{row['free']:4}{row['refits_per_second']:12,.0f}{row['fit_ms']:10.1f}{row['unsound']:10.2%}"
    print(f"{name:24}{figures}  {row['status']:16}{mark}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("laws", nargs="*", help="names; all of them where none is given")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=0.5, help="about how long to refit each law")
    parser.add_argument("--cpu-time", action="store_true", help="rates per second of CPU: for a busy machine")
    args = parser.parse_args()
    warnings.simplefilter("ignore", iso.IsoflopWarning)
    clock = time.process_time if args.cpu_time else time.perf_counter
    out = {}
    if not args.json:
        print(f"{ROWS} rows, one core, SIMD level {iso.info()['level']}")
        print(f"{'law':24}{'p':>4}{'refits/s':>12}{'fit, ms':>10}{'unsound':>10}")
    for name, law, points, truth, fixed in cases():
        if args.laws and name not in args.laws:
            continue
        out[name] = measure(law, points, truth, fixed, args.seconds, clock)
        if not args.json:
            show(name, out[name])
    missing = sorted(set(iso.laws.list()) - set(out)) if not args.laws else []
    if args.json:
        print(json.dumps({"laws": out, "no_case": missing}, indent=2))
    elif missing:
        print(f"no case for {', '.join(missing)}")


if __name__ == "__main__":
    main()
