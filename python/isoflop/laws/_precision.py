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
_UNITS = {
    "N": "parameters",
    "D": "training tokens",
    "P_w": "bits of the weights in training",
    "P_a": "bits of the activations in training",
    "P_kv": "bits of the key-value cache in training",
    "P_post": "bits of the weights after training",
}
#: What the appendix prints: the loss, the scale of bits per part, the biases of the finer fit, rounding afterwards.
_LOSS = {"A": 4.299e3, "alpha": 0.4965, "B": 1.806e4, "beta": 0.4965, "E": 2.7648}
_SCALES = {"gamma_w": 2.6745, "gamma_a": 2.2102, "gamma_kv": 0.9578}
_BIASES = {"n_w": 0.3037, "n_a": 1.4072, "n_kv": 2.4185}
_ROUNDING = {"C_T": 0.0598, "gamma_D": 0.5068, "gamma_N": 0.3439, "gamma_post": 0.5907}
_BOX = {"A": (1.0, 1e8), "alpha": (0.05, 1.5), "B": (1.0, 1e8), "beta": (0.05, 1.5), "E": (0.05, 10.0)}
_BOX |= dict.fromkeys(_SCALES, (0.3, 8.0))
_BOX |= {"C_T": (1e-6, 1e4), "gamma_D": (0.05, 1.5), "gamma_N": (0.05, 1.5), "gamma_post": (0.1, 4.0)}
_DELTA = "C_T * D**gamma_D / N**gamma_N * exp(-P_post / gamma_post)"
_TRAPS = (
    "few bits give N_eff = 0 and an infinite loss",
    "the sign of the biases n inside the exponent is inferred; N_eff must stay positive",
    "that 7 to 8 bits are best for training holds where cost is in proportion to bits",
)

_Parts = Sequence[str]
_ALL = ("w", "a", "kv")


def _n_eff(parts: _Parts) -> str:
    return " * ".join(["N", *(f"(-expm1(n_{t} - P_{t} / gamma_{t}))" for t in parts)])


def _trained(parts: _Parts, formula: str, variables: Sequence[str], printed: Mapping[str, float], **about: Any) -> Law:
    """Return a law of training precision; `printed` are its parameters without scales and biases of the parts."""
    plain = {**printed, **{f"gamma_{t}": _SCALES[f"gamma_{t}"] for t in parts}}
    finer = {**plain, **{f"n_{t}": _BIASES[f"n_{t}"] for t in parts}}
    return Law(
        formula,
        variables=variables,
        real=tuple(f"n_{t}" for t in parts),
        constants={f"n_{t}": 0.0 for t in parts},
        box={name: _BOX[name] for name in plain},
        units={name: _UNITS[name] for name in variables},
        range={name: (0.0, float("inf")) for name in variables if name.startswith("P_")},
        citation=f"{_KUMAR}, eq. 3 and 4",
        validity="3 to 16 bits in training; N from 3e7 to 2.2e8, D from 1.5e9 to 2.6e10",
        traps=_TRAPS,
        published={
            "kumar2024": Published(plain, _APPENDIX, convention=_CONVENTION),
            "kumar2024_biased": Published(finer, _APPENDIX, convention=f"{_CONVENTION}; sign of n inferred"),
        },
        **about,
    )


def _effective(parts: _Parts = _ALL) -> Law:
    """Return effective parameters for bits of weights (w), activations (a) and key-value cache (kv)."""
    return _trained(
        parts,
        _n_eff(parts),
        ("N", *(f"P_{t}" for t in parts)),
        {},
        response="N_eff",
        name="kumar_neff",
        title="parameters that count when trained with few bits",
        recipe=Recipe("squared"),
    )


def _loss(parts: _Parts = _ALL, post: bool = False) -> Law:
    """Return the loss after training with few bits and, with `post`, after rounding the weights."""
    bits = [f"P_{t}" for t in parts]
    return _trained(
        parts,
        "A / N_eff**alpha + B / D**beta + E + delta" if post else "A / N_eff**alpha + B / D**beta + E",
        ("N", "D", *bits, "P_post") if post else ("N", "D", *bits),
        {**_LOSS, **_ROUNDING} if post else _LOSS,
        where={"N_eff": _n_eff(parts), "delta": _DELTA} if post else {"N_eff": _n_eff(parts)},
        response="L",
        name="kumar_loss",
        title="Chinchilla in the parameters that count when trained with few bits",
        recipe=Recipe("huber", 1e-3, note="the paper tied beta to alpha: pass tied={'beta': 'alpha'}"),
    )


def _parts(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts whose bits are given beside N; without N, those whose scale is named."""
    word = "P" if "N" in params else "gamma"
    return {"parts": tuple(t for t in _ALL if f"{word}_{t}" in params)}


def _parts_and_post(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts, and whether weights are rounded after training."""
    return {**_parts(params), "post": "gamma_post" in params}


kumar_neff = Family(
    "kumar_neff",
    _effective,
    _parts,
    title="parameters that count when trained with few bits",
    default={"parts": _ALL},
)

kumar_loss = Family(
    "kumar_loss",
    _loss,
    _parts_and_post,
    title="loss of models trained with few bits, and rounded afterwards (post=True)",
    default={"parts": _ALL, "post": False},
)

kumar_ptq = Law(
    _DELTA,
    variables=("N", "D", "P_post"),
    response="delta",
    name="kumar_ptq",
    title="loss added by rounding the weights after training",
    box={name: _BOX[name] for name in _ROUNDING},
    recipe=Recipe("squared", note="log loss added is linear in all but gamma_post, and in its inverse"),
    units={name: _UNITS[name] for name in ("N", "D", "P_post")},
    range={"P_post": (0.0, float("inf"))},
    citation=f"{_KUMAR}, eq. 2",
    validity="3 to 6 bits after training in 16; N from 3e7 to 2.2e8, D from 1.5e9 to 2.6e10",
    traps=(
        "it grows with tokens: over-trained models lose more, and beyond kumar_dcrit more training harms",
        "C_T belongs to N = D = 1: judge fits by predictions",
    ),
    published={"kumar2024": Published(_ROUNDING, _APPENDIX, convention=_CONVENTION)},
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
