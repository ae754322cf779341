"""Whether a container can have GPUs; the devices and tools are stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from runyard.containers import gpus


def test_gpus_are_here_where_their_driver_is(tmp_path: Path) -> None:
    device = tmp_path / "nvidiactl"
    assert not gpus.are_here(str(device))
    device.touch()
    assert gpus.are_here(str(device))


def test_docker_needs_the_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = gpus.obstacle("docker")
    assert "docker has no NVIDIA container toolkit here" in told
    assert "install nvidia-container-toolkit and run: sudo nvidia-ctk runtime configure" in told
    (tmp_path / "nvidia-container-cli").touch(mode=0o755)
    assert gpus.obstacle("docker") == ""


def test_podman_needs_a_description(tmp_path: Path) -> None:
    folders = [str(tmp_path / "none"), str(tmp_path)]
    assert "sudo nvidia-ctk cdi generate" in gpus.obstacle("podman", folders)
    (tmp_path / "nvidia.yaml").touch()
    assert gpus.obstacle("podman", folders) == ""
