"""By which addresses the nodes of a job reach each other."""

from __future__ import annotations

import re
import socket

from runyard.computes.slurm.commands import Slurm, SlurmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def of(
    nodes: Sequence[str],
    resolves: Callable[[str], bool] | None = None,
    slurm: Slurm | None = None,
) -> tuple[str, ...]:
    """The names of the nodes; for those that do not resolve what Slurm itself calls them by."""
    known = resolves or _resolves
    unknown = [name for name in nodes if not known(name)]
    if not unknown:
        return tuple(nodes)
    try:
        arguments = ("show", "node", "--oneliner", ",".join(unknown))
        found = parse((slurm or Slurm()).run("scontrol", *arguments))
    except SlurmError:
        found = {}
    return tuple(found.get(name, name) for name in nodes)


def parse(text: str) -> dict[str, str]:
    """NodeName → NodeAddr of what ``scontrol show node --oneliner`` prints."""
    found = {}
    for line in text.splitlines():
        name, address = (re.search(rf"(?:^|\s){key}=(\S+)", line) for key in _KEYS)
        if name and address:
            found[name[1]] = address[1]
    return found


_KEYS = ("NodeName", "NodeAddr")


def _resolves(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True
