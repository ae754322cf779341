"""The options of sbatch for a run: from its spec, and from the settings of its target."""

from __future__ import annotations

import math

from runyard.computes.slurm import jobs
from runyard.computes.slurm.script import filename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory

_MIB = 2**20
_AROUND_S = 120.0
"""What Slurm allows a run beyond its own limit: to stage its data, and to store what it leaves."""
_UNASKED_S = 30 * 24 * 3600
"""The limit that SDK v1 gives to every run: no partition need allow it, and its own counts then."""
WARNED_S = 60
"""So long before Slurm ends a job its runner is told, by SIGUSR1, and ends the run itself."""

NAMED = ("partition", "account", "qos", "constraint", "reservation")
"""Settings of a target that are options of sbatch of the same name."""


def command(run: RunDirectory, spec: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """All options of sbatch for a run. ``record``: the target's settings."""
    return [
        "--parsable",
        f"--job-name={jobs.name_of(run)}",
        f"--chdir={run.path}",
        f"--output={filename(run.slurm_log)}",
        "--open-mode=append",
        "--export=ALL",
        f"--signal=B:USR1@{WARNED_S}",
        *_resources(spec, record),
        *_time(spec),
        *_place(spec, record),
        *(record.get("sbatch_options") or ()),
    ]


def _resources(spec: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    processes = int(spec.get("processes_per_node") or 1)
    found = [f"--nodes={int(spec.get('node_count') or 1)}", f"--ntasks-per-node={processes}"]
    asked: Mapping[str, Any] = spec.get("resources") or {}
    if asked.get("cpus"):
        found.append(f"--cpus-per-task={max(1, int(asked['cpus']) // processes)}")
    if asked.get("memory_bytes") and record.get("memory", True):
        found.append(f"--mem={int(asked['memory_bytes']) // _MIB}M")
    if asked.get("gpus"):
        found += _gpus(int(asked["gpus"]), record.get("gpu_option"))
    return found


def _gpus(count: int, option: str | None) -> list[str]:
    """``option``: 'gpus-per-node' or 'gres', with the GPU's type behind a colon where one is
    meant: 'gres:a100'."""
    name, _, kind = (option or "gpus-per-node").partition(":")
    typed = f"{kind}:{count}" if kind else f"{count}"
    return [f"--gres=gpu:{typed}" if name == "gres" else f"--gpus-per-node={typed}"]


def _time(spec: Mapping[str, Any]) -> list[str]:
    limit_s = spec.get("max_run_duration_s")
    if limit_s is None or limit_s == _UNASKED_S:
        return []
    whole_s = float(limit_s) + float(spec.get("grace_period_s") or 0.0) + _AROUND_S + WARNED_S
    return [f"--time={math.ceil(whole_s / 60)}"]


def is_preemptible(spec: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether the job of a run is queued again however often it loses its nodes."""
    return (spec.get("vm_priority") or record.get("vm_priority")) == "lowpriority"


def _place(spec: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    low = is_preemptible(spec, record)
    chosen = dict(record)
    if low:
        for name in ("partition", "qos"):
            chosen[name] = record.get(f"lowpriority_{name}") or record.get(name)
    found = [f"--{name}={chosen[name]}" for name in NAMED if chosen.get(name)]
    again = low or spec.get("max_restarts")
    return [*found, "--requeue" if again else "--no-requeue"]
