"""Time what users wait for: import, predictions, memory of a long bootstrap, bands.

    python benches/python/bench_api.py [--json]         all figures, each in a process of its own
    python -m pytest --import-mode=prepend benches/python/bench_api.py        short calls, by pytest-benchmark

pytest does not collect this file by itself (its name is no test's), so the benches are off by default.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median

import numpy as np

import job

MILLION = 1_000_000


def _runs():
    import isoflop as iso

    columns = job.table()[1]
    table = {"params": columns["N"], "tokens": columns["D"], "loss": columns["loss"]}
    return iso.Runs(table, loss="loss", N="params", D="tokens")


def _fit():
    import isoflop as iso

    return iso.fit(_runs(), law="chinchilla")


def _peak_mb():
    """Peak memory of this process so far, in MB (Linux counts KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _seconds(call, repeats=5):
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times)


def import_time(repeats=15):
    """Milliseconds that `import isoflop` takes in a fresh process, over those of `import numpy`."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def once(module):
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env).stdout)

    once("isoflop")  # writes the bytecode
    pairs = [(once("numpy"), once("isoflop")) for _ in range(repeats)]
    numpy, ours = (1e3 * median(column) for column in zip(*pairs, strict=True))
    return {"import_numpy_ms": numpy, "import_isoflop_ms": ours, "import_extra_ms": ours - numpy}


def predict_time(n=10 * MILLION):
    """Seconds of `predict` over 10 million (N, D), against numpy's own expression, on one core."""
    fit, rng = _fit(), np.random.default_rng(0)
    N, D = np.exp(rng.uniform(17, 27, n)), np.exp(rng.uniform(20, 31, n))
    E, A, B, alpha, beta = (float(fit.params[name]) for name in ("E", "A", "B", "alpha", "beta"))
    ours, theirs = [], []
    for _ in range(8):
        ours.append(_seconds(lambda: fit.predict(N=N, D=D), 1))
        theirs.append(_seconds(lambda: E + A / N**alpha + B / D**beta, 1))
    ours, theirs = ours[1:], theirs[1:]  # the first round pays for memory that the system hands out
    worst = np.max(np.abs(fit.predict(N=N, D=D) / (E + A / N**alpha + B / D**beta) - 1))
    out = {"predict_s": median(ours), "predict_numpy_s": median(theirs), "predict_largest_difference": float(worst)}
    return out | {"predict_ratio": median(ours) / median(theirs)}


def bootstrap_memory():
    """Peak memory of a bootstrap of a million resamples above the imported library and the fit."""
    fit = _fit()
    fit.bootstrap(1000, scheme="rows", rng=0)
    before = _peak_mb()
    began = time.perf_counter()
    boot = fit.bootstrap(MILLION, scheme="rows", rng=0)
    elapsed = time.perf_counter() - began
    return {"million_s": elapsed, "million_peak_mb": _peak_mb() - before, "million_failed": int(boot.n_failed)}


def band_time(points=200):
    """Seconds and memory of a band over 200 points from a million draws, on all cores."""
    boot = _fit().bootstrap(MILLION, scheme="rows", rng=0)
    N = np.geomspace(1e8, 1e12, points)
    boot.band(N=N[:2], D=20 * N[:2], kind="mean")
    before = _peak_mb()
    return {"band_s": _seconds(lambda: boot.band(N=N, D=20 * N, kind="mean"), 3), "band_peak_mb": _peak_mb() - before}


FIGURES = {f.__name__: f for f in (import_time, predict_time, bootstrap_memory, band_time)}


def measure(name):
    """Take one figure in a fresh process, so that peaks of memory do not mix."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--only", name]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | threads)
    return json.loads(out.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=FIGURES, help="one figure, in this process")
    args = parser.parse_args()
    if args.only:
        print(json.dumps(FIGURES[args.only]()))
        return
    out = {}
    for name in FIGURES:
        out |= measure(name)
    print(json.dumps(out, indent=2) if args.json else "\n".join(f"{k:28}{v:14.4g}" for k, v in out.items()))


# ---- pytest-benchmark


def test_full_fit(benchmark):
    import isoflop as iso

    runs = _runs()
    assert benchmark(lambda: iso.fit(runs, law="chinchilla", n_threads=1)).success


def test_ten_thousand_refits(benchmark):
    fit = _fit()
    boot = benchmark(lambda: fit.bootstrap(10_000, scheme="rows", rng=0, n_threads=1))
    assert boot.ok.mean() > 0.99


def test_interval(benchmark):
    boot = _fit().bootstrap(10_000, scheme="rows", rng=0)
    benchmark(lambda: boot.interval(level=0.95))


def test_predict_a_thousand_points(benchmark):
    fit, N = _fit(), np.geomspace(1e8, 1e12, 1000)
    assert benchmark(lambda: fit.predict(N=N, D=20 * N)).shape == (1000,)


if __name__ == "__main__":
    main()
