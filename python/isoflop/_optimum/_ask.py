"""What is asked of a law: which variables are free, which are held, what a run costs, where the answer may lie.

From it comes the question as the core takes it. Whose parameters the law has is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._engine import Floats, floats
from .._errors import DataError, LawError, compose, listed
from .._formula import names_in
from .._law import Law
from ._formulas import check_cost, require_known, value_of
from ._ranges import Limits, box_of, positive_pair
from ._served import served

#: Letters that size and tokens are known by, in order of preference.
SIZES, TOKENS = ("N", "N_act"), ("D",)
#: How the core calls ln of the size and of the tokens.
LOG_SIZE, LOG_TOKENS = "exp(ln_size_)", "exp(ln_tokens_)"
#: A range that spans more than this factor is searched by its logarithm.
WIDE = 10.0


@dataclass(frozen=True)
class Ask:
    """A question about a law under a cost.

    Attributes
    ----------
    law : Law
        What its variables are called is all that is used of it.
    size, tokens : str
        The law's letters for model size and training tokens.
    primary : str
        What the core minimises over: the size, or the first variable of `over` where the size follows from others.
    cost : str or CostCurve
        Of training, without what is paid for inference.
    served : str or ndarray
        What inference adds at each size: a formula, or a value per size of the cost curve; empty for nothing.
    held : dict of str to float or str
        Values, or formulas over the other variables.
    over : dict of str to (low, high)
        Variables that are free beside size and tokens.
    limits : Limits
    unit : str
        What the cost counts.
    level : dict
        The level of each level column.
    """

    law: Law
    size: str
    tokens: str
    primary: str
    cost: str | CostCurve
    served: Any
    held: dict[str, float | str]
    over: dict[str, tuple[float, float]]
    limits: Limits
    unit: str = "FLOP"
    level: dict[str, Any] = field(default_factory=dict)

    @property
    def further(self) -> dict[str, tuple[float, float]]:
        """Free variables beside the primary one and the tokens."""
        return {k: v for k, v in self.over.items() if k != self.primary}

    @property
    def boxes(self) -> list[tuple[float, float]]:
        """Where the logarithm of the primary variable may lie."""
        if self.primary != self.size:
            low, high = self.over[self.primary]
            return [(math.log(low), math.log(high))]
        return self.limits.boxes(self.cost)

    def question(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return the question as the core takes it, for a law's spec."""
        parts = {name: text if isinstance(text, str) else repr(text) for name, text in self.held.items()}
        parts[self.primary] = LOG_SIZE
        over = []
        for name, (low, high) in self.further.items():
            wide = _is_wide(low, high)
            parts[name] = f"exp(at_{name}_)" if wide else f"at_{name}_"
            over.append((f"at_{name}_", *((math.log(low), math.log(high)) if wide else (low, high))))
        return {
            "spec": {**spec, "where": {**spec["where"], **parts, self.tokens: LOG_TOKENS}},
            "over": over,
            "boxes": self.boxes,
            "tokens": self.limits.log_tokens,
            "ratio": self.limits.log_ratio,
            "cost": self._core_cost(),
            "cost_parts": parts,
            "tokens_name": self.tokens,
        }

    def _core_cost(self) -> Any:
        if isinstance(self.cost, CostCurve):
            return self.cost.to_core(self.served if isinstance(self.served, np.ndarray) else None)
        return f"{self.cost} + ({self.served})" if self.served else self.cost

    def native_over(self, found: Sequence[Floats]) -> dict[str, Floats]:
        """Return further free variables from the core's coordinates."""
        wide = {name: _is_wide(*ends) for name, ends in self.further.items()}
        return {name: np.exp(x) if wide[name] else x for name, x in zip(self.further, found, strict=True)}

    def values(self, primary: Any, tokens: Any, over: Mapping[str, Any]) -> dict[str, Any]:
        """Return every variable by name: free ones as given, held ones from their values and formulas."""
        known: dict[str, Any] = {self.primary: primary, self.tokens: tokens, **over}
        size = np.shape(primary)
        known |= {k: np.full(size, v) for k, v in self.held.items() if not isinstance(v, str)}
        left = {k: v for k, v in self.held.items() if isinstance(v, str)}
        while left:
            ready = [k for k, v in left.items() if set(names_in(v, f"held {k}")) <= set(known)]
            if not ready:
                raise LawError(f"held values {listed(left)} are defined by each other")
            for name in ready:
                known[name] = value_of(left.pop(name), known, name)
        return known

    def training_cost(self, known: Mapping[str, Any]) -> Floats:
        """Return the cost of training alone at known variables."""
        if isinstance(self.cost, CostCurve):
            return floats(self.cost(known[self.size], known[self.tokens]))
        return value_of(self.cost, known, "cost")

    def total_cost(self, known: Mapping[str, Any]) -> Floats:
        """Return the cost of training and serving at known variables."""
        cost = self.training_cost(known)
        if isinstance(self.served, np.ndarray):
            assert isinstance(self.cost, CostCurve)
            return floats(cost + self.cost.read(self.served, known[self.size]))
        return floats(cost + value_of(self.served, known, "inference")) if self.served else cost

    def training_flops(self, known: Mapping[str, Any]) -> Floats:
        """Return training FLOP: the curve's own, the cost itself where it counts FLOP, 6 N D otherwise."""
        if isinstance(self.cost, CostCurve):
            return floats(self.cost.flops(known[self.size], known[self.tokens]))
        if self.unit != "FLOP":
            return floats(6.0 * np.asarray(known[self.size]) * known[self.tokens])
        return self.training_cost(known)


