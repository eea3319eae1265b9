"""Hyper-parameters: best learning rate and batch size as powers of what is known before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

from .._law import Law
from .._published import Published
from .._recipe import Recipe
from ._calculation import Results, calculation
from ._family import Family

_UNITS = {
    "C": "training FLOP, counted as the source says",
    "N": "parameters, counted as the source says",
    "D": "training tokens",
    "E": "experts",
    "L": "loss",
}
_RECIPE = Recipe("squared", note="a log-linear regression on the best cell of every grid")
_FAR = "k belongs to inputs of 1: judge fits by predictions"
_TRAPS = ("the basin is flat: within 0.25 % of the best loss over a factor of two in either hyper-parameter", _FAR)


def _power(
    variables: Sequence[str],
    *,
    name: str = "hp_power",
    response: str = "value",
    title: str = "a product of powers of the inputs",
    citation: str = "section 4 of DeepSeek-AI 2024, arXiv 2401.02954, and others",
    validity: str = "the grid it was fitted on; optima at the edge of a grid left out",
    traps: Sequence[str] = _TRAPS,
    published: Mapping[str, Published] | None = None,
) -> Law:
    """Return ``k * C**p_C * ...`` over any of C, N, D, E and L."""
    factors = " * ".join(f"{x}**p_{x}" for x in variables)
    return Law(
        f"k * {factors}",
        variables=tuple(variables),
        real=tuple(f"p_{x}" for x in variables),
        response=response,
        name=name,
        title=title,
        box={"k": (1e-8, 1e10)} | {f"p_{x}": (-1.5, 1.5) for x in variables},
        recipe=_RECIPE,
        units={x: _UNITS.get(x, "a positive input") for x in variables},
        citation=citation,
        validity=validity,
        traps=traps,
        published=published or {},
    )


def _inputs(params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the inputs that exponents belong to; where inputs are named too, those that are there."""
    inputs = [name[2:] for name in params if name.startswith("p_")]
    return {"variables": tuple([x for x in inputs if x in params] or inputs)}


hp_power = Family(
    "hp_power",
    _power,
    _inputs,
    title="a hyper-parameter as a product of powers of the inputs",
    default={"variables": ("N", "D")},
)

_DEEPSEEK = "DeepSeek-AI 2024, arXiv 2401.02954"
_COMPUTE = "C = M D with M of flops_token_deepseek: attention counted, no vocabulary"
_COMPUTE_TRAP = "C is M D, not 6 N D: use flops_token_deepseek for M"


def _deepseek(name: str, response: str, title: str, k: float, exponent: float, traps: Sequence[str] = _TRAPS) -> Law:
    """Return one of the fits over compute."""
    published = {
        "deepseek2024": Published({"k": k, "p_C": exponent}, _DEEPSEEK, convention=_COMPUTE, verified=False),
    }
    return _power(
        ("C",),
        name=name,
        response=response,
        title=title,
        citation=f"{_DEEPSEEK}, section 3",
        validity="C from 1e17 to 2e19 FLOP in the grid, checked at 1e20; multi-step schedule",
        traps=(_COMPUTE_TRAP, *traps),
        published=published,
    )


deepseek_lr = _deepseek("deepseek_lr", "lr", "best peak learning rate for a compute budget", 0.3118, -0.1250)
deepseek_batch = _deepseek("deepseek_batch", "B_tokens", "best batch in tokens for a compute budget", 0.2920, 0.3271)
deepseek_M_opt = _deepseek(
    "deepseek_M_opt", "M", "best FLOP per token (the model's scale) for a compute budget", 0.1715, 0.5243, (_FAR,)
)
deepseek_D_opt = _deepseek("deepseek_D_opt", "D", "best tokens for a compute budget", 5.8316, 0.4757, (_FAR,))

deepseek_allocation = _power(
    ("C",),
    name="deepseek_allocation",
    response="M",
    title="exponent of the best model scale on three corpora (the coefficients were not printed)",
    citation=f"{_DEEPSEEK}, table 4",
    validity="exponents only: pass your own k",
    traps=(_FAR, "better data give a larger exponent: spend more of the budget on the model"),
    published={
        key: Published({"p_C": value}, f"{_DEEPSEEK}, table 4", convention=_COMPUTE, verified=False)
        for key, value in {"early_data": 0.450, "current_data": 0.524, "openwebtext2": 0.578}.items()
    },
)

_STEP = "Li et al. 2025, arXiv 2503.04715"
_STEP_VALIDITY = "N from 6e7 to 1e9, D from 2e9 to 1e11; minimum learning rate fixed at 1e-5"
_STEP_TABLE = f"{_STEP}, authors' bootstrap table (1000 bootstraps)"

step_law_lr = _power(
    ("N", "D"),
    name="step_law_lr",
    response="lr",
    title="best peak learning rate for a model and its tokens",
    citation=f"{_STEP}, eq. 1",
    validity=_STEP_VALIDITY,
    traps=(*_TRAPS, "the schedule ends at a fixed 1e-5: with a fixed ratio to the peak the best peak is another"),
    published={
        "li2025": Published(
            {"k": exp(0.58631), "p_N": -0.71292, "p_D": 0.30749},
            _STEP_TABLE,
            standard_error={"k": exp(0.58631) * 0.624, "p_N": 0.0299, "p_D": 0.0191},
            convention="N without embeddings; the error of k is that of ln k times k",
        ),
        "li2025_printed": Published(
            {"k": 1.79, "p_N": -0.713, "p_D": 0.307}, f"{_STEP}, eq. 1", convention="N without embeddings"
        ),
    },
)

