"""What a run costs on a cluster: the one place where an optimum meets machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._cluster_curve import cost_on
from .._errors import DataError, compose
from .._law import Law
from ._ask import letters_of
from ._budget import read_amounts


@dataclass(frozen=True)
class Price:
    """The cost that the optimum pays, and the served tokens that it does not hold yet.

    Attributes
    ----------
    cost : str, CostCurve or None
    lifetime_tokens : float or None
        None where the cost holds them.
    notes : tuple of str
    """

    cost: Any
    lifetime_tokens: float | None
    notes: tuple[str, ...] = ()


def priced(
    law: Law,
    given: Mapping[str, Any],
    cost: Any,
    cluster: Any,
    family: Any,
    *,
    letters: Any,
    lifetime_tokens: Any,
    inference: Any,
    n_threads: int | None,
) -> Price:
    """Return the cost as given, or that of a cluster in the unit of the budget."""
    if cluster is None:
        if family is not None:
            raise DataError(compose("family is given without a cluster", 'pass cluster=iso.Cluster("H100-SXM", 1024)'))
        return Price(cost, lifetime_tokens)
    read_amounts(given)
    size, _ = letters_of(law, letters)
    serves = lifetime_tokens is not None and inference is None
    curve = cost_on(
        cluster,
        cost,
        given,
        family="llama" if family is None else family,
        count="active" if size == "N_act" else "total",
        lifetime_tokens=lifetime_tokens if serves else 0.0,
        n_threads=n_threads,
    )
    note = f"costs are those of {curve.label} in their fastest layouts, without the cost model's own error"
    return Price(curve, None if serves else lifetime_tokens, (note,))
