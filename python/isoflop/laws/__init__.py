"""The catalogue: one documented declaration per published law.

Each law is an attribute of this package and is found by name with `get`. A declaration holds its formula, units,
domains, the paper's recipe, where the law stops being valid, what has gone wrong for others, and published values
that can predict at once.

Examples
--------
>>> from isoflop import laws
>>> laws.names()
('power', 'power_floor', 'kaplan_nd', 'chinchilla', 'pnorm')
>>> round(laws.chinchilla.published["epoch2024"].predict(N=70e9, D=1.4e12), 6)
1.973882
"""

from __future__ import annotations

from .._errors import LawError, compose, listed, nearest
from .._law import Law
from ._kaplan import kaplan_nd
from ._parametric import chinchilla, pnorm
from ._single import power, power_floor

__all__ = ["chinchilla", "get", "kaplan_nd", "names", "pnorm", "power", "power_floor"]

_CATALOGUE: dict[str, Law] = {law.name: law for law in (power, power_floor, kaplan_nd, chinchilla, pnorm)}


def names() -> tuple[str, ...]:
    """Return the names of all laws in the catalogue."""
    return tuple(_CATALOGUE)


def get(name: str) -> Law:
    """Return a law by its name.

    Raises
    ------
    LawError
        If there is none of that name.

    Examples
    --------
    >>> get("power_floor").formula
    'E + A / X**alpha'
    """
    if name in _CATALOGUE:
        return _CATALOGUE[name]
    if any(c in name for c in "+*/( "):
        hint = f"a formula is passed as iso.Law({name!r})"
    else:
        close = nearest(name, _CATALOGUE)
        hint = f"did you mean {listed(close)}?" if close else f"the catalogue has {listed(_CATALOGUE)}"
    raise LawError(compose(f"no law {name!r} in the catalogue", hint))
