"""What of a machine size is not here is said, and no error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runyard.computes import gpus, machine
from runyard.computes.local import LocalTarget
from runyard.config.jobspec import Resources
from tests.computes.specs import spec

GIB = 2**30


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 2 processors and 8 GB, which shows a little less."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemFree: 1 kB\nMemTotal:        8000000 kB\n")
    monkeypatch.setattr(machine, "MEMINFO", str(meminfo))
    monkeypatch.setattr(machine, "cpus", lambda: 2)


def asking(cpus: int, gib: float) -> Any:
    resources = Resources(cpus=cpus, memory_bytes=int(gib * GIB))
    return spec(vm_size="Standard_NC6", resources=resources)


def test_a_larger_machine_is_one_sentence() -> None:
    assert LocalTarget().notices(asking(6, 56)) == [
        "vm_size='Standard_NC6' is a machine of 6 vCPUs and 56 GiB of memory; this one has 2 and 8 "
        "GiB, and the run takes what there is"
    ]
    assert LocalTarget().check(asking(6, 56)) == []
    assert len(LocalTarget().notices(asking(1, 56))) == 1
    assert len(LocalTarget().notices(asking(3, 1))) == 1


def test_more_gpus_than_there_are_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = spec(resources=Resources(gpus=4))
    monkeypatch.setattr(gpus, "count", lambda: 1)
    assert LocalTarget().notices(asked) == [
        "4 GPUs are asked for; this machine has 1, and the run takes those"
    ]
    monkeypatch.setattr(gpus, "count", lambda: 4)
    assert LocalTarget().notices(asked) == []


def test_what_fits_is_not_said() -> None:
    for fitting in (asking(2, 8), asking(1, 3.5), spec(), spec(resources=Resources(gpus=1))):
        assert LocalTarget().notices(fitting) == []


def test_a_machine_that_does_not_tell_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MEMINFO", "/nowhere")
    assert machine.memory_bytes() == 0
