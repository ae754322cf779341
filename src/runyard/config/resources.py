"""What a run asks of its target: a machine size, a priority, GPUs (spec 2.1, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from runyard import settings
from runyard.computes.provisioning import PRIORITIES
from runyard.config.jobspec import JobSpec, Resources
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.record import computes

if TYPE_CHECKING:
    from runyard.computes.machine_sizes import MachineSize
    from runyard.computes.protocol import ComputeTarget
    from runyard.config.run_configuration import RunConfiguration
    from runyard.record.layout import WorkspaceDirectory

FELL_BACK = "use_gpu=True, but the run uses the CPU: {}"


@dataclass(frozen=True)
class Asked:
    """What a run asks for, and sentences about it to read once.

    ``vm_size``, ``vm_priority``, ``resources``, ``use_gpu``: those of the JobSpec.
    """

    vm_size: str | None
    vm_priority: str | None
    resources: Resources | None
    use_gpu: bool
    notices: tuple[str, ...] = ()


def asked(
    run_config: RunConfiguration,
    target: ComputeTarget,
    workspace: WorkspaceDirectory,
    variables: Mapping[str, str],
) -> Asked:
    """What a configuration asks of its target.

    ``workspace``: where pools are described; the machine size of a pool counts instead of the
    run's. ``variables``: those of the script. Where a GPU is asked for, is missing
    and the CPU may be used instead, none is asked for, and a notice says so. Raises
    UserErrorException for an unknown machine size or priority, ComputeTargetException for a pool
    whose description cannot be read.
    """
    record = computes.read(workspace, run_config.target) or {}
    size, notices = _size(run_config, record)
    use_gpu = bool(run_config.use_gpu)
    why = fallback(run_config, target, record, variables)
    if why:
        use_gpu = False
        notices.append(FELL_BACK.format(why))
    return Asked(
        vm_size=size.name if size else None,
        vm_priority=priority(run_config.amlcompute.vm_priority or record.get("vm_priority")),
        resources=_resources(size, use_gpu),
        use_gpu=use_gpu,
        notices=tuple(notices),
    )


def _size(
    run_config: RunConfiguration, record: Mapping[str, Any]
) -> tuple[MachineSize | None, list[str]]:
    """The machine size that counts, and what is to be said about it."""
    given, of_target = run_config.amlcompute.vm_size, record.get("vm_size")
    if not given and not of_target:
        return None, []
    from runyard.computes import machine_sizes

    own = machine_sizes.find(given) if given else None
    if not of_target:
        return own, []
    size = machine_sizes.find(of_target)
    if own in (None, size):
        return size, []
    return size, [
        f"vm_size={given!r} has no effect: the nodes of {run_config.target!r} are of size "
        f"{size.name}"
    ]


def fallback(
    run_config: RunConfiguration,
    target: ComputeTarget,
    record: Mapping[str, Any],
    variables: Mapping[str, str],
) -> str:
    """Why a run that asks for a GPU uses the CPU, '' where it does not.

    ``record``: the description of the target. A target without ``lacks_gpu`` is not asked.
    """
    lacks_gpu = getattr(target, "lacks_gpu", None)
    if not run_config.use_gpu or lacks_gpu is None or not may_fall_back(record):
        return ""
    missing: str = lacks_gpu(variables)
    return missing.partition(";")[0]


def may_fall_back(record: Mapping[str, Any]) -> bool:
    """Whether a run that asks for a GPU may use the CPU where there is none.

    ``"gpu": "fallback"`` in the description of its target allows that, and the user's setting
    ``gpu_fallback`` does on all. Raises UserErrorException for a setting neither on nor off.
    """
    return record.get("gpu") == "fallback" or settings.is_on("gpu_fallback")


def fitted(
    target: ComputeTarget, spec: JobSpec, record: Mapping[str, Any]
) -> tuple[JobSpec, list[str]]:
    """The run as its target can take it, and what was left out of it: a GPU, where it may be.

    Raises ComputeTargetException when the target cannot do what the spec asks.
    """
    problems = target.check(spec)
    of_gpu = [problem.message for problem in problems if problem.parameter == "use_gpu"]
    if spec.use_gpu and of_gpu and may_fall_back(record):
        spec, _ = fitted(target, without_gpu(spec), record)
        return spec, [FELL_BACK.format(of_gpu[0].partition(";")[0])]
    if problems:
        listed = "; ".join(f"{problem.parameter}: {problem.message}" for problem in problems)
        raise ComputeTargetException(f"compute target {spec.target!r} cannot run this: {listed}")
    return spec, []


def without_gpu(spec: JobSpec) -> JobSpec:
    """The same run, asking for no GPU."""
    resources = spec.resources
    if resources is not None:
        resources = msgspec.structs.replace(resources, gpus=0)
    if resources == Resources():
        resources = None
    return msgspec.structs.replace(spec, use_gpu=False, resources=resources)


def priority(given: object) -> str | None:
    """A priority in lower case; None for none. Raises UserErrorException for any other text."""
    if given in (None, ""):
        return None
    if isinstance(given, str) and given.lower() in PRIORITIES:
        return given.lower()
    raise UserErrorException(
        f"vm_priority={given!r} is not known; give 'dedicated' or 'lowpriority' (the run waits "
        "while dedicated ones do)"
    )


def _resources(size: MachineSize | None, use_gpu: bool) -> Resources | None:
    """A size with GPUs asks for none unless the run does: then for all, and for one at least."""
    if size is None:
        return Resources(gpus=1) if use_gpu else None
    return Resources(
        cpus=size.vcpus,
        memory_bytes=size.memory_bytes,
        gpus=max(size.gpus, 1) if use_gpu else 0,
    )
