"""Families: laws that differ in how many terms they have (breaks, domains, features)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from .._errors import LawError, compose, listed
from .._law import Law


@dataclass(frozen=True)
class Family:
    """Laws of one name that a shape tells apart.

    Parameters
    ----------
    name : str
        Name in the catalogue; the laws bear it too.
    make : callable
        Returns the law of a shape, which it takes as keyword arguments.
    shape_of : callable
        Returns the shape that values of parameters speak of: the names of parameters tell how many terms there are.
    title : str
        One line.
    default : mapping
        The shape where none is asked for.
    lists : sequence of str
        Letters that stand for a list in the paper: parameters and variables c1, c2, ... are c.

    Examples
    --------
    >>> from isoflop import laws
    >>> laws.get("bnsl", breaks=2).parameters[:4]
    ('a', 'b', 'c0', 'c1')
    """

    name: str
    make: Callable[..., Law]
    shape_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    _: KW_ONLY
    title: str = ""
    default: Mapping[str, Any] = field(default_factory=dict)
    lists: Sequence[str] = ()

    def law(self, **shape: Any) -> Law:
        """Return the law of a shape; what is not given is as in `default`.

        Raises
        ------
        LawError
            If the family knows no such word of shape.
        """
        unknown = sorted(set(shape) - set(inspect.signature(self.make).parameters))
        if unknown:
            hint = f"its shape is {', '.join(f'{k}={v!r}' for k, v in self.default.items())}, for example"
            raise LawError(compose(f"the family {self.name!r} has no shape {listed(unknown)}", hint))
        shape = {k: tuple(v) if isinstance(v, list) else v for k, v in {**self.default, **shape}.items()}
        return _made(self.make, tuple(sorted(shape.items())))

    def law_for(self, params: Mapping[str, Any]) -> Law:
        """Return the law whose parameters have these names."""
        return self.law(**self.shape_of(params))

    def card(self) -> str:
        """Return the card of the default shape, and how other shapes are had."""
        words = ", ".join(f"{name}={value!r}" for name, value in self.default.items())
        return f"{self.law().card()}\n\nA family: laws.get({self.name!r}, {words}) is this shape."

    @property
    def published(self) -> Mapping[str, Any]:
        """Published values of the default shape."""
        return self.law().published


@functools.cache
def _made(make: Callable[..., Law], shape: tuple[tuple[str, Any], ...]) -> Law:
    return make(**dict(shape))
