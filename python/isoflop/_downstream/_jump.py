"""Whether a score steps up somewhere in scale, once a smooth curve is taken out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._engine import Floats, floats
from .._fitted import Fit
from .._leverage import internal_jacobian

#: Sign patterns behind the p-value of a jump.
N_SIGNS = 4_999
#: Fewest rows on either side of a jump.
ASIDE = 2


@dataclass(frozen=True)
class Jump:
    """The clearest step up in scale that remains once the smooth curve is taken out.

    Attributes
    ----------
    at : float
        Scale (compute, where the runs have it) between the rows before and after.
    size : float
        Height of the step in the score's unit; 0 where there is none.
    p_value : float
        How often residuals with random signs make one as clear, wherever it may be.
    """

    at: float
    size: float
    p_value: float


def largest_jump(fit: Fit, score: Floats, scale: Floats, seed: int) -> Jump:
    """Return the clearest step up that the curve leaves, and how often random signs make one as clear."""
    order = np.argsort(scale, kind="stable")
    jacobian, _ = internal_jacobian(fit)
    design, rest, sizes = jacobian[order], (score - fit.fitted)[order], scale[order]
    maker = np.eye(len(rest)) - design @ np.linalg.pinv(design)
    places = [i for i in range(ASIDE, len(rest) - ASIDE + 1) if sizes[i] > sizes[i - 1]]
    if not places:
        return Jump(float("nan"), 0.0, 1.0)
    steps = np.array([np.arange(len(rest)) >= i for i in places], dtype=float) @ maker
    norm = np.einsum("ij,ij->i", steps, steps)
    places = [i for i, size in zip(places, norm, strict=True) if size > 1e-9]
    steps, norm = steps[norm > 1e-9], norm[norm > 1e-9]
    if not places:
        return Jump(float("nan"), 0.0, 1.0)
    spread = np.clip(np.diag(maker), 0.05, 1.0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(N_SIGNS, len(rest)))
    clear = _clarity((maker @ rest)[None, :], steps, norm)[0]
    drawn = (signs * (rest / np.sqrt(spread))) @ maker
    others = _clarity(floats(drawn), steps, norm).max(axis=1)
    best = int(np.argmax(clear))
    size = max(float(steps[best] @ rest / norm[best]), 0.0)
    at = float(np.sqrt(sizes[places[best]] * sizes[places[best] - 1]))
    return Jump(at, size, float((1 + np.count_nonzero(others >= clear[best] * (1 - 1e-9))) / (1 + N_SIGNS)))


def _clarity(rest: Floats, steps: Floats, norm: Floats) -> Floats:
    """Return the share of what is left, in each row, that each step up explains; 0 for steps down."""
    return floats(np.maximum(rest @ steps.T, 0.0) ** 2 / norm / np.maximum((rest**2).sum(axis=1), 1e-300)[:, None])
