"""What follows exactly from E + A/N^alpha + B/D^beta under a budget: optimum, cost, what a wrong size costs.

Outer exponents (`coupled`) do not move the optimum. Serving is in `_inference`, allocations in print in `_allocation`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculation import Results, calculation


def loss_at(N: Any, D: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> Any:
    """Return E + A·N^(-alpha) + B·D^(-beta)."""
    return E + A * np.power(N, -alpha) + B * np.power(D, -beta)


def balance(A: Any, B: Any, alpha: Any, beta: Any) -> Any:
    """Return G, which sets the best N at G·(C/6)^(beta/(alpha+beta))."""
    return (alpha * A / (beta * B)) ** (1 / (alpha + beta))


def _excess(k: Any, alpha: Any, beta: Any) -> Any:
    """Return a·k^(-alpha) + b·k^beta - 1, exact also near k = 1."""
    share = beta / (alpha + beta)
    return share * np.expm1(-alpha * np.log(k)) + (1 - share) * np.expm1(beta * np.log(k))


@calculation
def chinchilla_opt(*, C: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> Results:
    """Return the best model and data for a compute budget C = 6·N·D.

    Parameters
    ----------
    C : float or array
        Budget in FLOP.
    E, A, B, alpha, beta : float or array
        Parameters of `chinchilla`, A, B, alpha and beta above 0.

    Returns
    -------
    Results
        ``N_opt`` = G·(C/6)^a, ``D_opt`` = (C/6)^b/G, ``D_over_N``, ``L_opt``; ``G``, the exponents ``a`` =
        beta/(alpha+beta) and ``b`` = 1 - a, and ``gamma`` = alpha·beta/(alpha+beta), that of the loss above E.

    Notes
    -----
    Tokens per parameter are the same at every budget only where alpha = beta. The model's term is a share a of the
    reducible loss, whatever C is.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, eq. 4.

    Examples
    --------
    >>> best = chinchilla_opt(C=1e21, E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
    >>> round(best.N_opt / 1e9, 3), round(best.D_over_N, 2), round(best.L_opt, 4)
    (2.778, 21.59, 2.3055)
    """
    G = balance(A, B, alpha, beta)
    a, b = beta / (alpha + beta), alpha / (alpha + beta)
    gamma = alpha * beta / (alpha + beta)
    pairs = np.asarray(C) / 6.0
    N, D = G * pairs**a, pairs**b / G
    return Results(
        G=G,
        a=a,
        b=b,
        gamma=gamma,
        N_opt=N,
        D_opt=D,
        D_over_N=D / N,
        L_opt=E + (A * G**-alpha + B * G**beta) * pairs**-gamma,
    )


@calculation
def chinchilla_cost(*, L: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> Results:
    """Return the least compute that reaches a loss.

    Parameters
    ----------
    L : float or array
        Target loss, in the unit of E; at or below E no budget is enough.
    E, A, B, alpha, beta : float or array
        Parameters of `chinchilla`.

    Returns
    -------
    Results
        ``C`` in FLOP (6·N·D), infinite where L is not above E.

    Examples
    --------
    >>> f"{chinchilla_cost(L=2.1, E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658).C:.5g}"
    '2.141e+22'
    """
    G = balance(A, B, alpha, beta)
    reducible = np.maximum(np.asarray(L) - E, 0.0)
    with np.errstate(divide="ignore"):
        pairs = (reducible / (A * G**-alpha + B * G**beta)) ** (-(alpha + beta) / (alpha * beta))
    return Results(C=6.0 * pairs)


@calculation
def offopt_identity(*, k: Any, alpha: Any, beta: Any) -> Results:
    """Return what a model of k times the best size costs, at any budget.

    Parameters
    ----------
    k : float or array
        Size over the best size; data are divided by k, so that the compute is the same.
    alpha, beta : float or array
        Exponents of `chinchilla`, above 0.

    Returns
    -------
    Results
        ``reducible_ratio``, the loss above E over that of the optimum; ``C_over_Cequiv``, the compute spent over what
        the optimum would need for this loss; ``curvature_over_reducible``, d²L/d(ln N)² at the optimum over L - E.

    Examples
    --------
    >>> round(offopt_identity(k=2.0, alpha=0.3478, beta=0.3658).C_over_Cequiv, 4)
    1.1858
    """
    ratio = 1 + _excess(k, alpha, beta)
    return Results(
        reducible_ratio=ratio,
        C_over_Cequiv=ratio ** ((alpha + beta) / (alpha * beta)),
        curvature_over_reducible=alpha * beta,
    )


@calculation
def chinchilla_offopt(*, C: Any, k: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> Results:
    """Return the loss of a model of k times the best size for a budget.

    Parameters
    ----------
    C : float or array
        Budget in FLOP (6·N·D).
    k : float or array
        Size over the best size; data are divided by k.
    E, A, B, alpha, beta : float or array
        Parameters of `chinchilla`.

    Returns
    -------
    Results
        ``L``, ``excess_L`` over the optimum, and ``C_over_Cequiv``, the compute spent over what the optimum would
        need for this loss.

    Examples
    --------
    >>> round(chinchilla_offopt(C=1e21, k=2.0, E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658).L, 4)
    2.3206
    """
    best = chinchilla_opt(C=C, E=E, A=A, B=B, alpha=alpha, beta=beta)
    wrong = offopt_identity(k=k, alpha=alpha, beta=beta)
    reducible = best.L_opt - E
    return Results(
        L=E + reducible * wrong.reducible_ratio,
        excess_L=reducible * _excess(k, alpha, beta),
        C_over_Cequiv=wrong.C_over_Cequiv,
    )


@calculation
def twoterm_opt_general(
    *, C: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any, u: Any = 1.0, v: Any = 1.0, kappa: Any = 6.0
) -> Results:
    """Return the best model and data for a budget C = kappa·N^u·D^v.

    Parameters
    ----------
    C : float or array
        Budget, in the unit of kappa.
    E, A, B, alpha, beta : float or array
        Parameters of `chinchilla`.
    u, v, kappa : float or array
        Of the budget, above 0.

    Returns
    -------
    Results
        ``N_opt``, ``D_opt`` and ``L_opt``.

    Examples
    --------
    >>> best = twoterm_opt_general(C=1e21, E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
    >>> round(best.N_opt / 1e9, 3)
    2.778
    """
    ratio = alpha * A * v / (beta * B * u) * (np.asarray(C) / kappa) ** (beta / v)
    N = ratio ** (1 / (alpha + beta * u / v))
    D = (C / (kappa * N**u)) ** (1 / v)
    return Results(N_opt=N, D_opt=D, L_opt=loss_at(N, D, E, A, B, alpha, beta))
