"""`cost_curve`: what training costs on a cluster, as a table over sizes of model that planners interpolate.

Each size is an architecture of a family in its fastest layout. Nothing here knows a law; optima belong to `_optimum`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture
from ._cluster import Cluster
from ._cost import TrainingCost, job_for, training_cost
from ._cost_curve import CostCurve, Unit
from ._errors import DataError, compose, listed
from ._given import scalar
from ._serving import inference_cost
from ._templates import Count, size_range, template

#: Quantity of `TrainingCost` in each unit.
QUANTITY = {"USD": "usd", "days": "days", "kWh": "energy_kwh"}
#: Sizes of a table for each factor of ten, and at least.
PER_DECADE, FEWEST = 12, 12
#: Where a table ends that nobody asked to go farther.
LARGEST = 3e12
#: Width of the smoothing over sizes, in ln N: layouts jump where heads, layers or memory stop dividing.
BANDWIDTH = 1.5
#: Sequences that a serving group decodes together, and tokens of their prompts.
SERVING = {"batch": 32, "prompt_tokens": 1024}


def cost_curve(
    cluster: Cluster,
    *,
    family: str | Architecture = "llama",
    N: tuple[float, float] | None = None,
    unit: Unit = "USD",
    count: Count = "total",
    lifetime_tokens: float = 0.0,
    n_sizes: int | None = None,
    seq_len: int | None = None,
    batch: int | None = None,
    **job: Any,
) -> CostCurve:
    """Return what a training token costs on a cluster, over sizes of model.

    Parameters
    ----------
    cluster : Cluster
        What the models are trained on.
    family : str or Architecture
        Whose shapes the models have, as in `template`.
    N : (float, float), optional
        Smallest and largest size, parameters; as far as the family goes, up to 3e12, where left out.
    unit : {"USD", "days", "kWh", "FLOP"}
        What is paid; "FLOP" are exact ones, attention included.
    count : {"total", "non_embedding", "active"}
        What `N` counts.
    lifetime_tokens : float
        Tokens that the model will generate once trained, on devices like the cluster's: their price is added as a cost
        that does not depend on training tokens. Not in days, which nobody waits for.
    n_sizes : int, optional
        Sizes of the table; 12 per factor of ten where left out.
    seq_len, batch
        As in `training_cost`.
    **job
        precision, states, calibration, n_threads of `training_cost`.

    Returns
    -------
    CostCurve
        Sizes that no layout fits cost NaN, with the reason.

    Raises
    ------
    DataError
        The family has no such sizes, the chip lacks the precision, a price is missing, or no size fits at all.

    Notes
    -----
    Each size is the nearest architecture of the family in the fastest layout that `search_layouts` finds. Cost per
    parameter and token is then smoothed over ln N by local quadratic regression (tricube, a factor of 4.5 to either
    side): layouts jump by some 4 % where layers, heads or memory stop dividing, and an optimum should not sit in such
    a tooth. Serving is `inference_cost` of 32 sequences with prompts of 1,024 tokens on the smallest group of devices
    that holds the model, for generated tokens, smoothed alike.

    Examples
    --------
    >>> import isoflop as iso
    >>> curve = iso.cost_curve(iso.Cluster("H100-SXM", 64, price_usd_per_hour=2.0), N=(1e9, 1e11))
    >>> 4e5 < curve(7e10, 1e12) < 7e5  # dollars
    True
    """
    check_cluster(cluster)
    low, high = _range(N, family, count)
    _check_unit(unit, cluster, lifetime_tokens)
    n = max(FEWEST, round(PER_DECADE * np.log10(high / low)) + 1) if n_sizes is None else _count(n_sizes)
    sizes = np.geomspace(low, high, n)
    settings = {"seq_len": seq_len, "batch": batch, **job}
    models = [template(float(size), family, count=count) for size in sizes]
    seq_len = _check_job(models[0], cluster, settings)
    costs = [_cost(model, cluster, settings) for model in models]
    if all(isinstance(cost, str) for cost in costs):
        raise DataError(compose(f"no size from {low:.3g} to {high:.3g} parameters fits: {costs[0]}", str(costs[-1])))
    flops = np.array([model.flops_per_token(seq_len) for model in models])
    per_token = np.array(
        [np.nan if isinstance(cost, str) else _amount(cost, unit, f) for cost, f in zip(costs, flops, strict=True)]
    )
    fixed = _fixed(models, sizes, cluster, unit, lifetime_tokens)
    return CostCurve(
        sizes,
        _smooth(np.log(sizes), per_token / sizes) * sizes,
        fixed=fixed,
        unit=unit,
        flops_per_token=flops,
        label=f"{models[0].name.split()[0]} on {cluster.count:,} × {cluster.device.name}",
        reasons=_unserved(fixed) | {i: cost for i, cost in enumerate(costs) if isinstance(cost, str)},
    )


def check_cluster(cluster: Any) -> None:
    """Refuse what is no cluster."""
    if not isinstance(cluster, Cluster):
        hint = 'pass iso.Cluster("H100-SXM", 1024)'
        raise DataError(compose(f"cluster is a {type(cluster).__name__}, expected a Cluster", hint))


def unit_of(keyword: str, cluster: Cluster) -> Unit:
    """Return the unit that a budget of this keyword (C, usd, days, kwh, loss) is paid in on a cluster.

    Examples
    --------
    >>> unit_of("usd", Cluster("H100-SXM", 8)), unit_of("C", Cluster("H100-SXM", 8))
    ('USD', 'FLOP')
    """
    units: dict[str, Unit] = {"C": "FLOP", "usd": "USD", "days": "days", "kwh": "kWh"}
    return units.get(keyword, "USD" if cluster.price_usd_per_hour else "days")


def cost_on(cluster: Cluster, cost: Any, budgets: Mapping[str, Any], **how: Any) -> CostCurve:
    """Return the price that `compute_optimal(cluster=...)` pays: the cluster's, in the unit of the budget given.

    Parameters
    ----------
    cluster : Cluster
    cost : None
        A cost that was given beside the cluster is an error.
    budgets : mapping
        Amounts by keyword (C, usd, days, kwh, loss), None where not given.
    **how
        family, N, lifetime_tokens, ... of `cost_curve`.

    Examples
    --------
    >>> cost_on(Cluster("H100-SXM", 8), None, {"C": None, "days": 3.0}, N=(1e8, 1e9)).unit
    'days'
    """
    check_cluster(cluster)
    if cost is not None:
        raise DataError(compose("cost and cluster are both given", "leave out one: a cluster is priced by itself"))
    keyword = next((name for name, amount in budgets.items() if amount is not None), "loss")
    return cost_curve(cluster, unit=unit_of(keyword, cluster), **how)


def _range(N: tuple[float, float] | None, family: str | Architecture, count: Count) -> tuple[float, float]:
    if N is None:
        low, high = size_range(family, count)
        return low, max(min(high, LARGEST), 2 * low)
    try:
        low, high = (float(x) for x in N)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not 0 < low < high < float("inf"):
        raise DataError(f"N is {N!r}, expected a smallest and a larger largest size, such as (1e9, 1e11)")
    return low, high


def _check_unit(unit: str, cluster: Cluster, lifetime_tokens: float) -> None:
    if unit not in (*QUANTITY, "FLOP"):
        raise DataError(f"unit is {unit!r}, expected one of {listed((*QUANTITY, 'FLOP'))}")
    name = cluster.device.name
    if unit == "USD" and not cluster.price_usd_per_hour:
        raise DataError(compose(f"{name} has no price", "pass price_usd_per_hour= to the cluster"))
    if unit == "kWh" and not cluster.device.tdp_w:
        raise DataError(compose(f"{name} has no power limit", "make an iso.Accelerator with tdp_w="))
    expected = "a number of at least 0"
    if not 0 <= scalar("lifetime_tokens", lifetime_tokens, expected) < float("inf"):
        raise DataError(f"lifetime_tokens is {lifetime_tokens!r}, expected {expected}")
    if lifetime_tokens and unit == "days":
        raise DataError(
            compose("lifetime_tokens cost no days of training", "plan in dollars, kWh or FLOPs, or leave it out")
        )


def _count(n_sizes: Any) -> int:
    expected = "a whole number of at least 2"
    if scalar("n_sizes", n_sizes, expected) % 1 or n_sizes < 2:
        raise DataError(f"n_sizes is {n_sizes!r}, expected {expected}")
    return int(n_sizes)


def _check_job(model: Architecture, cluster: Cluster, settings: Mapping[str, Any]) -> int:
    """Raise what is wrong for every size, so that it is not taken for a size that does not fit; return seq_len."""
    precision, states = settings.get("precision", "bf16"), settings.get("states", "auto")
    return job_for(model, cluster, settings["seq_len"], settings["batch"], precision, states).seq_len


def _cost(model: Architecture, cluster: Cluster, settings: Mapping[str, Any]) -> TrainingCost | str:
    """Return the cost of a token, or why no layout fits."""
    try:
        return training_cost(model, 1.0, cluster, **settings)
    except DataError as error:
        return " ".join(str(error).replace("\n\nHint:", ":").split())


def _amount(cost: TrainingCost, unit: Unit, flops: float) -> float:
    return flops if unit == "FLOP" else float(getattr(cost, QUANTITY[unit]))


def _fixed(
    models: list[Architecture], sizes: NDArray[np.float64], cluster: Cluster, unit: Unit, tokens: float
) -> NDArray[np.float64] | float:
    if not tokens:
        return 0.0
    costs = np.array([lifetime_cost(model, cluster, unit, tokens) for model in models])
    return _smooth(np.log(sizes), costs / sizes) * sizes


def _unserved(fixed: NDArray[np.float64] | float) -> dict[int, str]:
    why = "no group of devices that divides its heads holds it for serving"
    return dict.fromkeys(np.flatnonzero(np.isnan(fixed)).tolist(), why)


def lifetime_cost(model: Architecture, cluster: Cluster, unit: str, tokens: float) -> float:
    """Return what generating so many tokens costs, in USD, kWh or FLOP."""
    if unit == "FLOP":
        return 2.0 * model.n_active_params * tokens
    hours = serving_hours(model, cluster) * tokens
    if unit == "USD":
        return hours * cluster.price_usd_per_hour
    watts = cluster.device.tdp_w * cluster.power_share + cluster.host_w
    return hours * watts / 1000 * cluster.pue


def serving_hours(model: Architecture, cluster: Cluster) -> float:
    """Return device-hours for one generated token on the smallest group that holds the model, NaN where none does."""
    group = 1
    while model.heads % group == 0:
        devices = Cluster(cluster.device, group, devices_per_node=max(cluster.domain, group), price_usd_per_hour=1.0)
        found = inference_cost(model, devices, **SERVING)  # type: ignore[arg-type]
        if found.fits():
            return group / found.tokens_per_s / 3600
        group *= 2
    return float("nan")


def _smooth(x: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return local quadratic fits of ln(values) over x where there are values; NaN elsewhere.

    Examples
    --------
    >>> x = np.linspace(0, 5, 21)
    >>> bool(np.allclose(_smooth(x, np.exp(0.1 * x**2 - x)), np.exp(0.1 * x**2 - x)))
    True
    """
    known = np.isfinite(values)
    out = np.full(values.shape, np.nan)
    for i in np.flatnonzero(known):
        far = x[known] - x[i]
        reach = max(BANDWIDTH, 1.001 * np.sort(np.abs(far))[min(4, far.size - 1)])
        weight = np.maximum(1 - np.abs(far / reach) ** 3, 0.0) ** 1.5  # the root of tricube: lstsq squares it
        columns = np.vander(far, min(3, far.size), increasing=True)
        out[i] = np.exp(np.linalg.lstsq(columns * weight[:, None], np.log(values[known]) * weight, rcond=None)[0][0])
    return out
