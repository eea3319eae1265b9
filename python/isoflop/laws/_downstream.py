"""Over-training and downstream scores: loss in compute and data ratio, scores in loss, both in one.

Scores straight from compute are in `_emergence`, laws over many benchmarks in `_observational`.
"""

from __future__ import annotations

from typing import Any

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation

_GADRE = "Gadre et al. 2024, arXiv 2403.08540"
_GADRE_RERUN = f"{_GADRE}, authors' code on their data"
_FIVE = "5 runs for 4 parameters, Levenberg-Marquardt; C = 6ND, M = D/N, N with embeddings; C4-eval loss"
_LADDER = "Bhagia et al. 2024, arXiv 2412.04403"
_LADDER_RERUN = f"{_LADDER}, authors' code on their data"
_LINEAR = Recipe("squared", note="plain least squares on the score")


def _loss(E: float, a: float, b: float, eta: float, source: str = _GADRE_RERUN) -> Published:
    return Published({"E": E, "a": a, "b": b, "eta": eta}, source, convention=_FIVE)


gadre_loss = Law(
    "E + (a * M**eta + b * M**-eta) * C**-eta",
    variables=("C", "M"),
    response="L",
    name="gadre_loss",
    title="loss in compute and tokens per parameter, one exponent",
    derived={"M_star": "(b / a)**(1 / (2 * eta))", "A": "a * 6**-eta", "B": "b * 6**-eta", "alpha": "2 * eta"},
    box={"E": (0.05, 10.0), "a": (1.0, 1e6), "b": (1.0, 1e6), "eta": (0.02, 0.7)},
    recipe=Recipe("squared", note="Levenberg-Marquardt on the loss of 5 runs"),
    scale="linear",
    units={"C": "training FLOP, 6ND", "M": "tokens per parameter"},
    citation=f"{_GADRE}, eq. 4",
    validity="M from 5 to 640; tested at 300 times the compute of the fit",
    traps=(
        "five runs leave one degree of freedom for four parameters: no error bars can be had from them",
        "chinchilla_tied in other letters: A = a 6^-eta, alpha = 2 eta",
        "the best ratio M_star does not depend on C: that is assumed, not found",
    ),
    published={
        "gadre2024_c4": _loss(1.50826, 141.277, 189.516, 0.121236),
        "gadre2024_redpajama": _loss(1.83665, 212.236, 366.687, 0.136425),
        "gadre2024_refinedweb": _loss(1.73446, 157.116, 246.207, 0.127197),
        "gadre2024_c4_printed": _loss(1.51, 141.0, 190.0, 0.121, _GADRE),
        "gadre2024_redpajama_printed": _loss(1.84, 212.0, 367.0, 0.136, _GADRE),
        "gadre2024_refinedweb_printed": _loss(1.73, 157.0, 246.0, 0.127, _GADRE),
    },
)


@calculation
def gadre_mstar(*, a: Any, b: Any, eta: Any, E: Any = None) -> Results:  # noqa: ARG001 - so that **params fits
    """Return the tokens per parameter that are best at every budget under `gadre_loss`.

    Parameters
    ----------
    a, b, eta : float or array
        Parameters of `gadre_loss`, above 0.
    E : float, optional
        Its floor, which does not matter here.

    Returns
    -------
    Results
        ``M_star`` = (b/a)^(1/(2·eta)).

    Examples
    --------
    >>> round(gadre_mstar(**gadre_loss.published["gadre2024_c4"].params).M_star, 4)
    3.3585
    """
    return Results(M_star=(b / a) ** (1 / (2 * eta)))


def _err(eps: float, k: float, gamma: float, tasks: int) -> Published:
    convention = f"average top-1 error of {tasks} tasks against C4-eval loss in nats per token"
    return Published({"eps": eps, "k": k, "gamma": gamma}, _GADRE_RERUN, convention=convention)


gadre_err = Law(
    "eps - k * exp(-gamma * L)",
    variables=("L",),
    response="err",
    scale="linear",
    name="gadre_err",
    title="average error of many tasks in the loss",
    box={"eps": (0.1, 1.0), "k": (1e-2, 1e3), "gamma": (0.05, 5.0)},
    recipe=Recipe("squared", note="Levenberg-Marquardt on the average error"),
    units={"L": "loss on one fixed evaluation set, nats per token"},
    citation=f"{_GADRE}, eq. 5",
    validity="averages over many tasks; single tasks follow it badly",
    traps=(
        "the same as eps - k/perplexity^gamma; gamma belongs to the loss unit",
        "the loss must be of the same evaluation set and tokeniser for all models",
        "eps is the error of a model that knows nothing: it lies near, but is not, chance",
    ),
    published={
        "gadre2024_17_c4": _err(0.84974, 2.07891, 0.75612, 17),
        "gadre2024_17_redpajama": _err(0.85699, 2.20649, 0.71459, 17),
        "gadre2024_17_refinedweb": _err(0.86528, 2.21481, 0.70705, 17),
        "gadre2024_46_c4": _err(0.75895, 1.28852, 0.97216, 46),
        "gadre2024_46_redpajama": _err(0.76085, 1.32290, 0.89071, 46),
        "gadre2024_46_refinedweb": _err(0.76768, 1.12807, 0.82152, 46),
    },
)

_HELLASWAG = {"a": -0.7301114438, "b": 0.9921035458, "k": 12.741707470, "x0": 0.7667352579}
_MMLU = {"a": -0.7420642399, "b": 1.0, "k": 4.8333923306, "x0": 0.6159526478}
_SIGMOID = "accuracy against task loss in bits per byte of the right answer"
_STEPS = f"{_SIGMOID}, from N and D with embeddings; log Huber 1e-3, then least squares"

