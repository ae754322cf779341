"""Whether a row or file is drawn: the same for the same seed, in every Python and on every machine.

The draw is a hash (splitmix64) of the position among what a step is given, so rows need not be
counted before, and the two parts of a split are disjoint and whole.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def below(threshold: float, seed: int, salt: int, position: int) -> bool:
    """True with the probability ``threshold``. ``salt``: another one for every step."""
    return (_mixed(_start(seed, salt) + position * _STEP) >> 11) < threshold * (1 << 53)


def all_below(threshold: float, seed: int, salt: int, first: int, count: int) -> "Any":
    """`below` for ``count`` positions in a row: an array of numpy."""
    import numpy as np

    with np.errstate(over="ignore"):
        positions = np.arange(first, first + count, dtype=np.uint64)
        state = np.uint64(_start(seed, salt)) + positions * np.uint64(_STEP)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) < threshold * (1 << 53)


def _start(seed: int, salt: int) -> int:
    return _mixed(_mixed(seed & _MASK) + salt + 1)


def _mixed(state: int) -> int:
    state &= _MASK
    state = ((state ^ (state >> 30)) * _FIRST) & _MASK
    state = ((state ^ (state >> 27)) * _SECOND) & _MASK
    return state ^ (state >> 31)
