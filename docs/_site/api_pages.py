"""The reference: a page per public name, pages of the public modules, and an index by theme."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import isoflop as iso

#: Public names by theme; those of a module come from its own `__all__`. A name that stands nowhere goes under "More".
THEMES = {
    "Runs and laws": "Runs read_runs simulate Law Recipe Published",
    "Fitting": "fit Fit FitTable Diagnostics compare_laws LawComparison LogNormal LogitNormal Normal load",
    "Draws and intervals": "Bootstrap coverage_study CoverageStudy",
    "Forecasts": "forecast forecaster Forecast Forecaster backtest Backtest",
    "Plans": (
        "compute_optimal Optimum CostCurve cost_curve overtraining Overtraining plan Plan template plan_runs "
        "evaluate_design RunPlan compare_recipes RecipeComparison downstream Downstream DownstreamForecast emergence "
        "Emergence"
    ),
    "Cost": (
        "Architecture Latent Cluster Accelerator accelerator accelerators training_cost TrainingCost training_memory "
        "search_layouts Layout inference_cost InferenceCost transformer_params transformer_flops transformer_counts "
        "flops_conventions convert_mfu calibrate Calibration validate_cost"
    ),
    "Errors and warnings": (
        "IsoflopError DataError LawError FitError InternalError IsoflopWarning ConvergenceWarning DataWarning "
        "ExtrapolationWarning PrecisionWarning"
    ),
}
#: Public modules with a page of their own.
MODULES = {
    "laws": "the catalogue",
    "estimators": "estimators that are no formula",
    "plot": "pictures",
    "report": "the report in one file",
}
HIDDEN = {"__version__", *MODULES}


def public_names() -> list[str]:
    """Return the public names of the package that have a page."""
    return sorted(set(iso.__all__) - HIDDEN)


def themes() -> dict[str, list[str]]:
    """Return existing names by theme; every public name stands in one."""
    names = public_names()
    found = {theme: [name for name in text.split() if name in names] for theme, text in THEMES.items()}
    placed = {name for group in found.values() for name in group}
    found["More"] = [name for name in names if name not in placed]
    return {theme: group for theme, group in found.items() if group}


def modules() -> dict[str, Any]:
    """Return the public modules that exist, by name."""
    return {name: importlib.import_module(f"isoflop.{name}") for name in MODULES if name in iso.__all__}


def members(module: Any) -> list[str]:
    """Return the public functions and classes of a module."""
    return [name for name in module.__all__ if callable(getattr(module, name))]


def pages() -> Iterator[tuple[str, str]]:
    """Yield (path below the generated pages, text) of the reference."""
    for name in public_names():
        yield f"reference/{name}.rst", _title(name) + _object("isoflop", name)
    for name, module in modules().items():
        yield f"reference/{name}.rst", _module_page(name, module)
    yield "reference/calculations.rst", _calculations()
    yield "reference/index.rst", _index()


def _title(text: str, underline: str = "=") -> str:
    return f"{text}\n{underline * len(text)}\n\n"


def _object(module: str, name: str) -> str:
    """Return the directive that documents one object, with the methods that say what they do."""
    where = f".. currentmodule:: {module}\n\n"
    if inspect.isclass(getattr(importlib.import_module(module), name)):
        inherited = f"{module}.{name}".endswith(("Error", "Warning"))
        return where + f".. autoclass:: {name}\n" + ("" if inherited else "   :members:\n") + "\n"
    return where + f".. autofunction:: {name}\n\n"


def _table(names: list[str]) -> str:
    return ".. autosummary::\n   :nosignatures:\n\n" + "".join(f"   {name}\n" for name in names) + "\n"


def _module_page(name: str, module: Any) -> str:
    full, names = f"isoflop.{name}", members(module)
    head = _title(f"{name}: {MODULES[name]}") + f".. automodule:: {full}\n   :no-members:\n\n"
    return head + f".. currentmodule:: {full}\n\n" + _table(names) + "".join(_object(full, n) for n in names)


def _calculations() -> str:
    names = sorted(iso.laws.calculations())
    text = (
        "What follows from the parameters of laws in several numbers: optima, allocations, conversions. Each takes\n"
        "keyword arguments and returns a mapping whose entries are attributes too.\n\n"
    )
    head = _title("laws: calculations") + text + ".. currentmodule:: isoflop.laws\n\n" + _table(names)
    return head + "".join(f".. autofunction:: {name}\n\n" for name in names)


def _index() -> str:
    parts = [_title("Reference"), "Everything that ``import isoflop as iso`` has.\n\n"]
    for theme, names in themes().items():
        parts += [_title(theme, "-"), ".. currentmodule:: isoflop\n\n", _table(names)]
    parts.append(_title("Modules", "-"))
    parts += [f"- :doc:`isoflop.{name} <{name}>`: {title}\n" for name, title in modules_titles().items()]
    parts.append("- :doc:`calculations`: what follows from the parameters of laws\n")
    pages = [*modules_titles(), "calculations", *public_names()]
    tree = "\n.. toctree::\n   :hidden:\n\n" + "".join(f"   {name}\n" for name in pages)
    return "".join([*parts, tree])


def modules_titles() -> dict[str, str]:
    """Return the titles of the public modules that exist."""
    return {name: MODULES[name] for name in modules()}