logistic4 = Law(
    "b + a * logistic(k * (x - x0))",
    variables=("x",),
    real=("a", "b", "x0"),
    scale="linear",
    response="y",
    name="logistic4",
    title="sigmoid with floor and ceiling",
    derived={"low_x": "b", "high_x": "a + b", "steepest": "a * k / 4"},
    box={"a": (-1.0, 1.0), "b": (0.0, 1.0), "k": (1e-2, 1e2), "x0": (-10.0, 10.0)},
    recipe=Recipe("squared", note="unweighted, with one ideal point at x = 0; a in -1 to 0, b in 0 to 1"),
    units={"x": "task loss (bits per byte of the right answer), or any other predictor"},
    citation=f"{_LADDER}, step 2",
    validity="one task; x between the losses of chance and of mastery",
    traps=(
        "k is above 0 here: a below 0 makes the score fall with x, as with a loss",
        "ceiling and k are free together until models come near mastery: b = 1 was a bound for MMLU",
        "x that was itself forecast carries its error into y: use two_step, or draw both steps jointly",
    ),
    published={
        "ladder2024_hellaswag": Published(_HELLASWAG, _LADDER_RERUN, convention=_SIGMOID),
        "ladder2024_mmlu": Published(_MMLU, _LADDER_RERUN, convention=f"{_SIGMOID}; b at its bound"),
    },
)

logistic5 = Law(
    "b + a * logistic(k * (x - x0))**q",
    variables=("x",),
    real=("a", "b", "x0"),
    scale="linear",
    response="y",
    name="logistic5",
    title="sigmoid whose two ends bend differently (generalised logistic)",
    box={"a": (-1.0, 1.0), "b": (0.0, 1.0), "k": (0.3, 30.0), "x0": (-3.0, 3.0), "q": (0.2, 5.0)},
    recipe=_LINEAR,
    units={"x": "task loss, or any other predictor"},
    citation="Richards 1959, J. Exp. Bot. 10, 290; logistic4 is q = 1",
    validity="as logistic4, with points on both bends",
    traps=(
        "without points near floor and ceiling q trades off with k and x0: keep q = 1 then (logistic4)",
        "x0 is no longer where the score is half way",
        "give the box of x0 in the unit of your x: far outside it the search ends in an endless ramp",
    ),
)

two_step = Law(
    "b + a * logistic(k * (task_bpb - x0))",
    variables=("N", "D"),
    real=("a", "b", "x0", "logA", "logB"),
    where={"task_bpb": "E + exp(logA) / N**alpha + exp(logB) / D**beta"},
    scale="linear",
    response="acc",
    name="two_step",
    title="accuracy in parameters and tokens through the task's loss",
    derived={"A": "exp(logA)", "B": "exp(logB)"},
    box={
        "E": (0.01, 5.0),
        "logA": (-2.0, 15.0),
        "alpha": (0.05, 1.5),
        "logB": (-2.0, 15.0),
        "beta": (0.05, 1.5),
        "a": (-1.0, 0.0),
        "b": (0.0, 1.0),
        "k": (1.0, 50.0),
        "x0": (0.0, 2.0),
    },
    recipe=Recipe("squared", note="the paper fits two steps: chinchilla on task loss, then logistic4 on accuracy"),
    units={"N": "parameters", "D": "training tokens"},
    citation=f"{_LADDER}, eq. 1 and 2",
    validity="ladders of 190M to 1.3B at 1 to 10 times 20 tokens per parameter; targets 7B and 13B",
    traps=(
        "accuracy alone does not identify E, A, B, k and x0: scale the task loss, and k and x0 scale back",
        "fit step 1 on task losses and hold it here (fixed=), or use iso.estimators for joint draws",
        "within 2 points of accuracy for four of eight tasks only",
    ),
    published={
        "ladder2024_hellaswag": Published(
            {"logA": 2.4187035074, "logB": 4.1004700524, "alpha": 0.1955394136, "beta": 0.2564981806}
            | {"E": 0.5019111463, **_HELLASWAG},
            _LADDER_RERUN,
            convention=_STEPS,
        ),
        "ladder2024_mmlu": Published(
            {"logA": 3.6394272864, "logB": 4.6060908068, "alpha": 0.2262164528, "beta": 0.2360755807}
            | {"E": 0.4540930614, **_MMLU},
            _LADDER_RERUN,
            convention=_STEPS,
        ),
    },
)

llama3_two_step = Law(
    "b + a * logistic(k * (nll - x0))",
    variables=("C",),
    real=("a", "b", "x0", "c0", "c1"),
    where={"nll": "c0 - c1 * log(C)"},
    scale="linear",
    response="acc",
    name="llama3_two_step",
    title="accuracy in compute through the log-likelihood of the right answer",
    box={
        "a": (-1.0, 0.0),
        "b": (0.0, 1.0),
        "k": (0.1, 50.0),
        "x0": (0.0, 5.0),
        "c0": (0.0, 50.0),
        "c1": (1e-3, 1.0),
    },
    recipe=Recipe("squared", note="two steps: log_law on the log-likelihood, then logistic4 with older, larger models"),
    units={"C": "training FLOP"},
    citation="Dubey et al. 2024, arXiv 2407.21783, section 3.2.1",
    validity="compute-optimal runs; likelihoods of small models, scores of large ones too; no constants printed",
    traps=(
        "accuracy alone identifies k c1 and k (c0 - x0) only: fit the likelihood first and hold c0 and c1 (fixed=)",
        "the line in log C must bend somewhere: it reaches 0 at C = exp(c0/c1)",
    ),
)
