"""How often another runner has taken over a run: ``launch/adopted.jsonl``, a line for each.

With ``"again": true`` for one that started the run once more, since it was not to be gone on with.
"""

import os
import time

from runyard.record import jsonl, owner
from runyard.record.layout import RunDirectory

MOST = 10
"""A run that has lost so many of its runners, beside those of ``max_restarts``, is ended.

It may be what ends them.
"""


def path_of(run: RunDirectory) -> str:
    """The file; only the holder of the run's lock writes it."""
    return os.path.join(run.launch, "adopted.jsonl")


def count(run: RunDirectory) -> int:
    """How many runners have gone on with the run so far."""
    return len(jsonl.read(path_of(run)))


def restarts(run: RunDirectory) -> int:
    """How often the script of a run that was lost was started once more."""
    return sum(bool(line.get("again")) for line in jsonl.read(path_of(run)))


def note(run: RunDirectory, again: bool = False) -> int:
    """This process takes over the run; the how many-th it is. Raises OSError."""
    os.makedirs(run.launch, exist_ok=True)
    record = jsonl.Appender(path_of(run))
    line = dict(owner.identity(), t=time.time())
    record.append(dict(line, again=True) if again else line)
    record.close()
    return count(run)
