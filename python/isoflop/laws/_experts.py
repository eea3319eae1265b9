"""What experts amount to: how many count, the dense model they equal, their compute, the best allocation.

The laws whose parameters these take are in `_moe`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculation import Results, calculation


def _saturated(experts: Any, E_start: Any, E_max: Any) -> Any:
    return 1 / (1 / (experts - 1 + 1 / (1 / E_start - 1 / E_max)) + 1 / E_max)


@calculation
def expert_saturation(*, experts: Any, E_start: Any, E_max: Any) -> Results:
    """Return how many experts count, of `experts`.

    Parameters
    ----------
    experts : float or array
        Number of experts, 1 or more.
    E_start, E_max : float
        What one expert and infinitely many count as.

    Returns
    -------
    Results
        ``E_hat``.

    References
    ----------
    Clark et al. 2022, arXiv 2202.01169, section 5.1.

    Examples
    --------
    >>> round(expert_saturation(experts=8, E_start=2.0732, E_max=290.4521).E_hat, 6)
    8.81237
    """
    return Results(E_hat=_saturated(np.asarray(experts, float), E_start, E_max))


@calculation
def clark_epc(
    *,
    N: Any,
    experts: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any = None,  # noqa: ARG001 - one of clark's parameters, which cancels here
    E_start: Any,
    E_max: Any,
) -> Results:
    """Return the size of the dense model that is as good as a routed one: its effective parameter count.

    Parameters
    ----------
    N : float or array
        Parameters of the dense model inside, without embeddings.
    experts : float or array
        Number of experts, 1 or more.
    a, b, c, d, E_start, E_max : float
        Parameters of `clark`; `d` cancels.

    Returns
    -------
    Results
        ``N_effective``.

    References
    ----------
    Clark et al. 2022, arXiv 2202.01169, section 5.3.

    Examples
    --------
    >>> from isoflop import laws
    >>> fitted = laws.clark.published["clark2022_sbase"].params
    >>> f"{clark_epc(N=5e6, experts=128, **fitted).N_effective:.4g}"
    '5.183e+07'
    """
    E_hat = _saturated(np.asarray(experts, float), E_start, E_max)
    exponent, dense = a + c * np.log10(E_hat), a + c * np.log10(E_start)
    return Results(N_effective=N ** (exponent / dense) * (E_hat / E_start) ** (b / dense))


@calculation
def krajewski_flops_token(
    *, n_blocks: Any, d_model: Any, experts: Any, G: Any, c_f: Any = 6.0, c_r: Any = 14.0
) -> Results:
    """Return the training compute per token of a fine-grained mixture of experts.

    Parameters
    ----------
    n_blocks, d_model : int
        Blocks and width of the transformer.
    experts : float
        Expansion: parameters of all experts over those that a token passes.
    G : float
        Granularity: how many times smaller an expert is than a dense feed-forward layer.
    c_f, c_r : float
        FLOP per parameter and token of the feed-forward layers and of the router.

    Returns
    -------
    Results
        ``flops_token``, and ``router_share``: the router's part of it.

    References
    ----------
    Krajewski et al. 2024, arXiv 2402.07871, section 6.

    Examples
    --------
    >>> round(krajewski_flops_token(n_blocks=12, d_model=768, experts=64, G=8).router_share, 4)
    0.1148
    """
    body, router = 12.0 * d_model**2 * c_f, d_model * experts * G * c_r
    return Results(flops_token=n_blocks * (body + router), router_share=router / (body + router))


@calculation
def ludziejewski_opt(
    *,
    C: Any,
    experts: Any,
    a: Any,
    alpha: Any,
    delta: Any,
    gamma: Any,
    b: Any,
    beta: Any,
    omega: Any,
    zeta: Any,
    E_start: Any,
    E_max: Any,
    c: Any,
) -> Results:
    """Return the best active parameters and tokens for a compute budget and a number of experts.

    Parameters
    ----------
    C : float or array
        Training compute in FLOP, ``6 N_act D``.
    experts : float or array
        Number of experts, 1 or more.
    a, alpha, delta, gamma, b, beta, omega, zeta, E_start, E_max, c : float
        Parameters of `ludziejewski`, exponents negative as written there.

    Returns
    -------
    Results
        ``N_act_opt``, ``D_opt`` and ``L_opt``.

    References
    ----------
    Ludziejewski et al. 2025, arXiv 2502.05172, table 1.

    Examples
    --------
    >>> from isoflop import laws
    >>> best = ludziejewski_opt(C=1e20, experts=1, **laws.ludziejewski.published["ludziejewski2025"].params)
    >>> f"{best.N_act_opt:.4g} {best.D_opt:.4g}"
    '1.727e+09 9.651e+09'
    """
    E_hat = _saturated(np.asarray(experts, float), E_start, E_max)
    m, mu = a * E_hat**delta, -(alpha + gamma * np.log(E_hat))
    n, nu = b * E_hat**omega, -(beta + zeta * np.log(E_hat))
    half = np.asarray(C, float) / 6.0
    N_act = (mu * m / (nu * n)) ** (1 / (mu + nu)) * half ** (nu / (mu + nu))
    D = half / N_act
    return Results(N_act_opt=N_act, D_opt=D, L_opt=c + m * N_act**-mu + n * D**-nu)
