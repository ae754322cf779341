"""The processes of a distributed run: ``ranks/<rank>.jsonl``, written by each itself.

Its first line says that it has started: ``{"t": seconds since 1970, "host": name, "node": index,
"pid": number}``; the last one how it ended: ``{"t": …, "code": exit code, 128 + n for signal n}``.
A rank that is about to fail, and knows it, says so before: ``{"t": …, "failing": exit code}``, with
``"lost": true`` where its error is that the connection to another rank is gone. The empty file
``ranks/failed/<rank>`` is there from then on, or once it has ended with another code than 0, so
that a look at one folder is enough to see whether any has failed.
"""

import os

from runyard.record import jsonl
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


_LOST_S = 2.0
"""How long after an error of a lost connection the end may be recorded of whom it was lost to."""
_TOLD_S = 0.8
"""The same of a rank that was told to end: starters wait a second before they kill the others."""


_NUMBERS = ("node", "pid", "failing", "code")


def _is_number(value: "Any") -> bool:
    """Whether it may stand where a record has a number, or nothing."""
    return value is None or type(value) is int


class Rank:
    """What is known of one process.

    ``started``, ``ended``, ``failed``: seconds since 1970, None: not (yet); ``host``, ``node``,
    ``pid``; ``code``: its exit code, None while it runs, and where it could not be recorded; of one
    that was ended while it was failing, the code that it was about to end with. ``failing``: that
    one, 0: it has not said so. ``lost``: it failed for want of another.
    """

    def __init__(self, number: int, lines: "List[Dict[str, Any]]") -> None:
        self.number = number
        self.started: "Optional[float]" = None
        self.ended: "Optional[float]" = None
        self.failed: "Optional[float]" = None
        self.code: "Optional[int]" = None
        self.lost = False
        self.failing = 0
        self.host = ""
        self.node: "Optional[int]" = None
        self.pid: "Optional[int]" = None
        for line in lines:
            moment = jsonl.moment(line)
            if moment is not None and all(_is_number(line.get(key)) for key in _NUMBERS):
                self._apply(line, moment)

    def _apply(self, line: "Dict[str, Any]", moment: float) -> None:
        if "host" in line:
            self.started, self.host = moment, str(line["host"])
            self.node, self.pid = line.get("node"), line.get("pid")
            # A process that is started again begins anew.
            self.ended = self.failed = self.code = None
            self.failing, self.lost = 0, False
        if line.get("failing") and self.failed is None:
            self.failed, self.failing = moment, line["failing"]
            self.lost = bool(line.get("lost"))
        if "code" in line:
            self.ended, self.code = moment, self.failing or line["code"]
            if self.code and self.failed is None:
                self.failed = moment

    def is_a_cause(self) -> bool:
        """Whether others may have failed for want of this one; by SIGTERM it was told to end."""
        return not self.lost and self.code != 143


def path_of(run: RunDirectory, rank: int) -> str:
    """The file of one rank."""
    return os.path.join(run.ranks, "{}.jsonl".format(rank))


def failed_folder(run: RunDirectory) -> str:
    """Where a rank that has failed leaves a file of its number."""
    return os.path.join(run.ranks, "failed")


def of(run: RunDirectory, number: int) -> Rank:
    """What is known of one process, nothing where it has not started or cannot be read."""
    return Rank(number, list(jsonl.read_part(path_of(run, number), [])))


def read(run: RunDirectory) -> "List[Rank]":
    """All ranks that have started, in order; a line that cannot be read says nothing."""
    try:
        names = os.listdir(run.ranks)
    except OSError:
        return []
    found = (name[:-6] for name in names if name.endswith(".jsonl"))
    numbers = sorted(int(name) for name in found if name.isdigit())
    return [of(run, number) for number in numbers]


def first_failed(ranks: "List[Rank]") -> "Optional[Rank]":
    """The rank that failed first in time; None when none did.

    The kernel closes the sockets of a process that is killed, and frees its memory, before anybody
    hears of its end. So where the first has only lost a connection, or was told to end by a starter
    that has, another that failed about then comes before it.
    """
    failed = [(rank.failed, rank.number, rank) for rank in ranks if rank.failed is not None]
    if not failed:
        return None
    begun = min(failed)
    if not begun[2].is_a_cause():
        until = begun[0] + (_LOST_S if begun[2].lost else _TOLD_S)
        others = (one for one in failed if one[0] <= until)
        begun = min((one for one in others if one[2].is_a_cause()), default=begun)
    return begun[2]
