"""The catalogue: one documented declaration per published law.

A law is found by name with `get`, and is an attribute of this package. A declaration holds its formula, units, domains,
the paper's recipe, where the law stops being valid, what has gone wrong for others, and published values that can
predict at once. `calculations` are functions of the parameters of laws: optima, allocations, conversions.

Every law, family and calculation of the modules here is found by itself: to add one is to declare it.

Examples
--------
>>> from isoflop import laws
>>> laws.get("chinchilla").formula
'E + A / N**alpha + B / D**beta'
>>> round(laws.chinchilla.published["epoch2024"].predict(N=70e9, D=1.4e12), 6)
1.973882
>>> laws.get("bnsl", breaks=2).title
'smoothly broken power law with 2 breaks'
>>> "chinchilla_opt" in laws.calculations()
True
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._errors import InternalError, LawError, compose, listed, nearest
from .._law import Law
from ._family import Family

if TYPE_CHECKING:
    from ._check import Check

__all__ = ["calculations", "check", "find", "get", "list", "names"]


@functools.cache
def _catalogue() -> tuple[dict[str, Law | Family], dict[str, Callable[..., Any]]]:
    """Return laws and families by name, and calculations by name, from all modules of this package."""
    laws: dict[str, Law | Family] = {}
    functions: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        for name, value in vars(importlib.import_module(f".{module.name}", __name__)).items():
            if isinstance(value, Law | Family):
                if laws.setdefault(value.name, value) is not value:
                    raise InternalError(f"two laws of the catalogue are called {value.name!r}")
            elif getattr(value, "is_calculation", False):
                functions[name] = value
    return laws, functions


def names() -> tuple[str, ...]:
    """Return the names of all laws and families in the catalogue.

    Examples
    --------
    >>> "muennighoff" in names()
    True
    """
    return tuple(_catalogue()[0])


def list() -> tuple[str, ...]:  # noqa: A001 - laws.list() is the word people try
    """Return the names of all laws and families in the catalogue; the same as `names`.

    Examples
    --------
    >>> list() == names()
    True
    """
    return names()


def calculations() -> dict[str, Callable[..., Any]]:
    """Return the calculations by name.

    Examples
    --------
    >>> calculations()["logistic_width"](B=2.0).C_ratio
    9.0
    """
    return dict(_catalogue()[1])


def check(path: str | os.PathLike[str]) -> Check:
    r"""Evaluate every row of a table of values by the law or calculation of its name; see `Check`.

    Parameters
    ----------
    path : path
        CSV with the columns ``id,law,output,value,params,inputs``.

    Returns
    -------
    Check
        With ``n_passed``, ``n_failed``, ``n_skipped``, ``rows`` and ``summary()``.

    Raises
    ------
    DataError
        If the file has not these columns.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> row = "a,power,L,4.0158795937564851,Xc=8.8e13;alpha=0.076,X=1e6"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "values.csv"
    ...     _ = path.write_text(f"id,law,output,value,params,inputs\n{row}\n")
    ...     check(path).n_passed
    1
    """
    from ._check import check

    return check(path)


def find(name: str) -> Law | Family:
    """Return a law or a family by its name.

    Raises
    ------
    LawError
        If there is none of that name.

    Examples
    --------
    >>> find("chinchilla").response, find("bnsl").default
    ('L', {'breaks': 1})
    """
    laws, functions = _catalogue()
    if name in laws:
        return laws[name]
    if name in functions:
        raise LawError(compose(f"{name!r} is a calculation, no law", f"call isoflop.laws.{name}(...)"))
    if any(c in name for c in "+*/( "):
        hint = f"a formula is passed as iso.Law({name!r})"
    else:
        close = nearest(name, laws)
        hint = f"did you mean {listed(close)}?" if close else f"the catalogue has {listed(laws)}"
    raise LawError(compose(f"no law {name!r} in the catalogue", hint))


def get(name: str, **shape: Any) -> Law:
    """Return a law by its name, of a family the law of a shape.

    Parameters
    ----------
    name : str
        Name in the catalogue.
    **shape
        For families: how many terms (``breaks=2``); the family's default where not given.

    Raises
    ------
    LawError
        If there is none of that name, or it has no such shape.

    Examples
    --------
    >>> get("power_floor").formula
    'E + A / X**alpha'
    """
    found = find(name)
    if isinstance(found, Family):
        return found.law(**shape)
    if shape:
        raise LawError(f"the law {name!r} has no shape, got {listed(shape)}")
    return found


def __getattr__(name: str) -> Any:
    """Return a law, a family or a calculation as an attribute of the package."""
    if not name.startswith("_"):
        laws, functions = _catalogue()
        if name in laws or name in functions:
            return laws[name] if name in laws else functions[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> tuple[str, ...]:
    """Return all names of the catalogue for completion."""
    return (*__all__, *_catalogue()[0], *_catalogue()[1])
