"""Pictures for papers: runs, laws and their bands, what fits rest on, and what is decided by them.

Every function draws into one `Axes`, a new one where ``ax`` is None, and returns it; none shows a window, sets
rcParams or, given an `Axes`, touches the figure's size. `overview` alone makes a whole figure. Every band says in its
label what it is for: the mean curve or a new run. Matplotlib is loaded when the first one is drawn.
"""

from ._backtest import backtest
from ._band import band, fit
from ._design import design
from ._deviation import deviation, overview
from ._layouts import layouts
from ._pairs import pairs
from ._recipes import recipes
from ._residuals import influence, residuals
from ._runs import runs

__all__ = [
    "backtest",
    "band",
    "design",
    "deviation",
    "fit",
    "influence",
    "layouts",
    "overview",
    "pairs",
    "recipes",
    "residuals",
    "runs",
]
