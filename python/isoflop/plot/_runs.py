"""`runs`: the loss of runs against compute, or another variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import counted
from .._runs import Runs
from . import _axes, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def runs(runs: Runs, *, x: str = "C", colorbar: bool = True, ax: Axes | None = None) -> Axes:
    """Draw the loss of runs against compute, or another variable.

    Parameters
    ----------
    runs : Runs
    x : str
        A variable of the runs: ``C``, ``N``, ``D`` or a column.
    colorbar : bool
        Add a bar for the colours, which are the numbers of parameters.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> import isoflop as iso
    >>> ax = iso.plot.runs(iso.Runs({"N": [1e8, 1e9, 1e10], "D": [2e9, 2e10, 2e11], "loss": [3.1, 2.6, 2.3]}))
    >>> ax.get_xlabel()
    'training compute C (FLOP)'
    """
    _words.expect("runs", runs, Runs, "read them by iso.read_runs, or wrap a frame in iso.Runs")
    at, loss = runs.variable(x), runs.loss
    size = runs.variable("N") if x != "N" and "N" in runs.variables else None
    ax = _axes.new_axes(ax)
    points = _axes.scatter(ax, at, loss, size, counted(len(runs), "run"))
    _axes.finish(ax, _words.LABELS.get(x, x), _words.LOSS)
    if colorbar:
        _axes.size_bar(ax, points)
    return ax
