"""Warnings of estimators, at the line of the caller that they are about."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line that is not ours, so that Python says it once per call site."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def deprecated(text: str) -> None:
    """Warn of what SDK v1 deprecated and runyard still takes."""
    warn(text, DeprecationWarning)
