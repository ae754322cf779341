"""Where new pools of the workspace get their nodes."""

from __future__ import annotations

import click

from runyard.cli import opening, output
from runyard.computes import engine
from runyard.computes.compute_target import LOCAL


def show(name: str | None, sizes: tuple[str, ...], as_json: bool) -> None:
    """Set it, unless ``name`` is None, and print it.

    Raises ComputeTargetException for a cluster that is not attached.
    """
    workspace = (opening.existing() if name is None else opening.existing_or_made()).directory
    if name is not None:
        engine.use(workspace, None if name == LOCAL else name, dict(_pair(text) for text in sizes))
    target, table = engine.used(workspace)
    if as_json:
        output.to_json({"engine": target or LOCAL, "sizes": table})
        return
    output.text(f"new pools are made on {target or 'this machine'}")
    for size, place in table.items():
        where = ", ".join(f"{key} {value}" for key, value in place.items())
        output.text(f"  {size}: {where}")


def _pair(text: str) -> tuple[str, str]:
    size, equals, place = text.partition("=")
    if not (size and equals and place):
        raise click.UsageError(f"--size {text!r}: write it as SIZE=PARTITION[:CONSTRAINT]")
    return size, place
