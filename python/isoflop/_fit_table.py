"""`FitTable`: one fit per value of a column, read like a dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _store
from ._errors import DataError, compose, listed
from ._fitted import Fit
from ._points import make_frame
from ._repr import html_table, number, pair, table


@dataclass(frozen=True, eq=False, repr=False)
class FitTable(Mapping[Any, Fit]):
    """Fits of one law to each group of rows.

    Attributes
    ----------
    by : str
        The column that split the runs.
    fits : dict
        Fit per label.

    Examples
    --------
    >>> import isoflop as iso
    >>> import numpy as np
    >>> X = np.tile([1e0, 1e1, 1e2, 1e3, 1e4], 2)
    >>> loss = np.where(np.arange(10) < 5, 1.0, 2.0) + 3.0 * X**-0.5
    >>> fits = iso.fit({"X": X, "loss": loss, "task": ["code"] * 5 + ["web"] * 5}, "power_floor", by="task")
    >>> [(task, round(fit.params["E"], 4)) for task, fit in fits.items()]
    [('code', 1.0), ('web', 2.0)]
    """

    by: str
    fits: dict[Any, Fit]

    def __getitem__(self, label: Any) -> Fit:
        """Return the fit of one label."""
        if label not in self.fits:
            raise DataError(compose(f"no fit for {self.by} {label!r}", f"there are {listed(self.fits)}"))
        return self.fits[label]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the labels."""
        return iter(self.fits)

    def __len__(self) -> int:
        """Return how many fits there are."""
        return len(self.fits)

    @property
    def success(self) -> bool:
        """Whether every fit is sound."""
        return all(fit.success for fit in self.fits.values())

    def to_frame(self) -> Any:
        """Return one row per fit: label, parameters, errors, objective, status, rows."""
        fits = list(self.fits.values())
        columns: dict[str, Any] = {self.by: list(self.fits)}
        names = list(dict.fromkeys(name for fit in fits for name in fit.params))
        for name in names:
            columns[name] = [fit.params.get(name, float("nan")) for fit in fits]
        for name in names:
            columns[f"{name}_error"] = [fit.standard_error.get(name, float("nan")) for fit in fits]
        columns["objective"] = [fit.objective for fit in fits]
        columns["status"] = [fit.status for fit in fits]
        columns["n_rows"] = [fit.n_rows for fit in fits]
        return make_frame(columns, fits[0].backend)

    def summary(self) -> str:
        """Return one line per fit as text."""
        law = next(iter(self.fits.values())).law
        return "\n".join([f"{law.name or 'law'}: {law.formula}, by {self.by}", "", table(*self._cells())])

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        names = list(dict.fromkeys(name for fit in self.fits.values() for name in fit.params))[:8]
        rows = [
            [
                str(label),
                *(" ± ".join(pair(fit.params[n], fit.standard_error[n])) if n in fit.params else "" for n in names),
                number(fit.objective),
                str(fit.n_rows),
                fit.status,
            ]
            for label, fit in self.fits.items()
        ]
        return [self.by, *names, "objective", "rows", "status"], rows

    def __repr__(self) -> str:
        """Show how many fits there are, and up to ten lines of them."""
        headers, rows = self._cells()
        more = f"\n... {len(rows) - 10} more" if len(rows) > 10 else ""
        return f"<FitTable of {len(self)} fits by {self.by}>\n{table(headers, rows[:10])}{more}"

    def _repr_html_(self) -> str:
        return html_table(*self._cells())

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        fits = [[label, fit.to_dict()] for label, fit in self.fits.items()]
        return _store.document("fit_table", {"by": self.by, "fits": fits})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FitTable:
        """Make a table again from `to_dict`."""
        checked = _store.check(dict(content), "the dict", "fit_table")
        with _store.reading("the dict"):
            return cls._read(checked)

    @classmethod
    def _read(cls, content: Mapping[str, Any]) -> FitTable:
        return cls(content["by"], {label: Fit._read(fit) for label, fit in content["fits"]})

    def save(self, path: _store.PathLike) -> None:
        """Write all fits to one JSON file, in one step."""
        _store.save_json(path, self.to_dict())

    @classmethod
    def load(cls, path: _store.PathLike) -> FitTable:
        """Read what `save` wrote."""
        content = _store.load_json(path, "fit_table")
        with _store.reading(path):
            return cls._read(content)
