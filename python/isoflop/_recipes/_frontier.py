"""The least loss that a recipe reaches with compute C: the law itself in one variable, its frontier in N and D.

What is known of the parameters is in `_linear`; nothing here knows that there are two recipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
#: Golden-section steps: the bracket shrinks below 1e-8 in ln N, the loss is exact to rounding.
STEPS = 52
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

    def columns(self, params: Mapping[str, Any], C: Floats) -> dict[str, Floats]:
        """Return where the law is evaluated for each compute: its variable, or the best N and D."""
        if not self.splits:
            return {self.law.variables[0]: _engine.floats(C)}
        N = np.exp(self._best(params, np.log(C)))
        return {"N": _engine.floats(N), "D": _engine.floats(C / (FLOP * N))}

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

    def _value(self, params: Mapping[str, Any], columns: Mapping[str, Floats]) -> Floats:
        law = self.law
        size = len(next(iter(columns.values())))
        names = [*law.parameters, *law.constants, *law.variables]
        spec = {**plain_spec(law.formula, names), "where": dict(law.where)}
        given = {**law.constants, **params, **columns}
        used = {n: _engine.floats(np.broadcast_to(given[n], size)) for n in names}
        for name in _engine.law_info(spec)["positive"]:
            used[name] = np.where(used[name] == 0, _NEXT_TO_ZERO, used[name])
        return _engine.predict(spec, (), used, {})

    def _best(self, params: Mapping[str, Any], log_c: Floats) -> Floats:
        """Return ln N of the best split, by golden section on every element at once."""

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
            left, right = (
                np.where(falls, high - _GOLDEN * (high - low), right),
                np.where(falls, left, low + _GOLDEN * (high - low)),
            )
            fresh = value(np.where(falls, left, right))
            at_left, at_right = np.where(falls, fresh, at_right), np.where(falls, at_left, fresh)
        return _engine.floats(0.5 * (low + high))
