"""Pictures for papers: runs, laws and their bands, what fits rest on, and what is decided by them.

- `runs`, `fit`, `band`, `deviation`, `overview`: runs, the law through them, and how sure it is;
- `residuals`, `influence`, `pairs`: what the runs say of the law, what it rests on, draws of its parameters;
- `backtest`: forecasts against what came;
- `valleys`, `contours`, `frontier`: the loss over N and D, and the best of both under a budget;
- `recipes`, `design`, `layouts`: what to train with, which runs to make next, and how to cut a job.

Every function draws into one `Axes`, a new one where ``ax`` is None, and returns it; none shows a window, sets
rcParams or, given an `Axes`, touches the figure's size. `overview` alone makes a whole figure. Every band says in its
label what it is for: the mean curve or a new run. Matplotlib is loaded when the first one is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import getter

if TYPE_CHECKING:
    from ._backtest import backtest
    from ._band import band, fit
    from ._contours import contours
    from ._design import design
    from ._deviation import deviation, overview
    from ._frontier import frontier
    from ._layouts import layouts
    from ._pairs import pairs
    from ._recipes import recipes
    from ._residuals import influence, residuals
    from ._runs import runs
    from ._valleys import valleys

#: Where the names live; each loads at its first use.
_LATE = {
    "backtest": "_backtest",
    "band": "_band",
    "contours": "_contours",
    "design": "_design",
    "deviation": "_deviation",
    "fit": "_band",
    "frontier": "_frontier",
    "influence": "_residuals",
    "layouts": "_layouts",
    "overview": "_deviation",
    "pairs": "_pairs",
    "recipes": "_recipes",
    "residuals": "_residuals",
    "runs": "_runs",
    "valleys": "_valleys",
}

__all__ = [
    "backtest",
    "band",
    "contours",
    "design",
    "deviation",
    "fit",
    "frontier",
    "influence",
    "layouts",
    "overview",
    "pairs",
    "recipes",
    "residuals",
    "runs",
    "valleys",
]


if not TYPE_CHECKING:  # or checkers would take every name for granted
    __getattr__ = getter(__name__, _LATE, globals())


def __dir__() -> list[str]:
    """Return public names that are not loaded yet, too."""
    return sorted({*globals(), *__all__})
