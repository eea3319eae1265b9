"""What a plan is made from: a fitted law with draws, its own curve, and the bands of a run that would be made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._errors import DataError, compose
from .._fitted import Fit
from .._forecast import Forecast, Forecaster, forecaster
from .._published import Published
from .._runs import as_runs

#: How far, as a factor, tokens are looked for around a guess.
WIDEST = 1e6


@dataclass(frozen=True)
class Model:
    """A law with values, and what its other variables are held at."""

    law: Fit | Bootstrap | Forecaster | Published
    held: Mapping[str, Any]

    def curve(self, N: float, D: Any) -> Any:
        """Return the loss on the law's own curve, which plans are made on."""
        source = self.law.fit if isinstance(self.law, Bootstrap) else self.law
        values = source.curve if isinstance(source, Forecaster) else source.predict
        return values(N=N, D=D, **self.held)

    def bands(self, N: float, D: float, level: float) -> dict[str, float]:
        """Return the loss of a run, a band for the mean curve and one for the run itself; NaN where there is none."""
        if isinstance(self.law, Forecaster):
            found = self.law.forecast(N=N, D=D, level=level, **self.held)
            names = ("loss", "mean_low", "mean_high", "low", "high")
            return {name: float(getattr(found, name)) for name in names}
        out = {"loss": float(self.curve(N, D))} | dict.fromkeys(("mean_low", "mean_high", "low", "high"), float("nan"))
        if isinstance(self.law, Bootstrap):
            for kind, prefix in (("mean", "mean_"), ("new_run", "")):
                frame = self.law.band(kind=kind, level=level, N=N, D=D, **self.held)  # type: ignore[arg-type]
                out |= {f"{prefix}{end}": float(np.asarray(frame[end])[0]) for end in ("low", "high")}
        return out

    def notes(self, N: float, D: float) -> tuple[str, ...]:
        """Return what the forecaster says of a point: how far out it is, which priors were used."""
        return self.law.forecast(N=N, D=D, **self.held).notes if isinstance(self.law, Forecaster) else ()

    def tokens_for(self, loss: float, N: float, guess: float) -> float:
        """Return the tokens that bring a size to a loss on the law's curve; NaN where none do."""
        low, high = np.log(guess / WIDEST), np.log(guess * WIDEST)
        for _ in range(6):  # the last step is below 1e-10 of the tokens
            tokens = np.exp(np.linspace(low, high, 64))
            below = np.flatnonzero(self.curve(N, tokens) <= loss)
            if not len(below):
                return float("nan")
            low, high = np.log(tokens[max(below[0] - 1, 0)]), np.log(tokens[below[0]])
        return float(np.exp(high))


def model_of(
    given: Any,
    law: Any,
    held: Mapping[str, Any],
    *,
    n_resamples: int,
    rng: Any,
    n_threads: int | None,
    tell: Callable[[str], None],
    **variables: str,
) -> Model:
    """Return the model of runs, a fit, a bootstrap, a forecaster or published values."""
    if isinstance(given, Forecast):
        raise DataError(compose("a Forecast holds points, not a model", "pass iso.forecaster(runs), or the runs"))
    if isinstance(given, Fit | Bootstrap | Forecaster | Published):
        if law is not None or variables:
            stray = "law" if law is not None else next(iter(variables))
            raise DataError(compose(f"{stray} is for runs, and this is a {type(given).__name__}", f"leave out {stray}"))
        if isinstance(given, Fit):
            tell(f"refitting {n_resamples:,} resamples")
            given = bootstrap(given, n_resamples, rng=rng, n_threads=n_threads)
        return Model(given, held)
    runs = as_runs(given, **variables)
    tell(f"fitting the forecaster to {len(runs)} runs")
    return Model(forecaster(runs, law, n_threads=n_threads), held)
