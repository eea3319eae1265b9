"""How compute was split between model and data in print: allocation laws, exponents, Hoffmann's table of optima."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import DataError, compose
from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation

_HOFFMANN = "Hoffmann et al. 2022, arXiv 2203.15556"
_PORIAN = "Porian et al. 2024, arXiv 2406.19146"
_LLAMA = "Dubey et al. 2024, arXiv 2407.21783"
_LINE = Recipe("squared", note="a straight line through the log of the optimum against log C")

alloc_power = Law(
    "A * C**alpha",
    variables=("C",),
    where={"N_opt": "C / (6 * A * C**alpha)"},
    response="D_opt",
    name="alloc_power",
    title="best tokens for a compute budget; the model takes the rest of C = 6ND",
    box={"A": (1e-6, 1e12), "alpha": (0.05, 1.5)},
    recipe=_LINE,
    units={"C": "training FLOP"},
    citation=f"{_LLAMA}, section 3.2.1",
    validity="budgets like those fitted (6e18 to 1e22 FLOP in the source) and one architecture and data mix",
    traps=(
        "exponents need three digits and more: (0.29, 0.53) gives 10.4T tokens at 3.8e25 FLOP, (0.299, 0.537) 16.3T",
        "the paper's own optimum there is 16.55T tokens for 402B parameters, from constants it did not print",
    ),
    published={
        "llama3_figure": Published(
            {"A": 0.299, "alpha": 0.537}, f"{_LLAMA}, label of figure 3", convention="tokens; C = 6ND"
        ),
        "llama3_text": Published(
            {"A": 0.29, "alpha": 0.53},
            f"{_LLAMA}, text",
            convention="tokens; C = 6ND",
            warning="at 3.8e25 FLOP they give 10.4T tokens where the paper has 16.55T; use 'llama3_figure'",
        ),
    },
)


def _exponent(a: float, low: float, high: float, source: str, convention: str) -> Published:
    return Published({"a": a}, source, interval={"a": (low, high)}, convention=convention, verified=False)


_TEN_NINETY = "interval 10 to 90 % over 100 subsamples of 80 %; N and C with embeddings"
_REFINEDWEB = "bootstrap interval; RefinedWeb, isoFLOP curves by Akima interpolation"

allocation = Law(
    "k * C**a",
    variables=("C",),
    response="N_opt",
    name="allocation",
    title="best model size for a compute budget, and the exponents in print",
    derived={"b": "1 - a"},
    box={"k": (1e-8, 1e12), "a": (0.05, 1.5)},
    recipe=_LINE,
    units={"C": "training FLOP, counted as the source does"},
    citation=f"{_HOFFMANN}, table 2; {_PORIAN}, table 1",
    validity="most sources print the exponent only: k is yours, from one optimum of your own",
    traps=(
        "what C and N count moves a from 0.84 to 0.50 on the same runs (Porian et al. 2024)",
        "the interval of approach 1 holds b but not 1 - b: printed as it is in the source",
        "the interval of approach 3 leaves out its own estimate: the fit had not converged (Besiroglu et al. 2024)",
    ),
    published={
        "hoffmann2022_approach1": _exponent(0.50, 0.488, 0.502, f"{_HOFFMANN}, table 2", _TEN_NINETY),
        "hoffmann2022_approach2": _exponent(0.49, 0.462, 0.534, f"{_HOFFMANN}, table 2", _TEN_NINETY),
        "hoffmann2022_approach3": _exponent(0.46, 0.454, 0.455, f"{_HOFFMANN}, table 2", _TEN_NINETY),
        "epoch2024": Published(
            {"a": 0.513},
            "Besiroglu et al. 2024, arXiv 2404.10102",
            standard_error={"a": 0.020},
            convention="240 digitised points; N and C with embeddings",
        ),
        "porian2024_kaplan": _exponent(0.835, 0.82, 0.85, _PORIAN, f"as Kaplan et al. did it; {_REFINEDWEB}"),
        "porian2024_head": _exponent(0.706, 0.69, 0.72, _PORIAN, f"FLOP of the head counted; {_REFINEDWEB}"),
        "porian2024_warmup": _exponent(0.602, 0.59, 0.62, _PORIAN, f"and warm-up scaled with N; {_REFINEDWEB}"),
        "porian2024_decay": _exponent(0.571, 0.56, 0.59, _PORIAN, f"and cosine as long as the run; {_REFINEDWEB}"),
        "porian2024_tuned": _exponent(0.497, 0.49, 0.50, _PORIAN, f"and tuned optimiser; {_REFINEDWEB}"),
    },
)

#: Table 3 of Hoffmann et al. 2022 (quoted second-hand): parameters, FLOP, tokens.
HOFFMANN_TABLE_3 = (
    (400e6, 1.92e19, 8.0e9),
    (1e9, 1.21e20, 20.2e9),
    (10e9, 1.23e22, 205.1e9),
    (67e9, 5.76e23, 1.5e12),
    (175e9, 3.85e24, 3.7e12),
    (280e9, 9.90e24, 5.9e12),
    (520e9, 3.43e25, 11.0e12),
    (1e12, 1.27e26, 21.2e12),
    (10e12, 1.30e28, 216.2e12),
)


@calculation
def hoffmann_optimum(*, N: Any) -> Results:
    """Return compute and tokens for which Hoffmann et al. call a model size optimal (approach 1, table 3).

    Parameters
    ----------
    N : float or array
        Parameters, from 4e8 to 1e13; between the nine sizes of the table straight lines in logs.

    Returns
    -------
    Results
        ``C`` in FLOP and ``D`` in tokens.

    Raises
    ------
    DataError
        If N lies outside the table.

    Notes
    -----
    The rule of 20 tokens per parameter comes from this table.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, table 3, read second-hand.

    Examples
    --------
    >>> f"{hoffmann_optimum(N=67e9).C:.3g}"
    '5.76e+23'
    """
    sizes, flops, tokens = np.log(HOFFMANN_TABLE_3).T
    where = np.log(np.asarray(N, float))
    if np.any((where < sizes[0]) | (where > sizes[-1])):
        hint = "use laws.chinchilla_opt for other sizes"
        raise DataError(compose(f"N is {N!r}, expected 4e8 to 1e13, the sizes of the table", hint))
    return Results(C=np.exp(np.interp(where, sizes, flops)), D=np.exp(np.interp(where, sizes, tokens)))
