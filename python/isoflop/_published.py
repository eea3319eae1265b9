"""Published values: parameters that somebody printed, with their errors, their source and what they count.

They are data of a law's declaration; a bound entry predicts at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from ._errors import LawError, PrecisionWarning, warn
from ._repr import Values

if TYPE_CHECKING:
    from ._law import Law


@dataclass(frozen=True)
class Published:
    """Parameters that somebody printed, and how they counted.

    Parameters
    ----------
    params : mapping
        Value per parameter, in the law's own names.
    source : str
        Paper and table.
    standard_error, interval : mapping
        What the source says about errors: per parameter a number, or (low, high) at 95 %.
    convention : str
        What N, D and the loss count there.
    verified : bool
        Whether the values were read in the source itself rather than quoted by others.
    warning : str
        Why predictions from these values are off, where they are (rounded too far, say); predicting with them warns.

    Examples
    --------
    >>> import isoflop as iso
    >>> epoch = iso.laws.get("chinchilla").published["epoch2024"]
    >>> epoch.params["alpha"], epoch.interval["alpha"]
    (0.3478, (0.317, 0.373))
    >>> round(epoch.predict(N=70e9, D=1.4e12), 4)
    1.9739
    """

    params: Mapping[str, float]
    source: str = ""
    _: KW_ONLY
    standard_error: Mapping[str, float] = field(default_factory=dict)
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    convention: str = ""
    verified: bool = True
    warning: str = ""
    key: str = ""
    law: Law | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Freeze the values."""
        object.__setattr__(self, "params", Values(self.params))
        object.__setattr__(self, "standard_error", Values(self.standard_error))
        object.__setattr__(self, "interval", {k: (float(a), float(b)) for k, (a, b) in self.interval.items()})

    def predict(self, frame: Any = None, /, **variables: Any) -> Any:
        """Return the loss that these parameters predict; see `Law.predict`."""
        return self._bound().predict(self, frame, **variables)

    def quantity(self, name: str, frame: Any = None, /, **variables: Any) -> Any:
        """Return a named part of the law at these parameters; see `Law.quantity`."""
        return self._bound().quantity(name, self, frame, **variables)

    def _bound(self) -> Law:
        if self.law is None:
            raise LawError("these published values belong to no law", None)
        return self.law


def values_of(law: Law, params: Any) -> Mapping[str, float]:
    """Return parameters by name: a mapping as it is, published ones by key or as they are, with their warning."""
    if isinstance(params, str):
        params = law.published_values(params)
    if not isinstance(params, Published):
        values: Mapping[str, float] = getattr(params, "params", params)
        return values
    if params.warning:
        which = " ".join(word for word in (law.name, params.key) if word)
        warn(f"the published values {which} are not precise enough: {params.warning}", PrecisionWarning)
    return params.params
