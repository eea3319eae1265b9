"""Power laws whose slope changes at breaks (smoothly broken power laws)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._family import Family

_CABALLERO = "Caballero, Gupta, Rish and Krueger 2022, arXiv 2210.14891"


_PUBLISHED = {
    3: {
        "caballero2022_example": Published(
            {"a": 1e-3, "b": 4.66e3, "c0": 0.05}
            | {"c1": 0.49, "c2": -0.811, "c3": 2.1}
            | {"d1": 3e6, "d2": 1e14, "d3": 2e20}
            | {"f1": 1.1, "f2": 1.425, "f3": 0.05},
            f"{_CABALLERO}, demonstration in the authors' code",
            convention="no data behind it: a curve that shows what three breaks can look like",
        ),
    },
}


def _bnsl(breaks: int = 1, span: tuple[float, float] = (1.0, 1e24)) -> Law:
    """Return the broken law with a number of breaks; the slope of log(y - a) changes by -c_i at d_i.

    `span` is the range of X: a search looks for each break in its own slice of it.
    """
    which = range(1, breaks + 1)
    edges = [span[0] * (span[1] / span[0]) ** (i / breaks) for i in range(breaks + 1)]
    bends = "".join(f" - c{i} * f{i} * softplus((log(X) - log(d{i})) / f{i})" for i in which)
    return Law(
        f"a + b * exp(-c0 * log(X){bends})",
        variables=("X",),
        response="y",
        real=("c0", *(f"c{i}" for i in which)),
        name="bnsl",
        title=f"smoothly broken power law with {breaks} break{'s' if breaks > 1 else ''}",
        derived={f"slope_{i}": "-(" + " + ".join(f"c{j}" for j in range(i + 1)) + ")" for i in range(breaks + 1)},
        box={
            "a": (1e-4, 10.0),
            "b": (1e-2, 1e6),
            "c0": (0.0, 0.5),
            **{f"c{i}": (-1.0, 1.0) for i in which},
            **{f"d{i}": (edges[i - 1], edges[i]) for i in which},
            **{f"f{i}": (0.05, 2.0) for i in which},
        },
        recipe=Recipe("squared", note="the authors fit log(y + 1) by least squares from a brute-force grid of starts"),
        units={"X": "any one resource; y is a loss, an error or a score"},
        citation=f"{_CABALLERO}, eq. 1: y = a + b X^-c0 prod_i (1 + (X/d_i)^(1/f_i))^(-c_i f_i)",
        validity="up to the last break in the data; beyond it the law claims that there is no next one",
        traps=(
            "several breaks have many optima: give the range of the data, get('bnsl', breaks=2, span=(1e3, 1e9))",
            "and more starts (starts=100), and compare fits from different seeds (rng=1)",
            "every break needs at least three points on each side",
            "c may be negative (double descent); the slope after break i is -(c0 + ... + c_i)",
            "breaks may be renumbered freely by a fit: compare curves, not indices",
        ),
        published=_PUBLISHED.get(breaks, {}),
    )


def _breaks(params: Mapping[str, Any]) -> dict[str, int]:
    """Return how many breaks values of parameters speak of."""
    return {"breaks": sum(name[0] == "d" and name[1:].isdigit() for name in params)}


bnsl = Family(
    "bnsl",
    _bnsl,
    _breaks,
    title="smoothly broken power law with n breaks",
    default={"breaks": 1},
    lists=("c", "d", "f"),
)
