"""Derivatives of log loss by the parameters of a law, under the names that tables of vectors give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._law import Law
from ._calculation import Results, calculation
from ._coupled import coupled
from ._parametric import chinchilla


@calculation
def chinchilla_logjac(*, N: Any, D: Any, E: float, A: float, B: float, alpha: float, beta: float) -> Results:
    """Return the log loss of `chinchilla` and its derivatives by every parameter.

    Parameters
    ----------
    N, D : float or array
        Parameters and training tokens.
    E, A, B, alpha, beta : float
        Parameters of `chinchilla`.

    Returns
    -------
    Results
        ``logL``; ``d_logA``, ``d_logB``, ``d_logE``, ``d_alpha`` and ``d_beta``.

    Examples
    --------
    >>> round(chinchilla_logjac(N=1e9, D=2e10, E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658).d_logE, 6)
    0.718247
    """
    params = {"E": E, "A": A, "alpha": alpha, "B": B, "beta": beta}
    return _derivatives(chinchilla, params, ("A", "B", "E"), N=N, D=D)


@calculation
def coupled_logjac(*, N: Any, D: Any, E: float, A: float, B: float, alpha: float, beta: float, q: float) -> Results:
    """Return the log loss of `coupled` and its derivatives by every parameter.

    Parameters
    ----------
    N, D : float or array
        Parameters and training tokens.
    E, A, B, alpha, beta, q : float
        Parameters of `coupled`, above 0.

    Returns
    -------
    Results
        ``logL``; ``d_logA``, ``d_logB``, ``d_logE``, ``d_logq``, ``d_alpha`` and ``d_beta``.

    Examples
    --------
    >>> at = {"N": 1.82e9, "D": 38.9e9}
    >>> round(coupled_logjac(**at, **coupled.published["busbridge2025"].params).d_logq, 8)
    0.01108711
    """
    params = {"E": E, "A": A, "alpha": alpha, "B": B, "beta": beta, "q": q}
    return _derivatives(coupled, params, ("A", "B", "E", "q"), N=N, D=D)


def _derivatives(law: Law, params: Mapping[str, Any], logged: Sequence[str], **variables: Any) -> Results:
    """Return ``logL``, ``d_log<p>`` for the parameters in `logged` and ``d_<p>`` for the others."""
    by = [f"log {name}" if name in logged else name for name in law.parameters]
    slopes = law.jacobian(params, by=by, log=True, **variables)
    found = {f"d_{word.replace(' ', '')}": value for word, value in slopes.items()}
    return Results(logL=np.log(law.predict(params, **variables)), **found)