def _is_wide(low: float, high: float) -> bool:
    return low > 0 and high / low > WIDE


def ask(
    law: Law,
    *,
    cost: Any,
    letters: Sequence[str] | None,
    held: Mapping[str, Any] | None,
    over: Mapping[str, Any] | None,
    sizes: Any,
    N: Any,
    D: Any,
    tokens_per_param: Any,
    lifetime_tokens: float | None,
    inference: Any,
    unique_tokens: float | None,
    unit: str = "FLOP",
) -> Ask:
    """Settle what is asked, and refuse what cannot be."""
    size, tokens = letters_of(law, letters)
    free = {name: positive_pair(f"over {name}", ends, zero=True) for name, ends in (over or {}).items()}
    kept, level = _held(law, size, tokens, held or {}, free)
    if unique_tokens is not None:
        kept["U"] = _unique(law, unique_tokens)
    if isinstance(kept.get(size), float):
        sizes = [kept.pop(size)] if sizes is None else sizes
    primary = _primary(size, kept, free)
    _require_all(law, {size, tokens, *kept, *free})
    price = "6*N*D".replace("N", size).replace("D", tokens) if cost is None else cost
    check_cost(price, {size, tokens, *kept, *free})
    limits = Limits(
        sizes=None if sizes is None else box_of(sizes),
        N=positive_pair("N", N),
        D=positive_pair("D", D),
        ratio=positive_pair("tokens_per_param", tokens_per_param),
    )
    if primary != size and limits.any:
        raise DataError(
            compose(f"{size} follows from {primary} here, so it has no limits of its own", f"limit over {primary}")
        )
    serving = served(price, size, {size, *kept, *free}, lifetime_tokens, inference)
    return Ask(law, size, tokens, primary, price, serving, kept, free, limits, unit, level)


def letters_of(law: Law, letters: Sequence[str] | None) -> tuple[str, str]:
    """Return the law's variables for model size and training tokens."""
    if letters is not None:
        for name in letters:
            if name not in law.variables:
                raise DataError(f"letters name {name!r}, expected variables of the law: {listed(law.variables)}")
        return letters[0], letters[1]
    size = next((name for name in SIZES if name in law.variables), None)
    tokens = next((name for name in TOKENS if name in law.variables), None)
    if size is None or tokens is None:
        what = "model size N" if size is None else "training tokens D"
        raise LawError(
            compose(
                f"the law {law.name or law.formula!r} has no {what}: its variables are {listed(law.variables)}",
                "an optimum needs both; letters=('n', 't') says which variables stand for them",
            )
        )
    if law.schedules:
        raise LawError(f"the law {law.name or law.formula!r} is over schedules, it has no optimum under a budget")
    return size, tokens


def _held(
    law: Law, size: str, tokens: str, held: Mapping[str, Any], over: Mapping[str, Any]
) -> tuple[dict[str, float | str], dict[str, Any]]:
    """Return held values by variable, and labels of level columns."""
    factors = set(law.levels.values())
    kept: dict[str, float | str] = {}
    level: dict[str, Any] = {}
    for name, value in held.items():
        if name in factors:
            level[name] = value
        elif name == tokens or name in over:
            raise DataError(f"{name} is held and free at once, expected one of them")
        elif name in law.parameters:
            raise DataError(compose(f"held names {name!r}, a parameter of the law", "held is for variables"))
        else:
            kept[name] = value if isinstance(value, str) else _number(f"held {name}", value)
    missing = factors - set(level)
    if missing:
        raise DataError(
            compose(f"the law has one value per {listed(missing)}", f"say which: held={{{min(missing)!r}: ...}}")
        )
    for name, text in kept.items():
        if isinstance(text, str):
            known = {size, *over, *kept} - {name}
            require_known(names_in(text, f"held {name}"), known, f"held {name}")
    return kept, level


def _number(what: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(f"{what} is {value!r}, expected a number or a formula") from None
    if not math.isfinite(number):
        raise DataError(f"{what} is {number}, expected a finite number")
    return number


def _unique(law: Law, value: Any) -> float:
    if "U" not in law.variables:
        raise LawError(
            compose(
                f"the law {law.name or law.formula!r} does not know how much of its data is new",
                "fit or take a law with U, such as 'muennighoff': iso.fit(runs, 'muennighoff', U='unique_tokens')",
            )
        )
    number = _number("unique_tokens", value)
    if number <= 0:
        raise DataError(f"unique_tokens is {value!r}, expected a number above 0")
    return number


def _primary(size: str, held: Mapping[str, Any], over: Mapping[str, tuple[float, float]]) -> str:
    if size not in held:
        return size
    if not over:
        raise DataError(compose(f"{size} is held by a formula but nothing is free", "name a variable in over={...}"))
    first = next(iter(over))
    if over[first][0] <= 0:
        raise DataError(f"over {first} begins at {over[first][0]:g}, expected above 0 where {size} follows from it")
    return first


def _require_all(law: Law, known: set[str]) -> None:
    left = [name for name in law.variables if name not in known]
    if left:
        name = left[0]
        unit = f" ({law.units[name]})" if name in law.units else ""
        raise DataError(
            compose(
                f"the law also needs {listed(left)}, which {'is' if len(left) == 1 else 'are'} neither free nor held",
                f"hold {name}{unit} at a value, held={{{name!r}: ...}}, or free it, over={{{name!r}: (low, high)}}",
            )
        )
