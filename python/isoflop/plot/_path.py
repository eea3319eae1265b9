"""Which way a curve goes through a law's variables, and which runs belong beside it. No drawing.

A law over N and D is shown along training compute C = 6 N D at a constant number of tokens per parameter; a law of one
variable along that variable; any other along one that is named, with the others held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine import Floats
from .._errors import DataError, FitError, compose, listed, nearest
from .._fitted import Fit
from ._words import axis_label

#: How far beyond the largest run a curve goes where nothing is said.
REACH = 10.0


@dataclass(frozen=True)
class Path:
    """A way through the law's variables.

    Attributes
    ----------
    x, label : str
        The variable along the horizontal axis, and its name in words.
    at : Floats
        Where the runs are along it; `loss`, `deviation` (observed over predicted, minus 1) and `size` (N, where the law
        has it) are theirs too.
    end : float
        Where the curve ends.
    ratio : float, optional
        Tokens per parameter along the curve.
    held : mapping
        Variables and levels that stay at one value.
    """

    x: str
    label: str
    at: Floats
    loss: Floats
    deviation: Floats
    size: Floats | None
    end: float
    ratio: float | None
    held: Mapping[str, Any]

    @property
    def seen(self) -> tuple[float, float]:
        """Where the runs begin and end."""
        return float(self.at.min()), float(self.at.max())

    def grid(self, n: int) -> Floats:
        """Return places from the first run to the end of the curve; the last run is one of them."""
        first, last = self.seen
        ends = sorted({min(first, self.end), last, max(last, self.end)})
        if ends[0] <= 0:
            return np.unique(np.concatenate([ends, np.linspace(ends[0], ends[-1], n)]))
        return np.unique(np.concatenate([ends, np.geomspace(ends[0], ends[-1], n)[1:-1]]))

    def points(self, places: Floats) -> dict[str, Any]:
        """Return the law's variables at places along the curve."""
        if self.ratio is None:
            return {**self.held, self.x: places}
        N = np.sqrt(places / (6 * self.ratio))
        return {**self.held, "N": N, "D": self.ratio * N}

    def describe(self) -> str:
        """Return what stays constant along the curve, in words."""
        ratio = [] if self.ratio is None else [f"D/N = {self.ratio:.3g}"]
        return ", ".join([*ratio, *(f"{k} = {v:g}" if _is_number(v) else f"{k} {v}" for k, v in self.held.items())])


def path_of(
    fit: Fit,
    /,
    *,
    x: str | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    **held: Any,
) -> Path:
    """Settle the way of a curve, and which runs are shown with it."""
    if fit.problem is None:
        raise FitError("this fit holds no runs to draw")
    if fit.law.schedules:
        raise DataError(f"a law over schedules ({listed(fit.law.schedules)}) has no axis to be drawn along")
    table = fit.problem.table
    variables, factors = list(fit.law.variables), list(table["factors"])
    _check_held(held, variables, factors)
    mask, held = _rows(fit, held)
    columns = {name: values[mask] for name, values in table["columns"].items()}
    free = [name for name in variables if name not in held]
    by_compute = set(free) == {"N", "D"} and x in (None, "C")
    if tokens_per_param is not None and not by_compute:
        raise DataError(f"tokens_per_param belongs to a curve over C of a law in N and D, not in {listed(free)}")
    ratio = _ratio(columns, tokens_per_param) if by_compute else None
    x = "C" if by_compute else _axis(x, free)
    at = 6.0 * columns["N"] * columns["D"] if by_compute else columns[x]
    observed = table["response"][mask]
    return Path(
        x=x,
        label=axis_label(fit.columns.get(x, x)),
        at=at,
        loss=observed,
        deviation=observed / fit.fitted[mask] - 1,
        size=columns["N"] if x != "N" and "N" in free else None,
        end=_end(at, until),
        ratio=ratio,
        held=held,
    )


def _check_held(held: Mapping[str, Any], variables: list[str], factors: list[str]) -> None:
    for name in held:
        if name not in (*variables, *factors):
            close = nearest(name, [*variables, *factors, "tokens_per_param", "level", "until"])
            hint = f"did you mean {listed(close)}?" if close else f"it has {listed([*variables, *factors])}"
            raise DataError(compose(f"the law has no variable {name!r}", hint))


def _rows(fit: Fit, held: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the rows to show (those of the held levels, of weight above 0) and what is held, levels included."""
    assert fit.problem is not None
    table = fit.problem.table
    mask, held = table["weights"] > 0, dict(held)
    for factor, (codes, _) in table["factors"].items():
        labels = list(fit.labels[factor])
        if factor not in held:
            if len(labels) > 1:
                message = f"the law has one curve per {factor}: {listed(labels)}"
                raise DataError(compose(message, f"choose one: {factor}={labels[0]!r}"))
            held[factor] = labels[0]
        if held[factor] not in labels:
            raise DataError(compose(f"no {factor} {held[factor]!r} in the fit", f"it knows {listed(labels)}"))
        mask = mask & (codes == labels.index(held[factor]))
    return mask, held


def _axis(x: str | None, free: list[str]) -> str:
    if x is not None and x not in free:
        raise DataError(compose(f"the law has no free variable {x!r} to go along", f"choose one of {listed(free)}"))
    others = [name for name in free if name != x]
    if x is None and len(free) == 1:
        return free[0]
    if x is None or others:
        hold = others if x else free[1:]
        shown = ", ".join([f"x={x or free[0]!r}", *(f"{name}=..." for name in hold)])
        raise DataError(
            compose(f"a curve cannot go along {listed(free)} at once", f"name one, hold the others: {shown}")
        )
    return x


def _ratio(columns: Mapping[str, Floats], given: float | None) -> float:
    if given is None:
        return float(np.exp(np.median(np.log(columns["D"] / columns["N"]))))
    if not given > 0:
        raise DataError(f"tokens_per_param is {given}, expected a number above 0")
    return float(given)


def _end(at: Floats, given: float | None) -> float:
    last = float(at.max())
    if given is None:
        return REACH * last if at.min() > 0 else last + 0.25 * float(np.ptp(at))
    if not (np.isfinite(given) and (given > 0 or at.min() <= 0)):
        raise DataError(f"until is {given}, expected a place on the horizontal axis")
    return float(given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
