"""What an estimator's parameters must be, in the order of SDK v1 (spec 2.4)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runyard.computes import machine_sizes
from runyard.config import references, resources
from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.errors import ComputeTargetException, TrainingException, UserErrorException
from runyard.estimators import communication
from runyard.estimators.caution import deprecated, warn

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

_OF_NODES = ("AmlCompute", "SlurmCompute", "KubernetesCompute")
"""Compute targets of several nodes."""


def check(given: Mapping[str, Any], estimator: type, backends: Sequence[str]) -> None:
    """Refuse what SDK v1 refuses, in its order, then what it would not have understood.

    ``given``: the constructor's parameters by name, deprecated spellings folded; ``estimator``:
    the class; ``backends``: values of distributed_backend it knows. Raises TrainingException, or
    UserErrorException (rows 10, 16, 17) and ComputeTargetException (row 12) where SDK v1 does.
    """
    _check_docker(given)  # row 3
    _check_definition(given)  # row 4
    _check_conda_file(given)  # row 5
    _check_counts(given)  # rows 6 and 7
    _check_backend(given, backends)  # rows 8 and 8b
    communication.check(given["distributed_training"], estimator)  # row 9
    _check_user_managed(given)  # row 10
    _check_single(given)  # row 11
    _check_target(given)  # rows 12, 13 and 14
    _check_images(given)  # row 15
    references.resumed(given["resume_from"])  # row 16
    _check_files(given)  # row 17
    _check_kubernetes(given)  # row 18
    _check_nodes_of(given)
    _check_machine(given)


def warn_of_deprecated(given: Mapping[str, Any]) -> None:
    """Warn of every deprecated parameter that is given (spec 2.4, rows 1, 2, 3 and 15)."""
    for old, new in _OLDER_SPELLINGS.items():
        if given.get(old):
            both = f" ({new} is given too)" if given[new] else ""
            deprecated(f"{old} is deprecated; write {new}={given[old]!r}{both}")
    if given["process_count_per_node"] != 1:
        _warn_of_process_count(given)
    if given["distributed_backend"] is not None:
        deprecated(
            f"distributed_backend={given['distributed_backend']!r} is deprecated; write "
            f"distributed_training, such as {_configuration_of(given['distributed_backend'])}"
        )
    if given["use_docker"] is False:
        deprecated("use_docker=False is deprecated; without an image no container is used")
    if given["environment_definition"] is not None and given["custom_docker_base_image"]:
        warn(
            f"custom_docker_base_image={given['custom_docker_base_image']!r} has no effect: "
            "environment_definition says what the image is"
        )


def _configuration_of(backend: Any) -> str:
    """What is written today for a backend; one that is not known is refused in its turn."""
    new = {
        "gloo": "PyTorchConfiguration('Gloo')",
        "nccl": "PyTorchConfiguration('Nccl')",
        "ps": "TensorflowConfiguration()",
    }
    return new.get(str(backend).lower(), "MpiConfiguration()")


def _warn_of_process_count(given: Mapping[str, Any]) -> None:
    count, backend = given["process_count_per_node"], given["distributed_backend"]
    name = f"process_count_per_node={count!r}"
    deprecated(
        f"process_count_per_node is deprecated; write distributed_training=MpiConfiguration({name})"
    )
    if backend is None:
        warn(f"{name} has an effect with distributed_backend='mpi' only, which is not given")
    elif _is_wrong_count(count):
        return  # refused in its turn
    elif given["distributed_training"] is not None:
        warn(f"{name} has no effect: distributed_training says how many processes there are")
    elif str(backend).lower() == "ps":
        warn(f"{name} has no effect: worker_count and parameter_server_count say how many")


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
        if _is_wrong_count(given[name]):
            raise TrainingException(f"{text} {name} is {given[name]!r}")


def _is_wrong_count(count: object) -> bool:
    return isinstance(count, bool) or not isinstance(count, int) or count < 1


def _check_backend(given: Mapping[str, Any], backends: Sequence[str]) -> None:
    backend, training = given["distributed_backend"], given["distributed_training"]
    if backend is None:
        return
    if str(backend).lower() not in backends:
        raise TrainingException(
            f"distributed_backend={backend!r} is not supported; this estimator knows "
            f"{', '.join(map(repr, backends)) or 'none'}"
        )
    if training is not None and not communication.agree(str(backend).lower(), training, backends):
        raise TrainingException(
            f"distributed_backend={backend!r} and distributed_training={training!r} are both "
            "given, and say different things; leave out distributed_backend, the older of the two"
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
                f"each other, such as MpiConfiguration(); give it, or leave {name} at 1"
            )


def _check_target(given: Mapping[str, Any]) -> None:
    target, nodes = given["compute_target"], given["node_count"]
    if _is_a(target, "HDInsightCompute"):
        raise ComputeTargetException(
            f"compute_target={_shown(target)} is an HDInsightCompute, on which estimators do not "
            "run; give another compute target, such as 'local'"
        )
    if not target and not given["vm_size"]:
        raise TrainingException(
            "Either compute target or VM size should be specified. Give compute_target='local' "
            "for this machine, the name of another target, or vm_size='STANDARD_D2_V2' for one "
            "that is made for the run"
        )
    if nodes > 1 and target and not _is_a(target, *_OF_NODES):
        raise TrainingException(
            f"node_count={nodes} needs an {', '.join(_OF_NODES[:-1])} or {_OF_NODES[-1]} object, "
            f"and compute_target is {_shown(target)} of type {type(target).__name__}; give "
            "ComputeTarget(workspace, 'NAME'), or leave node_count at 1"
        )


def _check_files(given: Mapping[str, Any]) -> None:
    for name in ("pip_requirements_file", "conda_dependencies_file"):
        if given[name]:
            file_path(name, given[name], given["source_directory"] or ".")


def _check_kubernetes(given: Mapping[str, Any]) -> None:
    target = given["compute_target"]
    if _is_a(target, "KubernetesCompute") and not given["use_docker"]:
        raise TrainingException(
            f"use_docker=False and the KubernetesCompute {_shown(target)} are both given, and "
            "runs there are containers; leave use_docker out"
        )


def _check_nodes_of(given: Mapping[str, Any]) -> None:
    training = given["distributed_training"]
    nodes = getattr(training, "node_count", 1)
    if nodes not in (1, given["node_count"]):
        raise TrainingException(
            f"node_count={given['node_count']} and {type(training).__name__}(node_count={nodes}) "
            f"are both given; give node_count={nodes} to the estimator"
        )


def _check_machine(given: Mapping[str, Any]) -> None:
    """What SDK v1 left to its service to refuse."""
    try:
        if given["vm_size"]:
            machine_sizes.find(given["vm_size"])
        resources.priority(given["vm_priority"])
    except UserErrorException as error:
        raise TrainingException(error.message, error) from error


def _is_a(thing: object, *names: str) -> bool:
    """Whether a class of one of these names made it, or a subclass did."""
    return any(ancestor.__name__ in names for ancestor in type(thing).__mro__)


def _shown(target: object) -> str:
    return repr(getattr(target, "name", target))


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
