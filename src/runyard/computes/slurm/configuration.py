"""What ``SlurmCompute.attach_configuration`` makes: a cluster described, and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runyard.computes.slurm import entering, site_options
from runyard.computes.slurm.script import quoted
from runyard.errors import ComputeTargetException

_GPU_OPTIONS = ("gpus-per-node", "gres")
_TEXTS = (
    "partition",
    "account",
    "qos",
    "constraint",
    "reservation",
    "lowpriority_partition",
    "lowpriority_qos",
)
_PATHS = ("prologue", "shared_directory", "python", "slurm_conf")


class SlurmAttachConfiguration:
    """A cluster to be attached. Its attributes are the parameters of ``attach_configuration``.

    Raises ComputeTargetException for what cannot be, UserErrorException for a control character
    in a text.
    """

    def __init__(self, **given: Any) -> None:
        self._kind = "Slurm"
        for name in _TEXTS:
            setattr(self, name, _text(name, given[name]))
        for name in _PATHS:
            setattr(self, name, _path(name, given[name]))
        self.modules = _texts("modules", given["modules"])
        self.sbatch_options = site_options.listed(given["sbatch_options"])
        self.gpu_option = _gpu_option(given["gpu_option"])
        self.containers = _containers(given["containers"])
        self.memory = bool(given["memory"])
        self.tags = {str(key): str(value) for key, value in (given["tags"] or {}).items()}
        self.description: str | None = given["description"]

    def record(self) -> dict[str, Any]:
        """What is kept of it with the target: what says something."""
        return {
            name: value
            for name, value in vars(self).items()
            if name != "_kind" and value not in (None, "", [], {})
        }

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={value!r}" for name, value in self.record().items())
        return f"{type(self).__name__}({parts})"


def _text(name: str, given: object) -> str | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        raise ComputeTargetException(
            f"{name}={given!r} is of type {type(given).__name__}; give its name as text"
        )
    quoted(given)
    return given


def _path(name: str, given: object) -> str | None:
    found = None if given is None else _text(name, os.fspath(given))  # type: ignore[call-overload]
    if found is None:
        return None
    return os.path.abspath(os.path.expanduser(found))


def _texts(name: str, given: object) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ComputeTargetException(f"{name}={given!r}: give a list such as ['{name}/1.0']")
    return [text for one in given if (text := _text(name, one))]


def _gpu_option(given: object) -> str | None:
    if given is None:
        return None
    if isinstance(given, str) and re.fullmatch(r"(gpus-per-node|gres)(:[A-Za-z0-9_.-]+)?", given):
        return given
    raise ComputeTargetException(
        f"gpu_option={given!r} is not known; give one of {', '.join(map(repr, _GPU_OPTIONS))}, "
        "with the GPU's type behind a colon where the site wants it: 'gres:a100'"
    )


def _containers(given: object) -> str | None:
    if given is None or given in entering.PROGRAMS:
        return given
    raise ComputeTargetException(
        f"containers={given!r} is not known; give 'apptainer' (also for singularity) or 'pyxis', "
        "whichever the nodes have"
    )


def given_from(settings: Mapping[str, Any]) -> SlurmAttachConfiguration:
    """The configuration of settings as they are kept, all others left out."""
    nothing: dict[str, Any] = dict.fromkeys((*_TEXTS, *_PATHS))
    rest = dict.fromkeys(("modules", "sbatch_options", "gpu_option", "containers", "tags"))
    return SlurmAttachConfiguration(
        **{**nothing, **rest, "memory": True, "description": None, **settings}
    )