step_law_batch = _power(
    ("D",),
    name="step_law_batch",
    response="B_tokens",
    title="best batch in tokens for a number of tokens",
    citation=f"{_STEP}, eq. 1",
    validity=_STEP_VALIDITY,
    published={
        "li2025": Published(
            {"k": exp(-0.54354), "p_D": 0.57094},
            _STEP_TABLE,
            standard_error={"k": exp(-0.54354) * 0.437, "p_D": 0.0187},
            convention="batch in tokens; the error of k is that of ln k times k",
        ),
        "li2025_printed": Published({"k": 0.58, "p_D": 0.571}, f"{_STEP}, eq. 1", convention="batch in tokens"),
    },
)

_PORIAN = "Porian et al. 2024, arXiv 2406.19146"
_PORIAN_VALIDITY = "N from 5e6 to 9e8 at 20 tokens per parameter; AdamW with beta2 adapted to the batch"

porian_lr = _power(
    ("N",),
    name="porian_lr",
    response="lr",
    title="best learning rate for a model at its compute-optimal tokens",
    citation=f"{_PORIAN}, section 3.4",
    validity=_PORIAN_VALIDITY,
    published={
        "porian2024": Published(
            {"k": 3.7, "p_N": -0.36}, _PORIAN, convention="N with the head, without embeddings", verified=False
        )
    },
)

porian_batch = _power(
    ("N",),
    name="porian_batch",
    response="B_tokens",
    title="best batch in tokens for a model at its compute-optimal tokens",
    citation=f"{_PORIAN}, section 3.4",
    validity=_PORIAN_VALIDITY,
    traps=(*_TRAPS, "the paper prints sequences of 2048 tokens: 0.00037 N**0.703"),
    published={
        "porian2024": Published(
            {"k": 0.00037 * 2048, "p_N": 0.703}, _PORIAN, convention="N with the head; tokens", verified=False
        )
    },
)

_JOINT = "Ludziejewski et al. 2025, arXiv 2502.05172"

ludziejewski_lr = _power(
    ("N", "E"),
    name="ludziejewski_lr",
    response="lr",
    title="best learning rate for active parameters and experts",
    citation=_JOINT,
    validity="as ludziejewski",
    traps=(*_TRAPS, "N counts active parameters without embeddings here, with them in the loss law"),
    published={
        "ludziejewski2025": Published(
            {"k": exp(8.39), "p_N": -0.81, "p_E": -0.25}, _JOINT, convention="N_act without embeddings; E experts"
        )
    },
)

_MINICPM = "Hu et al. 2024, arXiv 2404.06395"

minicpm_batch = _power(
    ("L",),
    name="minicpm_batch",
    response="B_tokens",
    title="best batch in tokens for the loss that has been reached",
    citation=_MINICPM,
    validity="losses of their corpus and tokenizer",
    traps=(
        *_TRAPS,
        "a loss on another corpus or tokenizer gives another batch",
        "the same paper's loss law (alpha 0.29, beta 0.23, 192 tokens per parameter) is an outlier",
    ),
    published={
        "minicpm2024": Published({"k": 1.21e9, "p_L": -6.24}, _MINICPM, convention="batch in tokens", verified=False)
    },
)

zhang_critical_batch = _power(
    ("D",),
    name="zhang_critical_batch",
    response="B",
    title="critical batch for a number of tokens",
    citation="Zhang et al. 2024, arXiv 2410.21676",
    validity="C4, models from 8.5e7 to 1.2e9 parameters",
    traps=(
        *_TRAPS,
        "the constants are from memory: check them before use",
        "it grows with tokens, not with parameters",
    ),
    published={
        "zhang2024": Published(
            {"k": 22.91, "p_D": 0.47}, "Zhang et al. 2024", convention="batch against D", verified=False
        )
    },
)


@calculation
def flops_token_deepseek(*, n_layer: Any, d_model: Any, l_seq: Any, n_vocab: Any) -> Results:
    """Return the compute per token in the way of DeepSeek, beside the two usual approximations.

    Parameters
    ----------
    n_layer, d_model : int or array
        Layers and width of the transformer.
    l_seq : int or array
        Tokens per sequence.
    n_vocab : int or array
        Entries of the vocabulary.

    Returns
    -------
    Results
        ``M`` in FLOP per token (attention counted without the causal half, no vocabulary); ``six_N1`` of the blocks
        alone; ``six_N2`` with one vocabulary matrix; and ``six_N1_over_M``, ``six_N2_over_M``.

    References
    ----------
    DeepSeek-AI 2024, arXiv 2401.02954, eq. 2 and table 3.

    Examples
    --------
    >>> round(flops_token_deepseek(n_layer=30, d_model=4096, l_seq=4096, n_vocab=102400).six_N2_over_M, 4)
    0.9167
    """
    n_layer, d_model = 1.0 * n_layer, 1.0 * d_model
    six_N1 = 72 * n_layer * d_model**2
    six_N2 = six_N1 + 6 * n_vocab * d_model
    M = six_N1 + 12 * n_layer * d_model * l_seq
    return Results(M=M, six_N1=six_N1, six_N2=six_N2, six_N1_over_M=six_N1 / M, six_N2_over_M=six_N2 / M)
