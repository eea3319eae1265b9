"""`layouts`: what a layout costs in time against what it takes of the memory, and which no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._errors import DataError, compose
from .._layout import Layout
from .._search import Candidate, LayoutSearch
from . import _axes, _ticks, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GIB = 2.0**30
DAY = 86400.0


def layouts(found: LayoutSearch, *, tokens: float | None = None, slowest: float = 3.0, ax: Axes | None = None) -> Axes:
    """Draw the layouts that no other beats in both time and memory.

    Parameters
    ----------
    found : LayoutSearch
        What `iso.search_layouts` gave.
    tokens : float, optional
        Of the training job: then time is in days of the job rather than seconds of a step.
    slowest : float
        How many times slower than the fastest the slowest that is shown may be.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If no layout fits, or a number is out of its range.

    Notes
    -----
    Money is proportional to time on one cluster. The fastest and the leanest layout are named: tp, pp, cp and ep are
    the ways that weights are cut, ZeRO the stage, mb the micro-batch.

    Examples
    --------
    >>> import isoflop as iso
    >>> gpt3 = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    >>> found = iso.search_layouts(gpt3, iso.Cluster("A100", 1024), batch=1536, seq_len=2048)
    >>> iso.plot.layouts(found).get_xlabel()
    'time of a step (s)'
    """
    _words.expect("layouts", found, LayoutSearch, "search by iso.search_layouts(arch, cluster, ...)")
    if not found.front:
        raise DataError(compose("no layout fits, so there is none to draw", "print(found.summary()) says why"))
    if not slowest >= 1:
        raise DataError(f"slowest is {slowest}, expected 1 or more: times the fastest step")
    scale, label = _unit(found, tokens)
    ax = _axes.new_axes(ax)
    front = [one for one in found.front if one.step_time_s <= slowest * found.front[0].step_time_s]
    ax.scatter(
        *_places(found.best, scale), s=14, color="0.6", linewidths=0, zorder=2, label=f"{len(found.best)} fastest"
    )
    ax.step(*_places(front, scale), where="post", color=_axes.CURVE, linewidth=1.2, zorder=3)
    ax.plot(*_places(front, scale), "o", color=_axes.CURVE, markersize=4, zorder=3, label="no other beats it")
    has = _device(ax, front[0])
    _axes.finish(ax, label, "memory per device (GiB)", y_log=False)
    ax.set_ylim(0, 1.3 * has)
    _axes.legend(ax, "upper right")
    ends = [front[0], front[-1]][: len(front)]
    _axes.annotate(ax, [(scale * one.step_time_s, one.memory_bytes / GIB, cut_in_words(one.layout)) for one in ends])
    return ax


def cut_in_words(cut: Layout) -> str:
    """Return what a layout cuts, in short, on two or three lines; ways that are not used are left out.

    Examples
    --------
    >>> import isoflop as iso
    >>> cut_in_words(iso.Layout(tp=8, pp=4, dp=2, zero_stage=1)).splitlines()
    ['tp 8, pp 4', 'ZeRO 1, mb 1']
    """
    ways = ", ".join(f"{name} {getattr(cut, name)}" for name in ("tp", "pp", "cp", "ep") if getattr(cut, name) > 1)
    again = "" if cut.recompute == "none" else f"recompute {cut.recompute}"
    return "\n".join(line for line in (ways, f"ZeRO {cut.zero_stage}, mb {cut.micro_batch}", again) if line)


def _unit(found: LayoutSearch, tokens: float | None) -> tuple[float, str]:
    """Return what seconds of a step are multiplied by, and the label of what comes of it."""
    if tokens is None:
        return 1.0, "time of a step (s)"
    if not (np.isfinite(tokens) and tokens > 0):
        raise DataError(f"tokens is {tokens}, expected a number above 0")
    return tokens / (found.job.batch * found.job.seq_len) / DAY, f"days for {_ticks.plain(tokens)} tokens"


def _places(found: Sequence[Candidate], scale: float) -> tuple[list[float], list[float]]:
    return [scale * one.step_time_s for one in found], [one.memory_bytes / GIB for one in found]


def _device(ax: Axes, one: Candidate) -> float:
    """Draw what a device has, and return it in GiB."""
    has = one.memory_bytes / (1 - one.memory_slack) / GIB
    ax.axhline(has, color=_axes.GREY, linewidth=0.8, linestyle=(0, (3, 1.5)), zorder=1, label="what a device has")
    return has
