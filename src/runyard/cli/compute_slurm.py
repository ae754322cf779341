"""A Slurm cluster among the compute targets: what is known of it, as pairs and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runyard.cli import output
from runyard.computes.slurm import nodes
from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.history import targets
from runyard.history.index_query import Query
from runyard.record.states import Status

if TYPE_CHECKING:
    from runyard.computes.slurm.compute import SlurmCompute

_SHOWN = 20
"""So many runs are listed; how many there are beyond is said."""


def facts(target: SlurmCompute) -> dict[str, Any]:
    """What is known of an attached cluster now."""
    settings = target.settings
    counts, problem, is_up = None, None, True
    partition = settings.get("partition")
    try:
        counts = nodes.counted(Slurm(settings.get("slurm_conf") or ""), partition)
        is_up = partition is None or nodes.is_up(Slurm(settings.get("slurm_conf") or ""), partition)
    except SlurmError as error:
        problem = error.message
    running, waiting = _runs(target)
    return {
        "name": target.name,
        "type": target.type,
        "state": target.provisioning_state if problem is None else "NotResponding",
        "problem": problem,
        "settings": settings,
        "partition_is_up": is_up,
        "nodes": counts and counts._asdict(),
        "vm_size": None,
        "vm_priority": None,
        "max_nodes": None if counts is None else counts.total,
        "tags": target.tags,
        "description": target.description,
        "created": target.created_on,
        "running": running,
        "queue": waiting,
    }


def _runs(target: SlurmCompute) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The runs that have nodes, and those that wait."""
    workspace = target.workspace
    unended = [
        entry
        for entry in workspace.select(Query(target=target.name, include_children=True))
        if entry.ended is None
    ]
    waiting = [entry for entry in unended if entry.status == Status.QUEUED.value]
    runs = [workspace.directory.run(entry.experiment, entry.id) for entry in waiting]
    places = targets.places(workspace.directory, target.name, runs)
    queue = [
        {
            "run_id": entry.id,
            "experiment": entry.experiment,
            "position": place and place.position,
            "why": "" if place is None else place.why,
        }
        for entry, place in zip(waiting, places, strict=True)
    ]
    running = [
        {"run_id": entry.id, "status": entry.status} for entry in unended if entry not in waiting
    ]
    return running, sorted(queue, key=lambda item: item["position"] or 0)


def pairs(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """The facts as lines of a name and a text."""
    settings = {k: v for k, v in found["settings"].items() if (k, v) != ("memory", True)}
    name = settings.pop("cluster_name", "")
    counts = found["nodes"]
    return [
        ("target", found["name"]),
        ("cluster", f"Slurm {name}".rstrip()),
        ("state", found["state"]),
        ("problem", output.one_line(found["problem"] or "")),
        *((name.replace("_", " "), _text(value)) for name, value in settings.items()),
        ("nodes", counts and _counted(counts, found["partition_is_up"])),
        ("running", _lines([f"{item['run_id']}  {item['status']}" for item in found["running"]])),
        (
            "queue",
            _lines(
                [
                    f"{item['run_id']}  {item['position'] or ''}  {item['why']}".rstrip()
                    for item in found["queue"]
                ]
            ),
        ),
    ]


def _counted(counts: dict[str, int], is_up: bool) -> str:
    text = "{total}, {idle} of them idle, {other} not usable".format(**counts)
    return text if is_up else f"{text}; the partition is not up: sinfo --summarize"


def _lines(found: list[str]) -> str:
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join([*found[:_SHOWN], *more])


def _text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(output.one_line(str(one)) for one in value)
    return output.one_line(str(value))
