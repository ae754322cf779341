"""Specs as a target gets them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from runyard.testing import runs


def spec(**changes: Any) -> Any:
    """The spec of a run of one script, but for ``changes``."""
    return SimpleNamespace(**runs.spec(**changes))
