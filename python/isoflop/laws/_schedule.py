"""Loss along a learning-rate schedule: the annealing law and the multi-power law.

Their variable is a whole list of learning rates, up to the step at which the loss was seen.
"""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_TISSUE = "Tissue, Wang and Wang 2024, arXiv 2408.11029"
_LUO = "Luo et al. 2025, arXiv 2503.12811"
_RATES = {"lr": "learning rate of every step up to the loss, as a list"}
_ANNEALED = {"S1": "lr_sum(lr)", "S2": "anneal(lr, lam)"}
_ANNEALING_BOX = {"L0": (0.3, 6.0), "A": (1e-2, 1e2), "alpha": (0.05, 1.5), "C": (1e-4, 1e4), "lam": (0.9, 0.9999)}
_ANNEALING_TRAPS = (
    "treat the warm-up as constant at the peak, or leave it out of the list",
    "lam is a memory of 1 / (1 - lam) steps and is known only if some schedule anneals over about as many",
    "C is per learning rate: it scales with the peak",
)

lr_annealing = Law(
    "L0 + A / S1**alpha - C * S2",
    variables=(),
    schedules=("lr",),
    unit=("lam",),
    where=_ANNEALED,
    response="L",
    name="lr_annealing",
    title="loss anywhere on a schedule: summed rates, less what annealing gives",
    box=_ANNEALING_BOX,
    recipe=Recipe("huber", 1e-3, note="lam was chosen, 0.99 or 0.999, not fitted"),
    units=_RATES,
    citation=f"{_TISSUE}, eq. 1 (constants not verified)",
    validity="one model, data and batch size; schedules that are constant, cosine or decay once",
    traps=_ANNEALING_TRAPS,
)

lr_annealing_n = Law(
    "L0 + A / S1**alpha - C * S2 + B / N**beta",
    variables=("N",),
    schedules=("lr",),
    unit=("lam",),
    where=_ANNEALED,
    response="L",
    name="lr_annealing_n",
    title="the annealing law over models of several sizes",
    box={**_ANNEALING_BOX, "B": (1.0, 1e6), "beta": (0.05, 1.0)},
    recipe=Recipe("huber", 1e-3, note="lam was chosen, 0.99 or 0.999, not fitted"),
    units={**_RATES, "N": "parameters without embeddings"},
    citation=f"{_TISSUE}, section 4 (constants not verified)",
    validity="as lr_annealing, one family of models",
    traps=_ANNEALING_TRAPS,
)


def _mpl(L0: float, A: float, alpha: float, B: float, C: float, beta: float, gamma: float, size: str) -> Published:
    params = {"L0": L0, "A": A, "alpha": alpha, "B": B, "C": C, "beta": beta, "gamma": gamma, "S_W": 0.324}
    convention = f"{size} parameters, peak 3e-4, warm-up of 2160 steps outside the list (S_W = 0.324)"
    return Published(params, f"{_LUO}, authors' repository", convention=convention)


mpl = Law(
    "L0 + A / (S1 + S_W)**alpha - LD",
    variables=(),
    schedules=("lr",),
    real=("S_W",),
    where={"S1": "lr_sum(lr)", "LD": "B * multi_power(lr, C, beta, gamma)"},
    constants={"S_W": 0.0},
    response="L",
    name="mpl",
    title="multi-power law: summed rates, less what every drop of the rate gives over the steps after it",
    box={
        "L0": (0.3, 6.0),
        "A": (1e-2, 1e2),
        "alpha": (0.05, 1.5),
        "B": (1.0, 1e4),
        "C": (1e-2, 1e2),
        "beta": (0.05, 2.0),
        "gamma": (0.05, 1.5),
    },
    recipe=Recipe("huber", 1e-3, note="fitted on a constant, a cosine and a two-stage schedule; Adam on all seven"),
    units=_RATES,
    citation=f"{_LUO}, eq. 1",
    validity="models from 2.5e7 to 4e8 parameters; schedules that fall, once or in stages, after a warm-up",
    traps=(
        "S_W is the sum of the warm-up's rates where the list leaves the warm-up out: pass fixed={'S_W': ...}",
        "B, C, beta and gamma need schedules that fall in different ways; on one cosine they are a ridge",
        "every step enters: a list of logged rates only is another schedule",
    ),
    published={
        "luo2025_25m": _mpl(3.040, 0.525, 0.508, 363.788, 2.066, 0.583, 0.641, "25M"),
        "luo2025_100m": _mpl(2.651, 0.601, 0.453, 437.946, 2.132, 0.598, 0.655, "100M"),
    },
)
