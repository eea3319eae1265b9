"""Data: mixtures of domains, transfer from another domain, filtered pools that are repeated."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._family import Family

_YE = "Ye et al. 2024, arXiv 2403.16952"
_HERNANDEZ = "Hernandez et al. 2021, arXiv 2102.01293"
_GOYAL = "Goyal et al. 2024, arXiv 2404.07177"


def _mixing(domains: int = 2) -> Law:
    """Return the loss on one domain as a function of the shares of `domains` training domains."""
    numbers = range(1, domains + 1)
    shares = " + ".join(f"t{j} * r{j}" for j in numbers)
    return Law(
        f"c + k * exp({shares})",
        variables=tuple(f"r{j}" for j in numbers),
        real=tuple(f"t{j}" for j in numbers),
        constants={"k": 1.0},
        scale="linear",
        response="L",
        name="ye_mixing",
        title=f"loss on one domain against the shares of {domains} training domains",
        box={"c": (0.2, 5.0), "k": (0.05, 10.0)} | {f"t{j}": (-6.0, 3.0) for j in numbers},
        recipe=Recipe("huber", 0.02, note="L-BFGS from random starts"),
        units={f"r{j}": f"share of domain {j} in the training mixture, 0 to 1" for j in numbers},
        range={f"r{j}": (0.0, 1.0) for j in numbers},
        citation=f"{_YE}, eq. 1",
        validity="shares that add to 1; one model size and number of steps, one validation domain",
        traps=(
            "shares add to 1, so a shift of all t is a factor on k: k is held at 1 unless fixed={'k': None} frees it",
            "shares enter as they are, not their logarithms",
            "for other sizes fit the laws in steps and N per mixture first and mix what they forecast",
        ),
    )


def _domains(params: Mapping[str, Any]) -> dict[str, int]:
    """Return how many domains have a coefficient."""
    return {"domains": sum(name[:1] == "t" and name[1:].isdigit() for name in params)}


ye_mixing = Family(
    "ye_mixing",
    _mixing,
    _domains,
    title="loss on one domain against the shares of the training domains",
    default={"domains": 2},
    lists=("t", "r"),
)


def _transfer(k: float, alpha: float) -> dict[str, float]:
    return {"k": k, "alpha": alpha, "beta": 0.38}


_TRANSFER_UNITS = {"N": "parameters without embeddings", "D_F": "tokens (characters) of the fine-tuning domain"}
_TRANSFER_TEXT, _TRANSFER_MIXED = _transfer(1.9e4, 0.18), _transfer(2.1e5, 0.096)

hernandez = Law(
    "k * D_F**alpha * N**beta",
    variables=("N", "D_F"),
    where={"D_E": "D_F + k * D_F**alpha * N**beta", "multiplier": "D_E / D_F"},
    response="D_T",
    name="hernandez",
    title="data that pre-training is worth, in units of the fine-tuning domain",
    box={"k": (1.0, 1e9), "alpha": (0.02, 1.0), "beta": (0.02, 1.5)},
    recipe=Recipe("squared", note="log effective data is linear in log k, alpha and beta"),
    units=_TRANSFER_UNITS,
    citation=f"{_HERNANDEZ}, eq. 1.1",
    validity="the low-data regime, D_F at most a tenth of what training from scratch would use; text to Python",
    traps=(
        "effective data D_E is D_F + D_T, not D_T",
        "pre-training can hurt where D_F is large (ossification): the law does not know",
        "k belongs to one parameter and one token",
    ),
    published={
        "hernandez2021_text": Published(
            _TRANSFER_TEXT, _HERNANDEZ, convention="text to Python; N without embeddings", verified=False
        ),
        "hernandez2021_mixed": Published(
            _TRANSFER_MIXED, _HERNANDEZ, convention="half text, half code to Python", verified=False
        ),
    },
)

hernandez_unified = Law(
    "((Nc / N)**(alphaN / alphaD) + Dc / D_T)**alphaD",
    variables=("N", "D_F"),
    where={"D_T": "k * D_F**alpha * N**beta"},
    constants={"Dc": 1.8e13},
    response="L",
    name="hernandez_unified",
    title="loss after fine-tuning: Kaplan's law in the data that pre-training is worth",
    box={
        "Nc": (1e10, 1e17),
        "alphaN": (0.03, 0.3),
        "alphaD": (0.05, 0.3),
        "Dc": (1e8, 1e18),
        "k": (1e2, 1e6),
        "alpha": (0.05, 0.6),
        "beta": (0.1, 0.9),
    },
    units=_TRANSFER_UNITS,
    citation=f"{_HERNANDEZ}, section 3",
    validity="the low-data regime: D_T stands for all data, D_F beside it is left out",
    traps=(
        "only Dc / k is identified: Dc is held at Kaplan's 1.8e13",
        "no floor: far beyond the data it predicts less loss than the domain has entropy",
    ),
)


def _passes(passes: int = 10) -> Law:
    """Return the error after up to `passes` passes over a pool; a partial last pass counts."""
    later = (f"delta**{j - 1} * log(max(min(passes, {j}) / {j - 1}, 1))" for j in range(2, passes + 1))
    return Law(
        "a * exp(b * log_n) + d",
        variables=("epoch_size", "seen"),
        real=("b",),
        scale="linear",
        where={
            "log_n": " + ".join(["log(min(seen, epoch_size))", *later]),
            "delta": "exp(-log(2) / tau)",
            "passes": "seen / epoch_size",
        },
        range={"passes": (0.0, float(passes))},
        response="y",
        name="goyal",
        title=f"error after up to {passes} passes over a pool whose usefulness halves every tau passes",
        box={"a": (1e-2, 1e3), "b": (-1.0, -0.01), "d": (1e-3, 1.0), "tau": (0.3, 30.0)},
        recipe=Recipe("squared"),
        units={"epoch_size": "samples in the pool", "seen": "samples seen, with repetition"},
        citation=f"{_GOYAL}, eq. 3",
        validity=f"up to {passes} passes: later ones count for nothing here, get('goyal', passes=...) gives more",
        traps=(
            "the authors' code adds d before later passes multiply, the paper's formula after them: d is outside here",
            "tau is free where no row repeats its pool",
            "a mixture of pools has the weighted mean of their b, and tau times the number of pools",
        ),
    )


def _seen(values: Mapping[str, Any]) -> dict[str, int]:
    """Return how many passes the rows need."""
    if "seen" not in values or "epoch_size" not in values:
        return {}
    most = float(np.max(np.asarray(values["seen"], float) / np.asarray(values["epoch_size"], float)))
    return {"passes": max(2, ceil(most))}


goyal = Family(
    "goyal",
    _passes,
    _seen,
    title="error against samples seen, of a pool that loses its use when repeated",
    default={"passes": 10},
)
