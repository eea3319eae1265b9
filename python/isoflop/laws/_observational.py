"""Laws across model families: capabilities in compute, benchmark scores in capabilities.

The low-rank factors behind capabilities and skills are estimated in `isoflop.estimators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._law import Law
from .._recipe import Recipe
from ._calculation import Results, calculation
from ._family import Family

_RUAN = "Ruan, Maddison and Hashimoto 2024, arXiv 2405.10938"
_SLOTH = "Maia Polo et al. 2024, arXiv 2412.06540"


def _logistic_linear(features: int = 3) -> Law:
    """Return the score of a benchmark in a number of features, with the score of guessing as floor."""
    which = range(1, features + 1)
    return Law(
        "floor + (1 - floor) * logistic(w0" + "".join(f" + w{i} * features{i}" for i in which) + ")",
        variables=tuple(f"features{i}" for i in which),
        real=("w0", *(f"w{i}" for i in which)),
        unit=("floor",),
        scale="linear",
        response="y",
        name="logistic_linear",
        title=f"benchmark score in {features} capabilities, above the floor of guessing",
        box={"floor": (0.01, 0.6), "w0": (-10.0, 10.0)} | {f"w{i}": (-5.0, 5.0) for i in which},
        recipe=Recipe("squared", note="bounded least squares; the strongest models held out"),
        units={f"features{i}": f"capability {i} (a principal component of benchmark scores)" for i in which},
        citation=f"{_RUAN}, eq. 3; three components explain about 97 % of the variance of scores, the first about 80 %",
        validity="models like those that the components were computed from; the ceiling is 1",
        traps=(
            "hold floor at the score of guessing (fixed=): weak models alone can find it",
            "components have no sign and no unit of their own: weights belong to one decomposition",
            "validate on models beyond a compute cut-off, not on random ones",
        ),
    )


def _features(params: Mapping[str, Any]) -> dict[str, int]:
    """Return how many features values of parameters speak of."""
    return {"features": sum(name[0] == "w" and name[1:].isdigit() and name != "w0" for name in params)}


logistic_linear = Family(
    "logistic_linear",
    _logistic_linear,
    _features,
    title="benchmark score in n capabilities, above the floor of guessing",
    default={"features": 3},
    lists=("w", "features"),
)

capability = Law(
    "theta[family] * log(C) + nu[family]",
    variables=("C",),
    real=("theta", "nu"),
    box={"theta": (-2.0, 2.0), "nu": (-100.0, 100.0)},
    scale="linear",
    response="S",
    name="capability",
    title="a capability in log compute, one line per model family",
    recipe=Recipe("squared", note="one regression per family"),
    units={"C": "training FLOP"},
    citation=f"{_RUAN}, eq. 4",
    validity="within a family: the same data and recipe at several sizes",
    traps=(
        "families differ in slope and offset: a pooled line says nothing about any of them",
        "equivalent_compute turns a capability into FLOP of a reference family",
    ),
)

sloth = Law(
    "gamma + (1 - gamma) * logistic(b[family] + w_T * log(T) + w_S * log(S) + w_ST * log(S) * log(T))",
    variables=("S", "T"),
    real=("b", "w_T", "w_S", "w_ST"),
    unit=("gamma",),
    scale="linear",
    response="y",
    name="sloth",
    title="benchmark score in size and tokens: one offset per family, shared slopes",
    box={"gamma": (0.01, 0.6), "b": (-60.0, 60.0), "w_T": (-3.0, 3.0), "w_S": (-3.0, 3.0), "w_ST": (-0.3, 0.3)},
    recipe=Recipe("huber", 0.01, note="smooth L1 with beta 0.01 on the score, by Adam; all benchmarks jointly"),
    units={"S": "parameters", "T": "training tokens"},
    citation=f"{_SLOTH}, eq. 2 to 4, for one benchmark and full rank",
    validity="base models of families with two sizes or more; the family matters through its offset only",
    traps=(
        "hold gamma at the score of guessing (fixed=)",
        "log S and log T are large and nearly constant: offset and slopes are strongly correlated",
        "the paper shares skills between benchmarks (low rank): isoflop.estimators",
    ),
)


@calculation
def equivalent_compute(*, S: Any, theta: Any, nu: Any) -> Results:
    """Return the compute at which a reference family reaches a capability.

    Parameters
    ----------
    S : float or array
        Capability, in the components of the reference.
    theta, nu : float or array
        Line of the reference family, as in `capability`.

    Returns
    -------
    Results
        ``C`` in FLOP of the reference family.

    References
    ----------
    Ruan, Maddison and Hashimoto 2024, arXiv 2405.10938, section 3.3.

    Examples
    --------
    >>> round(equivalent_compute(S=2.0, theta=0.5, nu=-20.0).C / 1e19, 3)
    1.285
    """
    return Results(C=np.exp((np.asarray(S, float) - nu) / theta))
