"""A rank that called MPI_Abort, or in which MPI itself gave up, by what it said in a log."""

from __future__ import annotations

import re

from runyard.runner import logtail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from runyard.record.layout import RunDirectory
    from runyard.record.ranks import Rank

# Abort(5) on node 1 (rank 1 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 5) …
_SAID = re.compile(r"^Abort\((?P<code>\d+)\) on node (?P<rank>\d+) ", re.MULTILINE)

# [node-0:00000] *** An error occurred in Socket closed
# [node-0:00000] *** reported by process [1216479233,0]
_LOST = re.compile(
    r"\*\*\* An error occurred in Socket closed\n"
    r".*\*\*\* reported by process \[\d+,(?P<rank>\d+)\]"
)


def find(run: RunDirectory, numbers: Iterable[int]) -> tuple[int, int] | None:
    """The first of these ranks whose log says so, and its exit code; None for none.

    Where the ranks are ended at once, as MPICH and Intel MPI do it, none can record it.
    """
    for number in numbers:
        match = _SAID.search(logtail.read(run.rank_log(number)))
        if match and int(match["rank"]) == number:
            return number, int(match["code"]) & 0xFF or 1
    return None


def mark_lost(ranks: Iterable[Rank], log: str) -> None:
    """Mark those that Open MPI ended since the connection to another was gone.

    ``log``: of the starter, which shows what they say of it. It ends them the moment the kernel has
    closed the socket, which is before the other's end can be recorded.
    """
    lost = {int(match["rank"]) for match in _LOST.finditer(logtail.read(log))}
    for rank in ranks:
        rank.lost = rank.lost or rank.number in lost
