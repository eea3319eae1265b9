"""Laws of Kaplan et al. 2020, "Scaling Laws for Neural Language Models".

What follows from them (frontier, stopping, batch adjustment) is calculated in `_kaplan_frontier`.
"""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361"
_WEBTEXT = "N without embeddings; WebText2 tokens, nats per token; no errors published"

kaplan_nd = Law(
    "((Nc / N)**(alphaN / alphaD) + Dc / D)**alphaD",
    name="kaplan_nd",
    title="loss in parameters and early-stopped tokens, without a floor",
    box={"alphaN": (0.02, 1.0), "alphaD": (0.02, 1.0), "Nc": (1e8, 1e18), "Dc": (1e8, 1e18)},
    response="L",
    where={"dL": "(1 + (N / Nc)**(alphaN / alphaD) * Dc / D)**alphaD - 1"},
    units={"N": "parameters without embeddings", "D": "tokens in the data set"},
    citation=f"{_KAPLAN}, eq. 1.5 (dL: eq. 4.3, the excess over D to infinity)",
    validity="N from 768 to 1.5e9, D from 2.2e7 to 2.3e10 tokens of WebText2, early stopped, dropout 10 %",
    traps=(
        "the constants of table 2 (this fit) are not those of table 5 (one resource at a time)",
        "N leaves out embeddings: with them the small models bend and alphaN changes",
        "there is no floor: far beyond the data it predicts less loss than text has entropy",
    ),
    published={
        "kaplan2020": Published(
            {"Nc": 6.4e13, "alphaN": 0.076, "alphaD": 0.103, "Dc": 1.8e13},
            f"{_KAPLAN}, table 2",
            convention=_WEBTEXT,
        ),
    },
)

kaplan_ns = Law(
    "(Nc / N)**alphaN + (Sc / Smin)**alphaS",
    variables=("N", "Smin"),
    response="L",
    name="kaplan_ns",
    title="loss in parameters and steps at a batch far above critical",
    box={"alphaN": (0.02, 1.0), "Nc": (1e8, 1e18), "alphaS": (0.05, 2.0), "Sc": (1.0, 1e6)},
    units={"N": "parameters without embeddings", "Smin": "steps, corrected by batch_adjust to B far above critical"},
    citation=f"{_KAPLAN}, eq. 1.6 and 5.6",
    validity="after warm-up; D not limiting; one learning-rate schedule",
    traps=(
        "steps must be corrected for the batch first: batch_adjust",
        "the constants of table 3 (this fit) are not those of table 5",
        "there is no floor, and both terms are read off learning curves, not off finished runs",
    ),
    published={
        "kaplan2020": Published(
            {"alphaN": 0.077, "alphaS": 0.76, "Nc": 6.5e13, "Sc": 2.1e3}, f"{_KAPLAN}, table 3", convention=_WEBTEXT
        ),
        "kaplan2020_table5": Published(
            {"alphaN": 0.076, "alphaS": 0.76, "Nc": 8.8e13, "Sc": 2.1e3},
            f"{_KAPLAN}, table 5",
            convention=f"terms fitted one by one; {_WEBTEXT}",
        ),
    },
)

mccandlish = Law(
    "Emin + Smin * B",
    variables=("B",),
    response="tokens",
    where={"S": "Smin + Emin / B"},
    derived={"Bcrit": "Emin / Smin"},
    scale="linear",
    name="mccandlish",
    title="tokens and steps to a given loss, in the batch size",
    box={"Smin": (1.0, 1e8), "Emin": (1e3, 1e15)},
    recipe=Recipe("squared", note="tokens against batch is a straight line at fixed loss"),
    units={"B": "batch in tokens"},
    citation=f"McCandlish et al. 2018, arXiv 1812.06162; {_KAPLAN}, eq. 5.1: (S/Smin - 1)(tokens/Emin - 1) = 1",
    validity="one loss level; learning rate tuned at every batch",
    traps=(
        "least squares on tokens is ruled by the largest batches: scale='log' weighs all alike",
        "Bcrit = Emin/Smin depends on the loss: bcrit_loss",
        "at B = Bcrit a run takes twice the fewest steps and twice the fewest tokens",
    ),
)

bcrit_loss = Law(
    "Bstar * L**(-1 / alphaB)",
    variables=("L",),
    response="Bcrit_tokens",
    name="bcrit_loss",
    title="critical batch size in the loss",
    box={"Bstar": (1e3, 1e14), "alphaB": (0.02, 2.0)},
    recipe=Recipe("squared", note="a straight line through log B against log L"),
    units={"L": "loss in nats per token"},
    citation=f"{_KAPLAN}, eq. 1.4 and 5.3",
    validity="WebText2, losses from about 6 down to 2.5; it has no floor, so it diverges as L goes to 0",
    traps=(
        "doubles for every fall of the loss by 13 %",
        "belongs to the loss unit: in bits the same constants mean another batch",
        "the paper's text rounds Bstar to 2e8",
    ),
    published={
        "kaplan2020": Published({"Bstar": 2.1e8, "alphaB": 0.21}, f"{_KAPLAN}, table 5", convention=_WEBTEXT),
    },
)

kaplan_lr = Law(
    "c0 - c1 * log(N)",
    variables=("N",),
    real=("c0", "c1"),
    scale="linear",
    response="lr",
    name="kaplan_lr",
    title="rule of thumb for Adam's peak learning rate",
    box={"c0": (0.0, 0.1), "c1": (0.0, 0.01)},
    derived={"N_zero": "exp(c0 / c1)"},
    recipe=Recipe("squared"),
    units={"N": "parameters without embeddings"},
    citation=f"{_KAPLAN}, appendix D.6",
    validity="N from 1e3 to 1.5e9; negative beyond N_zero = 1.2e10",
    range={"N": (0.0, 1.2e10)},
    traps=("a straight line in log N: it turns negative at 12 billion parameters, so never extrapolate it",),
    published={
        "kaplan2020": Published({"c0": 0.003239, "c1": 0.0001395}, f"{_KAPLAN}, appendix D", convention=_WEBTEXT),
    },
)
