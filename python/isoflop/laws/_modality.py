"""Other modalities, and two at once: Henighan, Aghajanyan, Farseer, Hestness."""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_HENIGHAN = "Henighan et al. 2020, arXiv 2010.14701, table 1"
_AGHAJANYAN = "Aghajanyan et al. 2023, arXiv 2301.03728"
_FARSEER = "Li et al. 2025, arXiv 2506.10972"
_HESTNESS = "Hestness et al. 2017, arXiv 1712.00409"

#: Per domain: floor, scale and exponent of L(N); the same of L(C); scale and exponent of N_opt(C).
_Fit = tuple[float, ...] | None
_TABLE: dict[str, tuple[_Fit, _Fit, _Fit]] = {
    "language": ((0.0, 1.47e14, 0.070), (0.0, 3.47e8, 0.048), (3.3e-13, 0.73)),
    "image_8x8": ((3.12, 8.0e1, 0.24), (3.13, 1.8e-8, 0.19), (5.3e-14, 0.64)),
    "image_16x16": ((2.64, 2.8e2, 0.22), (2.64, 1.6e-8, 0.16), (4.8e-12, 0.75)),
    "image_32x32": ((2.20, 6.3e1, 0.13), (2.21, 3.6e-9, 0.10), (1.6e-13, 0.65)),
    "image_vq_16x16": ((3.99, 2.7e4, 0.13), (4.09, 6.1e-7, 0.11), (6.2e-14, 0.64)),
    "image_vq_32x32": ((3.07, 1.9e4, 0.14), (3.17, 2.6e-6, 0.12), (9.4e-13, 0.70)),
    "text_to_image_text": ((0.0, 5.6e8, 0.037), None, None),
    "text_to_image_image": ((2.0, 5.1e3, 0.16), (1.93, 1.5e-6, 0.15), (9.4e-13, 0.70)),
    "image_to_text_text": ((0.0, 7.0e8, 0.039), None, None),
    "image_to_text_image": ((2.0, 5.5e3, 0.15), (1.97, 1.5e-6, 0.16), (3.3e-12, 0.72)),
    "video_vq": ((1.01, 3.7e4, 0.24), (0.95, 2.2e-5, 0.14), (1.13e-12, 0.71)),
    "math": ((0.28, 1.1e4, 0.16), (0.14, 1.4e-5, 0.17), (2.3e-12, 0.69)),
}
_PER_TOKEN = "nats per token of the modality; N without embeddings; C in PF-days (8.64e19 FLOP)"


def _column(column: int, names: tuple[str, ...]) -> dict[str, Published]:
    """Return one fit of table 1, by domain."""
    rows = {domain: row[column] for domain, row in _TABLE.items()}
    return {
        f"henighan2020_{domain}": Published(dict(zip(names, row, strict=True)), _HENIGHAN, convention=_PER_TOKEN)
        for domain, row in rows.items()
        if row is not None
    }


_HENIGHAN_TRAPS = (
    "a token is that of the modality's own tokenization: losses of two domains do not compare",
    "some of the largest models had not converged; no errors were published",
)

henighan_n = Law(
    "E + (N0 / N)**alpha",
    variables=("N",),
    response="L",
    name="henighan_n",
    title="loss of a modality against parameters, data not limiting",
    box={"E": (0.01, 10.0), "N0": (1.0, 1e16), "alpha": (0.02, 1.0)},
    units={"N": "parameters without embeddings"},
    citation=f"{_HENIGHAN}, eq. 1.1",
    validity="N from 1e4 to 1e10, trained to convergence or near it",
    traps=_HENIGHAN_TRAPS,
    published=_column(0, ("E", "N0", "alpha")),
)

henighan_c = Law(
    "E + (C0 / C_PFdays)**alpha",
    variables=("C_PFdays",),
    response="L",
    name="henighan_c",
    title="loss of a modality against compute, at the best model size",
    box={"E": (0.01, 10.0), "C0": (1e-12, 1e12), "alpha": (0.02, 1.0)},
    units={"C_PFdays": "training compute in PF-days (8.64e19 FLOP)"},
    citation=f"{_HENIGHAN}, eq. 1.1",
    validity="C from 1e-6 to 1e2 PF-days",
    traps=(*_HENIGHAN_TRAPS, "compute is in PF-days here, in FLOP in most laws of this catalogue"),
    published=_column(1, ("E", "C0", "alpha")),
)

