"""Scaling laws: fit them, bootstrap them a million times in seconds, forecast and plan.

Start with `Runs` or `read_runs`, then `fit`, then `Fit.bootstrap`. Only numpy and what a fit needs load with this
module, the rest at first use: so the names below are listed once for type checkers and once for `__getattr__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _late
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
from ._fitted import Fit
from ._law import Law
from ._prior import LogitNormal, LogNormal, Normal
from ._published import Published
from ._recipe import Recipe
from ._runs import Runs

if TYPE_CHECKING:
    from . import estimators, laws, plot, report
    from ._architecture import Architecture, Latent, flops_conventions
    from ._backtest import Backtest, backtest
    from ._cluster import Accelerator, Cluster, accelerator, accelerators
    from ._cluster_curve import cost_curve
    from ._clusters import search_clusters
    from ._compare import LawComparison, compare_laws
    from ._cost import TrainingCost, training_cost, training_memory
    from ._cost_curve import CostCurve
    from ._counts import convert_mfu, transformer_counts, transformer_flops, transformer_params
    from ._design import RunPlan, evaluate_design, plan_runs
    from ._diagnostics import Diagnostics
    from ._downstream import Downstream, DownstreamForecast, Emergence, downstream, emergence
    from ._draws import Bootstrap
    from ._estimate import Calibration
    from ._fit_table import FitTable
    from ._forecast import Forecast, Forecaster, forecast, forecaster
    from ._layout import Layout
    from ._load import load
    from ._optimum import Optimum, Overtraining, compute_optimal, overtraining
    from ._plan import Plan, plan
    from ._read import read_runs
    from ._recipes import RecipeComparison, compare_recipes
    from ._refit import calibrate
    from ._search import search_layouts
    from ._serving import InferenceCost, inference_cost
    from ._simulate import simulate
    from ._study import CoverageStudy, coverage_study
    from ._templates import template
    from ._validate import validate_cost

__version__ = version()

#: Where public names live that load at first use; a module hands on itself.
_LATE = {
    "Accelerator": "_cluster",
    "Architecture": "_architecture",
    "Backtest": "_backtest",
    "Bootstrap": "_draws",
    "Calibration": "_estimate",
    "Cluster": "_cluster",
    "CostCurve": "_cost_curve",
    "CoverageStudy": "_study",
    "Diagnostics": "_diagnostics",
    "Downstream": "_downstream",
    "DownstreamForecast": "_downstream",
    "Emergence": "_downstream",
    "FitTable": "_fit_table",
    "Forecast": "_forecast",
    "Forecaster": "_forecast",
    "InferenceCost": "_serving",
    "Latent": "_architecture",
    "LawComparison": "_compare",
    "Layout": "_layout",
    "Optimum": "_optimum",
    "Overtraining": "_optimum",
    "Plan": "_plan",
    "RecipeComparison": "_recipes",
    "RunPlan": "_design",
    "TrainingCost": "_cost",
    "accelerator": "_cluster",
    "accelerators": "_cluster",
    "backtest": "_backtest",
    "calibrate": "_refit",
    "compare_laws": "_compare",
    "compare_recipes": "_recipes",
    "compute_optimal": "_optimum",
    "convert_mfu": "_counts",
    "cost_curve": "_cluster_curve",
    "coverage_study": "_study",
    "downstream": "_downstream",
    "emergence": "_downstream",
    "estimators": "estimators",
    "evaluate_design": "_design",
    "flops_conventions": "_architecture",
    "forecast": "_forecast",
    "forecaster": "_forecast",
    "inference_cost": "_serving",
    "laws": "laws",
    "load": "_load",
    "overtraining": "_optimum",
    "plan": "_plan",
    "plan_runs": "_design",
    "plot": "plot",
    "read_runs": "_read",
    "report": "report",
    "search_clusters": "_clusters",
    "search_layouts": "_search",
    "simulate": "_simulate",
    "template": "_templates",
    "training_cost": "_cost",
    "training_memory": "_cost",
    "transformer_counts": "_counts",
    "transformer_flops": "_counts",
    "transformer_params": "_counts",
    "validate_cost": "_validate",
}

__all__ = [
    "Accelerator",
    "Architecture",
    "Backtest",
    "Bootstrap",
    "Calibration",
    "Cluster",
    "ConvergenceWarning",
    "CostCurve",
    "CoverageStudy",
    "DataError",
    "DataWarning",
    "Diagnostics",
    "Downstream",
    "DownstreamForecast",
    "Emergence",
    "ExtrapolationWarning",
    "Fit",
    "FitError",
    "FitTable",
    "Forecast",
    "Forecaster",
    "InferenceCost",
    "InternalError",
    "IsoflopError",
    "IsoflopWarning",
    "Latent",
    "Law",
    "LawComparison",
    "LawError",
    "Layout",
    "LogNormal",
    "LogitNormal",
    "Normal",
    "Optimum",
    "Overtraining",
    "Plan",
    "PrecisionWarning",
    "Published",
    "Recipe",
    "RecipeComparison",
    "RunPlan",
    "Runs",
    "TrainingCost",
    "__version__",
    "accelerator",
    "accelerators",
    "backtest",
    "calibrate",
    "compare_laws",
    "compare_recipes",
    "compute_optimal",
    "convert_mfu",
    "cost_curve",
    "coverage_study",
    "downstream",
    "emergence",
    "estimators",
    "evaluate_design",
    "fit",
    "flops_conventions",
    "forecast",
    "forecaster",
    "inference_cost",
    "info",
    "laws",
    "load",
    "overtraining",
    "plan",
    "plan_runs",
    "plot",
    "read_runs",
    "report",
    "search_clusters",
    "search_layouts",
    "simulate",
    "template",
    "training_cost",
    "training_memory",
    "transformer_counts",
    "transformer_flops",
    "transformer_params",
    "validate_cost",
]


if not TYPE_CHECKING:  # or checkers would take every name for granted
    __getattr__ = _late.getter(__name__, _LATE, globals())


def __dir__() -> list[str]:
    """Return public names that are not loaded yet, too."""
    return sorted({*globals(), *__all__})


class _LateMethod:
    """A method that calls upward: its module loads at first use, and it then takes this one's place."""

    def __init__(self, owner: type, name: str, home: str) -> None:
        self.owner, self.name, self.home = owner, name, home

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        method = _late.load(__name__, self.name, self.home)
        setattr(self.owner, self.name, method)
        return method.__get__(instance, owner)


# Methods that call upward are attached here, so that the modules below know nothing of those above.
Fit.bootstrap = _LateMethod(Fit, "bootstrap", "_bootstrap")  # type: ignore[method-assign,assignment]
Fit.diagnostics = _LateMethod(Fit, "diagnostics", "_diagnose")  # type: ignore[method-assign,assignment]
Fit.interval = _LateMethod(Fit, "interval", "_interval")  # type: ignore[method-assign,assignment]
