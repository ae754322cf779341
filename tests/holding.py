"""Which files hold a secret, also while runs go on beside that write and remove some."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def files_below(*folders: str | os.PathLike[str]) -> list[Path]:
    """All files, and none that links lead to; what is removed meanwhile may be among them."""
    found = [
        Path(top, name)
        for folder in folders
        for top, _, names in os.walk(folder)  # which leaves out what is gone, and rglob raises
        for name in names
    ]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def holding(word: bytes, *folders: str | os.PathLike[str]) -> list[Path]:
    """The files below some folders that have a word in them."""
    return [path for path in files_below(*folders) if word in _content(path)]


def _content(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
