"""What of a run with an image a cluster can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runyard.computes.protocol import Problem
from runyard.computes.slurm import entering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runyard.record.layout import WorkspaceDirectory

SETTING = "containers"
_UNSAFE = (":", ",")
_SHM_SIZE = "2g"

_ALLOW = (
    "images do not run on the nodes of {name!r}: where they have apptainer (or singularity), or "
    "Slurm has the plug-in pyxis, attach it again with containers='apptainer' or 'pyxis' (runyard "
    "compute attach {name} --containers apptainer); else use packages without an image"
)
_BUILD = (
    "images are not built for a cluster: build it where docker or podman is, push it to a "
    "registry, and name it with Environment.from_docker_image(name, 'registry/name:tag')"
)
_PACKAGES = (
    "packages are not added to an image on a cluster: build and push an image that has them, and "
    "set python.user_managed_dependencies=True (--user-managed), or leave the image out"
)
_ARGUMENTS = (
    "docker.arguments={given!r}: of the options of `docker run` a cluster has only folders, "
    "['-v', '/data:/data:ro']; leave out the others"
)
_MPI = (
    "MPI in a container runs on one node of a cluster; use communicator 'Gloo' or 'Nccl' for "
    "several, or packages without an image"
)
_LOGIN = (
    "pyxis takes no user name and password of a registry from runyard; write them to "
    "~/.config/enroot/.credentials, and leave out username and password"
)


def problems(spec: Any, workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> list[Problem]:
    """Why a run with an image cannot run on the cluster; [] when it can, or names none."""
    if spec.container is None:
        return []
    program = record.get(SETTING)
    if not program:
        return [Problem("environment.docker", _ALLOW.format(name=record["name"]))]
    return list(_problems(spec, workspace.path, program))


def _problems(spec: Any, workspace: str, program: str) -> Iterator[Problem]:
    environment = spec.environment
    image = environment.image
    if not image.name:
        yield Problem("environment.docker", _BUILD)
    elif environment.kind != "user_managed":
        yield Problem("environment.python", _PACKAGES)
    if program == entering.PYXIS and image.username:
        yield Problem("environment.docker.base_image_registry", _LOGIN)
    if program == entering.PYXIS and image.name.endswith(".sif"):
        text = f"{image.name} is an image of apptainer; pyxis has .sqsh files and names"
        yield Problem("environment.docker.base_image", f"{text}: enroot import makes one")
    if entering.volumes(spec.container.arguments) is None:
        given = list(spec.container.arguments)
        yield Problem("docker", _ARGUMENTS.format(given=given))
    if spec.launcher == "mpi" and spec.node_count > 1:
        yield Problem("node_count", _MPI)
    if any(mark in workspace for mark in _UNSAFE):
        text = f"the path of the workspace, {workspace!r}, has ':' or ',', which {program} cannot "
        yield Problem("compute_target", f"{text}mount; make the workspace in another folder")


def notices(spec: Any, record: Mapping[str, Any]) -> list[str]:
    """What of the container's settings changes nothing on a cluster."""
    if spec.container is None or spec.container.shm_size == _SHM_SIZE or not record.get(SETTING):
        return []
    return [
        f"docker.shm_size={spec.container.shm_size!r} has no effect on {record['name']!r}: a "
        "container there has the /dev/shm of its node"
    ]
