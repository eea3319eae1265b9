"""Time the main job, pairs-bootstrap refits of the Chinchilla law, against scipy and numba in one run.

    python benches/python/bench_refits.py [--json] [--rounds 5] [--resamples 100000]

All rivals do the same on one core: draw 240 of the 240 rows with replacement, start at the full fit, minimise
the sum of Huber(1e-3) of the log residuals. They take turns, medians are printed, compilation is left out.
The last lines compare two threads with two processes that run side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

import job  # noqa: E402 (numpy reads the variables above)

try:
    import isoflop as iso
except ImportError:
    iso = None


class Isoflop:
    """Our side, through the public face only."""

    def __init__(self, columns):
        runs = iso.Runs({"params": columns["N"], "tokens": columns["D"], "loss": columns["loss"]},
                        loss="loss", N="params", D="tokens")  # fmt: skip
        self.runs, self.fit = runs, iso.fit(runs, law="chinchilla")

    def rate(self, n, n_threads=1, clock=time.perf_counter):
        """Refits per second of one bootstrap."""
        began = clock()
        self.fit.bootstrap(n, scheme="rows", rng=0, n_threads=n_threads)
        return n / (clock() - began)

    def full_fit_ms(self, repeats=50):
        """Median time of a full fit with global search, in milliseconds."""
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            iso.fit(self.runs, law="chinchilla", n_threads=1)
            times.append(1e3 * (time.perf_counter() - began))
        return float(np.median(times))

    def excess(self, numba, theta, n=500):
        """Largest relative excess over the best objective known, for the first resamples."""
        boot = self.fit.bootstrap(n, scheme="rows", rng=0, n_threads=1)
        counts = [boot.weights(i) for i in range(n)]
        best = np.array([best_known(numba, theta, c) for c in counts])
        return float(np.max(np.asarray(boot.objective) / best - 1))


def best_known(numba, theta, counts):
    """Smallest objective that a tight Newton finds from the full fit and from eight starts around it."""
    shifts = np.random.default_rng(7).normal(size=(8, 5)) * [1.5, 1.5, 0.15, 0.08, 0.08]
    return min(numba.weighted(start, counts)[1] for start in [theta, *(theta + shifts)])


def rivals(columns, n, clock):
    """Return tasks that each give refits per second, and the accuracy that each reaches."""
    from numba_newton import NumbaNewton, counts_of
    from scipy_rival import ScipyLeastSquares

    numba = NumbaNewton(**columns, delta=job.DELTA)
    rows = columns["N"].size
    theta, objective = numba.weighted(job.NEAR, np.ones(rows, np.int32))
    scipy = ScipyLeastSquares(**columns, delta=job.DELTA)
    start, rng = scipy.inside(theta), np.random.default_rng(0)
    numba.refits(theta, 100)

    def time_scipy():
        n_scipy = max(100, n // 500)
        began = clock()
        for _ in range(n_scipy):
            scipy.refit(start, rng.integers(0, rows, rows))
        return n_scipy / (clock() - began)

    def time_numba():
        began = clock()
        numba.refits(theta, n, seed=1)
        return n / (clock() - began)

    counts = [counts_of(rows, 0, i) for i in range(200)]
    best = np.array([best_known(numba, theta, c) for c in counts])
    by_scipy = np.array([scipy.refit(start, np.repeat(np.arange(rows), c)) for c in counts])
    by_numba = numba.refits(theta, len(counts))[1]
    accuracy = {"scipy": float(np.max(by_scipy / best - 1)), "numba": float(np.max(by_numba / best - 1))}
    return {"scipy": time_scipy, "numba": time_numba}, accuracy, numba, theta, objective


def two_processes(n):
    """Refits per second that two processes of one thread reach together."""
    command = [sys.executable, __file__, "--child", str(n)]
    pipe = subprocess.PIPE
    children = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for child in children:
        child.stdout.readline()  # ready: imported, fitted, warm
    began = time.perf_counter()
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.stdout.readline()
    elapsed = time.perf_counter() - began
    for child in children:
        child.communicate()
    return 2 * n / elapsed


def child(n):
    """One of the two processes: get ready, wait for the word, run."""
    ours = Isoflop(job.table()[1])
    ours.rate(1000)
    print("ready", flush=True)
    sys.stdin.readline()
    ours.rate(n)
    print("done", flush=True)


def simd_level():
    """Return the SIMD level, as `isoflop info --json` says it."""
    command = [Path(sys.executable).with_name("isoflop"), "info", "--json"]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(out.stdout)["simd"]
    except (ValueError, KeyError):
        return "unknown"


def measure(n, n_rounds, clock):
    """Run everything and return one flat dict."""
    name, columns = job.table()
    tasks, accuracy, numba, theta, objective = rivals(columns, n, clock)
    out = {"table": name, "rows": int(columns["N"].size), "objective": objective}
    if iso is not None:
        ours = Isoflop(columns)
        ours.rate(1000)
        tasks["isoflop"] = lambda: ours.rate(n, clock=clock)
        accuracy["isoflop"] = ours.excess(numba, theta)
        out |= {"simd": simd_level(), "isoflop_objective": float(ours.fit.objective)}
        out["full_fit_ms"] = ours.full_fit_ms()
    out["rates"] = job.rounds(tasks, n_rounds)
    out["excess"] = accuracy
    if iso is not None:
        out["ratio_to_scipy"] = out["rates"]["isoflop"] / out["rates"]["scipy"]
        out["ratio_to_numba"] = out["rates"]["isoflop"] / out["rates"]["numba"]
        pair = {"threads": lambda: ours.rate(2 * n, n_threads=2), "processes": lambda: two_processes(n)}
        pair = job.rounds(pair, n_rounds)
        out |= {"two_threads": pair["threads"], "two_processes": pair["processes"]}
        out["threads_to_processes"] = pair["threads"] / pair["processes"]
    return out


def show(out):
    """Print the figures as a small table."""
    print(f"{out['table']}, {out['rows']} rows, law chinchilla, Huber 1e-3 on log loss, one core")
    print(f"{'':22}{'refits/s':>12}{'of scipy':>10}{'excess over best objective':>30}")
    for name, rate in out["rates"].items():
        excess = out["excess"].get(name)
        text = "not measured" if excess is None else f"{excess:.1e}"
        print(f"{name:22}{rate:12,.0f}{rate / out['rates']['scipy']:9.1f}x{text:>30}")
    if "simd" not in out:
        print("isoflop is not installed here: only the rivals were timed")
        return
    print(f"SIMD level {out['simd']}; {out['ratio_to_numba']:.2f} x numba")
    print(f"full fit with global search {out['full_fit_ms']:.2f} ms, objective {out['isoflop_objective']:.12f}")
    print(f"two threads {out['two_threads']:,.0f}/s, two processes side by side {out['two_processes']:,.0f}/s, "
          f"ratio {out['threads_to_processes']:.3f}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=100_000)
    parser.add_argument("--cpu-time", action="store_true", help="rates per second of CPU: for a busy machine")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child)
        return
    clock = time.process_time if args.cpu_time else time.perf_counter
    out = measure(args.resamples, args.rounds, clock)
    if args.json:
        print(json.dumps(out, indent=2))
    else:
        show(out)


if __name__ == "__main__":
    main()
