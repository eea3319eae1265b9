"""How often intervals hold, on designs where the truth is known: the table of docs/measured/coverage.md.

    python benches/python/coverage.py [--simulations 1000] [--write docs/measured/coverage.md]

Every case has the range that it must lie in; the demonstrations of failure must fail. Exit code 1 where one does not.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import designs
import isoflop as iso

#: Resamples of each simulation.
B = 399
NAMES = ("alpha", "a", "E", "L 10x", "N_opt 10x", "L 100x", "N_opt 100x")


@dataclass(frozen=True)
class Case:
    """One cell of the table: a design, its noise, the methods and what must hold.

    `must` is the range of every cell in per cent, `mean` that of a method's mean over targets (None: not asked).
    """

    row: str
    design: designs.Design
    noise: str
    methods: tuple[str, ...]
    must: tuple[float, float]
    mean: tuple[float, float] | None = None
    criterion: str = "huber"
    p: float = 1.0
    kind: str = "mean"
    only: tuple[str, ...] = NAMES


@dataclass(frozen=True)
class Cell:
    """Coverage of one method in one case, by target, in per cent."""

    case: Case
    method: str
    shares: np.ndarray
    names: tuple[str, ...]
    n: int

    def slack(self, bound: float) -> float:
        """Return two Monte-Carlo standard errors of a coverage, in per cent."""
        return 200 * float(np.sqrt(bound / 100 * (1 - bound / 100) / self.n))

    @property
    def holds(self) -> bool:
        """Whether every target lies in the range, within two Monte-Carlo standard errors."""
        low, high = self.case.must
        inside = (self.shares >= low - self.slack(low)) & (self.shares <= high + self.slack(high))
        return bool(inside.all())


ROWS_WISE = ("delta", "hc3", "profile", "rows:percentile")
WIDE, MEAN = (92.0, 98.0), (94.0, 97.0)


def cases() -> list[Case]:
    """Return every case, in the order of the table."""
    out = [
        Case("independent rows", designs.iso(n), sd, ROWS_WISE, WIDE, MEAN)
        for sd in ("0.005", "0.02")
        for n in (30, 60, 240)
    ]
    out += [Case("noise falls with compute", designs.iso(n), "hetero", ("hc3",), WIDE, MEAN) for n in (30, 60, 240)]
    out += [
        Case("heavy tails and outliers", designs.iso(n), "t3out", ("hc3", "rows:percentile"), (90.0, 99.0))
        for n in (30, 60, 240)
    ]
    clustered = {"criterion": "squared"}
    out += [
        Case("sizes share noise", designs.grid(30), "cluster", ("gls",), (93.0, 98.0), **clustered),
        Case("sizes share noise", designs.grid(30), "cluster", ("wild-cluster",), (92.0, 97.0), **clustered),
    ]
    for n in (30, 60):
        out += [
            Case("checkpoints of runs", designs.ckpt(n), "ckpt", ("wild-cluster",), (91.0, 96.0), **clustered),
            Case("checkpoints of runs", designs.ckpt(n), "ckpt", ("gls",), (92.0, 97.0), **clustered),
        ]
    out += [
        Case("checkpoints of runs", designs.ckpt(240), "ckpt", ("gls-ar1",), (92.0, 97.0), **clustered),
        Case("must fail: rows as if independent", designs.grid(240), "cluster", ("rows:percentile",), (0.0, 65.0)),
    ]
    losses = ("L 10x", "L 100x")
    out += [
        Case("a new run", designs.iso(n), sd, ("delta",), WIDE, MEAN, kind="new_run", only=losses)
        for sd in ("0.002", "0.005", "0.02")
        for n in (30, 60, 240)
    ]
    out.append(
        Case(
            "must fail: p = 1 fitted, p = 2 true", designs.iso(30), "0.005", ("delta",), (0.0, 5.0), p=2.0, only=losses
        )
    )
    return out


def simulate(case: Case, n: int, seed: int, n_threads: int | None = None) -> iso.CoverageStudy:
    """Run one case with its own fixed stream."""
    rng = np.random.default_rng([seed, len(case.design.N), *case.design.name.encode(), *case.noise.encode()])
    curve = designs.loss(case.design.N, case.design.D, case.p)
    losses = curve * np.exp(designs.noise(case.noise, case.design, n, rng))
    of, truth = designs.targets(case.design, case.p)
    of = {name: what for name, what in of.items() if name in case.only}
    if case.kind == "new_run":
        sd = designs.new_run_sd(case.noise)
        truth = {k: v * np.exp(sd * rng.standard_normal(n)) if k in of else v for k, v in truth.items()}
    return iso.coverage_study(
        fit_of(case, losses[0]),
        losses,
        truth,
        case.methods,
        of=of,
        kind=case.kind,
        start=designs.TRUTH,
        order="D" if case.design.name == "ckpt" else None,
        n_resamples=B,
        rng=seed,
        n_threads=n_threads,
    )


def fit_of(case: Case, losses: np.ndarray) -> iso.Fit:
    """Return a fit that carries the design, its groups and the recipe."""
    table = {"N": case.design.N, "D": case.design.D, "loss": losses}
    if case.design.groups is not None:
        table["run"] = case.design.groups
    runs = iso.Runs(table, groups=None if case.design.groups is None else "run")
    delta = "auto" if case.criterion == "huber" else None
    return iso.fit(runs, "chinchilla", criterion=case.criterion, delta=delta)


def cells(case: Case, study: iso.CoverageStudy) -> list[Cell]:
    """Return one cell per method."""
    shares = 100 * study.coverage
    return [Cell(case, m, shares[i], study.names, len(study.low)) for i, m in enumerate(study.methods)]


def widths(n: int, seed: int) -> dict[str, float]:
    """Return median widths of ln L at 10x (independent noise of 0.005, 30 rows), relative to an oracle's.

    The oracle knows the spread of the estimates over simulations: 2 x 1.96 of their standard deviations.
    """
    case = Case("widths", designs.iso(30), "0.005", ROWS_WISE, WIDE, only=("L 10x",))
    study = simulate(case, n, seed)
    low, high = np.log(study.low[..., 0]), np.log(study.high[..., 0])
    centre = 0.5 * (low + high)[:, 0]
    oracle = 2 * 1.959964 * centre.std(ddof=1)
    return {m: float(np.median(high[:, i] - low[:, i]) / oracle) for i, m in enumerate(study.methods)}


def means_hold(found: list[Cell]) -> list[tuple[str, str, float, bool]]:
    """Return (row, method, mean, whether it lies where it must) for rows that ask for a mean."""
    keys = dict.fromkeys((c.case.row, c.method) for c in found if c.case.mean)
    out = []
    for row, method in keys:
        group = [c for c in found if (c.case.row, c.method) == (row, method)]
        mean = float(np.mean(np.concatenate([c.shares for c in group])))
        low, high = group[0].case.mean or WIDE
        out.append((row, method, mean, low <= round(mean, 1) <= high))
    return out


def table(found: list[Cell], ratios: dict[str, float], n: int) -> str:
    """Return the page."""
    lines = [
        "# Coverage of intervals",
        "",
        f"Share of nominal 95 % intervals that hold the truth, in per cent, over {n:,} simulations a row (Monte-Carlo",
        f"standard error {100 * np.sqrt(0.95 * 0.05 / n):.1f} at 95 %). `benches/python/coverage.py` makes this page,",
        f"`designs.py` beside it says where runs are made; {B} resamples where a method draws. Chinchilla's law is",
        "fitted, with adaptive Huber for independent rows and least squares for clustered ones. Targets are at the",
        "optimum of 10 and 100 times the largest compute of the design.",
        "",
        "| case | noise | n | method | " + " | ".join(NAMES) + " | must | |",
        "|---|---|---|---|" + "---|" * len(NAMES) + "---|---|",
    ]
    for c in found:
        by = dict(zip(c.names, c.shares, strict=True))
        shown = [f"{by[name]:.1f}" if name in by else "" for name in NAMES]
        low, high = c.case.must
        must = f"at most {high:.0f}" if low == 0 else f"{low:.0f} to {high:.0f}"
        head = [c.case.row, f"{c.case.design.name} {c.case.noise}", str(len(c.case.design.N)), c.method]
        lines.append("| " + " | ".join([*head, *shown, must, "holds" if c.holds else "**misses**"]) + " |")
    lines += ["", "Every cell must lie in its range within two Monte-Carlo standard errors.", ""]
    lines += ["| means over all targets and sizes | method | mean | must | |", "|---|---|---|---|---|"]
    for row, method, mean, holds in means_hold(found):
        lines.append(f"| {row} | {method} | {mean:.1f} | 94 to 97 | {'holds' if holds else '**misses**'} |")
    lines += ["", "Median widths of ln L at 10x (iso 0.005, n = 30), relative to a normal interval that knows the true"]
    lines += ["spread: " + ", ".join(f"{m} {x:.2f}" for m, x in ratios.items()) + ".", ""]
    return "\n".join(lines)


def main() -> int:
    """Run every case, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    found: list[Cell] = []
    for case in cases():
        start = time.perf_counter()
        study = simulate(case, options.simulations, options.seed)
        found += cells(case, study)
        what = f"{case.row}, {case.design.name} {case.noise}, n = {len(case.design.N)}"
        missing = f", {study.n_missing} missing" if study.n_missing else ""
        print(f"{what}: {time.perf_counter() - start:.1f} s{missing}", file=sys.stderr)
    text = table(found, widths(options.simulations, options.seed), options.simulations)
    print(text)
    if options.write:
        options.write.write_text(text)
    sound = all(c.holds for c in found) and all(row[3] for row in means_hold(found))
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
