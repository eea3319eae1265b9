"""`load`: read any saved result, whatever it is."""

from __future__ import annotations

from . import _store
from ._draws import Bootstrap
from ._fit_table import FitTable
from ._fitted import Fit
from ._forecast import Forecaster


def load(path: _store.PathLike) -> Fit | FitTable | Bootstrap | Forecaster:
    """Return what `save` wrote: a fit, a table of fits, a bootstrap, or a forecaster.

    Raises
    ------
    DataError
        If the file is missing, cut short, not one of ours, or of a newer schema.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> import tempfile
    >>> fit = iso.fit(runs, "power_floor")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/fit.json")
    ...     iso.load(f"{folder}/fit.json").params == fit.params
    True
    """
    kinds: dict[str, type[Fit | FitTable | Bootstrap | Forecaster]]
    kinds = {"fit": Fit, "fit_table": FitTable, "bootstrap": Bootstrap, "forecaster": Forecaster}
    return kinds[_store.load_json(path, *kinds)["isoflop"]].load(path)
