"""The machine sizes that ``vm_size`` may name, as a table or JSON."""

from __future__ import annotations

from fnmatch import fnmatchcase

from runyard.cli import output, table
from runyard.cli.table import Column
from runyard.computes import machine_sizes
from runyard.computes.machine_sizes import MachineSize

_COLUMNS = (
    Column("size"),
    Column("vcpus", right=True),
    Column("memory", right=True),
    Column("gpus", right=True, optional=True),
    Column("gpu", shrink=True, drop=1, optional=True),
)


def show(pattern: str | None, as_json: bool) -> None:
    """Print the sizes that begin with a text, or whose whole name a pattern with ``*`` matches.

    ``pattern``: without 'Standard_', in letters of any case; None: all. Raises UserErrorException
    naming the nearest ones when there is none.
    """
    found = [size for size in machine_sizes.sizes() if pattern is None or _fits(size, pattern)]
    if not found:
        machine_sizes.find(pattern)  # which says what there is
    if as_json:
        output.to_json([size._asdict() for size in found])
        return
    table.show(_COLUMNS, [_row(size) for size in found])
    output.notice(machine_sizes.counted(len(found), "size"))


def _fits(size: MachineSize, pattern: str) -> bool:
    text = machine_sizes.short(pattern)
    return fnmatchcase(machine_sizes.short(size.name), text if "*" in text else f"{text}*")


def _row(size: MachineSize) -> tuple[object, ...]:
    return (
        size.name,
        size.vcpus,
        machine_sizes.gib(size.memory_bytes),
        size.gpus or "",
        size.gpu_model,
    )
