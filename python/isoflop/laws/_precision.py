"""Precision: bits during training and after it, as parameters lost. Kumar et al. 2024."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation
from ._family import Family

_KUMAR = "Kumar et al. 2024, arXiv 2411.04330"
_APPENDIX = f"{_KUMAR}, appendix"
_CONVENTION = "N from 3e7 to 2.2e8, D from 1.5e9 to 2.6e10; alpha and beta tied; the constants do not transfer"
_BITS = {"w": "bits of the weights", "a": "bits of the activations", "kv": "bits of the key-value cache"}
_GAMMA = {"gamma_w": 2.6745, "gamma_a": 2.2102, "gamma_kv": 0.9578}
_BIAS = {"n_w": 0.3037, "n_a": 1.4072, "n_kv": 2.4185}
_BASE = {"A": 4.299e3, "alpha": 0.4965, "B": 1.806e4, "beta": 0.4965, "E": 2.7648}
_PTQ = {"C_T": 0.0598, "gamma_D": 0.5068, "gamma_N": 0.3439, "gamma_post": 0.5907}
_TRAPS = (
    "few bits give N_eff = 0 and an infinite loss",
    "the sign of the biases n inside the exponent is inferred; N_eff must stay positive",
    "that 7 to 8 bits are best for training holds where cost is in proportion to bits",
)


def _effective(parts: Sequence[str]) -> str:
    return " * ".join(["N", *(f"(-expm1(n_{t} - P_{t} / gamma_{t}))" for t in parts)])


def _of_parts(values: Mapping[str, float], parts: Sequence[str]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name.partition("_")[2] in parts}


def _shared(parts: Sequence[str]) -> dict[str, Any]:
    """Return what both laws of training precision say about their parts."""
    return {
        "real": tuple(f"n_{t}" for t in parts),
        "constants": {f"n_{t}": 0.0 for t in parts},
        "range": {f"P_{t}": (0.0, float("inf")) for t in parts},
        "citation": f"{_KUMAR}, eq. 3 and 4",
        "validity": "3 to 16 bits in training; N from 3e7 to 2.2e8, D from 1.5e9 to 2.6e10",
        "traps": _TRAPS,
    }


def _box(parts: Sequence[str]) -> dict[str, tuple[float, float]]:
    return {f"gamma_{t}": (0.3, 8.0) for t in parts}


def _neff(parts: Sequence[str] = ("w", "a", "kv")) -> Law:
    """Return effective parameters for bits of weights (w), activations (a) and key-value cache (kv)."""
    gamma, bias = _of_parts(_GAMMA, parts), _of_parts(_BIAS, parts)
    return Law(
        _effective(parts),
        variables=("N", *(f"P_{t}" for t in parts)),
        response="N_eff",
        name="kumar_neff",
        title="parameters that count when trained with few bits",
        box=_box(parts),
        recipe=Recipe("squared"),
        units={"N": "parameters", **{f"P_{t}": _BITS[t] for t in parts}},
        published={
            "kumar2024": Published(gamma, _APPENDIX, convention=_CONVENTION),
            "kumar2024_biased": Published(
                {**gamma, **bias}, _APPENDIX, convention=f"{_CONVENTION}; sign of n inferred"
            ),
        },
        **_shared(parts),
    )


def _loss(parts: Sequence[str] = ("w", "a", "kv")) -> Law:
    """Return the loss after training with few bits, of any of w, a and kv."""
    gamma = _of_parts(_GAMMA, parts)
    return Law(
        "A / N_eff**alpha + B / D**beta + E",
        variables=("N", "D", *(f"P_{t}" for t in parts)),
        where={"N_eff": _effective(parts)},
        response="L",
        name="kumar_loss",
        title="Chinchilla in the parameters that count when trained with few bits",
        box={
            "A": (1.0, 1e8),
            "alpha": (0.05, 1.5),
            "B": (1.0, 1e8),
            "beta": (0.05, 1.5),
            "E": (0.05, 10.0),
            **_box(parts),
        },
        recipe=Recipe("huber", 1e-3, note="the paper tied beta to alpha: pass tied={'beta': 'alpha'}"),
        units={"N": "parameters", "D": "training tokens", **{f"P_{t}": _BITS[t] for t in parts}},
        published={
            "kumar2024": Published({**_BASE, **gamma}, _APPENDIX, convention=_CONVENTION),
            "kumar2024_biased": Published(
                {**_BASE, **gamma, **_of_parts(_BIAS, parts)},
                _APPENDIX,
                convention=f"{_CONVENTION}; sign of n inferred",
            ),
        },
        **_shared(parts),
    )


def _parts(params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the parts whose bits, or else whose scale, are named."""
    bits = [t for t in _BITS if f"P_{t}" in params]
    return {"parts": tuple(bits or [t for t in _BITS if f"gamma_{t}" in params])}


_ALL = {"parts": ("w", "a", "kv")}
kumar_neff = Family("kumar_neff", _neff, _parts, title="parameters that count when trained with few bits", default=_ALL)
kumar_loss = Family("kumar_loss", _loss, _parts, title="loss of models trained with few bits", default=_ALL)

kumar_ptq = Law(
    "C_T * D**gamma_D / N**gamma_N * exp(-P_post / gamma_post)",
    variables=("N", "D", "P_post"),
    response="delta",
    name="kumar_ptq",
    title="loss added by rounding the weights after training",
    box={"C_T": (1e-6, 1e4), "gamma_D": (0.05, 1.5), "gamma_N": (0.05, 1.5), "gamma_post": (0.1, 4.0)},
    recipe=Recipe("squared", note="log loss added is linear in all but gamma_post, and in its inverse"),
    units={"N": "parameters", "D": "training tokens", "P_post": "bits of the weights after training"},
    range={"P_post": (0.0, float("inf"))},
    citation=f"{_KUMAR}, eq. 2",
    validity="3 to 6 bits after training in 16; N from 3e7 to 2.2e8, D from 1.5e9 to 2.6e10",
    traps=(
        "it grows with tokens: over-trained models lose more, and beyond kumar_dcrit more training harms",
        "C_T belongs to N = D = 1: judge fits by predictions",
    ),
    published={"kumar2024": Published(_PTQ, _APPENDIX, convention=_CONVENTION)},
)


@calculation
def kumar_dcrit(
    *, N: Any, P_post: Any, C_T: Any, gamma_D: Any, gamma_N: Any, gamma_post: Any, B: Any, beta: Any
) -> Results:
    """Return the tokens beyond which more training makes the rounded model worse.

    Parameters
    ----------
    N : float or array
        Parameters.
    P_post : float or array
        Bits of the weights after training.
    C_T, gamma_D, gamma_N, gamma_post : float
        Parameters of `kumar_ptq`.
    B, beta : float
        Data term of `kumar_loss`.

    Returns
    -------
    Results
        ``D_crit`` in tokens.

    References
    ----------
    From kumar_loss + kumar_ptq, differentiated by D.

    Examples
    --------
    >>> from isoflop import laws
    >>> ptq = laws.kumar_ptq.published["kumar2024"].params
    >>> f"{kumar_dcrit(N=3e7, P_post=3, B=1.806e4, beta=0.4965, **ptq).D_crit:.4g}"
    '1.638e+10'
    """
    growth = beta * B * N**gamma_N * np.exp(np.asarray(P_post, float) / gamma_post) / (gamma_D * C_T)
    return Results(D_crit=growth ** (1 / (beta + gamma_D)))
