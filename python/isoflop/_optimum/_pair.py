"""A law with parameters, as a pair: what whoever has no fit at hand passes as a model."""

from __future__ import annotations

from typing import Any

from .. import laws
from .._law import Law
from .._published import Published, values_of


def of_pair(model: Any) -> Any:
    """Return (law, params) as published values, which predict at once; any other model as it is.

    Examples
    --------
    >>> of_pair(("power", {"Xc": 1e8, "alpha": 0.05})).predict(X=1e8)
    1.0
    """
    if not (isinstance(model, tuple) and len(model) == 2):
        return model
    law = laws.get(model[0]) if isinstance(model[0], str) else model[0]
    return Published(values_of(law, model[1]), law=law) if isinstance(law, Law) else model
