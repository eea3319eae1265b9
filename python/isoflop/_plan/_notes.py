"""What the reader of a plan should know, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from .._cost_curve import CostCurve
from .._forecast import Forecaster
from .._optimum import Optimum
from .._repr import percent
from ._choice import Choice
from ._model import Model

#: Deviations from the optimum, and of FLOPs from 6 N D, that are worth a line.
OFF, MORE = 0.005, 0.05
#: A size that does not fit is named where it is at most this factor above the optimum.
CLOSE = 1.3
#: What public isoFLOP sweeps say of such splits (`benches/python/allocations.py`: three families, 36 cuts): the factor
#: of N, how often a 95 % interval holds, and compute lost; of refits, then of a forecaster.
SPLITS = (
    "on public sweeps the best size at 3 to 30 times the compute lay a factor of {} (median) from such a forecast, "
    "whose 95 % interval held it in {} of the cases; that costs some {} of the compute"
)
REFITTED, FORECAST = ("1.7", "19 %", "17 %"), ("1.5", "87 %", "13 %")


def notes_on(best: Optimum, plan: Choice, model: Model, curve: CostCurve | None) -> tuple[str, ...]:
    """Return the notes on a plan: those of the optimum and of the forecast, then those of shapes and prices."""
    measured = FORECAST if isinstance(model.law, Forecaster) else REFITTED
    splits = () if best.draws is None else (SPLITS.format(*measured),)
    told = dict.fromkeys((*splits, *best.notes, *model.notes(plan.N, plan.D), *_on_shape(best, plan), *_on_price(plan)))
    return (*told, *_on_limit(best, curve), "restarts, evaluation and experiments are not in the bill")


def _on_shape(best: Optimum, plan: Choice) -> Iterator[str]:
    off = plan.N / float(best.N) - 1
    if abs(off) > OFF:
        word = "larger" if off > 0 else "smaller"
        yield f"{plan.architecture.name} is {percent(abs(off))} {word} than the optimum: the best shape near it"
    seq_len = plan.cost.job.seq_len
    more = plan.architecture.flops_per_token(seq_len) / (6 * plan.N) - 1
    if more > MORE:
        yield f"with attention over {seq_len:,} tokens a step takes {percent(more)} more FLOPs than 6 N D"


def _on_price(plan: Choice) -> Iterator[str]:
    cluster = plan.cost.job.cluster
    device = cluster.device
    middle = (device.price_low_usd_per_hour + device.price_high_usd_per_hour) / 2
    if middle and cluster.price_usd_per_hour == middle:
        yield f"the price is the middle of the table's range for {device.name} ({device.price_date})"


def _on_limit(best: Optimum, curve: CostCurve | None) -> Iterator[str]:
    """Say so where the largest model that fits is what holds the optimum."""
    reasons = {} if curve is None else {float(curve.N[row]): text for row, text in curve.reasons.items()}
    above = min((size for size in reasons if size > float(best.N)), default=float("inf"))
    if above < CLOSE * float(best.N):
        yield f"larger models do not fit: {reasons[above]}"
