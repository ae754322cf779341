"""A script of which MPI starts several processes that do not know of each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runyard.config.jobspec import JobSpec

# What a script that shares the work among its processes has in it somewhere: a package that talks
# over MPI, or a variable with its rank.
_KNOWING = re.compile(
    rb"mpi4py|mpi4jax|horovod|chainermn|petsc4py|deepspeed|byteps|torch\.distributed|distributed_init|"
    rb"jax\.distributed|\bMPI\b|RANK\b|WORLD_SIZE|world_size"
)


def notices(spec: JobSpec) -> list[str]:
    """That every process does all of the work, where nothing in the script says otherwise.

    Users of SDK v1 expected MPI to divide the data (MicrosoftDocs/azure-docs#59408). Only Python
    scripts and notebooks are looked at, with the modules of the source folder that they import.
    """
    entry = spec.entry
    if spec.launcher != "mpi" or spec.script is None or entry is None or entry.kind == "program":
        return []
    if any(_KNOWING.search(word.encode()) for word in spec.arguments):
        return []
    if any(_knows(path) for path in _files(spec, spec.script, entry.python_path)):
        return []
    count = spec.distribution.process_count if spec.distribution else 1
    return [
        f"nothing in {spec.script} speaks of MPI or of a rank: each of the {count} processes runs "
        "all of it on all of the data. To share the work, use mpi4py, horovod or ChainerMN, or go "
        "by $OMPI_COMM_WORLD_RANK and $OMPI_COMM_WORLD_SIZE"
    ]


def _files(spec: JobSpec, script: str, folders: tuple[str, ...]) -> list[Path]:
    from runyard.config import script_checks, source_imports

    source = Path(spec.source_directory)
    python = script_checks.version_of(spec.environment)
    found = source_imports.collect(source, script, python, folders)
    return [source / name for name in (*found.files, *found.broken)]


def _knows(path: Path) -> bool:
    try:
        return _KNOWING.search(path.read_bytes()) is not None
    except OSError:
        return True
