"""The sizes of Azure virtual machines: what a ``vm_size`` asks for.

The table is ``machine_sizes.json``, which says how it is read; docs/machine-sizes.md shows it.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runyard.errors import UserErrorException

FILE = Path(__file__).with_name("machine_sizes.json")
_PREFIX = "Standard_"
_GIB = 2**30


class MachineSize(NamedTuple):
    """One size: its ``name`` as Azure writes it, and what a machine of it has.

    ``vcpus``: threads of the processor. ``memory_bytes``. ``gpus``: devices that a process sees,
    also where a size has but a part of one. ``gpu_model``: '' without a GPU. ``series``: the sizes
    it stands beside.
    """

    name: str
    vcpus: int
    memory_bytes: int
    gpus: int
    gpu_model: str
    series: str

    def described(self) -> str:
        """What it has, such as '6 vCPUs, 56 GiB of memory, 1 GPU (NVIDIA Tesla K80)'."""
        has = f"{counted(self.vcpus, 'vCPU')}, {gib(self.memory_bytes)} of memory"
        if not self.gpus:
            return has
        return f"{has}, {counted(self.gpus, 'GPU')} ({self.gpu_model})"


def find(name: object) -> MachineSize:
    """The size of that name, in letters of any case, with or without 'STANDARD_'.

    Raises UserErrorException naming the nearest ones when there is none.
    """
    key = short(name) if isinstance(name, str) else ""
    found = _by_key().get(key)
    if found is None:
        raise UserErrorException(_unknown(name, key))
    return found


def sizes() -> list[MachineSize]:
    """Every size, series after series, in the order of the table."""
    return list(_by_key().values())


def short(name: str) -> str:
    """A name in small letters, without 'standard_'."""
    return name.strip().lower().removeprefix(_PREFIX.lower())


def gib(size_bytes: float) -> str:
    """A size of memory as text, such as '3.5 GiB'."""
    return f"{size_bytes / _GIB:.2f}".rstrip("0").rstrip(".") + " GiB"


def counted(count: int, noun: str) -> str:
    """A count with its noun, such as '2 GPUs'."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


@functools.cache
def _by_key() -> dict[str, MachineSize]:
    content = json.loads(FILE.read_text(encoding="utf-8"))
    found = [size for series in content["series"] for size in _of_series(series)]
    return {short(size.name): size for size in found}


def _of_series(series: Mapping[str, Any]) -> Iterator[MachineSize]:
    for pattern in series["names"]:
        for key, (vcpus, memory, *gpus) in series["sizes"].items():
            yield MachineSize(
                name=_PREFIX + pattern.replace("#", key),
                vcpus=vcpus,
                memory_bytes=int(memory * _GIB),
                gpus=sum(gpus),
                gpu_model=series.get("gpu", ""),
                series=series["series"],
            )


def _unknown(name: object, key: str) -> str:
    near = _nearest(key)
    meant = f"; did you mean {', '.join(near)}?" if near else "."
    return (
        f"vm_size={name!r} is not a known machine size{meant} "
        "All are listed by: runyard compute sizes"
    )


def _nearest(key: str) -> list[str]:
    """Names like it: of the same family and number first, then by their letters."""
    known = _by_key()
    head = re.match(r"[a-z]+\d+", key)
    alike = [other for other in known if head and re.match(rf"{head[0]}(?!\d)", other)]
    letters = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    ranked = sorted(alike, key=lambda other: -_similarity(key, other))
    return [known[other].name for other in list(dict.fromkeys([*ranked, *letters]))[:3]]


def _similarity(one: str, other: str) -> float:
    return difflib.SequenceMatcher(a=one, b=other).ratio()
