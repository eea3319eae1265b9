"""How well forecasts hold on public tables: the back-test protocol over families, and learning curves.

    python benches/python/forecasts.py [--data FOLDER] [--methods NAME ...] [--table FILE.md]

Nothing in the library was chosen by looking at these scores. The tables are not part of the repository.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

import isoflop as iso
from isoflop._repr import number, percent, table

ROOT = Path(__file__).parents[2]
#: What must hold, of the recommended method: name, bound, and against what.
RMSE_SHARE, INTERVAL_SHARE = 0.75, 0.55
COVERAGE, WORST_FAMILY = (0.91, 0.98), 0.80
SWEEP = ("hparams", "warmup", "decay", "param_count", "loss_split")


def data_folder() -> Path:
    """Return where the measured tables lie."""
    base = Path(os.environ.get("ISOFLOP_SHARED", ROOT.parent / "shared"))
    return base / "data" if (base / "data").is_dir() else base


def families(folder: Path) -> dict[str, list[iso.Runs]]:
    """Return the tables of each family; sweeps and corpora of one project are one family."""

    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(folder / f"{name}.csv", infer_schema_length=None)

    steplaw = (
        read("steplaw_dense_lr_batch").sort("loss").unique(["params", "tokens"], keep="first", maintain_order=True)
    )
    frames = {
        "epoch_chinchilla": [read("epoch_chinchilla")],
        "llama3_isoflop": [read("llama3_isoflop")],
        "gemstones": read("gemstones_width_depth").partition_by("schedule", maintain_order=True),
        "porian_refinedweb": read("porian_refinedweb_isoflop").partition_by(*SWEEP, maintain_order=True),
        "gadre_overtraining_runs": read("gadre_overtraining_runs").partition_by("train_set", maintain_order=True),
        "steplaw_dense": [steplaw],
    }
    return {name: [_runs(frame) for frame in parts] for name, parts in frames.items()}


def _runs(frame: pl.DataFrame) -> iso.Runs:
    with contextlib.redirect_stderr(io.StringIO()):  # the protocol settles groups itself
        return iso.Runs(frame, loss="loss", N="params", D="tokens", C="6*N*D")


def verdicts(result: iso.Backtest) -> list[list[str]]:
    """Return what must hold beside what was measured."""
    scores = result.methods
    ours = scores["recommended"]
    rows = []

    def row(what: str, value: float, must: str, holds: bool, as_percent: bool = False) -> None:
        rows.append([what, percent(value) if as_percent else number(value, 3), must, "yes" if holds else "NO"])

    rival = scores["chinchilla-huber-rows"]["rmse"]
    row("RMSE / Chinchilla Huber 1e-3", ours["rmse"] / rival, f"<= {RMSE_SHARE}", ours["rmse"] <= RMSE_SHARE * rival)
    low, high = COVERAGE
    row("coverage of new runs, 95 %", ours["coverage_95"], "91 to 98 %", low <= ours["coverage_95"] <= high, True)
    worst = min(family["coverage_95"] for family in ours["families"].values())
    row("worst family", worst, ">= 80 %", worst >= WORST_FAMILY, True)
    share = ours["interval_score_95"] / scores["chinchilla-huber-groups"]["interval_score_95"]
    row("interval score / cluster bootstrap", share, f"<= {INTERVAL_SHARE}", share <= INTERVAL_SHARE)
    return rows


def by_family(result: iso.Backtest) -> str:
    """Return RMSE, coverage and interval score of each family and method as a table."""
    methods = result.methods
    rows = []
    for name in next(iter(methods.values()))["families"]:
        for method, scores in methods.items():
            s = scores["families"].get(name)
            if s is not None:
                shown = [number(s["rmse"], 3), percent(s["coverage_95"]), number(s["interval_score_95"], 3)]
                rows.append([name, method, *shown, str(s["n"]), str(s["cells"])])
    return table(["family", "method", "rmse", "covers 95 %", "interval score", "scored", "cells"], rows)


def curves(folder: Path) -> str:
    """Return the mean RMSLE of one-variable extrapolators on learning curves, at two cuts."""
    from curves import RIVALS, compare

    frame = pl.read_csv(folder / "lcdb_learning_curves_dev.csv", infer_schema_length=None)
    rows = []
    for ratio in (4, 16):
        scores, n_curves = compare(frame, ratio)
        best = min((np.mean(scores[name]), name) for name in RIVALS)
        ours = float(np.mean(scores["recommended"]))
        rows += [[f"1/{ratio}", name, number(float(np.mean(x)), 3), str(n_curves)] for name, x in scores.items()]
        rows.append([f"1/{ratio}", "recommended beats all", "yes" if ours < best[0] else f"NO: {best[1]}", ""])
    return table(["cut", "extrapolator", "mean RMSLE", "curves"], rows)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; 1 where something that must hold does not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--table", type=Path, help="also write the tables to this file")
    parser.add_argument("--skip-curves", action="store_true")
    given = parser.parse_args(argv)
    began = time.perf_counter()
    result = iso.backtest(families(given.data), progress=lambda line: print(line, file=sys.stderr))
    checked = verdicts(result)
    parts = [result.summary(), by_family(result), table(["", "measured", "must", "holds"], checked)]
    if not given.skip_curves:
        parts.append(curves(given.data))
    text = "\n\n".join(parts)
    print(text)
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    if given.table:
        given.table.write_text(f"```text\n{text}\n```\n", encoding="utf-8")
    return int(any(row[-1] == "NO" for row in checked))


if __name__ == "__main__":
    sys.exit(main())
