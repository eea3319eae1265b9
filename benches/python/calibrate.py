"""Fit the constants of the step-time model to a table of measured steps, and say how far off they are on rows not seen.

    python benches/python/calibrate.py TABLE.csv            # figures only
    python benches/python/calibrate.py TABLE.csv --write    # and python/isoflop/data/calibration.json

Folds are whole (source, model, devices) groups, then whole sources. No row of the table enters the package: only
constants and quantiles of residuals do.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from isoflop import _calibrate, _estimate, _measured, _validate
from isoflop._estimate import Calibration, kind_of

LEVELS = (0.5, 0.8, 0.9, 0.95)


def rows_of(path):
    """Return the rows that have a step time and can be expressed."""
    out = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                read = _measured.read_row(row)
            except _measured.NotExpressedError:
                continue
            if read.step_time_s:
                out.append(read)
    return out


def weights(rows):
    """Return row weights that keep a few large sources from deciding alone."""
    n = Counter(row.source for row in rows)
    raw = np.array([n[row.source] ** -0.4 for row in rows])
    return raw * len(raw) / raw.sum()


def shares(rows):
    """Return the keys of all shares that rows speak of."""
    families = {row.cluster.device.family for row in rows}
    keys = {_calibrate.key_of(row) for row in rows} | {f"{f}/{what}" for f in families for what in ("16", "attention")}
    return sorted(keys)


def fitted(rows, keys):
    """Return the calibration that fits some rows."""
    free = _calibrate.free_constants(keys)
    return _calibrate.fit(rows, _calibrate.prior(keys), free, weights(rows))


def residuals(rows, calibration):
    """Return log(predicted / measured)."""
    return _calibrate.log_ratio(_calibrate.cases(rows, calibration), calibration)


def cross_validated(rows, labels, n_folds):
    """Return residuals of rows whose group was left out, and the fold of each."""
    names = sorted(set(labels))
    np.random.default_rng(0).shuffle(names)
    place = {name: i % n_folds for i, name in enumerate(names)}
    fold = np.array([place[label] for label in labels])
    out = np.zeros(len(rows))
    keys = shares(rows)
    for i in range(n_folds):
        train = [row for row, f in zip(rows, fold, strict=True) if f != i]
        test = [row for row, f in zip(rows, fold, strict=True) if f == i]
        out[fold == i] = residuals(test, fitted(train, keys))
    return out, fold


def baseline(rows, fold):
    """Return log(predicted / measured) of the median MFU per accelerator and precision, on the same folds."""
    mfu, out = np.array([_mfu(row) for row in rows]), np.zeros(len(rows))
    for i in range(len(rows)):
        seen = fold != fold[i]
        same = np.array([r.cluster.device.name == rows[i].cluster.device.name for r in rows]) & seen
        both = same & np.array([r.precision == rows[i].precision for r in rows])
        pool = next(pick for pick in (both, same, seen) if pick.any())
        out[i] = np.log(mfu[i] / np.median(mfu[pool]))
    return out


def _mfu(row):
    flops = row.model.flops_per_token(row.seq_len) * row.batch * row.seq_len
    return flops / row.step_time_s / row.cluster.count / row.cluster.device.peak(row.precision)


def quantiles(rows, e):
    """Return quantiles of log(measured / predicted) by kind of job."""
    out = {}
    kinds = [kind_of(row.model) for row in rows]
    for kind in sorted(set(kinds)):
        out[kind] = _table(-e[[k == kind for k in kinds]])
    return out


def memory_quantiles(path, calibration):
    """Return quantiles of log(measured / predicted) of peak memory, where a row says what it measured."""
    with path.open(newline="", encoding="utf-8") as file:
        found = _validate.predict_rows(list(csv.DictReader(file)), calibration)
    rows = zip(found.rows, found.memory_gib, strict=True)
    errors = [np.log(row.memory_gib / x) for row, x in rows if row.memory_gib and "unstated" not in row.memory_kind]
    return _table(np.array(errors))


def _table(errors):
    sides = {f"{p:g}": _conformal(errors, p) for level in LEVELS for p in ((1 - level) / 2, (1 + level) / 2)}
    return {p: round(float(q), 4) for p, q in sides.items()}


def _conformal(errors, p):
    """Return a quantile a little further out than the sample's, so that a new row is covered as often as promised."""
    p = (
        min(p * (len(errors) + 1) / len(errors), 1.0)
        if p > 0.5
        else max(1 - (1 - p) * (len(errors) + 1) / len(errors), 0)
    )
    return np.quantile(errors, p)


