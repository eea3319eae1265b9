"""`RecipeComparison`: what two tables of runs say of two recipes, and how it is read and printed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import DataError, FitError, compose
from .._fitted import Fit
from .._points import make_frame
from .._quantiles import tails
from .._repr import Values, bullets, facts, html_table, number, percent, table
from ._contrast import Contrasts, student
from ._draws import draw_multipliers, share_crossing
from ._invert import multipliers


@dataclass(frozen=True)
class Crossing:
    """Where the second recipe's curve crosses the first's.

    Attributes
    ----------
    C, low, high : float
        The crossing point nearest to the runs and its interval; an end is 0 or infinite where no test rejects that
        the curves are equal all the way there.
    better_beyond : str
        The recipe whose loss is lower above C.
    share : float
        Share of draws whose curves cross within the range that was looked at; NaN without draws.
    """

    C: float
    low: float
    high: float
    better_beyond: str
    share: float


@dataclass(frozen=True, eq=False, repr=False)
class RecipeComparison:
    """Two recipes on their compute.

    Attributes
    ----------
    names : tuple of str
        The first recipe, a, and the second, b.
    scales : ndarray
        Compute at which multipliers are given.
    estimate, low, high : ndarray
        Compute multiplier at each: the second recipe reaches the first's loss at C with C / multiplier. 0 where it
        never does; an end of 0 or infinity where the runs cannot exclude it.
    inside : ndarray of bool
        Whether C lies within the first recipe's runs and C / multiplier within the second's.
    target : float
        Compute at which the recipes are compared in the end.
    probability_better : float
        Probability that the second recipe's loss at the target is the lower one, as Student's t has it.
    crossing : Crossing or None
        Where the curves cross, within a factor of 10 around runs and target.
    fit : Fit
        The law fitted to both recipes at once; parameters are called ``A[a]`` and ``A[b]``, or ``A`` where shared.
    boot : Bootstrap or None
        Refits of it to common resamples of the shared units.
    level : float
    paired_by : str
        What units the recipes share; "" where they share none.
    correlation : float
        Of the noise of one unit under both recipes, as intervals take it: 0 where they take rows as independent.
    df : float
        Degrees of freedom of the comparison at the target.
    notes : tuple of str

    Examples
    --------
    >>> import isoflop as iso
    >>> C = [1e18, 1e19, 1e20, 1e21]
    >>> base = {"C": C, "loss": [3.2703, 2.8020, 2.4681, 2.2386]}
    >>> new = {"C": C, "loss": [3.2040, 2.7528, 2.4392, 2.2143]}
    >>> found = iso.compare_recipes(base, new, shared="exponents", asymptote=1.7, n_resamples=200)
    >>> found.multiplier.columns
    ['C', 'estimate', 'low', 'high', 'inside']
    """

    names: tuple[str, str]
    scales: Floats
    estimate: Floats
    low: Floats
    high: Floats
    inside: NDArray[np.bool_]
    target: float
    probability_better: float
    crossing: Crossing | None
    fit: Fit
    boot: Bootstrap | None
    level: float
    paired_by: str
    correlation: float
    df: float
    notes: tuple[str, ...]
    contrasts: Contrasts = field(repr=False)
    backend: str = "polars"

    @property
    def multiplier(self) -> Any:
        """The multipliers as a frame: C, estimate, low, high, inside."""
        columns = {"C": self.scales, "estimate": self.estimate, "low": self.low, "high": self.high}
        return make_frame({**columns, "inside": self.inside}, self.backend)

    @property
    def fits(self) -> dict[str, Values]:
        """The parameters of each recipe, by its name."""
        return {name: Values(self.contrasts.params(level)) for name, level in zip(self.names, "ab", strict=True)}

    @property
    def points(self) -> Any:
        """The runs that were compared, as a frame: recipe, C, loss."""
        fitted = self.fit
        if fitted.problem is None:
            raise FitError("this comparison holds no data")
        columns, codes = fitted.problem.table["columns"], fitted.problem.table["factors"]["recipe"][0]
        names = [self.names[code] for code in codes]
        return make_frame(
            {"recipe": names, "C": _compute(columns), "loss": fitted.problem.table["response"]}, self.backend
        )

    def multiplier_at(self, C: Any, level: float | None = None) -> tuple[Any, Any, Any]:
        """Return estimate, low and high of the multiplier at any compute.

        Parameters
        ----------
        C : float or array
            Compute of the first recipe.
        level : float, optional
            That of the comparison where None.
        """
        at = np.asarray(C, dtype=np.float64)
        found = multipliers(self.contrasts, floats(at.reshape(-1)), self._level(level))
        return tuple(x.reshape(at.shape) if at.ndim else float(x[0]) for x in found)  # type: ignore[return-value]

    def draws(self, C: Any = None) -> Floats:
        """Return the multiplier in every sound common resample: an array (resamples, scales).

        Parameters
        ----------
        C : array, optional
            Compute of the first recipe; `scales` where None.
        """
        if self.boot is None:
            raise DataError(compose("this comparison has no resamples", "compare with n_resamples=2000"))
        at = self.scales if C is None else floats(np.ravel(C))
        return draw_multipliers(self.boot, self.contrasts.frontier, at)

    def curves(self, C: Any, level: float | None = None) -> Any:
        """Return both curves with their intervals, for pictures.

        Parameters
        ----------
        C : array
            Compute.
        level : float, optional

        Returns
        -------
        frame
            C, loss_a, loss_a_low, loss_a_high, loss_b, loss_b_low, loss_b_high: the mean curves.
        """
        at = floats(np.ravel(C))
        columns: dict[str, Any] = {"C": at}
        for letter in "ab":
            value, error, df = self.contrasts.curve(letter, at)
            reach = student(self._level(level), df) * error
            ends = {"": value, "_low": value - reach, "_high": value + reach}
            columns |= {f"loss_{letter}{word}": np.exp(x) for word, x in ends.items()}
        return make_frame(columns, self.backend)

    def share_crossing(self, low: float, high: float) -> float:
        """Return the share of common resamples whose curves cross between two values of compute."""
        if self.boot is None:
            return float("nan")
        return share_crossing(self.boot, self.contrasts.frontier, (low, high))

    def _level(self, level: float | None) -> float:
        chosen = self.level if level is None else level
        tails(chosen)
        return chosen

    @property
    def verdict(self) -> str:
        """What the runs say at the target, in a sentence."""
        a, b = self.names
        x, low, high = self._at_target()
        where = f"at {number(self.target, 3)} FLOP"
        said = f"{where} {b} reaches the loss of {a} with {number(x, 3)} times less compute"
        if x < 1:
            more = "no compute is enough" if x == 0 else f"{number(1 / x, 3)} times more compute"
            said = f"{where} {b} needs more than {a} for the same loss: {more}"
        ends = f"(multiplier {number(x, 3)}, {percent(self.level)}: {_end(low)} to {_end(high)})"
        better = f"{b} is better with probability {_sure(self.probability_better)}"
        if low <= 1 <= high:
            return f"{said} {ends}; {better}: the runs cannot tell which recipe is better there"
        return f"{said} {ends}; {better}"

    def _at_target(self) -> tuple[float, float, float]:
        """Return the multiplier at the target and its ends."""
        i = int(np.argmin(np.abs(np.log(self.scales / self.target))))
        x, low, high = (float(v[i]) for v in (self.estimate, self.low, self.high))
        return x, low, high

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        columns = (self.scales, self.estimate, self.low, self.high, self.inside)
        rows = [
            [number(C, 4), number(x, 3), _end(low), _end(high), "" if within else self._beyond(C)]
            for C, x, low, high, within in zip(*columns, strict=True)
        ]
        return ["C", "multiplier", f"low {percent(self.level)}", "high", ""], rows

    def _beyond(self, C: float) -> str:
        """Return whose runs a multiplier lies beyond."""
        problem = self.fit.problem
        assert problem is not None
        mine = _compute(problem.table["columns"])[problem.table["factors"]["recipe"][0] == 0]
        within = 0.999 * mine.min() <= C <= 1.001 * mine.max()
        return f"beyond the runs of {self.names[1]}" if within else "beyond the runs"

    def _facts(self) -> list[tuple[str, str]]:
        law = self.contrasts.frontier.law
        crossing = "none within the range of runs and target"
        if self.crossing is not None:
            c = self.crossing
            share = "" if np.isnan(c.share) else f"; {percent(c.share)} of draws cross"
            crossing = f"{number(c.C, 3)} ({_end(c.low)} to {_end(c.high)}), {c.better_beyond} better beyond{share}"
        units = f"by {self.paired_by}" if self.paired_by else "no shared units"
        taken = f", noise correlated {number(self.correlation, 2)}" if self.correlation else ""
        return [
            ("law", f"{law.name or 'law'}: {self.fit.law.formula}"),
            ("runs", f"{self.fit.n_rows} of both"),
            ("paired", units + taken),
            ("t with", f"{number(self.df, 3)} degrees of freedom at the target"),
            ("crossing", crossing),
        ]

    def summary(self) -> str:
        """Return the comparison as text."""
        a, b = self.names
        head = f"compute multiplier of {b} (b) over {a} (a)"
        notes = bullets(self.notes)
        parts = [head, facts(self._facts()), table(*self._cells()), textwrap.fill(self.verdict, 110), notes]
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        """Show the multiplier at the target."""
        x, low, high = self._at_target()
        ends = f"{_end(low)} to {_end(high)}, {percent(self.level)}"
        what = f"multiplier {number(x, 3)} ({ends}) at {number(self.target, 3)} FLOP"
        return f"<RecipeComparison {self.names[1]} over {self.names[0]}: {what}>"

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), self.verdict)

    def to_frame(self) -> Any:
        """Return `multiplier`."""
        return self.multiplier

    def to_dict(self) -> dict[str, Any]:
        """Return everything but runs and draws in JSON's types; open ends are None."""
        columns = (self.scales, self.estimate, self.low, self.high, self.inside)
        rows = [
            {"C": float(C), "estimate": _plain(x), "low": float(low), "high": _plain(high), "inside": bool(within)}
            for C, x, low, high, within in zip(*columns, strict=True)
        ]
        crossing = None if self.crossing is None else {k: _plain(v) for k, v in vars(self.crossing).items()}
        return {
            "names": list(self.names),
            "law": self.contrasts.frontier.law.formula,
            "multiplier": rows,
            "level": self.level,
            "target": self.target,
            "probability_better": self.probability_better,
            "crossing": crossing,
            "params": {name: dict(values) for name, values in self.fits.items()},
            "paired_by": self.paired_by,
            "correlation": self.correlation,
            "df": self.df,
            "verdict": self.verdict,
            "notes": list(self.notes),
        }


def _compute(columns: Mapping[str, Floats]) -> Floats:
    return (
        floats(6.0 * columns["N"] * columns["D"]) if "N" in columns and "D" in columns else next(iter(columns.values()))
    )


def _sure(p: float) -> str:
    """Return a probability that never claims to be certain.

    Examples
    --------
    >>> _sure(0.98), _sure(0.99999), _sure(0.0)
    ('0.98', 'above 0.999', 'below 0.001')
    """
    return "above 0.999" if p > 0.999 else "below 0.001" if p < 0.001 else number(p, 2 if p < 0.99 else 3)


def _end(value: float) -> str:
    return "no limit" if np.isinf(value) else number(value, 3)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) or np.isfinite(value) else None
