"""`Diagnostics`: what a fit rests on, and what its residuals show; how it is read and printed.

How it comes about is in `_diagnose`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ._engine import Floats, floats
from ._fitted import Fit
from ._lack_of_fit import LackOfFit
from ._notes import Notes
from ._points import make_frame
from ._repr import facts, html_table, number, percent, table
from ._residual_checks import Spread, normal_scores

#: Units that are printed.
SHOWN = 6


@dataclass(frozen=True, eq=False, repr=False)
class Diagnostics:
    """Leverage, influence, residuals and the tests of a fit.

    Attributes
    ----------
    fit : Fit
    unit : {"group", "row"}
        What is left out at a time: what the runs declare as groups, else rows.
    labels : list
        Of the units: the groups' labels, or row numbers of ``fit.to_frame()``.
    quantity : str
        The parameter or derived quantity whose influence is told first.
    sigma : float
        Robust standard deviation of the residuals, on their scale.
    leverage : ndarray
        Per row: the share of its own response in its prediction, 0 to 1.
    unit_leverage, unit_alone : ndarray
        Per unit: the sum of its rows' leverages (over all units, the number of parameters), and how far one direction
        of the parameters rests on it alone, 0 to 1.
    quantities : tuple of str
        Free parameters and derived quantities, the columns of `changes`.
    changes : ndarray (units, quantities)
        Value without the unit less value with it, by exact refits; NaN where `influence` was not asked for.
    without : tuple of str
        Status of each of these refits.
    lack_of_fit : LackOfFit or None
        Misfit against noise between replicates.
    spread : Spread or None
        How the size of residuals goes with the prediction.
    notes : Notes
        What is to be known, each with an id, a text and a remedy.

    Examples
    --------
    >>> import isoflop as iso
    >>> X = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1e6]
    >>> found = iso.fit(iso.simulate("power_floor", {"X": X}, noise=0.01), "power_floor").diagnostics()
    >>> found.leverage.shape, found.unit
    ((12,), 'row')
    """

    fit: Fit
    unit: str
    labels: Sequence[Any]
    unit_codes: Any
    quantity: str
    sigma: float
    leverage: Floats
    unit_leverage: Floats
    unit_alone: Floats
    quantities: tuple[str, ...]
    changes: Floats
    without: tuple[str, ...]
    lack_of_fit: LackOfFit | None
    spread: Spread | None
    notes: Notes

    @property
    def standardised(self) -> Floats:
        """Residuals over ``sigma * sqrt(1 - leverage)``, per row."""
        room = np.sqrt(np.maximum(1 - self.leverage, 1e-12))
        with np.errstate(divide="ignore", invalid="ignore"):
            return floats(self.fit.residuals / (self.sigma * room))

    @property
    def jackknife_error(self) -> Floats:
        """Jackknife standard error of each of `quantities`, from the sound refits: for units that are independent."""
        n = np.isfinite(self.changes).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return floats(np.sqrt((n - 1) / n * np.nansum(self._centred() ** 2, axis=0)))

    @property
    def shares(self) -> Floats:
        """Per unit and quantity: its share of the jackknife variance, so that each column adds up to 1."""
        squares = self._centred() ** 2
        total = np.nansum(squares, axis=0)
        return floats(np.divide(squares, total, out=np.full_like(squares, np.nan), where=total > 0))

    def _centred(self) -> Floats:
        n = np.maximum(np.isfinite(self.changes).sum(axis=0), 1)
        return floats(self.changes - np.nansum(self.changes, axis=0) / n)

    def residuals(self) -> Any:
        """Return what residual plots need, per row, as a frame.

        Returns
        -------
        frame
            The variables and levels, ``loss``, ``fitted``, ``residual`` (predicted minus observed), ``weight``, then
            ``leverage``, ``standardised``, ``normal`` (the normal score of its rank) and ``unit``.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [1, 10, 100, 1000, 1e4] * 3}, noise=0.01)
        >>> iso.fit(runs, "power_floor").diagnostics().residuals().columns[-4:]
        ['leverage', 'standardised', 'normal', 'unit']
        """
        import narwhals.stable.v2 as nw

        known = nw.from_native(self.fit.to_frame()).to_dict(as_series=False)
        return make_frame(
            {
                **known,
                "leverage": self.leverage,
                "standardised": self.standardised,
                "normal": normal_scores(self.standardised),
                "unit": [self.labels[code] if code >= 0 else None for code in self.unit_codes],
            },
            self.fit.backend,
        )

    def influence(self) -> Any:
        """Return what each run decides, as a frame, the most influential on `quantity` first.

        Returns
        -------
        frame
            Per unit: its label, ``rows``, ``leverage``, ``status`` of the refit without it, ``share`` of the jackknife
            variance of `quantity`, and the change of each of `quantities`.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [1, 10, 100, 1000, 1e4] * 3}, noise=0.01)
        >>> iso.fit(runs, "power_floor").diagnostics("alpha").influence().columns[:5]
        ['row', 'rows', 'leverage', 'status', 'share']
        """
        order = self._order()
        changes = {name: self.changes[order, k] for k, name in enumerate(self.quantities)}
        count = np.bincount(self.unit_codes[self.unit_codes >= 0], minlength=len(self.labels))
        return make_frame(
            {
                self.unit: [self.labels[i] for i in order],
                "rows": count[order],
                "leverage": self.unit_leverage[order],
                "status": [self.without[i] for i in order],
                "share": self.shares[order, self._place],
                **{f"change of {name}": values for name, values in changes.items()},
            },
            self.fit.backend,
        )

    @property
    def _place(self) -> int:
        return self.quantities.index(self.quantity)

    def _order(self) -> Any:
        """Return the units by falling influence on the quantity; those that it cannot do without first."""
        size = np.abs(self.changes[:, self._place])
        lost = np.array([bool(status) for status in self.without]) & ~np.isfinite(size)
        return np.lexsort((-self.unit_leverage, -np.nan_to_num(size), ~lost))

    def summary(self) -> str:
        """Return the diagnostics as text: facts, the most influential units, the notes."""
        head = f"diagnostics of {self.fit.law.name or self.fit.law.formula}"
        parts = [head, "", facts(self._facts()), "", table(self._headers, self._rows())]
        return "\n".join([*parts, *(["", str(self.notes)] if self.notes else [])])

    def _facts(self) -> list[tuple[str, str]]:
        lack, spread = self.lack_of_fit, self.spread
        units = f", {len(self.labels)} groups" if self.unit == "group" else ""
        error = self.jackknife_error[self._place]
        shown = "" if not np.isfinite(error) else f"{number(error, 3)}, one {self.unit} left out at a time"
        return [
            ("rows", f"{self.fit.n_rows}{units}"),
            ("sigma", f"{number(self.sigma, 3)} of residuals, robust, on the {self.fit.law.scale} scale"),
            ("replicates", "" if lack is None else f"F = {number(lack.ratio, 3)}, p = {number(lack.p_value, 2)}"),
            ("spread", "" if spread is None else f"power {spread.power:+.2f} ± {spread.error:.2f} of the prediction"),
            (f"error of {self.quantity}", shown),
        ]

    @property
    def _headers(self) -> list[str]:
        return [self.unit, "leverage", f"change of {self.quantity}", "share", ""]

    def _rows(self) -> list[list[str]]:
        rows = []
        for i in self._order()[:SHOWN]:
            change, share = self.changes[i, self._place], self.shares[i, self._place]
            shown = percent(share) if np.isfinite(share) else "–"
            odd = "" if self.without[i] == "converged" else self.without[i]
            leverage = number(float(self.unit_leverage[i]), 3)
            rows.append([str(self.labels[i]), leverage, number(float(change), 3), shown, odd])
        return rows

    def __repr__(self) -> str:
        """Show what was looked at and the ids of the notes."""
        about = f"{self.fit.law.name or self.fit.law.formula}: {self.fit.n_rows} rows, {len(self.labels)} {self.unit}s"
        return f"<Diagnostics of {about}; notes: {', '.join(self.notes.ids) or 'none'}>"

    def _repr_html_(self) -> str:
        return html_table(self._headers, self._rows(), repr(self)[1:-1])

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types, without the fit and its data."""
        from . import _store

        left = ("fit", "notes", "lack_of_fit", "spread")
        content = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in left}
        tests = {name: None if (x := getattr(self, name)) is None else asdict(x) for name in ("lack_of_fit", "spread")}
        more = {"standardised": self.standardised, "jackknife_error": self.jackknife_error, "shares": self.shares}
        return _store.document("diagnostics", {**content, **tests, **more, "notes": self.notes.to_dict()})
