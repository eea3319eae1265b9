"""Calculations: what follows from the parameters of a law in several numbers (optima, allocations, conversions).

A calculation takes keyword arguments and returns `Results`; `laws.calculations()` finds it by its decorator.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, overload

import numpy as np

from .._errors import LawError, compose, listed, nearest
from .._repr import number

_F = TypeVar("_F", bound=Callable[..., "Results"])


class Results(Mapping[str, Any]):
    """Named results of a calculation: a mapping that cannot be changed, whose entries are attributes too.

    Examples
    --------
    >>> best = Results(N_opt=2.5e9, D_opt=6e10)
    >>> best.N_opt, best["D_opt"], list(best)
    (2500000000.0, 60000000000.0, ['N_opt', 'D_opt'])
    >>> best
    {N_opt: 2.5e+09, D_opt: 6e+10}
    """

    __slots__ = ("_items",)

    def __init__(self, **items: Any) -> None:
        object.__setattr__(self, "_items", {name: _plain(value) for name, value in items.items()})

    def __getitem__(self, name: str) -> Any:
        """Return one result; a name that is not there is answered with those that are."""
        try:
            return self._items[name]
        except KeyError:
            raise KeyError(f"{name!r} is not one of {', '.join(self._items)}") from None

    def __getattr__(self, name: str) -> Any:
        """Return one result by its name."""
        if name.startswith("__") or name not in self._items:
            raise AttributeError(f"no result {name!r}, there are {listed(self._items)}")
        return self._items[name]

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: results do not change."""
        raise AttributeError("results cannot be changed")

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return how many results there are."""
        return len(self._items)

    def __dir__(self) -> list[str]:
        """Return the names for completion."""
        return [*super().__dir__(), *self._items]

    def __reduce__(self) -> tuple[Callable[..., Results], tuple[dict[str, Any]]]:
        """Return how to make it again."""
        return _from_items, (self._items,)

    def __repr__(self) -> str:
        """Show numbers rounded, arrays by their shape."""
        shown = (f"{name}: {number(x) if isinstance(x, float) else _shape(x)}" for name, x in self._items.items())
        return "{" + ", ".join(shown) + "}"


def _from_items(items: dict[str, Any]) -> Results:
    return Results(**items)


def _plain(value: Any) -> Any:
    """Return a number as float, anything else as it is."""
    return float(value) if isinstance(value, int | float | np.number) or np.shape(value) == () else value


def _shape(value: Any) -> str:
    return f"array {'x'.join(map(str, np.shape(value)))}"


@overload
def calculation(function: _F) -> _F: ...
@overload
def calculation(*, searches: bool) -> Callable[[_F], _F]: ...
def calculation(function: Any = None, *, searches: bool = False) -> Any:
    """Mark a function as a calculation: its numbers and lists of numbers come in as float64.

    Parameters
    ----------
    function : callable
        Takes keyword arguments and returns `Results`.
    searches : bool
        Whether it finds the root of an equation, and so is right to 1e-9 rather than 1e-12.

    Raises
    ------
    LawError
        When the function is called with a name that it does not take, or without one that it needs.

    Examples
    --------
    >>> @calculation
    ... def half(*, C):
    ...     return Results(C_half=C / 2)
    >>> half(C=[2, 4]).C_half
    array([1., 2.])
    """
    if function is None:
        return functools.partial(calculation, searches=searches)
    takes = inspect.signature(function).parameters

    @functools.wraps(function)
    def calculated(**given: Any) -> Results:
        for name in given:
            if name not in takes:
                close = nearest(name, takes)
                hint = f"did you mean {listed(close)}?" if close else f"it takes {listed(takes)}"
                raise LawError(compose(f"{function.__name__} takes no {name!r}", hint))
        missing = [n for n, p in takes.items() if p.default is p.empty and n not in given]
        if missing:
            raise LawError(f"{function.__name__} needs {listed(missing)}")
        results: Results = function(**{name: _number(value) for name, value in given.items()})
        return results

    calculated.is_calculation = True  # type: ignore[attr-defined]
    calculated.searches = searches  # type: ignore[attr-defined]
    return calculated


def _number(value: Any) -> Any:
    """Return a number as float and a list of numbers as an array; other things as they are."""
    if value is None or isinstance(value, str | Mapping):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return value
    return float(array) if array.ndim == 0 else array.astype(np.float64)
