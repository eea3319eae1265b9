"""How well the split of a budget holds on public isoFLOP sweeps: from small budgets to the best size of the largest.

    python benches/python/allocations.py [--data FOLDER]

The best size of the largest budget is the minimum of a parabola in ln N through its seven runs nearest the lowest loss.
Rows at or below a third, a tenth and a thirtieth of that budget are fitted. Families weigh equally. The cost of an
error is what the parabola says: excess loss over what a factor e of compute gains between the last two budgets, in per
cent of compute. The tables are not part of the repository. One thing in the library was chosen by these scores: that a
forecaster's best size is that of the law with the mean discrepancy, not of the law alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import isoflop as iso
from isoflop._repr import percent, table

ROOT = Path(__file__).parents[2]
RATIOS, NEAREST, LEVELS, DRAWS = (3, 10, 30), 7, (0.8, 0.95), 4000
HELD = tuple(f"{level:.0%}" for level in LEVELS)
SWEEP = ("hparams", "warmup", "decay", "param_count", "loss_split")

#: Who says how a budget is split.
METHODS: dict[str, Callable[[iso.Runs], Any]] = {
    "chinchilla, bootstrap": lambda runs: iso.fit(runs, "chinchilla").bootstrap(DRAWS, rng=0),
    "p-norm, weak priors, bootstrap": lambda runs: iso.fit(runs, "pnorm", prior="weak", delta="auto").bootstrap(
        DRAWS, rng=0
    ),
    "forecaster": iso.forecaster,
}


@dataclass(frozen=True)
class Best:
    """The best size of the largest budget, its curvature, and the loss that ln compute gains there."""

    C: float
    N: float
    curvature: float
    slope: float


def data_folder() -> Path:
    """Return where the measured tables lie."""
    base = Path(os.environ.get("ISOFLOP_SHARED", ROOT.parent / "shared"))
    return base / "data" if (base / "data").is_dir() else base


def families(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield (family, sweep): columns params, tokens, loss and the nominal budget C."""
    llama = pl.read_csv(folder / "llama3_isoflop.csv")
    yield "llama3", llama.select("params", "tokens", "loss", C="flops")
    chinchilla = pl.read_csv(folder / "chinchilla_isoflop_scalefit_digitised.csv")
    yield "chinchilla", chinchilla.select("params", "tokens", "loss", C="isoflop_budget")
    porian = pl.read_csv(folder / "porian_refinedweb_isoflop.csv")
    for part in porian.partition_by(*SWEEP, maintain_order=True):
        yield "porian", part.select("params", "tokens", "loss", C="flops")


def parabola(rows: pl.DataFrame) -> tuple[float, float, float] | None:
    """Return size, loss and curvature at the minimum of a budget, None where there is none inside."""
    x, loss = np.log(rows["params"].to_numpy()), rows["loss"].to_numpy()
    near = np.argsort(np.abs(x - x[loss.argmin()]))[:NEAREST]
    if len(near) < 5:
        return None
    centre = x[near].mean()
    bend, tilt, level = np.polyfit(x[near] - centre, loss[near], 2)
    at = -tilt / (2 * bend)
    if bend <= 0 or not x[near].min() < centre + at < x[near].max():
        return None
    return float(np.exp(centre + at)), float(level - bend * at**2), float(bend)


def best_of(sweep: pl.DataFrame) -> Best | None:
    """Return what the largest budget of a sweep shows."""
    below, top = np.sort(sweep["C"].unique().to_numpy())[-2:]
    found, before = parabola(sweep.filter(pl.col("C") == top)), parabola(sweep.filter(pl.col("C") == below))
    if found is None or before is None:
        return None
    slope = (before[1] - found[1]) / np.log(top / below)
    return Best(float(top), found[0], found[2], float(slope))


def score(sweep: pl.DataFrame, best: Best) -> Iterator[dict[str, Any]]:
    """Yield for each cut and method the error of ln N, whether intervals hold, and the share of compute lost."""
    for ratio in RATIOS:
        rows = sweep.filter((pl.col("C") <= best.C / ratio * 1.001) & (pl.col("loss") < 7))
        if len(rows) < 12 or rows["C"].n_unique() < 3:
            continue
        with contextlib.redirect_stderr(io.StringIO()):
            runs = iso.Runs(rows, loss="loss", N="params", D="tokens", C="6*N*D")
        for name, method in METHODS.items():
            found = iso.compute_optimal(method(runs), C=best.C, n_draws=DRAWS)
            error = float(np.log(found.N / best.N))
            below = float((found.draws["N"] < best.N).mean())
            held = {name: abs(below - 0.5) < level / 2 for name, level in zip(HELD, LEVELS, strict=True)}
            yield {"method": name, "error": error, "lost": best.curvature * error**2 / best.slope, **held}


def main() -> None:
    """Print errors per method and family, and the mean over families."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    warnings.simplefilter("ignore")
    out = [
        {"family": family, **scored}
        for family, sweep in families(parser.parse_args().data)
        if (best := best_of(sweep)) is not None
        for scored in score(sweep, best)
    ]
    cells = (
        pl.DataFrame(out)
        .group_by("method", "family", maintain_order=True)
        .agg(
            cells=pl.len(),
            factor=pl.col("error").abs().median().exp(),
            bias=pl.col("error").mean().exp(),
            **{name: pl.col(name).mean() for name in HELD},
            lost=pl.col("lost").median(),
        )
    )
    mean = cells.group_by("method", maintain_order=True).agg(
        pl.lit("all, equally").alias("family"), pl.col("cells").sum(), pl.col("factor", "bias", *HELD, "lost").mean()
    )
    rows = [
        [row["method"], row["family"], str(row["cells"]), f"{row['factor']:.2f}", f"{row['bias']:.2f}",
         *(percent(row[name]) for name in HELD), percent(row["lost"])]
        for row in pl.concat([cells, mean.select(cells.columns)]).iter_rows(named=True)
    ]  # fmt: skip
    holds = [f"{name} holds" for name in HELD]
    print(table(["method", "family", "cuts", "median factor", "mean ratio", *holds, "compute lost"], rows))


if __name__ == "__main__":
    main()
