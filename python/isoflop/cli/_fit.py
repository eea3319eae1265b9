"""`isoflop fit`: from a file of runs to a fit, refits, forecasts, files."""

from __future__ import annotations

from typing import Literal

from . import _job, _parse
from ._table import WeightedTable

Criterion = Literal["huber", "squared", "pseudo_huber", "log_cosh", "absolute", "quantile"]
Scheme = Literal["auto", "rows", "groups", "bayesian", "jackknife"]


def fit(
    runs: str,
    /,
    *,
    table: WeightedTable = WeightedTable(),
    by: str | None = None,
    law: str = "chinchilla",
    real: list[str] | None = None,
    criterion: Criterion | None = None,
    delta: str | None = None,
    quantile: float | None = None,
    scale: Literal["log", "linear"] | None = None,
    fixed: list[str] | None = None,
    tied: list[str] | None = None,
    bounds: list[str] | None = None,
    prior: list[str] | None = None,
    starts: int | None = None,
    bootstrap: int | None = None,
    scheme: Scheme = "auto",
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    at: list[str] | None = None,
    save: str | None = None,
    plot: str | None = None,
    along: str | None = None,
    hold: list[str] | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    plot_width: float = 6.5,
    json: bool | None = None,
) -> int:
    r"""Fit a law to a table of runs, refit resamples, forecast.

    For example:

        isoflop fit runs.csv --law chinchilla --loss loss --N params \
            --D tokens --where "outlier_epoch == 0" --bootstrap 1000000 \
            --at N=70e9,D=1.4e12 --save fit.json --plot band.png

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet.
    table
        How it is read.
    by
        Fit each value of this column on its own.
    law
        Name in the catalogue (isoflop laws), or a formula such as "E + A / N**alpha".
    real
        Parameter of the formula that may be negative.
    criterion
        What is summed over rows; the choice of the law's own paper where left out.
    delta
        Width of the quadratic middle on the response scale, or auto.
    quantile
        Between 0 and 1; 0.1 follows the best-tuned runs.
    scale
        Scale of residuals, in place of the law's.
    fixed
        Parameter held at a value, E=1.7; Y0=free frees one that the law holds.
    tied
        Parameter as a formula over others, beta=alpha.
    bounds
        Bounds of a parameter, alpha=0.1:1.
    prior
        weak, or alpha=lognormal:0.35:0.35.
    starts
        Starting points of the search.
    bootstrap
        Resamples to refit.
    scheme
        Who is in a resample.
    seed
        Of starts and resamples: same seed, same bits.
    level
        Nominal coverage of intervals and bands.
    threads
        All CPUs that this process may use where left out.
    at
        Point to predict at, N=70e9,D=1.4e12.
    save
        File for the result: .json, and with --bootstrap a .parquet beside it; isoflop.load reads it.
    plot
        File for a picture: .png, .pdf, .svg.
    along
        Variable along the horizontal axis of the picture, where it is not clear.
    hold
        Variable or level that stays at a value along its curve, N=1e9 or family=a.
    tokens_per_param
        D/N along the curve of the picture; the median of the runs where left out.
    until
        Where the curve ends; ten times the largest run where left out.
    plot_width
        Of the picture in inches; 3.3 is one column.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    recipe = {"criterion": criterion, "delta": _parse.delta(delta), "quantile": quantile, "scale": scale}
    options = {
        "fixed": _parse.fixed(fixed),
        "tied": _parse.pairs(tied, "--tied", "beta=alpha") or None,
        "bounds": _parse.bounds(bounds),
        "prior": _parse.priors(prior),
        "starts": starts,
        "rng": seed,
    }
    jackknife = scheme == "jackknife"
    refit = {"n_resamples": bootstrap, "scheme": scheme, "rng": seed, "n_threads": _parse.threads(threads)}
    job = _job.FitJob(
        path=runs,
        table=table,
        law=_parse.law(law, table.letters, real),
        by=by,
        fitting={**recipe, **options},
        refitting=refit if bootstrap is not None or jackknife else None,
        level=_parse.level(level),
        points=_parse.points(at),
        save=save,
        plot=plot,
        drawing={
            "x": along,
            **_parse.values(hold, "--hold"),
            "tokens_per_param": tokens_per_param,
            "until": until,
            "width": plot_width,
        },
        as_json=json,
    )
    return _job.run(job)
