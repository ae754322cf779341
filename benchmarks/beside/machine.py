"""What the numbers are of: the machine, without its name, its paths and its user."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine(folder: Path) -> dict[str, str | int]:
    """CPU, cores, memory, kernel, the file system of the folder, and Python."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(int(memory) / 2**20),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "file_system": file_system(folder),
        "python": platform.python_version(),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def file_system(folder: Path) -> str:
    """The kind of file system that a folder is on, as ``ext4``."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == wanted:
            return kind.split()[0]
    return "unknown"
