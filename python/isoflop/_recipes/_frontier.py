"""The least loss that a recipe reaches with compute C: the law itself in one variable, its frontier in N and D.

What is known of the parameters is in `_linear`; nothing here knows that there are two recipes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats
from .._errors import LawError, compose, listed
from .._formula import plain_spec
from .._law import Law

#: FLOP per parameter and token.
FLOP = 6.0
#: Tokens per parameter between which the optimum is looked for.
RATIOS = (1e-4, 1e8)
#: Golden-section steps: the bracket shrinks to 2e-3 in ln N; a parabola over so much does the rest.
STEPS, ARM = 19, 0.02
#: Steps of ln C between which the best ln N is interpolated along a curve that is asked often.
STRIDE = 0.05
_GOLDEN = (np.sqrt(5.0) - 1) / 2
_NEXT_TO_ZERO = 1e-300


@dataclass(frozen=True)
class Frontier:
    """Loss against compute, for any values of a law's parameters.

    Attributes
    ----------
    law : Law
        Over one variable, which then is compute, or over N and D: the best split of C = 6 N D is taken.
    """

    law: Law

    def __post_init__(self) -> None:
        """Refuse laws whose loss is not a function of compute."""
        names = self.law.variables
        if self.law.schedules or self.law.levels or self.law.tied:
            hint = "write it as one formula over compute, or over N and D"
            raise LawError(compose("a law with levels, schedules or tied parameters compares no recipes", hint))
        if len(names) != 1 and set(names) != {"N", "D"}:
            hint = 'compare along one variable, "power_floor", or over N and D, "chinchilla"'
            raise LawError(compose(f"the law is over {listed(names)}, which compute alone does not set", hint))

    @property
    def splits(self) -> bool:
        """Whether compute is split between parameters and tokens."""
        return len(self.law.variables) == 2

    def columns(self, params: Mapping[str, Any], C: Floats, track: Track | None = None) -> dict[str, Floats]:
        """Return where the law is evaluated for each compute: its variable, or the best N and D.

        Parameters
        ----------
        params : mapping
        C : ndarray
        track : Track, optional
            The best splits of these parameters, where `follow` has found them already.
        """
        if not self.splits:
            return {self.law.variables[0]: _engine.floats(C)}
        log_c = np.log(C)
        N = np.exp(self._best(params, log_c) if track is None else track.at(log_c))
        return {"N": _engine.floats(N), "D": _engine.floats(C / (FLOP * N))}

    def follow(self, params: Mapping[str, Any], low: float, high: float) -> Track | None:
        """Return the best splits along a range of compute; None where there is nothing to split.

        The loss is flat at its least: interpolated splits cost less than 1e-9 of it.
        """
        if not self.splits:
            return None
        log_c = np.arange(np.log(low), np.log(high) + STRIDE, STRIDE)
        return Track(_engine.floats(log_c), self._best(params, log_c))

    def loss(self, params: Mapping[str, Any], C: Floats) -> Floats:
        """Return the loss, element by element: parameters and compute broadcast.

        Examples
        --------
        >>> from isoflop import laws
        >>> epoch = laws.get("chinchilla").published["epoch2024"].params
        >>> found = Frontier(laws.get("chinchilla")).loss(epoch, np.array([5.76e23]))
        >>> found.round(4), round(laws.chinchilla_opt(C=5.76e23, **epoch).L_opt, 4)
        (array([1.9744]), 1.9744)
        """
        values = np.broadcast_arrays(np.asarray(C, float), *(np.asarray(params[n], float) for n in self.law.parameters))
        flat = {n: x.reshape(-1) for n, x in zip(self.law.parameters, values[1:], strict=True)}
        at = self.columns(flat, values[0].reshape(-1))
        return self._value(flat, at).reshape(values[0].shape)

    @cached_property
    def _compiled(self) -> tuple[dict[str, Any], tuple[str, ...], frozenset[str]]:
        """The law with its parameters as columns: spec, names, and which must be above 0."""
        law = self.law
        names = (*law.parameters, *law.constants, *law.variables)
        spec = {**plain_spec(law.formula, names), "where": dict(law.where)}
        return spec, names, frozenset(_engine.law_info(spec)["positive"])

    def _value(self, params: Mapping[str, Any], columns: Mapping[str, Floats]) -> Floats:
        spec, names, positive = self._compiled
        size = len(next(iter(columns.values())))
        given = {**self.law.constants, **params, **columns}
        used = {n: _engine.floats(np.broadcast_to(given[n], size)) for n in names}
        for name in positive.difference(self.law.variables):
            used[name] = np.where(used[name] == 0, _NEXT_TO_ZERO, used[name])
        return _engine.predict(spec, (), used, {})

    def _best(self, params: Mapping[str, Any], log_c: Floats) -> Floats:
        """Return ln N of the best split, by golden section on every element at once and a parabola at its end."""

        def value(log_n: Floats) -> Floats:
            N = np.exp(log_n)
            return self._value(params, {"N": N, "D": np.exp(log_c) / (FLOP * N)})

        pairs = log_c - np.log(FLOP)
        low, high = (0.5 * (pairs - np.log(ratio)) for ratio in reversed(RATIOS))
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        at_left, at_right = value(left), value(right)
        for _ in range(STEPS):
            falls = at_left < at_right
            low, high = np.where(falls, low, left), np.where(falls, right, high)
            inner = np.where(falls, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
            fresh = value(inner)
            left, right = np.where(falls, inner, right), np.where(falls, left, inner)
            at_left, at_right = np.where(falls, fresh, at_right), np.where(falls, at_left, fresh)
        return _engine.floats(_vertex(value, 0.5 * (low + high)))


@dataclass(frozen=True)
class Track:
    """The best ln N along ln C, for one set of parameters."""

    log_c: Floats
    log_n: Floats

    def at(self, log_c: Floats) -> Floats:
        """Return the best ln N; beyond the ends in the direction of the last steps."""
        inside = np.interp(log_c, self.log_c, self.log_n)
        for end, step in ((0, 1), (-1, -2)):
            slope = (self.log_n[step] - self.log_n[end]) / (self.log_c[step] - self.log_c[end])
            over = log_c - self.log_c[end]
            beyond = over < 0 if end == 0 else over > 0
            inside = np.where(beyond, self.log_n[end] + slope * over, inside)
        return _engine.floats(inside)


def _vertex(value: Callable[[Floats], Floats], middle: Floats) -> Floats:
    """Return the lowest point of a parabola through three values around the middle; the middle where it has none."""
    below, at, above = value(middle - ARM), value(middle), value(middle + ARM)
    bend = below - 2 * at + above
    with np.errstate(divide="ignore", invalid="ignore"):
        move = 0.5 * ARM * (below - above) / bend
    return _engine.floats(middle + np.where((bend > 0) & (np.abs(move) < ARM), move, 0.0))
