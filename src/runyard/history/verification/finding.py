"""What is wrong with one thing of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Finding:
    """``level``: error, or warning where nothing is lost; ``place``: the file or folder.

    ``text``: what is the matter; ``advice``: what to do; ``mend``: what `repair` does, None where
    that is for a person to decide.
    """

    level: str
    place: str
    text: str
    advice: str
    mend: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    repaired: bool = False
