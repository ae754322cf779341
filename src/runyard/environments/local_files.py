"""The content of local wheels and projects, as part of an environment's key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Made by builds, tools, version control and runs (a workspace in the project): their change does
# not change what is installed.
_PASSED_OVER = frozenset(
    (
        *(".git", ".hg", ".venv", "venv", "__pycache__", "build", "dist", ".tox", "node_modules"),
        ".runyard",
    )
)
_METADATA = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_CHUNK_BYTES = 1 << 20


def digest(path: Path, editable: bool) -> str:
    """Return a hexadecimal hash of a file's or project folder's content.

    Of an editable project only the files that decide its dependencies count: its code is read
    where it lies, so a change there needs no new environment. Raises OSError.
    """
    from blake3 import blake3

    hasher = blake3()
    for file in _files(path, editable):
        hasher.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                hasher.update(chunk)
    return hasher.hexdigest()


def _files(path: Path, editable: bool) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif editable:
        yield from (path / name for name in _METADATA if (path / name).is_file())
    else:
        yield from _walk(path)


def _walk(folder: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _PASSED_OVER and not name.endswith(".egg-info")
        )
        yield from (
            Path(directory, name) for name in sorted(names) if Path(directory, name).is_file()
        )
