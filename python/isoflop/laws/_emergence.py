"""Scores straight from a resource, and why smooth losses make sharp scores: metrics, coverage, RL curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation

_SCHAEFFER = "Schaeffer, Miranda and Koyejo 2023, arXiv 2304.15004"

neglog_power = Law(
    "Q_random + (1 - Q_random) * exp(-A * C**-alpha)",
    variables=("C",),
    unit=("Q_random",),
    scale="linear",
    response="Q",
    name="neglog_power",
    title="score in compute: the negative log of the normalised score is a power law",
    box={"A": (1e-2, 1e8), "alpha": (0.02, 1.0), "Q_random": (0.01, 0.9)},
    recipe=Recipe("squared"),
    units={"C": "training FLOP"},
    citation="direct downstream laws of 2025, quoted second-hand by our reference; no constants printed",
    validity="scores that can reach 1; one ratio of tokens to parameters",
    traps=(
        "hold Q_random at the score of guessing, fixed={'Q_random': 0.25}: data near chance alone can find it",
        "it says that the score goes to 1: benchmarks with wrong labels need neglog_power_floor",
    ),
)

neglog_power_floor = Law(
    "Q_random + (1 - Q_random) * exp(-A * C**-alpha - c)",
    variables=("C",),
    unit=("Q_random",),
    scale="linear",
    response="Q",
    name="neglog_power_floor",
    title="score in compute with a ceiling below 1",
    derived={"ceiling": "Q_random + (1 - Q_random) * exp(-c)"},
    box={"A": (1e-2, 1e8), "alpha": (0.02, 1.0), "Q_random": (0.01, 0.9), "c": (1e-4, 3.0)},
    recipe=Recipe("squared"),
    units={"C": "training FLOP"},
    citation="direct downstream laws of 2025 with an additive term, quoted second-hand; no constants printed",
    validity="as neglog_power, which is c = 0",
    traps=(
        "c and alpha trade off until scores level off: report profile or bootstrap intervals",
        "hold Q_random at the score of guessing (fixed=)",
    ),
)

gpt4_pass_rate = Law(
    "alpha * C**-k",
    variables=("C",),
    response="mean_neglog_pass",
    name="gpt4_pass_rate",
    title="mean negative log pass rate of coding problems in compute",
    where={"pass_rate": "exp(-alpha * C**-k)"},
    box={"alpha": (1e-3, 1e12), "k": (0.01, 1.0)},
    recipe=Recipe("squared", note="a straight line in logs"),
    units={"C": "training FLOP (the report normalises it to GPT-4's)"},
    citation="OpenAI 2023, arXiv 2303.08774, section 3.2; no constants printed",
    validity="a filtered subset of problems that small models solve now and then; up to 1000 times the compute",
    traps=(
        "problems never solved have no log: which ones are left out decides the law",
        "exp(-mean) is a geometric mean of pass rates, not their average",
    ),
)

coverage = Law(
    "exp(a * k**b)",
    variables=("k",),
    real=("a", "b"),
    response="coverage",
    name="coverage",
    title="share of problems solved in at least one of k samples",
    derived={"one_sample": "exp(a)"},
    box={"a": (-20.0, -1e-3), "b": (-2.0, -1e-2)},
    recipe=Recipe("squared"),
    units={"k": "samples per problem"},
    range={"k": (1.0, float("inf"))},
    citation="Brown et al. 2024, arXiv 2407.21787, section 3",
    validity="k from 1 to 10,000, one model and one set of problems, answers checked automatically",
    traps=(
        "a and b are below 0: coverage runs from exp(a) at one sample to 1",
        "an average over problems of different difficulty: no single problem follows it",
    ),
)

exact_match = Law(
    "exp(-T * loss_per_token)",
    variables=("N", "T"),
    where={
        "loss_per_token": "(Nc / N)**alpha",
        "token_acc": "exp(-loss_per_token)",
        "edit_expect": "-T * expm1(-loss_per_token)",
    },
    scale="linear",
    response="exact_match",
    name="exact_match",
    title="chance that T tokens in a row are right, from a smooth loss",
    box={"Nc": (1e2, 1e16), "alpha": (0.02, 2.0)},
    recipe=Recipe("squared"),
    units={"N": "parameters", "T": "tokens of the answer"},
    range={"T": (1.0, float("inf"))},
    citation=f"{_SCHAEFFER}, section 2",
    validity="tokens right independently of each other, with chance exp(-loss); no floor of guessing",
    traps=(
        "sharp in log N where T is large, though nothing about the model is: plot token_acc or edit_expect beside it",
        "errors come in clusters: the true exact match is above this for the same loss",
    ),
)

scalerl = Law(
    "R0 + (A - R0) / (1 + (C_mid / C)**B)",
    variables=("C",),
    scale="linear",
    response="R",
    name="scalerl",
    title="reward in reinforcement-learning compute: a sigmoid in log C",
    derived={"half_gain": "(R0 + A) / 2", "log_width": "log(81) / B"},
    box={"R0": (1e-2, 1.0), "A": (0.05, 1.5), "C_mid": (1.0, 1e6), "B": (0.2, 8.0)},
    recipe=Recipe("squared", note="after the first 1,500 GPU-hours; grid over A, least squares for B and C_mid"),
    units={"C": "GPU-hours of reinforcement learning"},
    citation="Khatri et al. 2025, arXiv 2510.13786, eq. 1",
    validity="one recipe; after the first 1,500 GPU-hours; pass rate on held-out prompts",
    traps=(
        "A and B trade off before the bend: report a profile interval of A",
        "R0 is the reward before training: hold it (fixed=) where it was measured",
        "GPU-hours are not FLOP: A compares across machines, C_mid does not",
    ),
    published={
        "khatri2025": Published(
            {"A": 0.610},
            "Khatri et al. 2025, arXiv 2510.13786",
            convention="asymptote of one recipe; R0, B and C_mid were not quoted",
            verified=False,
        ),
    },
)


@calculation
def seq_accuracy(*, L: Any, T: Any) -> Results:
    """Return what a loss per token makes of three metrics on an answer of T tokens.

    Parameters
    ----------
    L : float or array
        Loss of the right token, nats, 0 or more.
    T : float or array
        Tokens of the answer.

    Returns
    -------
    Results
        ``token_acc`` = e^(-L), ``exact_match`` = e^(-L·T), ``edit_expect`` = T·(1 - e^(-L)), wrong tokens expected.

    Notes
    -----
    Exact match rises from 10 to 90 % while L falls from 2.303/T to 0.105/T, a factor of 22 whatever T is.

    References
    ----------
    Schaeffer, Miranda and Koyejo 2023, arXiv 2304.15004.

    Examples
    --------
    >>> round(seq_accuracy(L=0.5, T=5).exact_match, 6)
    0.082085
    """
    L, T = np.asarray(L, float), np.asarray(T, float)
    return Results(token_acc=np.exp(-L), exact_match=np.exp(-L * T), edit_expect=-T * np.expm1(-L))


@calculation
def logistic_width(*, B: Any) -> Results:
    """Return by what factor compute must grow to take a score from 10 to 90 % of its rise.

    Parameters
    ----------
    B : float or array
        Slope of a logistic in log C, as in `scalerl`; above 0.

    Returns
    -------
    Results
        ``C_ratio`` = 81^(1/B).

    Examples
    --------
    >>> logistic_width(B=2.0).C_ratio
    9.0
    """
    return Results(C_ratio=np.power(81.0, 1.0 / np.asarray(B, float)))
