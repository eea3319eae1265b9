"""What the page says of each budget, in words: the slider puts them into the places that carry their names."""

from __future__ import annotations

from ._decision import Decision
from ._words import count, loss, power


def readings(decision: Decision) -> list[dict[str, str]]:
    """Return the words of every step, by the name of their place."""
    return [reading(decision, i) for i in range(len(decision.C))]


def reading(decision: Decision, i: int) -> dict[str, str]:
    """Return the words of one step.

    ``C``; ``N``, ``D`` and ``tokens_per_param`` with ``_low`` and ``_high``; ``loss`` of the mean curve, with both
    too; ``new_low`` and ``new_high`` of a new run; ``near_2``, ``near_10``: near-optimal sizes by percent of compute.
    """
    one, best = decision, decision.optimum
    words = {"C": power(float(one.C[i]))}
    for name in ("N", "D", "tokens_per_param"):
        ends = zip(("low", "high"), best.interval(name), strict=True)
        words[name] = count(float(getattr(best, name)[i]))
        words |= {f"{name}_{end}": count(float(values[i])) for end, values in ends}
    losses = {"loss": one.loss, "loss_low": one.mean_low, "loss_high": one.mean_high}
    losses |= {"new_low": one.new_low, "new_high": one.new_high}
    words |= {name: loss(float(values[i])) for name, values in losses.items()}
    for share, (low, high) in one.near.items():
        words[f"near_{100 * share:g}"] = f"{count(float(low[i]))} to {count(float(high[i]))}"
    return words
