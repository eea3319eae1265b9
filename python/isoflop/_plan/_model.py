"""What a plan is made from: a fitted law with draws, its own curve, and the bands of a run that would be made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._errors import DataError, compose
from .._fit import fit as fit_law
from .._fitted import Fit
from .._forecast import Forecast, Forecaster, forecaster
from .._law import Law
from .._optimum._pair import of_pair
from .._published import Published
from .._runs import as_runs

#: How far, as a factor, tokens are looked for around a guess.
WIDEST = 1e6
#: What is fitted and bootstrapped where runs have N and D and no law is named.
DEFAULT = "chinchilla"
BANDS = ("mean_low", "mean_high", "low", "high")


@dataclass(frozen=True)
class Model:
    """A law with values that plans are made on, what its other variables are held at, and who forecasts the loss."""

    law: Bootstrap | Forecaster | Published
    held: Mapping[str, Any]
    forecaster: Forecaster | None = None

    def curve(self, N: float, D: Any) -> Any:
        """Return the loss on the law's own curve."""
        source = self.law.fit if isinstance(self.law, Bootstrap) else self.law
        values = source.curve if isinstance(source, Forecaster) else source.predict
        return values(N=N, D=D, **self.held)

    def bands(self, N: float, D: float, level: float) -> dict[str, float]:
        """Return the forecast of a run, a band for the mean curve and one for the run; NaN where there is none."""
        if self.forecaster is not None:
            found = self.forecaster.forecast(N=N, D=D, level=level, **self.held)
            ends = {name: float(getattr(found, name)) for name in BANDS}
            return {"forecast": float(found.loss), **ends}
        out = {"forecast": float(self.curve(N, D))} | dict.fromkeys(BANDS, float("nan"))
        if isinstance(self.law, Bootstrap):
            for kind, prefix in (("mean", "mean_"), ("new_run", "")):
                frame = self.law.band(kind=kind, level=level, N=N, D=D, **self.held)  # type: ignore[arg-type]
                out |= {f"{prefix}{end}": float(np.asarray(frame[end])[0]) for end in ("low", "high")}
        return out

    def notes(self, N: float, D: float) -> tuple[str, ...]:
        """Return what the forecaster says of a point: how far out it is, which priors were used."""
        return () if self.forecaster is None else self.forecaster.forecast(N=N, D=D, **self.held).notes

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
    chosen = [name for name in ("N", "D") if name in held]
    if chosen:
        hint = f"limit it, {chosen[0]}=(low, high), or ask for one model by training_cost"
        raise DataError(compose(f"held names {chosen[0]!r}, which the plan chooses", hint))
    if isinstance(given, Forecast):
        raise DataError(compose("a Forecast holds points, not a model", "pass iso.forecaster(runs), or the runs"))
    given = of_pair(given)
    again = Refits(n_resamples, rng, n_threads, tell)
    if isinstance(given, Fit | Bootstrap | Forecaster | Published):
        if law is not None or variables:
            stray = "law" if law is not None else next(iter(variables))
            raise DataError(compose(f"{stray} is for runs, and this is a {type(given).__name__}", f"leave out {stray}"))
        found = again.of(given) if isinstance(given, Fit) else given
        return Model(found, held, found if isinstance(found, Forecaster) else None)
    runs = as_runs(given, **variables)
    missing = [name for name in ("N", "D") if name not in {*runs.roles, *runs.derived}]
    if missing and law is None:
        text = f"the runs have no {' and no '.join(missing)}, and a plan splits a budget between N and D"
        raise DataError(compose(text, 'name their columns: iso.Runs(frame, N="params", D="tokens")'))
    tell(f"fitting {len(runs)} runs")
    bands = forecaster(runs, law, n_threads=n_threads)
    if law is not None and not isinstance(law, Law | str):
        return Model(bands, held, bands)
    return Model(again.of(fit_law(runs, law or DEFAULT)), held, bands)


@dataclass(frozen=True)
class Refits:
    """How a fit is bootstrapped."""

    n_resamples: int
    rng: Any
    n_threads: int | None
    tell: Callable[[str], None]

    def of(self, fit: Fit) -> Bootstrap:
        """Return the bootstrap of a fit."""
        self.tell(f"refitting {self.n_resamples:,} resamples")
        return bootstrap(fit, self.n_resamples, rng=self.rng, n_threads=self.n_threads)
