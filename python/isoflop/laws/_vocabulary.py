"""The vocabulary as a resource of its own: Tao et al. 2024, "Scaling Laws with Vocabulary"."""

from __future__ import annotations

from math import exp

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_TAO = "Tao et al. 2024, arXiv 2407.13623"

tao_lu = Law(
    "-E + A1 / (N_nv / 1e6)**alpha1 + A2 / (V * d / 1e6)**alpha2 + B / (D / 1e9)**beta",
    variables=("N_nv", "V", "d", "D"),
    real=("E",),
    scale="linear",
    where={"N_v": "V * d"},
    response="L_u",
    name="tao_lu",
    title="loss against a unigram model in body, vocabulary and tokens",
    box={
        "E": (0.0, 12.0),
        "A1": (1e-2, 1e2),
        "alpha1": (0.05, 1.5),
        "A2": (1e-3, 1e2),
        "alpha2": (0.05, 1.5),
        "B": (1e-2, 1e2),
        "beta": (0.05, 1.5),
    },
    recipe=Recipe(
        "huber", 1e-3, note="residuals of the loss itself, which is negative; alpha1 and beta came out equal"
    ),
    units={
        "N_nv": "parameters outside the vocabulary",
        "V": "vocabulary size",
        "d": "width of an embedding",
        "D": "training tokens",
    },
    citation=f"{_TAO}, eq. 6 (approach 3), authors' code",
    validity="N_nv from 3.3e7 to 3e9, V from 4096 to 96,256",
    traps=(
        "the loss is a difference to the unigram entropy and negative: no logarithm of it, no floor above 0",
        "amplitudes belong to 1e6 parameters and 1e9 tokens",
        "a larger vocabulary also changes how many tokens a text has: D = characters times tao_f",
    ),
    published={
        "tao2024": Published(
            {
                "A1": 1.8313851559554126,
                "A2": 0.19584238398665638,
                "B": 2.1241123120064955,
                "E": 5.5327846803337435,
                "alpha1": 0.44660634152009615,
                "alpha2": 0.6707374679896795,
                "beta": 0.44660634152009615,
            },
            f"{_TAO}, authors' code",
            convention="the amplitudes are per million parameters and billion tokens; variables are plain counts",
        ),
    },
)

tao_f = Law(
    "a * log(min(V, 200000))**2 + b * log(min(V, 200000)) + c",
    variables=("V",),
    real=("a", "b", "c"),
    scale="linear",
    response="tokens_per_char",
    name="tao_f",
    title="tokens per character as a quadratic in log vocabulary size",
    box={"a": (-0.1, 0.1), "b": (-1.0, 1.0), "c": (0.0, 3.0)},
    recipe=Recipe("squared", note="linear in all three parameters"),
    units={"V": "vocabulary size"},
    citation=f"{_TAO}, authors' code",
    validity="V from 1024 to 200,000; it is held there, since the quadratic turns up",
    traps=("one tokenizer family on one corpus: fit your own where characters mean other things",),
    published={
        "tao2024": Published(
            {"a": 0.00639222, "b": -0.15811069, "c": 1.20470122},
            f"{_TAO}, authors' code",
            convention="BPE on SlimPajama, V up to 200,000",
        ),
    },
)


def _allocation(
    name: str, response: str, formula: str, units: dict[str, str], title: str, source: str, k: float, p: float
) -> Law:
    """Return one of the paper's power laws for the best sizes."""
    return Law(
        formula,
        variables=tuple(units),
        real=("p",),
        response=response,
        name=name,
        title=title,
        box={"k": (1e-6, 1e6), "p": (0.05, 1.5)},
        recipe=Recipe("squared", note="a straight line through logarithms"),
        units=units,
        citation=f"{_TAO}, {source}",
        validity="the paper's models, N_nv from 3.3e7 to 3e9",
        traps=("the best vocabulary grows more slowly than the body (0.83 of its exponent)",),
        published={"tao2024": Published({"k": k, "p": p}, f"{_TAO}, authors' code", convention="plain counts")},
    )


tao_N_nv_opt = _allocation(
    "tao_N_nv_opt",
    "N_nv",
    "k * C**p",
    {"C": "FLOP"},
    "best parameters outside the vocabulary for a compute budget",
    "approach 1",
    exp(-2.4846510),
    0.5,
)

tao_N_v_opt = _allocation(
    "tao_N_v_opt",
    "N_v",
    "k * C**p",
    {"C": "FLOP"},
    "best vocabulary parameters for a compute budget",
    "approach 1",
    exp(-1.5890313),
    0.4163623,
)

tao_N_v_body = _allocation(
    "tao_N_v_body",
    "N_v",
    "k * (N_nv / 33e6)**p",
    {"N_nv": "parameters outside the vocabulary"},
    "best vocabulary parameters for a body",
    "approach 2",
    3_145_728.0,
    0.8353974,
)
