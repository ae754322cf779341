"""What an estimator's parameters must be, in the order of SDK v1 (spec 2.4), and what is built."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.errors import TrainingException, UserErrorException
from runyard.estimators.caution import deprecated

_EXCLUDED_BY_DEFINITION = (
    "pip_packages",
    "pip_requirements_file",
    "conda_packages",
    "conda_dependencies_file",
    "custom_docker_image",
    "image_registry_details",
    "use_gpu",
    "user_managed",
    "shm_size",
    "environment_variables",
)

_UNBUILT = {
    "vm_size": "give compute_target='local'",
    "vm_priority": "leave it out; the run starts on this machine",
    "distributed_backend": "leave it out; the run is one process on one node",
    "distributed_training": "leave it out; the run is one process on one node",
    "use_gpu": "leave it out; the script sees the GPUs of this machine",
}


def check(given: Mapping[str, Any], backends: Sequence[str]) -> None:
    """Refuse what SDK v1 refuses, then what is not built yet.

    ``given``: the constructor's parameters by name, deprecated spellings folded; ``backends``:
    values of distributed_backend the class knows. Raises TrainingException, or
    UserErrorException where SDK v1 does (rows 10, 16, 17).
    """
    _check_docker(given)
    _check_definition(given)
    _check_conda_file(given)
    _check_counts(given)
    _check_backend(given["distributed_backend"], backends)
    _check_user_managed(given)
    _check_single(given)
    _check_images(given)
    _refuse_unbuilt(given)


def warn_of_deprecated(given: Mapping[str, Any]) -> None:
    """Warn of every deprecated parameter that is given (spec 2.4, rows 1, 2, 3 and 15)."""
    for old, new in _OLDER_SPELLINGS.items():
        if given.get(old):
            both = f" ({new} is given too)" if given[new] else ""
            deprecated(f"{old} is deprecated; write {new}={given[old]!r}{both}")
    if given["process_count_per_node"] != 1:
        deprecated(
            "process_count_per_node is deprecated; write distributed_training=Mpi("
            f"process_count_per_node={given['process_count_per_node']!r})"
        )
    if given["distributed_backend"] is not None:
        deprecated(
            f"distributed_backend={given['distributed_backend']!r} is deprecated; write "
            "distributed_training, such as Mpi()"
        )
    if given["use_docker"] is False:
        deprecated("use_docker=False is deprecated; without an image no container is used")


_OLDER_SPELLINGS = {
    "conda_dependencies_file_path": "conda_dependencies_file",
    "pip_requirements_file_path": "pip_requirements_file",
    "custom_docker_base_image": "custom_docker_image",
}


def _check_docker(given: Mapping[str, Any]) -> None:
    image = given["custom_docker_image"] or given["custom_docker_base_image"]
    if not given["use_docker"] and image:
        raise TrainingException(
            f"use_docker=False and the image {image!r} are both given; leave out one or the other"
        )


def _check_images(given: Mapping[str, Any]) -> None:
    old, new = given["custom_docker_base_image"], given["custom_docker_image"]
    if old and new:
        raise TrainingException(
            f"custom_docker_base_image={old!r} is an older spelling of custom_docker_image="
            f"{new!r}, and both are given; leave out the first"
        )
    details = given["image_registry_details"]
    if details is not None and not isinstance(details, ContainerRegistry):
        raise TrainingException(
            f"image_registry_details is {details!r} of type {type(details).__name__}; give a "
            "ContainerRegistry"
        )


def _check_definition(given: Mapping[str, Any]) -> None:
    definition = given["environment_definition"]
    if definition is None:
        return
    both = [name for name in _EXCLUDED_BY_DEFINITION if given[name]]
    if both:
        raise TrainingException(
            f"environment_definition and {', '.join(both)} are both given; the environment is "
            "described in one place. Set it on the Environment, or leave environment_definition "
            f"out. Exclusive with it are {', '.join(_EXCLUDED_BY_DEFINITION)}"
        )
    if not isinstance(definition, Environment):
        raise TrainingException(
            f"environment_definition is {definition!r} of type {type(definition).__name__}; give "
            "an Environment, such as Environment('my-env')"
        )


def _check_conda_file(given: Mapping[str, Any]) -> None:
    packages = ("pip_packages", "pip_requirements_file", "conda_packages")
    both = [name for name in packages if given[name]]
    if given["conda_dependencies_file"] and both:
        raise TrainingException(
            f"conda_dependencies_file and {', '.join(both)} are both given; write all packages "
            "into the file, or leave it out"
        )


def _check_counts(given: Mapping[str, Any]) -> None:
    for name, text in (
        ("node_count", "Node count should be at least 1."),
        ("process_count_per_node", "Process count per node should be at least 1."),
    ):
        count = given[name]
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise TrainingException(f"{text} {name} is {count!r}")


def _check_backend(backend: object, backends: Sequence[str]) -> None:
    if backend is not None and str(backend).lower() not in backends:
        raise TrainingException(
            f"distributed_backend={backend!r} is not supported; this estimator knows "
            f"{', '.join(map(repr, backends)) or 'none'}"
        )


def _check_user_managed(given: Mapping[str, Any]) -> None:
    packages = (
        "conda_packages",
        "pip_packages",
        "conda_dependencies_file",
        "pip_requirements_file",
    )
    both = [name for name in packages if given[name]]
    if given["user_managed"] and both:
        raise UserErrorException(
            f"user_managed=True uses an interpreter as it is, and {', '.join(both)} would have to "
            "be installed into it; leave out one or the other"
        )


def _check_single(given: Mapping[str, Any]) -> None:
    if given["distributed_backend"] is not None or given["distributed_training"] is not None:
        return
    for name in ("node_count", "process_count_per_node"):
        if given[name] > 1:
            raise TrainingException(
                f"{name}={given[name]} needs distributed_training to say how the processes find "
                f"each other, which is not built yet in this version; leave {name} at 1"
            )


def _refuse_unbuilt(given: Mapping[str, Any]) -> None:
    for name, advice in _UNBUILT.items():
        if given[name]:
            raise not_built(name, advice)


def not_built(name: str, advice: str = "") -> TrainingException:
    """The error for a parameter of SDK v1 that this version does not have yet."""
    return TrainingException(f"{name} is not built yet in this version; {advice or _UNBUILT[name]}")


def file_path(name: str, file: object, source_directory: object) -> Path:
    """Where the file of parameter ``name`` lies. Raises UserErrorException when it is not there."""
    if not isinstance(file, (str, os.PathLike)):
        raise UserErrorException(
            f"{name} is {file!r} of type {type(file).__name__}; give a path "
            "inside the project folder"
        )
    path = Path(os.path.abspath(os.path.join(str(source_directory), file)))
    if not path.is_file():
        raise UserErrorException(
            f"{str(path)!r}: this path doesn't exist; {name}={str(file)!r} should "
            f"be inside the project folder {str(source_directory)!r}"
        )
    return path
