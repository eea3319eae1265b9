"""Distillation: what a student learns from a teacher of a given loss. Busbridge et al. 2025."""

from __future__ import annotations

from typing import Any

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation

_BUSBRIDGE = "Busbridge et al. 2025, arXiv 2502.08606"
_SUPERVISED = {"E": 1.220, "A": 3355.0, "B": 18186.0, "alpha": 0.408, "beta": 0.431, "gamma": 0.452}
_STUDENT = {
    "c0": 2.549,
    "c1": 522.6,
    "f1": 0.090,
    "d1": 1.315,
    "A2": 2243.0,
    "B2": 24181.0,
    "alpha2": 0.321,
    "beta2": 0.637,
    "gamma2": 0.764,
}

distill_student = Law(
    "L_T + L_T**-c0 * exp(-c1 * f1 * softplus(log(L_T / (L_supervised * d1)) / f1))"
    " * (A2 / N_S**alpha2 + B2 / D_S**beta2)**gamma2",
    variables=("N_S", "D_S", "L_T"),
    where={"L_supervised": "E + (A / N_S**alpha + B / D_S**beta)**gamma"},
    response="L_student",
    name="distill_student",
    title="loss of a student: the teacher's, plus what the student's size and tokens cannot reach",
    box={
        "c0": (0.1, 6.0),
        "c1": (1.0, 2000.0),
        "f1": (0.02, 1.0),
        "d1": (0.5, 2.5),
        "A2": (10.0, 1e6),
        "alpha2": (0.05, 1.0),
        "B2": (10.0, 1e7),
        "beta2": (0.05, 1.0),
        "gamma2": (0.1, 2.0),
        "E": (0.1, 3.0),
        "A": (10.0, 1e6),
        "alpha": (0.05, 1.0),
        "B": (10.0, 1e7),
        "beta": (0.05, 1.0),
        "gamma": (0.1, 2.0),
    },
    recipe=Recipe("huber", 1e-4, note="in two stages: the supervised law first, then the student with it held"),
    units={"N_S": "parameters of the student", "D_S": "tokens it is distilled on", "L_T": "loss of the teacher"},
    citation=f"{_BUSBRIDGE}, eq. 8",
    validity="students and teachers from 1.4e8 to 1.3e10 parameters, D_S up to 5e11 tokens",
    traps=(
        "fit coupled to supervised runs first and pass fixed={'E': ..., 'gamma': ...}: all fifteen are not identified",
        "c1 is huge and f1 small: the middle factor is about exp(-47 softplus(...)), taken in logs here",
        "where the middle factor is near 1 only c1 d1**(-1/f1) is identified: a long ridge in c1 and d1",
        "the printed student coefficients are quoted from memory: check them before use",
    ),
    published={
        "busbridge2025": Published(
            {**_SUPERVISED, **_STUDENT},
            _BUSBRIDGE,
            convention="nats per token; supervised part as quoted by others, student part from memory",
            verified=False,
        ),
    },
)


@calculation
def distill_flops(
    *, N_S: Any, D_S: Any, N_T: Any, D_T: Any = 0.0, logits: float = 1.0, pretraining: float = 1.0
) -> Results:
    """Return the compute of a distillation, with or without the teacher's.

    Parameters
    ----------
    N_S, D_S : float or array
        Parameters of the student and the tokens it is distilled on.
    N_T, D_T : float or array
        Parameters of the teacher and the tokens it was trained on.
    logits, pretraining : float
        Share of the teacher's forward passes and of its training that is paid here: 0 where both exist anyway.

    Returns
    -------
    Results
        ``C`` in FLOP, a forward pass being 2N per token and training three of them.

    References
    ----------
    Busbridge et al. 2025, arXiv 2502.08606, section 5.

    Examples
    --------
    >>> distill_flops(N_S=1e9, D_S=2e10, N_T=7e9, pretraining=0.0).C
    4e+20
    """
    student, teacher = 2.0 * N_S, 2.0 * N_T
    return Results(C=3 * student * D_S + teacher * (logits * D_S + pretraining * 3 * D_T))
