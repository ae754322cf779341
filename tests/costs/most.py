"""The most that each step may take, counted: a change that needs more edits one number, on purpose.

Opens, stats and so on are of files of the workspace and of the source folder, so that they are the
same on every machine; ``bytes`` are those written to them. What is not named is not allowed at all.
``modules``: of this package, read from their files. Numbers have a tenth to a sixth to spare where
paths, versions of Python and the like may move them; the others are exact.
"""

from __future__ import annotations


def _at_most(**counts: int) -> dict[str, int]:
    return counts


MOST = {
    # submit() in a process that has submitted before, of an unchanged source folder.
    "submit": _at_most(opens=15, stats=34, mkdirs=7, writes=3, renames=2, fsyncs=1, bytes=5200),
    "submit to a pool": _at_most(
        opens=25, stats=44, mkdirs=7, writes=4, renames=3, fsyncs=1, bytes=5400
    ),
    # Beside these one program: sbatch.
    "submit to Slurm": _at_most(
        opens=20, stats=36, mkdirs=8, writes=7, renames=3, fsyncs=1, bytes=7600
    ),
    "runner, to the script": _at_most(
        opens=10, stats=6, mkdirs=3, writes=4, renames=2, bytes=640, modules=49
    ),
    # Nothing is imported by then; the one fsync is of the end in events.jsonl. One of the opens
    # is a look for requests, four times a second, that may fall there.
    "runner, from the script's end": _at_most(
        opens=4, stats=3, writes=3, removals=1, fsyncs=1, bytes=240
    ),
    "100 runs more in a list": _at_most(stats=300),
    "100 runs more behind the newest 20 of runyard runs": _at_most(),
    "100 runs more beside one that is shown by its id": _at_most(),
    # Of all system calls; getpid tells that this is no fork of who opened the file.
    "100 calls of run.log": _at_most(writes=100, getpid=100, bytes=6200),
    "100 unchanged files more in a snapshot": _at_most(stats=100),
    "environment found": _at_most(opens=1, stats=1),
    "import runyard": _at_most(modules=2),
    "runyard --version": _at_most(modules=11),
    "Workspace, Experiment": _at_most(modules=140),
}
