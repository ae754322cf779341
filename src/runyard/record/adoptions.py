"""How often another runner has gone on with a run: ``launch/adopted.jsonl``, a line for each."""

import os
import time

from runyard.record import jsonl, owner
from runyard.record.layout import RunDirectory

MOST = 10
"""A run that has lost so many of its runners is ended: it may be what ends them."""


def path_of(run: RunDirectory) -> str:
    """The file; only the holder of the run's lock writes it."""
    return os.path.join(run.launch, "adopted.jsonl")


def count(run: RunDirectory) -> int:
    """How many runners have gone on with the run so far."""
    return len(jsonl.read(path_of(run)))


def note(run: RunDirectory) -> int:
    """This process goes on with the run; the how many-th it is. Raises OSError."""
    os.makedirs(run.launch, exist_ok=True)
    record = jsonl.Appender(path_of(run))
    record.append(dict(owner.identity(), t=time.time()))
    record.close()
    return count(run)
