"""What follows from the laws of Kaplan et al. 2020: over-fitting, stopping, batches, the efficient frontier."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculation import Results, calculation

#: FLOP of one petaflop-day.
PF_DAY = 8.64e19


@calculation
def kaplan_overfit(*, N: Any, D: Any, alphaN: Any, alphaD: Any, Nc: Any, Dc: Any) -> Results:
    """Return the relative excess of the loss over that of endless data.

    Parameters
    ----------
    N, D : float or array
        Parameters without embeddings; tokens in the data set.
    alphaN, alphaD, Nc, Dc : float or array
        Parameters of `kaplan_nd`, above 0.

    Returns
    -------
    Results
        ``dL`` = L(N, D)/L(N, ∞) - 1.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, eq. 4.3.

    Examples
    --------
    >>> round(kaplan_overfit(N=1e9, D=2.2e10, alphaN=0.076, alphaD=0.103, Nc=6.4e13, Dc=1.8e13).dL, 6)
    0.021771
    """
    return Results(dL=np.expm1(alphaD * np.log1p((N / Nc) ** (alphaN / alphaD) * Dc / D)))


@calculation
def kaplan_data_requirement(*, N: Any, coefficient: Any = 5e3, exponent: Any = 0.74) -> Results:
    """Return the tokens that keep over-fitting below the noise between seeds (0.02 nats).

    Parameters
    ----------
    N : float or array
        Parameters without embeddings.
    coefficient, exponent : float or array
        Of D = coefficient·N^exponent; the exponent is alphaN/alphaD.

    Returns
    -------
    Results
        ``D``, tokens.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, eq. 4.4.

    Examples
    --------
    >>> f"{kaplan_data_requirement(N=1e9).D:.3g}"
    '2.29e+10'
    """
    return Results(D=coefficient * np.power(N, exponent))


@calculation
def kaplan_stop(
    *, N: Any, D: Any, alphaN: Any, alphaD: Any, Nc: Any, Dc: Any, alphaS: Any = 0.76, Sc: Any = 2.1e3
) -> Results:
    """Return the earliest step at which training on D tokens should stop.

    Parameters
    ----------
    N, D : float or array
        Parameters without embeddings; tokens in the data set.
    alphaN, alphaD, Nc, Dc : float or array
        Parameters of `kaplan_nd`, above 0.
    alphaS, Sc : float or array
        Step term of `kaplan_ns`.

    Returns
    -------
    Results
        ``S_stop``, a lower bound in steps.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, eq. 5.7.

    Examples
    --------
    >>> round(kaplan_stop(N=1e8, D=1e9, alphaN=0.076, alphaD=0.103, Nc=6.4e13, Dc=1.8e13).S_stop, 3)
    18114.415
    """
    endless = (Nc / N) ** alphaN
    excess = endless * kaplan_overfit(N=N, D=D, alphaN=alphaN, alphaD=alphaD, Nc=Nc, Dc=Dc).dL
    return Results(S_stop=Sc / excess ** (1 / alphaS))


@calculation
def batch_adjust(*, L: Any, S: Any, B: Any, Bstar: Any = 2.1e8, alphaB: Any = 0.21) -> Results:
    """Return what a run at batch B would have taken at a batch far above, and far below, the critical one.

    Parameters
    ----------
    L : float or array
        Loss reached, nats per token.
    S : float or array
        Steps taken.
    B : float or array
        Batch in tokens.
    Bstar, alphaB : float or array
        Parameters of `bcrit_loss`.

    Returns
    -------
    Results
        ``Bcrit_tokens``; ``Smin``, steps at B far above it; ``Cmin_over_C``, the share of the compute needed at B far
        below it.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, eq. 5.4 and 5.5.

    Examples
    --------
    >>> round(batch_adjust(L=3.0, S=1e5, B=524288).Smin, 3)
    31835.659
    """
    critical = Bstar * np.power(L, -1 / alphaB)
    return Results(Bcrit_tokens=critical, Smin=S / (1 + critical / B), Cmin_over_C=1 / (1 + B / critical))


@calculation
def kaplan_frontier(
    *,
    C_PFdays: Any,
    alphaN: Any = 0.076,
    alphaS: Any = 0.76,
    alphaB: Any = 0.21,
    Nc: Any = 8.8e13,
    Sc: Any = 2.1e3,
    Bstar: Any = 2.1e8,
) -> Results:
    """Return the best loss for a compute budget, and the model, steps and batch that reach it.

    Parameters
    ----------
    C_PFdays : float or array
        Compute in PF-days (8.64e19 FLOP), counted as 6·N·B·S.
    alphaN, alphaS, alphaB, Nc, Sc, Bstar : float or array
        Parameters of `kaplan_ns` and `bcrit_loss`; the defaults are those of table 5.

    Returns
    -------
    Results
        ``alphaC``, ``Cc_PFdays`` and ``L`` = (Cc/C)^alphaC; ``N`` without embeddings, ``S`` steps, ``B_tokens``.

    Notes
    -----
    Training at the critical batch, L = (1 + alphaN/alphaS)·L(N, ∞) at the optimum. The paper's text prints
    alphaC = 0.054 for this formula; its own exponents give 0.052, and its fit of the frontier itself 0.050 with
    Cc = 3.1e8 PF-days: never mix a derived and a fitted constant.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, section 6 and appendix B.

    Examples
    --------
    >>> best = kaplan_frontier(C_PFdays=1.0)
    >>> round(best.alphaC, 5), round(best.L, 5)
    (0.05199, 2.71553)
    """
    r = alphaN / alphaS
    alphaC = 1 / (1 / alphaS + 1 / alphaB + 1 / alphaN)
    scale = 6 * Nc * Bstar * Sc * (1 + r) ** (1 / alphaS + 1 / alphaN) * r ** (-1 / alphaS)
    share = C_PFdays * PF_DAY / scale
    loss = share**-alphaC
    return Results(
        alphaC=alphaC,
        Cc_PFdays=scale / PF_DAY,
        L=loss,
        N=Nc * share ** (alphaC / alphaN) * (1 + r) ** (1 / alphaN),
        S=scale / (6 * Nc * Bstar) * (1 + r) ** (-1 / alphaN) * share ** (alphaC / alphaS),
        B_tokens=Bstar * loss ** (-1 / alphaB),
    )


@calculation
def kaplan_suboptimal(*, N_over_Neff: Any, alphaN: Any = 0.076, alphaS: Any = 0.76) -> Results:
    """Return what a model of another size than the efficient one costs at the same loss.

    Parameters
    ----------
    N_over_Neff : float or array
        Size over the efficient size.
    alphaN, alphaS : float or array
        Exponents of `kaplan_ns`.

    Returns
    -------
    Results
        ``C_ratio`` and ``S_ratio``, compute and steps over those of the efficient model; NaN where a model is too
        small to reach the loss at all.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, appendix B.4.

    Examples
    --------
    >>> round(kaplan_suboptimal(N_over_Neff=2.2).C_ratio, 4)
    1.2035
    """
    share = 1 + (alphaS / alphaN) * (1 - np.power(N_over_Neff, -alphaN))
    steps = np.where(share > 0, share, np.nan) ** (-1 / alphaS)
    return Results(C_ratio=N_over_Neff * steps, S_ratio=steps)


@calculation
def kaplan_alloc(
    *,
    C_PFdays: Any,
    Ne: Any = 1.3e9,
    pN: Any = 0.73,
    Be: Any = 2.0e6,
    pB: Any = 0.24,
    Se: Any = 5.4e3,
    pS: Any = 0.03,
    De: Any = 2e10,
    pD: Any = 0.27,
) -> Results:
    """Return the allocation of compute that Kaplan et al. fitted to their own best runs.

    Parameters
    ----------
    C_PFdays : float or array
        Compute in PF-days (8.64e19 FLOP), corrected to a batch far below critical.
    Ne, pN, Be, pB, Se, pS, De, pD : float or array
        Coefficients and exponents for parameters, batch, steps and tokens; the defaults are those of table 6.

    Returns
    -------
    Results
        ``N`` without embeddings, ``B_tokens``, ``Smin`` and ``D``.

    Notes
    -----
    pN = 0.73 comes from counting without embeddings and from a schedule that did not fit the smaller budgets
    (Porian et al. 2024; `pearce_song`); later work puts it at 0.5.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, table 6.

    Examples
    --------
    >>> f"{kaplan_alloc(C_PFdays=1e-3).N:.4g}"
    '8.394e+06'
    """
    return Results(
        N=Ne * np.power(C_PFdays, pN),
        B_tokens=Be * np.power(C_PFdays, pB),
        Smin=Se * np.power(C_PFdays, pS),
        D=De * np.power(C_PFdays, pD),
    )
