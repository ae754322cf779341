"""A memory cgroup (version 1) that a script enters, and what it waits for before it fills that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runyard.testing import runs
from tests.requirements import missing

LOOKED = """
def until_the_runner_has_looked():
    import json, os, time
    run = os.environ['RUNYARD_RUN_DIRECTORY']
    with open(run + '/runner.lock') as stream:
        status = '/proc/%d/status' % json.loads(stream.readline())['pid']
    def sleeps():
        with open(status) as stream:
            return int(stream.read().partition('\\nvoluntary_ctxt_switches:')[2].split()[0])
    while True:  # the last that it does before it watches alone
        with open(run + '/environment.json') as stream:
            if 'lock' in json.load(stream):
                break
        time.sleep(0.02)
    before = sleeps()
    while sleeps() < before + 5:  # it sleeps once between two looks
        time.sleep(0.02)
"""
"""A function for scripts: their runner has seen by then which memory cgroup they are in."""


@contextmanager
def memory_group(megabytes: int) -> Iterator[str]:
    """A group with a limit: the path of the file by which processes enter it."""
    group = Path("/sys/fs/cgroup/memory") / f"runyard-test-{os.getpid()}"
    if not os.access(group.parent, os.W_OK):
        missing("memory-cgroup", "there is no writable memory cgroup of version 1")
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(megabytes << 20))
        yield str(group / "cgroup.procs")
    finally:
        runs.wait_for(lambda: _is_removed(group))


def _is_removed(group: Path) -> bool:
    """A process that has just ended may still be counted in it."""
    try:
        group.rmdir()
    except OSError:
        return False
    return True
