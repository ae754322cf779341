"""Compute targets that are no more than a name."""

from __future__ import annotations


class LocalTarget:
    """This machine as a target to submit to, without a workspace (SDK v1's class of this name)."""

    name = "local"
    type = "local"

    def __repr__(self) -> str:
        return "LocalTarget()"
