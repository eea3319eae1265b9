"""Priors of a forecast in words, and priors that are moved to see how much they matter."""

from __future__ import annotations

import numpy as np

from .._fitted import Fit
from .._prior import LogitNormal, LogNormal, Normal, Prior
from .._repr import number


def prior_text(fit: Fit) -> str:
    """Return the priors of a fit in words, for notes and summaries."""
    if not fit.priors:
        return "no priors: the rows alone decide"
    return "priors: " + ", ".join(f"{name} {in_words(prior)}" for name, prior in fit.priors.items())


def in_words(prior: Prior) -> str:
    """Return a prior in short.

    Examples
    --------
    >>> in_words(LogNormal(median=1.544872, sd=0.25))
    '1.545 (sd of ln 0.25)'
    """
    if isinstance(prior, Normal):
        return f"{number(prior.mean, 4)} (sd {number(prior.sd, 4)})"
    assert isinstance(prior, LogNormal | LogitNormal)
    scale = "ln" if isinstance(prior, LogNormal) else "logit"
    return f"{number(prior.median, 4)} (sd of {scale} {number(prior.sd, 4)})"


def changed(prior: Prior, shift: float, width: float) -> Prior:
    """Return a prior moved by some of its standard deviations, and widened."""
    mean, sd = prior.internal()
    centre = mean + shift * sd
    if isinstance(prior, LogNormal):
        return LogNormal(float(np.exp(centre)), width * sd)
    if isinstance(prior, LogitNormal):
        return LogitNormal(float(1 / (1 + np.exp(-centre))), width * sd)
    return Normal(centre, width * sd)
