"""Laws of shape: width against depth, factors beside a reference loss, parallel streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

import numpy as np

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation
from ._family import Family

_BIAN = "Bian et al. 2025, arXiv 2510.18245"
_GEMSTONES = "McLeish et al. 2025, arXiv 2502.06857"
_PARSCALE = "Chen et al. 2025, arXiv 2505.10475"

_SHAPE = {
    "x": "d_model / sqrt(N)",
    "width_factor": "a1 + a2 * log(x) + a3 / x",
    "ratio_factor": "b1 + b2 * log(r) + b3 / r",
}
_SHAPE_UNITS = {
    "N": "parameters without embeddings",
    "d_model": "width of the residual stream",
    "r": "parameters of feed-forward layers over those of attention",
    "L_opt": "loss of a well-shaped model of this N and D, from a Chinchilla-type law",
}
_SHAPE_BOX = {
    "a1": (-1.0, 3.0),
    "a2": (-0.5, 0.5),
    "a3": (-0.05, 0.05),
    "b1": (-1.0, 3.0),
    "b2": (-0.5, 0.5),
    "b3": (-0.5, 0.5),
}


def _bian(name: str, formula: str, title: str, unit: float, redundancy: str) -> Law:
    """Return one of the two ways to put the factors together; `b1` is held at `unit` unless it is freed."""
    return Law(
        formula,
        variables=("N", "d_model", "r", "L_opt"),
        real=tuple(_SHAPE_BOX),
        where=_SHAPE,
        constants={"b1": unit},
        response="L",
        name=name,
        title=title,
        derived={"x_star": "a3 / a2", "r_star": "b3 / b2"},
        box=_SHAPE_BOX,
        units=_SHAPE_UNITS,
        citation=f"{_BIAN}, section 3 (form as quoted by others; no coefficients available)",
        validity="N from 8e7 to 3e9, D from 8e9 to 1e11; rank correlation is 0.5 from 1e9 to 3e9 parameters",
        traps=(
            redundancy,
            "a minimum x* = a3/a2 (r* = b3/b2) exists only where both coefficients are positive",
            "L_opt comes from an earlier fit: resample both stages together for honest errors",
            "the number of query groups is found by search, not by the law",
        ),
    )


bian_mult = _bian(
    "bian_mult",
    "width_factor * ratio_factor * L_opt",
    "shape of a transformer as two factors on the loss of a well-shaped one",
    1.0,
    "a factor moves freely between a and b: b1 is held at 1 unless fixed={'b1': None} frees it",
)

bian_add = _bian(
    "bian_add",
    "(width_factor + ratio_factor) * L_opt",
    "shape of a transformer as the sum of two factors on the loss of a well-shaped one",
    0.0,
    "a constant moves freely between a1 and b1: b1 is held at 0 unless fixed={'b1': None} frees it",
)


@calculation
def bian_argmin(*, c: Sequence[float]) -> Results:
    """Return where a shape factor ``c1 + c2 log(x) + c3 / x`` is smallest.

    Parameters
    ----------
    c : sequence of three floats
        The coefficients; the second and third must be positive for a minimum.

    Returns
    -------
    Results
        ``x_star``, nan where the factor has no minimum.

    References
    ----------
    Bian et al. 2025, arXiv 2510.18245.

    Examples
    --------
    >>> round(bian_argmin(c=(0.9654, 0.03, 0.035)).x_star, 6)
    1.166667
    """
    _, slope, inverse = (float(value) for value in c)
    return Results(x_star=inverse / slope if slope > 0 and inverse > 0 else np.nan)


def _sum_of_powers(terms: int = 2) -> Law:
    """Return ``exp(e) + exp(a1) / x1**alpha1 + ...`` over `terms` resources."""
    numbers = range(1, terms + 1)
    box: dict[str, tuple[float, float]] = {"e": (-5.0, 2.5)}
    box |= {f"a{i}": (-5.0, 18.0) for i in numbers} | {f"alpha{i}": (0.05, 1.5) for i in numbers}
    return Law(
        " + ".join(["exp(e)", *(f"exp(a{i}) / x{i}**alpha{i}" for i in numbers)]),
        variables=tuple(f"x{i}" for i in numbers),
        real=("e", *(f"a{i}" for i in numbers)),
        response="L",
        name="spt",
        title=f"sum of {terms} power terms and a floor, amplitudes as logarithms",
        box=box,
        recipe=Recipe("huber", 1e-4),
        units={f"x{i}": f"resource {i}, a count" for i in numbers},
        citation=f"{_GEMSTONES}, section 4",
        validity="every resource varies over a decade, and not in step with another",
        traps=(
            "amplitudes belong to x = 1: judge fits by predictions",
            "e runs to minus infinity where the data show no floor: use gemstones, whose E is 0 there",
        ),
    )


def _terms(params: Mapping[str, Any]) -> dict[str, int]:
    """Return how many terms values of parameters speak of."""
    return {"terms": sum(name.startswith("alpha") for name in params)}


spt = Family(
    "spt",
    _sum_of_powers,
    _terms,
    title="sum of power terms and a floor, amplitudes as logarithms",
    default={"terms": 2},
    lists=("a", "alpha", "x"),
)


def _gemstones(name: str, inputs: Sequence[str], title: str, published: Mapping[str, Published]) -> Law:
    """Return the law of the Gemstones over some of width, depth, N and D."""
    box = {"E": (0.05, 5.0)}
    box |= {f"A_{x}": (1e-2, 1e8) for x in inputs} | {f"alpha_{x}": (0.05, 1.5) for x in inputs}
    units = {"width": "width of the residual stream", "depth": "layers", "N": "parameters", "D": "training tokens"}
    return Law(
        " + ".join(["E", *(f"A_{x} / {x}**alpha_{x}" for x in inputs)]),
        variables=inputs,
        response="L",
        name=name,
        title=title,
        box=box,
        recipe=Recipe("huber", 1e-4, note="also 1e-3; L-BFGS from a large grid of starts"),
        units={x: units[x] for x in inputs},
        citation=f"{_GEMSTONES}, section 4",
        validity="N from 5e7 to 2e9, width/depth from 8 to 300, D up to 3.5e11 tokens",
        traps=(
            "prescriptions depend on which runs, cool-downs and learning-rate variants are kept",
            "fits with width and depth alone end at E = 0: a bound, not a floor",
            "best in GPU hours is wider and shallower than best in FLOP",
        ),
        published=published,
    )


def _gemstones_values(
    inputs: Sequence[str], log_e: float, log_a: Sequence[float], alpha: Sequence[float], delta: str
) -> Published:
    """Return a fit whose amplitudes and floor are printed as logarithms."""
    params = {"E": exp(log_e)}
    params |= {f"A_{x}": exp(value) for x, value in zip(inputs, log_a, strict=True)}
    params |= {f"alpha_{x}": value for x, value in zip(inputs, alpha, strict=True)}
    source = f"{_GEMSTONES}, authors' result files"
    return Published(params, source, convention=f"runs above 1e11 tokens; Huber {delta} on log loss")


_WIDE, _PLAIN, _SHAPED = ("width", "depth", "N", "D"), ("N", "D"), ("width", "depth", "D")

gemstones = _gemstones(
    "gemstones",
    _WIDE,
    "width, depth, parameters and tokens as four power terms",
    {
        "mcleish2025": _gemstones_values(
            _WIDE,
            0.4282048563,
            (1.082043835, -0.2186969889, 6.0902355695, 10.4720427681),
            (0.2195783536, 0.4758917337, 0.3636454068, 0.4935127042),
            "1e-4",
        )
    },
)

gemstones_nd = _gemstones(
    "gemstones_nd",
    _PLAIN,
    "parameters and tokens of the Gemstones, which is chinchilla in other letters",
    {
        "mcleish2025": _gemstones_values(
            _PLAIN, 0.6655226816, (4.8761769847, 12.6984060933), (0.2575546364, 0.5909317455), "1e-4"
        ),
        "mcleish2025_wide": _gemstones_values(_PLAIN, 0.66816, (4.90084, 12.85097), (0.25911, 0.59727), "1e-3"),
    },
)

gemstones_wd = _gemstones(
    "gemstones_wd",
    _SHAPED,
    "width, depth and tokens as three power terms",
    {
        "mcleish2025": _gemstones_values(
            _SHAPED, -155.54, (2.1161, 0.7321, 11.5418), (0.2607743844, 0.1418010881, 0.5420589921), "1e-4"
        )
    },
)

parscale = Law(
    "E + (A / (N * (k * log(P) + 1)))**alpha",
    variables=("N", "P"),
    response="L",
    name="parscale",
    title="parallel streams count as parameters, by their logarithm",
    box={"E": (0.05, 5.0), "A": (1e2, 1e12), "k": (0.02, 5.0), "alpha": (0.03, 1.0)},
    recipe=Recipe("huber", 1e-3, note="sum over rows, 300 starts"),
    units={"N": "parameters without embeddings", "P": "parallel streams"},
    range={"P": (1.0, float("inf"))},
    citation=f"{_PARSCALE}, eq. 5",
    validity="N from 5e8 to 4.4e9, P from 1 to 8, a fixed number of tokens",
    traps=(
        "the surface is flat along E and alpha: a stop at an objective 1.6e-7 higher moves E by 1e-4",
        "tokens are fixed: the law says nothing about longer training",
    ),
    published={
        "chen2025_stack": Published(
            {"E": 0.691207, "A": 1.130707e7, "alpha": 0.1893583, "k": 0.3934568},
            f"{_PARSCALE}, refit of the authors' 24 points",
            convention="Stack-V2-Python; N without embeddings; converged fit",
        ),
    },
)
