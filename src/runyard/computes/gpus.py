"""The GPUs of this machine, found by what its system shows; no framework is imported.

``containers.gpus`` says whether a container engine can hand them on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from runyard.containers import arguments as container_arguments
from runyard.containers import gpus as container_gpus

ROOT = "/"
"""Where ``/dev``, ``/proc`` and ``/sys`` are; tests have their own."""

_DEVICE = re.compile(r"nvidia\d+")
_LISTED = re.compile(r"^GPU \d+:", re.MULTILINE)
_SMI_S = 20.0
_HIDING = ("", "-1", "none", "NoDevFiles")
_CUDA = "CUDA_VISIBLE_DEVICES"


def count() -> int:
    """How many GPUs this machine has, of NVIDIA or else of AMD."""
    return nvidia() or _amd()


def nvidia() -> int:
    """How many GPUs of NVIDIA: by their devices, their driver's list, else by ``nvidia-smi``.

    Devices are made when they are first used; a container has those that it was given.
    """
    devices = [name for name in _names("dev") if _DEVICE.fullmatch(name)]
    return len(devices) or len(_names("proc/driver/nvidia/gpus")) or _by_program()


def missing(variables: Mapping[str, str]) -> str:
    """Why a script with these variables would find no GPU here, with what to do; '' if it would.

    ``variables``: those of the run, which win over those of this process.
    """
    visible = variables.get(_CUDA, os.environ.get(_CUDA))
    if visible is not None and visible.strip() in _HIDING:
        return f"{_CUDA}={visible!r} hides all GPUs from the script; unset it, or {_OTHERWISE}"
    if not count():
        return (
            "this machine has no GPU (neither /dev/nvidia*, /proc/driver/nvidia and nvidia-smi nor "
            f"/dev/kfd show one); give another compute target, or {_OTHERWISE}"
        )
    return ""


_OTHERWISE = (
    "leave use_gpu out, or let runs use the CPU where there is no GPU: "
    "gpu_fallback = true in the settings file, or RUNYARD_GPU_FALLBACK=1 (for one pool: "
    "runyard compute update NAME --gpu fallback)"
)


def kept_from_container(engine: str, arguments: Sequence[str]) -> str:
    """Why a container would not have the GPUs that are here, with what to do; '' if it would.

    ``engine``: 'docker' or 'podman'. ``arguments``: the user's own for it.
    """
    if container_arguments.gives(arguments, "--gpus") or any("kfd" in one for one in arguments):
        return ""
    if nvidia():
        return container_gpus.obstacle(engine)
    return (
        "the GPUs of this machine are of AMD, and a container is given them by docker.arguments="
        "['--device=/dev/kfd', '--device=/dev/dri']"
    )


def _amd() -> int:
    """GPUs of AMD; processors are nodes of the same list, without an id of a GPU."""
    if not os.path.exists(os.path.join(ROOT, "dev/kfd")):
        return 0
    nodes = "sys/class/kfd/kfd/topology/nodes"
    ids = [_text(os.path.join(nodes, name, "gpu_id")) for name in _names(nodes)]
    return sum(1 for found in ids if found not in ("", "0"))


def _by_program() -> int:
    """Where a GPU has no device of its own, as under Windows' Linux."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        done = subprocess.run(
            [program, "-L"],
            capture_output=True,
            text=True,
            timeout=_SMI_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return len(_LISTED.findall(done.stdout)) if done.returncode == 0 else 0


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(os.path.join(ROOT, folder))
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(os.path.join(ROOT, path), encoding="ascii", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""
