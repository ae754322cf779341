"""The NVIDIA GPUs of this machine: whether a container can have them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

DEVICE = "/dev/nvidiactl"
"""There where the kernel's driver of NVIDIA GPUs is loaded."""

CDI_FOLDERS = ("/etc/cdi", "/var/run/cdi")
"""Where podman, and docker from 25 on, look for descriptions of devices."""

_TOOLKIT = ("nvidia-container-runtime-hook", "nvidia-container-cli", "nvidia-ctk")


def are_here(device: str = DEVICE) -> bool:
    """Whether this machine has NVIDIA GPUs."""
    return os.path.exists(device)


def obstacle(engine: str, folders: Sequence[str] = CDI_FOLDERS) -> str:
    """Why that engine cannot hand GPUs to a container, with what to do; '' where it can.

    Asked before a container is started: an engine without the toolkit refuses to start one that
    asks for GPUs, also where the script needs none.
    """
    if engine == "podman":
        if any(_describes_gpus(folder) for folder in folders):
            return ""
        return (
            "podman has no description of this machine's GPUs, so the container does not see them; "
            "make it: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
        )
    if any(map(shutil.which, _TOOLKIT)):
        return ""
    return (
        "docker has no NVIDIA container toolkit here, so the container does not see this machine's "
        "GPUs; install nvidia-container-toolkit and run: sudo nvidia-ctk runtime configure "
        "--runtime=docker"
    )


def _describes_gpus(folder: str) -> bool:
    try:
        return any("nvidia" in name for name in os.listdir(folder))
    except OSError:
        return False
