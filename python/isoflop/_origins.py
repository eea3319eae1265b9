"""Rolling origins: fit the small runs, forecast the large ones that are there already.

Cuts at the largest compute over 2, 4, 8 and 16, each with at least ten rows and three sizes below it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._engine import Floats
from ._errors import ConvergenceWarning, DataError, ExtrapolationWarning, FitError, LawError
from ._fit import fit as fit_law
from ._law import Law
from ._runs import Runs

CUTS = (2.0, 4.0, 8.0, 16.0)
#: Rows and sizes that a cut must leave below it.
ROWS, SIZES = 10, 3


@dataclass(frozen=True)
class Origin:
    """One cut and how far each law's forecasts were off beyond it.

    Attributes
    ----------
    factor : float
        Largest compute over that of the cut.
    n_train, n_test : int
        Rows below and above the cut.
    rows : ndarray of int
        Rows above the cut, by their place in the table.
    errors : dict of str to ndarray
        Predicted minus observed on the response scale, per law and row of `rows`.
    """

    factor: float
    n_train: int
    n_test: int
    rows: NDArray[np.intp]
    errors: dict[str, Floats]


def origins(
    runs: Runs,
    laws: Mapping[str, Law],
    compute: Floats,
    sizes: Floats,
    options: Mapping[str, Any],
    cuts: Sequence[float] = CUTS,
) -> list[Origin]:
    """Return the cuts at which every law could be fitted, the nearest first.

    Parameters
    ----------
    runs : Runs
        Rows that all laws can use.
    laws : mapping of str to Law
    compute, sizes : ndarray
        What the cuts are made along, and the model sizes that are counted, per row.
    options : mapping
        For `fit`.
    cuts : sequence of float
        Factors below the largest compute.
    """
    found = (_origin(runs, laws, compute, sizes, options, factor) for factor in cuts)
    return [origin for origin in found if origin is not None]


def _origin(
    runs: Runs, laws: Mapping[str, Law], compute: Floats, sizes: Floats, options: Mapping[str, Any], factor: float
) -> Origin | None:
    below = compute <= compute.max() / factor * (1 + 1e-9)
    if below.sum() < ROWS or len(np.unique(sizes[below])) < SIZES or below.all():
        return None
    train, test = runs.where(below), runs.where(~below)
    errors = {}
    for name, law in laws.items():
        try:
            errors[name] = _errors(train, test, law, options)
        except (DataError, FitError, LawError):  # too few rows for this law, or levels that the small runs lack
            return None
    return Origin(factor, int(below.sum()), int((~below).sum()), np.nonzero(~below)[0], errors)


def _errors(train: Runs, test: Runs, law: Law, options: Mapping[str, Any]) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", ExtrapolationWarning)
        fit = fit_law(train, law, **options)
        predicted = _predicted(fit, test)
    return np.log(predicted / test.loss) if law.scale == "log" else predicted - test.loss


def _predicted(fit: Any, test: Runs) -> Floats:
    columns = {
        name: test.schedule(name) if name in fit.law.schedules else test.variable(name) for name in fit.law.variables
    }
    for factor in dict.fromkeys(fit.law.levels.values()):
        codes, labels = test.factor(factor)
        columns[factor] = np.array(labels, dtype=object)[codes]
    return np.atleast_1d(fit.predict(**columns))
