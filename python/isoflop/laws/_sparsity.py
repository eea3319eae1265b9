"""Weight sparsity: loss in non-zero parameters, tokens and the share of weights that are zero."""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_FRANTAR = "Frantar et al. 2023, arXiv 2309.08520"
#: The authors' notebook counts N in millions and tokens in 1e5 steps of 65,536.
_MILLION, _STEPS = 1e6, 65_536 * 1e5


def _notebook(
    aS: float, bS: float, cS: float, bN: float, data: float, bD: float, c: float, unit: float
) -> dict[str, float]:
    """Return the notebook's coefficients in plain counts; its data coefficient stands outside the power."""
    scale = _MILLION**bN
    return {
        "aS": aS * scale,
        "bS": bS,
        "cS": cS * scale,
        "bN": bN,
        "aD": data ** (1 / bD) * unit,
        "bD": bD,
        "c": c,
    }


frantar = Law(
    "(aS * (1 - S)**bS + cS) / N**bN + (aD / D)**bD + c",
    variables=("S", "N", "D"),
    response="L",
    name="frantar",
    title="weight sparsity: the model term depends on the share of zero weights",
    box={
        "aS": (0.1, 1e4),
        "bS": (0.2, 4.0),
        "cS": (0.1, 1e4),
        "bN": (0.05, 1.0),
        "aD": (1e5, 1e12),
        "bD": (0.05, 1.5),
        "c": (0.05, 6.0),
    },
    recipe=Recipe("huber", 1e-3, note="mean over 48 runs of T5, stopped early; the vision fit is on linear loss, 0.01"),
    units={"S": "share of zero weights, 0 to 1", "N": "non-zero parameters", "D": "training tokens or examples"},
    range={"S": (0.0, 1.0 - 1e-9)},
    citation=f"{_FRANTAR}, eq. 1",
    validity="S from 0 to 0.875, N from 4e5 to 8.5e7, pruned gradually during training",
    traps=(
        "the published T5 fit is a stopped local solution: its mean Huber is 7.604e-6, the optimum's 4.880e-6",
        "bS doubles and the floor moves from 0.65 to 0.83 between the two: seven parameters on 48 points",
        "N counts non-zero weights only; a dense model of the same shape has N / (1 - S)",
    ),
    published={
        "frantar2023_t5": Published(
            _notebook(0.56778512, 0.72161276, 1.52265016, 0.24513173, 0.63361517, 0.20270772, 0.65074219, _STEPS),
            f"{_FRANTAR}, authors' notebook, unrounded",
            convention="T5 on C4; N non-zero; tokens, 65,536 per step",
        ),
        "frantar2023_vit": Published(
            _notebook(1.30485411, 0.82101251, 2.07506343, 0.39222675, 0.27818217, 0.88979104, 4.51669257, 1e9),
            f"{_FRANTAR}, authors' notebook, unrounded",
            convention="ViT on JFT; N non-zero; examples; Huber 0.01 on linear loss",
        ),
        "frantar2023_t5_converged": Published(
            {
                "aS": 10.71082,
                "bS": 1.34497,
                "cS": 41.62083,
                "bN": 0.2316828,
                "aD": 6.76908e8,
                "bD": 0.384638,
                "c": 0.8303747,
            },
            "refit of the authors' 48 points with their loss",
            convention="T5 on C4; N non-zero; tokens; mean Huber 4.880117e-6",
        ),
    },
)