henighan_nopt = Law(
    "(C_PFdays / C0)**p",
    variables=("C_PFdays",),
    response="N_opt",
    name="henighan_nopt",
    title="best model size of a modality for a compute budget",
    box={"C0": (1e-16, 1e-6), "p": (0.3, 1.2)},
    recipe=Recipe("squared", note="a straight line through logarithms"),
    units={"C_PFdays": "training compute in PF-days (8.64e19 FLOP)"},
    citation=_HENIGHAN,
    validity="C from 1e-6 to 1e2 PF-days",
    traps=(
        "the common exponent near 0.7 shares the schedule artefacts of Kaplan et al. 2020: later work finds 0.5",
        "compute is in PF-days here, in FLOP in most laws of this catalogue",
    ),
    published=_column(2, ("C0", "p")),
)

_PAIR_POWERS = ("ai", "bi", "aj", "bj", "aij", "bij")
_PAIR_SIZES = ("Ai", "Bi", "Aj", "Bj", "Aij", "Bij")

aghajanyan = Law(
    "(L_i + L_j) / 2 + interaction",
    variables=("N", "Di", "Dj"),
    real=("Cij",),
    where={
        "L_i": "Ei + Ai / N**ai + Bi / Di**bi",
        "L_j": "Ej + Aj / N**aj + Bj / Dj**bj",
        "interaction": "-Cij + Aij / N**aij + Bij / (Di + Dj)**bij",
    },
    response="L",
    name="aghajanyan",
    title="two modalities in one model: the mean of their laws, synergy and competition",
    box={"Ei": (0.05, 10.0), "Ej": (0.05, 10.0), "Cij": (-2.0, 2.0)}
    | dict.fromkeys(_PAIR_SIZES, (1.0, 1e6))
    | dict.fromkeys(_PAIR_POWERS, (0.05, 0.5)),
    recipe=Recipe("huber", 1e-3, note="in stages: each modality alone, then the interaction; exponents at most 0.5"),
    units={"N": "parameters", "Di": "tokens of the first modality", "Dj": "tokens of the second"},
    citation=f"{_AGHAJANYAN}, eq. 2 and 6 (form as quoted by others; no coefficients available)",
    validity="N from 8e6 to 3e10, 5e9 to 1e11 tokens, half of each modality",
    traps=(
        "fit each modality alone first (chinchilla) and pass its values with fixed={...}: fifteen are not identified",
        "Cij above 0 is synergy; the two other terms of the interaction are competition, which shrinks with size",
    ),
)

farseer = Law(
    "exp(a3 * N**gamma + b3) + exp(a2 * N**beta + b2) / D**data_exponent",
    variables=("N", "D"),
    real=("a1", "b1", "a2", "b2", "a3", "b3"),
    where={"data_exponent": "exp(a1 * N**alpha + b1)", "floor": "exp(a3 * N**gamma + b3)"},
    response="L",
    name="farseer",
    title="a power law with floor in tokens whose three coefficients drift with N",
    box={
        "a3": (-0.03, 0.01),
        "gamma": (0.05, 0.4),
        "b3": (0.3, 2.0),
        "a2": (-0.2, 0.6),
        "beta": (0.05, 0.4),
        "b2": (1.0, 8.0),
        "a1": (-0.05, 0.01),
        "alpha": (0.05, 0.4),
        "b1": (-2.0, -0.3),
    },
    recipe=Recipe("squared", note="the paper went in stages: a power law in D per N, then its coefficients against N"),
    units={"N": "parameters without embeddings", "D": "training tokens"},
    citation=f"{_FARSEER}, eq. 4 (form as quoted by others; no coefficients available)",
    validity="N from 2e8 to 6.4e9, D from 2e9 to 2e11; nothing keeps it sane far outside",
    traps=(
        "nine parameters: it needs a full grid of N and D, several D for every N",
        "a coefficient that hardly drifts leaves its exponent free (a1 near 0 says nothing about alpha)",
    ),
)

hestness = Law(
    "a * m**-b + c",
    variables=("m",),
    response="error",
    name="hestness",
    title="error of a task against training samples",
    box={"a": (1e-2, 1e4), "b": (0.02, 1.0), "c": (1e-3, 5.0)},
    units={"m": "training samples"},
    citation=_HESTNESS,
    validity="the middle of a learning curve: not the few-sample plateau, not the floor",
    traps=("only exponents are in print, and these are from memory: check them before use",),
    published={
        f"hestness2017_{task}": Published({"b": value}, _HESTNESS, convention="error or loss", verified=False)
        for task, value in {
            "word_lm": 0.066,
            "character_lm": 0.094,
            "translation": 0.128,
            "imagenet_top1": 0.309,
            "imagenet_top5": 0.488,
            "speech": 0.299,
        }.items()
    },
)
