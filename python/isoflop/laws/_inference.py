"""The cheapest model for a loss where it is also served: training and inference paid together."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import DataError, compose
from ._calculation import Results, calculation
from ._compute_optimal import loss_at


@calculation(searches=True)
def sardana(
    *,
    D_inf: Any,
    L_target: Any = None,
    N_ref: Any = None,
    D_ref: Any = None,
    E: Any,
    A: Any,
    B: Any,
    alpha: Any,
    beta: Any,
    train_cost: Any = 6.0,
    inference_cost: Any = 2.0,
) -> Results:
    """Return the model and data that reach a loss at the least cost of training and inference together.

    Parameters
    ----------
    D_inf : float or array
        Tokens that the model will read and write once trained, 0 or more.
    L_target : float or array, optional
        Loss to reach; or give the next two.
    N_ref, D_ref : float or array, optional
        A model and data whose loss is to be reached.
    E, A, B, alpha, beta : float or array
        Parameters of `chinchilla`.
    train_cost, inference_cost : float or array
        Cost of a token per parameter: 6 and 2 FLOP. Prices over utilisation (6·c/MFU, 2·c'/MFU') give money.

    Returns
    -------
    Results
        ``L_target``; ``N``, ``D`` and ``D_over_N``; ``total_FLOPs`` = train_cost·N·D + inference_cost·N·D_inf. NaN
        where the target is not above E.

    Raises
    ------
    DataError
        If neither a target nor a reference is given, or both.

    Notes
    -----
    The root of alpha·T_A/(beta·T_B) = 1 + inference_cost·D_inf/(train_cost·D), to the last digits. Constants fitted
    at few tokens per parameter are far extrapolated here: the paper's own refits range from alpha = 0.08 to 0.18.

    References
    ----------
    Sardana et al. 2024, arXiv 2401.00448, eq. 3.

    Examples
    --------
    >>> besiroglu = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
    >>> served = sardana(L_target=2.1, D_inf=1e13, **besiroglu)
    >>> round(served.N / 1e9, 3), round(served.D_over_N, 1)
    (4.401, 394.7)
    """
    if (L_target is None) == (N_ref is None or D_ref is None):
        raise DataError(compose("sardana needs L_target, or N_ref and D_ref", "give one of the two, not both"))
    target = loss_at(N_ref, D_ref, E, A, B, alpha, beta) if L_target is None else np.asarray(L_target, float)
    R = np.where(target > E, target - E, np.nan)
    served = np.asarray(inference_cost) / train_cost * D_inf
    share = _model_share(R, served, B, alpha, beta)
    N = (A / (share * R)) ** (1 / alpha)
    D = (B / ((1 - share) * R)) ** (1 / beta)
    return Results(
        L_target=target,
        N=N,
        D=D,
        D_over_N=D / N,
        total_FLOPs=train_cost * N * D + inference_cost * N * D_inf,
    )


def _model_share(R: Any, served: Any, B: Any, alpha: Any, beta: Any) -> Any:
    """Return the share s of the reducible loss R that the model's term takes at the optimum.

    In z = logit(s), log(alpha/beta) + z = log(1 + served/D(s)) with D growing in s: the left side less the right one
    rises by at least 1 per unit of z, so a Newton step that leaves the bracket is replaced by its middle.
    """
    free = np.log(beta / alpha)
    low, high = np.broadcast_arrays(free, free + np.log1p(served * (R / B) ** (1 / beta)))
    z = np.array(low, float)
    for _ in range(200):
        # With 1 - s = 1/(1 + e^z): served/D = served (R/B)^(1/beta) (1 + e^z)^(-1/beta).
        ratio = served * (R / B) ** (1 / beta) * np.exp(-np.logaddexp(0.0, z) / beta)
        gap = z - free - np.log1p(ratio)
        slope = 1 + ratio / (1 + ratio) / (beta * (1 + np.exp(-z)))
        low, high = np.where(gap < 0, z, low), np.where(gap < 0, high, z)
        step = z - gap / slope
        following = np.where((step >= low) & (step <= high), step, (low + high) / 2)
        if np.all((np.abs(following - z) <= 1e-15 * (1 + np.abs(z))) | np.isnan(following)):
            break
        z = following
    return 1 / (1 + np.exp(-z))
