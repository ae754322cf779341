"""The compute targets of the workspace as a table, one in full, or JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runyard.cli import formats, opening, output, table
from runyard.cli.table import Column
from runyard.computes import registry
from runyard.computes.amlcompute import AmlCompute
from runyard.computes.compute_target import LOCAL, ComputeTarget
from runyard.computes.pool_folder import PoolFolder
from runyard.computes.slurm.compute import SlurmCompute
from runyard.errors import ComputeTargetException
from runyard.record import computes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runyard.history.targets import QueuePlace
    from runyard.record.layout import RunDirectory

_COLUMNS = (
    Column("target"),
    Column("cluster", drop=1, optional=True),
    Column("state", drop=2),
    Column("machine size", drop=1, optional=True),
    Column("priority", drop=3),
    Column("nodes", right=True),
    Column("running", right=True),
    Column("queued", right=True),
)


def show_all(as_json: bool) -> None:
    """Print all of them."""
    facts = [*_readable(ComputeTarget.list(opening.existing()))]
    if as_json:
        output.to_json(facts)
    elif not facts:
        output.notice(
            "no compute target but 'local', this machine without a queue; make one: "
            "runyard compute create cpu-cluster --max-nodes 2"
        )
    else:
        table.show(_COLUMNS, [_row(item) for item in facts])


def _readable(targets: Iterable[ComputeTarget]) -> Iterator[dict[str, Any]]:
    for target in targets:
        try:
            yield _facts(target)
        except ComputeTargetException as error:
            output.warning(f"compute target {target.name!r} is left out: {error}")


def show_one(name: str, as_json: bool) -> None:
    """Print one. Raises ComputeTargetException when there is none of that name."""
    found = _facts(_attached_or_pool(name))
    if as_json:
        output.to_json(found)
        return
    table.show_pairs([row for row in _pairs(found) if row[1] not in ("", None)])


def _pairs(found: dict[str, Any]) -> list[tuple[str, Any]]:
    about = [
        ("tags", "\n".join(output.one_line(f"{k}={v}") for k, v in found["tags"].items())),
        ("description", output.one_line(found["description"] or "")),
        ("created", _age(found["created"])),
    ]
    if found["type"] == "Slurm":
        from runyard.cli import compute_slurm

        return [*compute_slurm.pairs(found), *about]
    running = [f"{item['run_id']}  on {item['node']}" for item in found["running"]]
    waiting = [f"{item['run_id']}  {item['position']}" for item in found["queue"]]
    return [
        ("target", found["name"]),
        ("cluster", found["engine"] or ""),
        ("state", found["state"]),
        ("machine size", found["vm_size"]),
        ("priority", found["vm_priority"]),
        ("without a GPU", "runs use the CPU" if found["gpu"] == "fallback" else ""),
        ("nodes", f"{found['max_nodes']}, {len(running)} of them taken"),
        ("running", "\n".join(running)),
        ("queue", "\n".join(waiting)),
        *about,
    ]


def _attached_or_pool(name: str) -> ComputeTarget:
    """The target of that name; 'local' is no row of a table. Raises ComputeTargetException."""
    if name == LOCAL:
        return pool(name)  # which says so
    return ComputeTarget(opening.existing(), name)


def pool(name: str) -> AmlCompute:
    """The pool of that name. Raises ComputeTargetException when there is none."""
    return AmlCompute(opening.existing(), name)


def set_gpu(name: str, choice: str) -> None:
    """Say what a pool does with runs that ask for a GPU where there is none.

    ``choice``: 'required', an error; 'fallback', they use the CPU. Raises
    ComputeTargetException when there is no pool of that name.
    """
    folder = PoolFolder(pool(name).workspace.directory, name)
    registry.change(folder, {"gpu": None if choice == "required" else choice})


def delete(name: str, no_wait: bool, as_json: bool) -> None:
    """Remove one, and say what became of it."""
    target = pool(name)
    asked = registry.delete(target.workspace.directory, name)
    if asked:
        output.notice(f"{formats.count(asked, 'run')} asked to end")
    if not no_wait:
        target.wait_for_completion(is_delete_operation=True)
    gone = target.get_status() is None
    if as_json:
        output.to_json({"name": name, "state": "Deleted" if gone else "Deleting"})
    else:
        output.text(f"{name}: {'deleted' if gone else 'goes when its runs have ended'}")


def detach(name: str, as_json: bool) -> None:
    """Forget an attached target. Raises ComputeTargetException when it is not one."""
    target = ComputeTarget(opening.existing(), name)
    target.detach()
    if as_json:
        output.to_json({"name": name, "state": target.provisioning_state})
    else:
        output.text(f"{name}: detached")


def _facts(target: ComputeTarget) -> dict[str, Any]:
    if isinstance(target, AmlCompute):
        return _of_pool(target)
    if isinstance(target, SlurmCompute):
        from runyard.cli import compute_slurm

        return compute_slurm.facts(target)
    raise TypeError(f"no view of a {type(target).__name__}")


def _of_pool(target: AmlCompute) -> dict[str, Any]:
    status = target.get_status()
    nodes = [node for node in target.list_nodes() if node["runId"] is not None]
    return {
        "name": target.name,
        "type": target.type,
        "engine": target.engine,
        "state": target.provisioning_state,
        "vm_size": target.vm_size or None,
        "vm_priority": target.vm_priority,
        "gpu": (computes.read(target.workspace.directory, target.name) or {}).get("gpu"),
        "max_nodes": target.scale_settings.maximum_node_count,
        "min_nodes": target.scale_settings.minimum_node_count,
        "tags": target.tags,
        "description": target.description,
        "created": target.created_on,
        "running": [{"run_id": node["runId"], "node": node["nodeId"]} for node in nodes],
        "queue": [_waiting(run, place) for run, place in target.queue()],
        "status": status and status.serialize(),
    }


def _waiting(run: RunDirectory, place: QueuePlace) -> dict[str, Any]:
    return {"run_id": run.id, "experiment": run.experiment, "position": place.position}


def _row(found: dict[str, Any]) -> list[object]:
    return [
        found["name"],
        "Slurm" if found["type"] == "Slurm" else found["engine"] or "",
        found["state"],
        found["vm_size"] or "",
        found["vm_priority"] or "",
        "?" if found["max_nodes"] is None else found["max_nodes"],
        len(found["running"]),
        len(found["queue"]),
    ]


def _age(created: str | None) -> str:
    if created is None:
        return ""
    import calendar

    moment = calendar.timegm(time.strptime(created.partition(".")[0], "%Y-%m-%dT%H:%M:%S"))
    return f"{formats.moment(moment)}, {formats.age(time.time() - moment)}"
