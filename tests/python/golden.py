"""Golden draws: refits of the simulated twin, stored with 17 digits. They pin the random scheme and the numbers.

Made again by `python tests/data/make.py draws`; a commit that changes them says so in CHANGELOG.md.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import isoflop as iso

if __package__:
    from .helpers import DATA, twin
else:  # tests/data/make.py runs this file by itself
    from helpers import DATA, twin

PATH = DATA / "golden_draws.csv"
N_DRAWS = 12


def jobs() -> dict[str, iso.Bootstrap]:
    """Return one small bootstrap per scheme, criterion and kind of law."""
    table = twin()
    runs = {**table, "run": np.arange(240) // 4, "family": np.where(np.arange(240) % 3 == 0, "a", "b")}
    grouped = iso.Runs(runs, groups="run")
    levels = iso.Law("E[family] + A / N**alpha + B / D**beta")
    few = {name: values[:20] for name, values in table.items()}
    fits = {
        "rows": iso.fit(table, "chinchilla"),
        "groups": iso.fit(grouped, "chinchilla"),
        "bayesian": iso.fit(table, "chinchilla"),
        "jackknife": iso.fit(table, "chinchilla"),
        "rows-squared": iso.fit(table, "chinchilla", criterion="squared"),
        "rows-log_cosh": iso.fit(table, "chinchilla", criterion="log_cosh", delta=0.003),
        "rows-quantile": iso.fit(table, "chinchilla", quantile=0.2),
        "rows-levels": iso.fit(runs, levels),
        "rows-pnorm": iso.fit(table, "pnorm", fixed={"p": 1.3}),
        "bayesian-few": iso.fit(few, "chinchilla", delta=0.01, fixed={"E": 1.8}),
    }
    return {name: fit.bootstrap(N_DRAWS, scheme=name.partition("-")[0], rng=2**53 + 1) for name, fit in fits.items()}


def rows_of(name: str, boot: iso.Bootstrap) -> list[list[str]]:
    """Return the draws of one job as text: job, resample, status, objective, then a value per parameter."""
    numbers = np.column_stack([boot.objective, boot.draws])
    return [[name, str(i), str(boot.status[i]), *(f"{x:.17g}" for x in row)] for i, row in enumerate(numbers)]


def write_draws(path: Path, boots: Mapping[str, iso.Bootstrap]) -> None:
    """Write all jobs to one file."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            row for name, boot in boots.items() for row in rows_of(name, boot)
        )


def read_draws() -> dict[str, list[list[str]]]:
    """Return the stored rows per job."""
    found: dict[str, list[list[str]]] = {}
    with PATH.open(newline="") as file:
        for row in csv.reader(file):
            found.setdefault(row[0], []).append(row)
    return found
