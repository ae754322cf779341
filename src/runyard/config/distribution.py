"""The processes of a run, from the words of SDK v1 in a run configuration (spec 2.2, 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from runyard.config import checks, unsupported
from runyard.config.jobspec import DistributionSpec, JobSpec
from runyard.config.sections import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.errors import RunConfigurationException

if TYPE_CHECKING:
    from runyard.config.run_configuration import RunConfiguration

MPI = ("mpi", "intelmpi", "openmpi")
"""Communicators that are MPI, in lower case."""

_SECTIONS: Mapping[type, str] = {
    MpiConfiguration: "mpi",
    ParallelTaskConfiguration: "paralleltask",
    PyTorchConfiguration: "pytorch",
    TensorflowConfiguration: "tensorflow",
}
_FRAMEWORKS = {"python": "Python", "pytorch": "PyTorch", "tensorflow": "TensorFlow"}
_COMMUNICATORS = {
    "none": "None",
    "mpi": "Mpi",
    "intelmpi": "IntelMpi",
    "openmpi": "OpenMpi",
    "gloo": "Gloo",
    "nccl": "Nccl",
    "parameterserver": "ParameterServer",
    "paralleltask": "ParallelTask",
}
_SECTION_OF = {
    **dict.fromkeys(MPI, "mpi"),
    "gloo": "pytorch",
    "nccl": "pytorch",
    "parameterserver": "tensorflow",
    "paralleltask": "paralleltask",
}
"""The section that says how many processes there are, by communicator."""

_COMMUNICATOR_FOR = {
    "mpi": "'IntelMpi'",
    "pytorch": "'Nccl' (GPUs) or 'Gloo' (CPUs)",
    "tensorflow": "'ParameterServer'",
    "paralleltask": "'ParallelTask'",
}
_EXCLUDED = {"gloo": "tensorflow", "nccl": "tensorflow", "parameterserver": "pytorch"}
"""Frameworks that cannot mean a communicator."""


@dataclass(frozen=True)
class Distribution:
    """The fields of a JobSpec that say which processes there are, and what to read once.

    ``spec``: None for one process that needs no launcher.
    """

    launcher: str
    node_count: int
    processes_per_node: int = 1
    spec: DistributionSpec | None = None
    notices: tuple[str, ...] = ()

    def of(self, spec: JobSpec) -> JobSpec:
        """The run with these processes."""
        return msgspec.structs.replace(
            spec,
            launcher=self.launcher,
            node_count=self.node_count,
            processes_per_node=self.processes_per_node,
            distribution=self.spec,
        )


def configure(run_config: RunConfiguration, job: Any) -> None:
    """Make a job's configuration the section of its kind, with framework and communicator.

    ``job``: of one of the four classes, or a subclass. How many nodes is not looked at.
    """
    kind = next(kind for kind in _SECTIONS if isinstance(job, kind))
    words = {
        MpiConfiguration: ("Python", "IntelMpi"),
        ParallelTaskConfiguration: ("Python", "ParallelTask"),
        PyTorchConfiguration: ("PyTorch", getattr(job, "communication_backend", "")),
        TensorflowConfiguration: ("TensorFlow", "ParameterServer"),
    }
    run_config.framework, run_config.communicator = words[kind]
    setattr(run_config, _SECTIONS[kind], job)


def nodes(job: Any) -> int:
    """How many nodes a ScriptRunConfig asks for; parameter servers have none of their own."""
    count: int = job.worker_count if isinstance(job, TensorflowConfiguration) else job.node_count
    return count


def is_mpi(communicator: object) -> bool:
    """Whether processes of this word of SDK v1 talk over MPI."""
    return str(communicator).lower() in MPI


def resolved(run_config: RunConfiguration) -> Distribution:
    """Which processes a configuration asks for. Changes nothing.

    Words count in any case. One process without a communicator, and one of MPI, need no
    launcher: MPI_Init makes a world of one rank. Raises RunConfigurationException for words that
    are not known or do not go together, for counts that cannot be, and for a section that asks
    for processes which nothing would start; UserErrorException for ``node_count``.
    """
    communicator = _communicator(run_config)
    name = _SECTION_OF.get(communicator, "")
    count, notices = _node_count(run_config, name)
    others = _without_effect(run_config, name)
    if not name:
        _refuse_processes(others, count)
        return Distribution("single", count, notices=notices)
    made = _MAKERS[name](getattr(run_config, name), count, communicator)
    unused = tuple(f"{what} has no effect: {_shown(run_config)}" for what, _ in others)
    return Distribution(
        made.launcher, count, made.processes_per_node, made.spec, (*notices, *unused)
    )


def _shown(run_config: RunConfiguration) -> str:
    return f"the communicator is {run_config.communicator!r}"


def _communicator(run_config: RunConfiguration) -> str:
    """In lower case; it goes with the framework."""
    framework = str(run_config.framework or "Python").lower()
    if framework not in _FRAMEWORKS:
        raise RunConfigurationException(
            f"framework={run_config.framework!r} is not built yet in this version; available now: "
            f"{', '.join(_FRAMEWORKS.values())}"
        )
    communicator = str(run_config.communicator or "None").lower()
    if communicator not in _COMMUNICATORS:
        raise RunConfigurationException(
            f"communicator={run_config.communicator!r} is not known; give one of "
            f"{', '.join(_COMMUNICATORS.values())}"
        )
    if _EXCLUDED.get(communicator) == framework:
        raise RunConfigurationException(
            f"framework={run_config.framework!r} and communicator={run_config.communicator!r} do "
            "not go together: ParameterServer is for TensorFlow, Gloo and Nccl are for PyTorch"
        )
    return communicator


def _node_count(run_config: RunConfiguration, name: str) -> tuple[int, tuple[str, ...]]:
    """The number of nodes, which a section may say too.

    1 is the default in both places, so that the other number counts beside it. SDK v1 took that
    of the configuration and forgot the section's in silence.
    """
    count = checks.node_count(run_config.node_count)
    section: Any = getattr(run_config, name) if name else None
    if not hasattr(section, "node_count"):
        return count, ()
    of_section = _whole(f"{name}.node_count", section.node_count)
    if of_section in (1, count):
        return count, ()
    if count == 1:
        return of_section, (
            f"{name}.node_count={of_section} counts; node_count=1 of the configuration does not",
        )
    raise RunConfigurationException(
        f"node_count={count} and {name}.node_count={of_section} are both given and say different "
        f"things; set {name}.node_count to {count}, or node_count to {of_section}"
    )


def _without_effect(run_config: RunConfiguration, used: str) -> list[tuple[str, str]]:
    """What is set in the sections of other communicators, with the name of its section."""
    fresh = unsupported.untouched()
    return [
        (f"{name}.{key}={value!r}", name)
        for name in _SECTIONS.values()
        if name != used
        for key in getattr(fresh, name)._names
        if (value := getattr(getattr(run_config, name), key)) != getattr(getattr(fresh, name), key)
    ]


def _refuse_processes(set_elsewhere: list[tuple[str, str]], count: int) -> None:
    """Of a run without a communicator: nothing would start what it asks for."""
    for what, section in set_elsewhere:
        raise RunConfigurationException(
            f"{what} asks for nothing while communicator is 'None'; set communicator to "
            f"{_COMMUNICATOR_FOR[section]}, or leave {section} as it is"
        )
    if count > 1:
        raise RunConfigurationException(
            f"node_count={count} needs a communicator, which says how the processes find each "
            "other; set communicator to 'IntelMpi', 'Nccl', 'Gloo' or 'ParameterServer', give "
            "distributed_job_config, such as MpiConfiguration(), or leave node_count at 1"
        )


# One function for each section


def _mpi(section: Any, count: int, communicator: str) -> Distribution:
    each = _whole("mpi.process_count_per_node", section.process_count_per_node)
    if each * count == 1:
        return Distribution("single", 1)
    return Distribution("mpi", count, each, DistributionSpec(process_count=each * count))


def _pytorch(section: Any, count: int, communicator: str) -> Distribution:
    said = section.communication_backend
    if said != communicator and said != PyTorchConfiguration().communication_backend:
        raise RunConfigurationException(
            f"communicator={communicator!r} and pytorch.communication_backend={said!r} say "
            "different things; set both to 'nccl' (GPUs) or 'gloo' (CPUs)"
        )
    total = count
    if section.process_count is not None:
        total = _whole("pytorch.process_count", section.process_count)
    if total % count:
        lower, upper = total - total % count, total - total % count + count
        raise RunConfigurationException(
            f"pytorch.process_count={total} is the number of processes on all nodes together, and "
            f"cannot be divided by node_count={count}; give "
            f"{f'{lower} or ' if lower else ''}{upper}, or another number of nodes"
        )
    spec = DistributionSpec(process_count=total, backend=communicator)
    return Distribution("pytorch", count, total // count, spec)


def _tensorflow(section: Any, count: int, communicator: str) -> Distribution:
    workers = _whole("tensorflow.worker_count", section.worker_count)
    servers = _whole("tensorflow.parameter_server_count", section.parameter_server_count, least=0)
    total = workers + servers
    if count > total:
        raise RunConfigurationException(
            f"node_count={count} is more than the {total} processes of tensorflow.worker_count="
            f"{workers} and tensorflow.parameter_server_count={servers}; a node would have "
            f"nothing to do. Give node_count={total} at most, or more workers"
        )
    spec = DistributionSpec(process_count=total, parameter_servers=servers)
    return Distribution("tensorflow", count, -(-total // count), spec)


def _parallel(section: Any, count: int, communicator: str) -> Distribution:
    each = _whole("paralleltask.worker_count_per_node", section.worker_count_per_node)
    name = "paralleltask.max_retries_per_worker"
    spec = DistributionSpec(
        process_count=each * count,
        max_retries=_whole(name, section.max_retries_per_worker, least=0),
        terminal_exit_codes=_codes(section.terminal_exit_codes),
    )
    return Distribution("parallel", count, each, spec)


_MAKERS: Mapping[str, Callable[[Any, int, str], Distribution]] = {
    "mpi": _mpi,
    "pytorch": _pytorch,
    "tensorflow": _tensorflow,
    "paralleltask": _parallel,
}


def _whole(name: str, given: object, least: int = 1) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise RunConfigurationException(
            f"{name}={given!r} is not a whole number of at least {least}"
        )
    return given


def _codes(given: object) -> tuple[int, ...]:
    if given is None:
        return ()
    if isinstance(given, (list, tuple)):
        name = "paralleltask.terminal_exit_codes"
        return tuple(_whole(name, code, least=0) for code in given)
    raise RunConfigurationException(
        f"paralleltask.terminal_exit_codes={given!r} is no list; give one of exit codes, such as "
        "[2], or None"
    )
