"""From what `numpy.random.default_rng` takes to the one integer that every stream of a job hangs on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._engine import Floats, floats
from ._errors import DataError

#: Purposes of streams that are drawn in Python; the core has its own.
NOISE = 0x6E6F697365


def seed_of(rng: Any) -> int:
    """Return a seed between 0 and 2**64.

    Parameters
    ----------
    rng : int, Generator, BitGenerator, SeedSequence, sequence of int or None
        An integer is used as it is, so that ``rng=0`` means the same everywhere; a generator is drawn from once;
        None takes fresh entropy.

    Examples
    --------
    >>> seed_of(7), seed_of(np.random.SeedSequence(7)) == seed_of(np.random.SeedSequence(7))
    (7, True)
    """
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if 0 <= rng < 2**64:
            return int(rng)
        raise DataError(f"rng is {rng}, expected an integer from 0 to 2**64 - 1")
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(0, 2**64, dtype=np.uint64))
    try:
        sequence = rng if isinstance(rng, np.random.SeedSequence) else np.random.SeedSequence(rng)
    except (TypeError, ValueError):
        raise DataError(f"rng is {rng!r}, expected a whole number, a numpy Generator, a SeedSequence or None") from None
    return int(sequence.generate_state(1, np.uint64)[0])


def uniform(seed: int, purpose: int, size: int) -> Floats:
    """Return numbers in [0, 1) that depend on seed, purpose and place only, in every version of numpy."""
    raw = np.random.Philox(key=[seed, purpose]).random_raw(size)
    return floats(raw >> np.uint64(11)) * 2.0**-53
