"""Images on the nodes of a cluster: by apptainer (singularity), or by pyxis, a plug-in of srun."""

from __future__ import annotations

import os
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

APPTAINER = "apptainer"
PYXIS = "pyxis"
PROGRAMS = (APPTAINER, PYXIS)

_APPTAINER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apptainer.sh")

_FOR_SRUN = ("ENROOT_", "LC_", "NVIDIA_", "PYXIS_", "SLURM", "XDG_")
_FOR_SRUN_ALONE = frozenset(
    (
        *("CUDA_VISIBLE_DEVICES", "HOME", "LANG", "LOGNAME", "PATH", "ROCR_VISIBLE_DEVICES"),
        *("RUNYARD_RUN_DIRECTORY", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
    )
)
"""What srun hands on into a container of pyxis, where the image does not set it."""


class Entry(NamedTuple):
    """A container to be entered.

    ``image``: its full reference, or the path of a file. ``mounts``: source, target, and whether
    it cannot be written. ``folder``: the working directory in it.
    """

    image: str
    mounts: tuple[tuple[str, str, bool], ...]
    folder: str


def is_file(image: str) -> bool:
    """Whether it is the path of an image, and not its name."""
    return image.startswith("/")


def apptainer(entry: Entry, argv: Sequence[str]) -> list[str]:
    """The command that runs ``argv`` in a container, by whichever of the programs a node has.

    Nothing of this machine's variables and no home: they would lead the script to other packages.
    """
    image = entry.image if is_file(entry.image) else f"docker://{entry.image}"
    binds = (part for mount in entry.mounts for part in ("--bind", _mount(mount)))
    options = ("--cleanenv", "--no-home", "--pwd", entry.folder, *binds)
    return ["sh", _APPTAINER, *options, image, *argv]


def pyxis(entry: Entry) -> list[str]:
    """The options by which srun starts what it starts in a container."""
    image = entry.image if is_file(entry.image) else _of_enroot(entry.image)
    return [
        f"--container-image={image}",
        f"--container-mounts={','.join(map(_mount, entry.mounts))}",
        f"--container-workdir={entry.folder}",
        "--no-container-mount-home",
        "--no-container-entrypoint",
    ]


def for_srun(variables: Mapping[str, str]) -> dict[str, str]:
    """Of variables those that srun and pyxis need; the others would be seen in the container."""
    return {
        name: value
        for name, value in variables.items()
        if name in _FOR_SRUN_ALONE or name.startswith(_FOR_SRUN)
    }


def _of_enroot(reference: str) -> str:
    """``nvcr.io/nvidia/pytorch:25.01`` as enroot wants it: with # behind the registry."""
    first, slash, rest = reference.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first):
        return reference
    return rest if first == "docker.io" else f"{first}#{rest}"


def _mount(mount: tuple[str, str, bool]) -> str:
    source, target, read_only = mount
    return f"{source}:{target}{':ro' if read_only else ''}"


def volumes(arguments: Sequence[str]) -> list[tuple[str, str, bool]] | None:
    """The mounts of options of ``docker run`` that are all ``-v`` or ``--volume``, else None."""
    found = []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in ("-v", "--volume"):
            return None
        text = value if equals else next(words, "")
        parts = text.split(":")
        if len(parts) not in (2, 3) or not all(part.startswith("/") for part in parts[:2]):
            return None
        if parts[2:] not in ([], ["ro"], ["rw"]):
            return None
        found.append((parts[0], parts[1], parts[2:] == ["ro"]))
    return found
