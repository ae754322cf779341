"""Whether this machine has a GPU. There is none here: its devices are stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from runyard.computes import gpus
from runyard.computes.local import LocalTarget
from runyard.testing import runs
from tests.computes.specs import spec


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without GPUs, and without the program that lists them."""
    monkeypatch.setattr(gpus, "ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def put(root: Path, *paths: str, text: str = "") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_a_machine_without_gpus(root: Path) -> None:
    put(root, "dev/null", "dev/nvidiactl", "proc/meminfo")
    assert gpus.count() == 0


def test_by_the_devices(root: Path) -> None:
    put(root, "dev/nvidia0", "dev/nvidia1", "dev/nvidiactl", "dev/nvidia-uvm")
    put(root, "proc/driver/nvidia/gpus/0000:01:00.0/information")
    assert gpus.count() == 2


def test_by_the_driver_where_no_device_was_used_yet(root: Path) -> None:
    for slot in ("0000:01:00.0", "0000:02:00.0", "0000:03:00.0"):
        put(root, f"proc/driver/nvidia/gpus/{slot}/information")
    assert gpus.count() == 3


def test_by_the_program(root: Path) -> None:
    program = root / "bin" / "nvidia-smi"
    listed = "GPU 0: NVIDIA A10 (UUID: GPU-1)\\nGPU 1: NVIDIA A10 (UUID: GPU-2)"
    put(root, "bin/nvidia-smi", text=f'#!/bin/sh\nprintf "{listed}\\n"\n')
    program.chmod(0o755)
    assert gpus.count() == 2
    program.write_text("#!/bin/sh\necho 'GPU 0: not really'\nexit 9\n")
    assert gpus.count() == 0
    program.write_text("no program at all")
    assert gpus.count() == 0


def test_of_amd_processors_do_not_count(root: Path) -> None:
    nodes = "sys/class/kfd/kfd/topology/nodes"
    put(root, f"{nodes}/0/gpu_id", text="0\n")
    put(root, f"{nodes}/1/gpu_id", text="51966\n")
    assert gpus.count() == 0
    put(root, "dev/kfd")
    assert gpus.count() == 1


MISSING = (
    "this machine has no GPU (neither /dev/nvidia*, /proc/driver/nvidia and nvidia-smi nor "
    "/dev/kfd show one); give another compute target, or leave use_gpu out, or let runs use the "
    "CPU where there is no GPU: gpu_fallback = true in the settings file, or "
    "RUNYARD_GPU_FALLBACK=1 (for one pool: runyard compute update NAME --gpu fallback)"
)


def test_why_a_script_would_find_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpus.missing({}) == MISSING
    put(root, "dev/nvidia0")
    assert gpus.missing({}) == ""
    assert gpus.missing({"CUDA_VISIBLE_DEVICES": "0"}) == ""
    for hiding in ("", "-1"):
        told = gpus.missing({"CUDA_VISIBLE_DEVICES": hiding})
        assert told.startswith(
            f"CUDA_VISIBLE_DEVICES={hiding!r} hides all GPUs from the script; unset it, or leave"
        )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "hides all GPUs" in gpus.missing({})
    assert gpus.missing({"CUDA_VISIBLE_DEVICES": "1"}) == ""


def test_what_a_container_would_not_have(root: Path) -> None:
    put(root, "dev/nvidia0")
    assert "docker has no NVIDIA container toolkit" in gpus.kept_from_container("docker", [])
    assert gpus.kept_from_container("docker", ["--gpus=all"]) == ""
    (root / "dev/nvidia0").unlink()
    told = gpus.kept_from_container("docker", [])
    assert "docker.arguments=['--device=/dev/kfd', '--device=/dev/dri']" in told
    assert gpus.kept_from_container("docker", ["--device=/dev/kfd"]) == ""


def test_this_machine_as_a_target_refuses_what_needs_one(root: Path) -> None:
    target = LocalTarget()
    assert target.check(spec(use_gpu=False)) == []
    assert [tuple(problem) for problem in target.check(spec(use_gpu=True))] == [
        ("use_gpu", MISSING)
    ]
    assert target.lacks_gpu({}) == MISSING
    put(root, "dev/nvidia0")
    assert target.check(spec(use_gpu=True)) == []


def test_the_spec_of_the_suite_asks_for_nothing() -> None:
    assert runs.spec()["use_gpu"] is False
