"""Chinchilla for parameters counted without embeddings, and the frontier it bends: why Kaplan et al. found 0.73."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation
from ._compute_optimal import loss_at

_SOURCE = "Pearce and Song 2024, arXiv 2406.12907"
#: N_total - N over N^(1/3), for a vocabulary of 32,000 and an aspect ratio of 39.
EMBEDDINGS = 47491.0

pearce_song_nd = Law(
    "E + A / N_total**alpha + B / D**beta",
    variables=("N_nonemb", "D"),
    where={"N_total": "N_nonemb + gamma * N_nonemb**(1 / 3)"},
    constants={"gamma": EMBEDDINGS},
    response="L",
    name="pearce_song_nd",
    title="chinchilla for runs whose embeddings were not counted",
    derived={"a": "beta / (alpha + beta)", "b": "alpha / (alpha + beta)"},
    box={
        "E": (0.05, 10.0),
        "A": (1.0, 1e8),
        "alpha": (0.05, 1.5),
        "B": (1.0, 1e8),
        "beta": (0.05, 1.5),
        "gamma": (1e3, 1e6),
    },
    recipe=Recipe("huber", 1e-3),
    units={"N_nonemb": "parameters without embeddings", "D": "training tokens"},
    citation=_SOURCE,
    validity="models of one aspect ratio (about 39) and a vocabulary of 32,000",
    traps=(
        "gamma is of a vocabulary and a shape: other families need their own",
        "small models are mostly embeddings: there the count decides the exponent (0.78 against 0.51)",
    ),
    published={
        "epoch2024": Published(
            {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658, "gamma": EMBEDDINGS},
            f"{_SOURCE}, with the constants of Besiroglu et al. 2024",
            convention="total parameters made up from those without embeddings",
        ),
        "hoffmann2022": Published(
            {"E": 1.6934, "A": 406.4, "alpha": 0.3392, "B": 410.7, "beta": 0.2849, "gamma": EMBEDDINGS},
            f"{_SOURCE}, with the constants of Hoffmann et al. 2022",
            convention="total parameters made up from those without embeddings",
        ),
    },
)


@calculation
def pearce_song(*, N_nonemb: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any, gamma: Any = EMBEDDINGS) -> Results:
    """Return the compute-optimal run of a model size, with embeddings left out of both N and C.

    Parameters
    ----------
    N_nonemb : float or array
        Parameters without embeddings.
    E, A, B, alpha, beta : float or array
        Parameters of `chinchilla`, fitted with all parameters counted.
    gamma : float or array
        Embeddings: N_total = N + gamma·N^(1/3).

    Returns
    -------
    Results
        ``N_total``; ``C_nonemb`` = 6·N_nonemb·D in FLOP; ``D``, tokens; ``local_exponent`` = d log N/d log C at this
        size; ``L``.

    Notes
    -----
    The exponent is beta/(alpha/3 + beta) for the smallest models and beta/(alpha + beta) for large ones; it peaks in
    between, among Kaplan's sizes.

    References
    ----------
    Pearce and Song 2024, arXiv 2406.12907.

    Examples
    --------
    >>> besiroglu = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
    >>> [round(pearce_song(N_nonemb=N, **besiroglu).local_exponent, 3) for N in (1e6, 1e8, 1e11)]
    [0.963, 0.613, 0.514]
    """
    N = np.asarray(N_nonemb, float)
    third = np.cbrt(N)
    total, slope = N + gamma * third, N + gamma / 3 * third
    compute = 6 * N * slope ** (-1 / beta) * total ** ((1 + alpha) / beta) * (beta * B / (alpha * A)) ** (1 / beta)
    D = compute / (6 * N)
    u = third * third
    h = 1 - (u + gamma / 9) / (beta * (u + gamma / 3)) + (1 + alpha) * (u + gamma / 3) / (beta * (u + gamma))
    return Results(
        N_total=total, C_nonemb=compute, D=D, local_exponent=1 / h, L=loss_at(total, D, E, A, B, alpha, beta)
    )