def coverage(rows, e, fold):
    """Return the share of rows inside 80 % intervals whose quantiles come from the other folds."""
    inside = np.zeros(len(rows), bool)
    for f in np.unique(fold):
        train, test = fold != f, fold == f
        table = quantiles([row for row, t in zip(rows, train, strict=True) if t], e[train])
        for i in np.flatnonzero(test):
            one = table[kind_of(rows[i].model)]
            inside[i] = one["0.1"] <= -e[i] <= one["0.9"]
    return inside.mean()


def show(title, rows, e):
    """Print mean and median absolute percentage error per source and in all."""
    a = 100 * np.abs(np.expm1(e))
    by = defaultdict(list)
    for row, x in zip(rows, a, strict=True):
        by[row.source].append(x)
    print(f"\n{title}\n{'source':22s} {'n':>4s} {'mean %':>7s} {'median':>7s}")
    for source, values in by.items():
        print(f"{source:22s} {len(values):4d} {np.mean(values):7.1f} {np.median(values):7.1f}")
    big = [r.model.n_params >= 8e9 and r.cluster.device.family in ("A100", "Hopper") for r in rows]
    print(f"{'all':22s} {len(a):4d} {a.mean():7.1f} {np.median(a):7.1f}")
    print(f"{'A100/H100, 8B and up':22s} {sum(big):4d} {a[big].mean():7.2f} {np.median(a[big]):7.2f}")


def write(calibration: Calibration, spread, n_rows, figures):
    """Write the constants as package data."""
    content = {
        "about": "Constants of the step-time model, fitted by benches/python/calibrate.py to published steps; "
        "their meaning is said in rust/core/src/hardware/machine.rs.",
        "n_rows": n_rows,
        "figures": figures,
        "constants": {
            name: {
                "value": float(f"{value:.5g}"),
                "prior": _calibrate.PRIOR[name][0],
                "prior_sd": _calibrate.PRIOR[name][1],
            }
            for name, value in calibration.constants.items()
        },
        "matmul": {name: float(f"{value:.4g}") for name, value in sorted(calibration.matmul.items())},
        "spread": spread,
    }
    _estimate.PATH.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main():
    """Fit, validate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = rows_of(options.table)
    e, fold = cross_validated(rows, [row.group for row in rows], 10)
    show("left out by (source, model, devices)", rows, e)
    covered = coverage(rows, e, fold)
    print(f"80 % intervals hold {100 * covered:.1f} % (quantiles from the other folds)")
    show("baseline: median MFU per accelerator and precision, same folds", rows, baseline(rows, fold))
    sources = [row.source for row in rows]
    by_source, source_fold = cross_validated(rows, sources, len(set(sources)))
    show("left out by source", rows, by_source)
    print(f"80 % intervals hold {100 * coverage(rows, by_source, source_fold):.1f} %")
    if options.write:
        a = 100 * np.abs(np.expm1(e))
        figures = {
            "mape": round(a.mean(), 1),
            "median_ape": round(np.median(a), 1),
            "coverage_80": round(100 * covered, 1),
        }
        final = dataclasses.replace(fitted(rows, shares(rows)), spread=quantiles(rows, e))
        memory = memory_quantiles(options.table, final)
        write(final, {**final.spread, "memory": memory}, len(rows), figures)


if __name__ == "__main__":
    main()
