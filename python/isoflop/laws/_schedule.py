"""Loss along a learning-rate schedule: the annealing law and the multi-power law.

Both look at every step of the schedule, so these are functions of a whole list of learning rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculation import Results, calculation


def _drops(lr: np.ndarray) -> Any:
    """Return by how much each rate after the first is below the one before."""
    return lr[..., :-1] - lr[..., 1:]


def _annealed(lr: np.ndarray, lam: float) -> Any:
    """Return the sum over steps of the momentum of decrease, m_i = lam m_(i-1) + lr_(i-1) - lr_i."""
    weights = np.cumsum(float(lam) ** np.arange(max(lr.shape[-1] - 1, 0)))
    return (_drops(lr) * weights[::-1]).sum(axis=-1)


def _gained(lr: np.ndarray, C: float, beta: float, gamma: float) -> Any:
    """Return the sum over steps of each drop times 1 - (1 + C lr^-gamma S)^-beta, S the rates from there on."""
    left = np.cumsum(lr[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(left > 0, C * lr[..., 1:] ** -gamma * left, 0.0)
    return (_drops(lr) * -np.expm1(-beta * np.log1p(x))).sum(axis=-1)


@calculation
def lr_annealing(*, lr: Any, L0: Any, A: Any, alpha: Any, C: Any, lam: Any) -> Results:
    """Return the loss at the end of a learning-rate schedule by the annealing law.

    Parameters
    ----------
    lr : array
        Learning rate of every step, steps along the last axis; a warm-up counts as constant at the peak.
    L0, A, alpha : float
        Floor, amplitude and exponent of the summed learning rate ``S1``.
    C : float
        What annealing gives, per unit of ``S2``, the summed momentum of decrease.
    lam : float
        Decay of that momentum per step, 0.99 to 0.999.

    Returns
    -------
    Results
        ``S1``, ``S2`` and ``L``.

    References
    ----------
    Tissue, Wang and Wang 2024, arXiv 2408.11029 (constants not verified).

    Examples
    --------
    >>> end = lr_annealing(lr=[1, 1, 0.5, 0.0], L0=2.6, A=0.45, alpha=0.51, C=0.35, lam=0.99)
    >>> round(end.S2, 6), round(end.L, 6)
    (1.495, 2.358759)
    """
    lr = np.asarray(lr, float)
    S1, S2 = lr.sum(axis=-1), _annealed(lr, lam)
    return Results(S1=S1, S2=S2, L=L0 + A * S1**-alpha - C * S2)


@calculation
def mpl(*, lr: Any, L0: Any, A: Any, alpha: Any, B: Any, C: Any, beta: Any, gamma: Any, S_W: Any) -> Results:
    """Return the loss at the end of a learning-rate schedule by the multi-power law.

    Parameters
    ----------
    lr : array
        Learning rate of every step after the warm-up, steps along the last axis.
    L0, A, alpha : float
        Floor, amplitude and exponent of the summed learning rate.
    B, C, beta, gamma : float
        Size and shape of what each drop of the rate gives over the steps after it.
    S_W : float
        Sum of the rates of the warm-up.

    Returns
    -------
    Results
        ``LD``, the loss that the drops saved, and ``L``.

    Notes
    -----
    Published (peak 3e-4, in the authors' repository), as L0, A, alpha, B, C, beta, gamma: 25M parameters 3.040, 0.525,
    0.508, 363.788, 2.066, 0.583, 0.641; 100M parameters 2.651, 0.601, 0.453, 437.946, 2.132, 0.598, 0.655.

    References
    ----------
    Luo et al. 2025, arXiv 2503.12811.

    Examples
    --------
    >>> shape = dict(L0=2.651, A=0.601, alpha=0.453, B=437.946, C=2.132, beta=0.598, gamma=0.655, S_W=0.324)
    >>> round(mpl(lr=[3e-4, 2e-4, 1e-4, 3e-5], **shape).L, 6)
    3.643444
    """
    lr = np.asarray(lr, float)
    LD = B * _gained(lr, C, beta, gamma)
    return Results(LD=LD, L=L0 + A * (lr.sum(axis=-1) + S_W) ** -alpha - LD)
