"""Progress with time: how much better a calendar year makes a model of the same size."""

from __future__ import annotations

from .._law import Law

_HO = "Ho et al. 2024, arXiv 2403.05812"

ho_progress = Law(
    "E + A / N**alpha * exp(-alpha_year * (year - Y0)) + B / D**beta * exp(-beta_year * (year - Y0))",
    variables=("N", "D", "year"),
    real=("alpha_year", "beta_year"),
    constants={"Y0": 2012.0},
    response="L",
    name="ho_progress",
    title="Chinchilla terms that shrink from year to year",
    derived={"doubling_months": "12 * log(2) / (alpha_year / alpha + beta_year / beta)"},
    box={
        "E": (0.05, 5.0),
        "A": (1.0, 1e5),
        "alpha": (0.03, 0.6),
        "alpha_year": (-0.05, 0.2),
        "B": (1.0, 1e5),
        "beta": (0.03, 0.6),
        "beta_year": (-0.05, 0.2),
    },
    units={"N": "parameters", "D": "training tokens", "year": "year of publication, with its fraction"},
    citation=f"{_HO}, eq. 2",
    validity="published language models from 2012 to 2023, by benchmark (WikiText-103, WikiText-2, Penn Treebank)",
    traps=(
        "effective compute doubled every 8.4 months with a 95 % interval from 4.5 to 14.3: the years are few",
        "size and year go together in published models, so progress in N and in D trade off",
        "Y0 only sets where A and B are quoted; it is held, since it cannot be fitted beside them",
    ),
)
