"""A fit and a bootstrap as JSON content: the API's names and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._draws import Bootstrap
from .._fitted import Fit
from .._repr import number


def fit_content(fit: Fit) -> dict[str, Any]:
    """Return a fit under the names of its attributes."""
    names = (
        "params", "standard_error", "objective", "success", "status", "message", "criterion", "delta", "n_rows",
        "n_omitted", "n_starts", "n_best", "n_optima", "nfev", "at_bound", "unidentified", "free", "fingerprint",
    )  # fmt: skip
    law = {"name": fit.law.name, "formula": fit.law.formula, "scale": fit.law.scale}
    derived = {"derived": fit.derived(), "derived_error": fit.derived_error()}
    return {"law": law, **{name: getattr(fit, name) for name in names}, **derived}


def boot_content(boot: Bootstrap, level: float, seconds: float) -> dict[str, Any]:
    """Return counts, standard errors and intervals of a bootstrap."""
    content: dict[str, Any] = {
        "n_resamples": boot.n_resamples,
        "scheme": boot.scheme,
        "reason": boot.reason,
        "seed": boot.seed,
        "n_failed": boot.n_failed,
        "status": boot.status_names,
        "seconds": seconds,
        "level": level,
        "standard_error": boot.standard_error(boot.fit.law.derived),
    }
    if boot.scheme == "jackknife":
        return content
    return {**content, "interval": rows(boot.interval(level, derived=boot.fit.law.derived))}


def rows(frame: Any) -> list[dict[str, Any]]:
    """Return a frame of any kind as one dict per row."""
    import narwhals.stable.v2 as nw

    return list(nw.from_native(frame, eager_only=True).iter_rows(named=True))


def speed(count: int, seconds: float) -> str:
    """Return how long refits took, in words."""
    rate = float(f"{count / max(seconds, 1e-9):.3g}")
    return f"{count:,} refits in {number(seconds, 3)} s, {rate:,.0f} per second"


def predictions(result: Fit | Bootstrap, points: list[dict[str, Any]], level: float) -> list[dict[str, Any]]:
    """Return the loss at points, with a band for the mean curve and one for a new run where there are draws."""
    if isinstance(result, Fit):
        return [{**point, "loss": float(result.predict(**point))} for point in points]
    out = []
    for point in points:
        ends: dict[str, float] = {}
        for kind, prefix in (("mean", "mean_"), ("new_run", "")):
            frame = result.band(None, kind=kind, level=level, **point)  # type: ignore[arg-type]
            low, high = (float(np.asarray(frame[name])[0]) for name in ("low", "high"))
            ends |= {f"{prefix}low": low, f"{prefix}high": high}
        out.append({**point, "loss": float(result.fit.predict(**point)), **ends})
    return out
