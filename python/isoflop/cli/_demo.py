"""`isoflop demo`: the bundled runs, from a table to a forecast and a picture, each step shown as it is done."""

from __future__ import annotations

import sys
import time
from typing import Any

from .. import _demo, _engine
from .._bootstrap import bootstrap as resample
from .._draws import Bootstrap
from .._repr import number
from . import NOT_CONVERGED
from ._output import emit, emit_json, is_terminal
from ._report import boot_content, fit_content, speed
from ._save import save_plot

PICTURE = "isoflop-demo.png"
LEVEL = 0.95


def demo(*, bootstrap: int = 1_000_000, seed: int = 0, json: bool = False) -> int:
    """Fit 120 simulated runs, refit a million resamples, forecast, draw isoflop-demo.png here.

    Works offline. The runs come with the package and are simulated, so the forecast can be compared with the truth.

    For example:

        isoflop demo

    Parameters
    ----------
    bootstrap
        Resamples.
    seed
        Of the resamples.
    json
        Print JSON instead of text.
    """
    runs = _demo.demo_runs()
    fit = _demo.demo_fit(runs)
    if not json:
        emit(f"1. Runs: simulated by isoflop with half a percent of noise\n\n{runs!r}\n\n2. Fit\n\n{fit.summary()}\n")
    began = time.perf_counter()
    boot = resample(fit, bootstrap, rng=seed, progress=is_terminal(sys.stderr))
    seconds = time.perf_counter() - began
    forecast = _demo.forecast(runs, boot)
    if not json:
        emit(f"3. Bootstrap\n\n{_refits(boot, seconds)}\n\n4. Forecast\n\n{_forecast(forecast)}\n")
    picture = save_plot(boot, PICTURE).resolve()
    if json:
        content = {**fit_content(fit), "bootstrap": boot_content(boot, LEVEL, seconds)}
        emit_json("demo", {**content, "forecast": forecast, "files": {"plot": str(picture)}})
    else:
        emit(f"5. Picture\n\n{picture}")
    return 0 if fit.success else NOT_CONVERGED


def _refits(boot: Bootstrap, seconds: float) -> str:
    summary = boot.summary(LEVEL).split("\n\n", 1)[1]  # the law is named above
    return f"speed      {speed(boot.n_resamples, seconds)} ({_engine.info()['level']})\n{summary}"


def _forecast(at: dict[str, Any]) -> str:
    """Return the forecast in words: a mean is not a new run."""
    size = f"C = {number(at['C'], 3)} FLOP, N = {number(at['N'], 3)}, D = {number(at['D'], 3)}"
    return "\n".join(
        [
            f"{_demo.REACH:g} times the compute of the largest run: {size}",
            f"predicted loss         {at['loss']:.4f}",
            f"95 % band, mean curve  {at['mean_low']:.4f} to {at['mean_high']:.4f}",
            f"95 % band, new run     {at['low']:.4f} to {at['high']:.4f}",
            f"truth (simulated)      {at['truth']:.4f}",
        ]
    )
