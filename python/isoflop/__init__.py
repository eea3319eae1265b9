"""Scaling laws: fit them, bootstrap them a million times in seconds, forecast and plan.

Start with `Runs` or `read_runs`, then `fit`, then `Fit.bootstrap`. Only numpy and narwhals load with this module.
"""

from __future__ import annotations

from . import _bootstrap, laws, plot
from ._draws import Bootstrap
from ._engine import info, version
from ._errors import (
    ConvergenceWarning,
    DataError,
    DataWarning,
    ExtrapolationWarning,
    FitError,
    InternalError,
    IsoflopError,
    IsoflopWarning,
    LawError,
    PrecisionWarning,
)
from ._fit import fit
from ._fit_table import FitTable
from ._fitted import Fit
from ._law import Law, Published
from ._load import load
from ._prior import LogitNormal, LogNormal, Normal
from ._read import read_runs
from ._recipe import Recipe
from ._runs import Runs
from ._simulate import simulate

__version__ = version()

# Methods that call upward are attached here, so that the modules below know nothing of those above.
Fit.bootstrap = _bootstrap.bootstrap  # type: ignore[method-assign,assignment]

__all__ = [
    "Bootstrap",
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "ExtrapolationWarning",
    "Fit",
    "FitError",
    "FitTable",
    "InternalError",
    "IsoflopError",
    "IsoflopWarning",
    "Law",
    "LawError",
    "LogNormal",
    "LogitNormal",
    "Normal",
    "PrecisionWarning",
    "Published",
    "Recipe",
    "Runs",
    "__version__",
    "fit",
    "info",
    "laws",
    "load",
    "plot",
    "read_runs",
    "simulate",
]
