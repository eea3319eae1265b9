"""The loss over N and D, whatever it comes from, and the runs beside it. No drawing.

Pictures over the plane of N and D ask for a law in these two; what they need of a fit, draws, forecaster or published
law is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats
from .._errors import DataError, compose, listed
from .._fitted import Fit
from .._forecast import Forecaster
from .._optimum import Optimum, compute_optimal
from .._optimum._pair import of_pair
from .._published import Published
from ._words import expect

#: Draws of an interval: its ends are then off by some 3 % of its length.
N_DRAWS = 4_000
MODELS = (Fit, Bootstrap, Forecaster, Published)
HINT = "pass a Fit, a Bootstrap, a Forecaster, published values or (law, params)"


@dataclass(frozen=True)
class Surface:
    """The loss over N and D.

    Attributes
    ----------
    model : Fit, Bootstrap, Forecaster or Published
    held : mapping
        The law's other variables and levels, at one value.
    """

    model: Any
    held: Mapping[str, Any] = field(default_factory=dict)

    def loss(self, N: Floats, D: Floats) -> Floats:
        """Return the loss of the law's own curve, which optima are found on."""
        model = self.model.fit if isinstance(self.model, Bootstrap) else self.model
        predict = model.curve if isinstance(model, Forecaster) else model.predict
        return np.asarray(predict(N=N, D=D, **self.held), float)

    def best(self, C: Floats, **options: Any) -> Optimum:
        """Return the optima for several budgets C = 6 N D; intervals from no more draws than a picture shows."""
        return compute_optimal(self.model, C=C, held=self.held or None, n_draws=N_DRAWS, **options)

    @property
    def runs(self) -> tuple[Floats, Floats, Floats] | None:
        """N, D and loss of the runs of weight above 0, or None where the model holds none."""
        fit = self.model if isinstance(self.model, Fit) else getattr(self.model, "fit", None)
        if fit is None or fit.problem is None:
            return None
        table = fit.problem.table
        seen = table["weights"] > 0
        for name, (codes, _) in table["factors"].items():
            if name in self.held:
                seen = seen & (codes == fit.labels[name].index(self.held[name]))
        return table["columns"]["N"][seen], table["columns"]["D"][seen], table["response"][seen]


def surface_of(what: str, model: Any, held: Mapping[str, Any]) -> Surface:
    """Return the surface of a model, if its law is one over N and D when the others are held."""
    model = of_pair(model)
    expect(what, model, MODELS, HINT)
    law = model._bound() if isinstance(model, Published) else getattr(model, "fit", model).law
    free = [name for name in (*law.variables, *dict.fromkeys(law.levels.values())) if name not in held]
    if set(free) != {"N", "D"}:
        message = f"plot.{what} draws laws over N and D, this one goes over {listed(free)}"
        others = [name for name in free if name not in ("N", "D")]
        hold = f"hold the others: {', '.join(f'{name}=...' for name in others)}"
        raise DataError(compose(message, hold if {"N", "D"} <= set(free) else "iso.plot.band draws curves"))
    return Surface(model, dict(held))
