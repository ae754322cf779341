"""Slurm's short form of node names: ``gpu-[01-03,7],login`` (as in SLURM_JOB_NODELIST)."""

from __future__ import annotations

import itertools
import re


def expand(text: str) -> list[str]:
    """All names, in order. Raises ValueError for text that is no such list."""
    found: list[str] = []
    for part in _split(text):
        pieces = re.split(r"\[([^\[\]]*)\]", part)
        if any("[" in piece or "]" in piece for piece in pieces):
            raise ValueError(f"{text!r} is not a list of nodes as Slurm writes it")
        # Every second piece was in brackets.
        choices = [_numbers(piece) if index % 2 else [piece] for index, piece in enumerate(pieces)]
        found += ["".join(name) for name in itertools.product(*choices)]
    return found


def _split(text: str) -> list[str]:
    """At commas outside brackets."""
    return [part for part in re.split(r",(?![^\[]*\])", text.strip()) if part]


def _numbers(text: str) -> list[str]:
    found: list[str] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"[{text}] is not a range of nodes as Slurm writes it")
        width = len(first)
        found += [str(n).zfill(width) for n in range(int(first), int(last or first) + 1)]
    return found
