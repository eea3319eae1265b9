"""The bands along a path: where their edges are, and how they are filled; in which picture is not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats
from .._errors import DataError
from .._fitted import Fit
from .._forecast import Forecaster
from .._repr import percent
from . import _axes
from ._path import Path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Places along a band, which costs a quantile over all draws at each.
POINTS = 60
Kind = Literal["mean", "new_run"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WORDS = {"mean": "mean curve", "new_run": "new run"}
#: How strongly each is filled, and in which order.
LOOKS = {"mean": (0.45, 1.6), "new_run": (0.16, 1.5)}


class Band(NamedTuple):
    """One band along a path: of what, at which level, and its edges."""

    kind: Kind
    level: float
    places: Floats
    low: Floats
    high: Floats


def bands_along(
    model: Bootstrap | Forecaster | Fit, path: Path, kind: Kind | None, level: float, n_threads: int | None
) -> list[Band]:
    """Return the bands of a model along a path, of one kind or of both; a fit has none."""
    if kind is not None and kind not in KINDS:
        raise DataError(f"kind is {kind!r}, expected 'mean', 'new_run' or None for both")
    if isinstance(model, Fit):
        return []
    places = path.grid(POINTS)
    found = []
    for one in KINDS if kind is None else (kind,):
        frame = model.band(None, kind=one, level=level, n_threads=n_threads, **path.points(places))
        found.append(Band(one, level, places, *(np.asarray(frame[name], float) for name in ("low", "high"))))
    return found


def fill(ax: Axes, one: Band, low: Any, high: Any) -> None:
    """Fill between the edges of a band, on whatever scale the picture shows them."""
    strength, order = LOOKS[one.kind]
    label = f"{percent(one.level)} band, {WORDS[one.kind]}"
    ax.fill_between(one.places, low, high, color=_axes.CURVE, alpha=strength, linewidth=0, zorder=order, label=label)
