"""A plan on the terminal, and as JSON: exactly what ``submit`` would do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from runyard.cli import data_lines, formats, output, rank_view, table
from runyard.config import secrets
from runyard.environments import cache, image_venv
from runyard.launchers.entry import command_line

if TYPE_CHECKING:
    from runyard.config.jobspec import JobSpec
    from runyard.config.planning import Plan
    from runyard.environments.spec import EnvironmentSpec

_SHOWN = 10


def as_json(planned: Plan, workspace: str) -> dict[str, Any]:
    """The plan; values of secret variables are ``***``."""
    snapshot, spec = planned.snapshot, planned.spec.to_dict()
    return {
        "experiment": planned.experiment,
        "workspace": workspace,
        "spec": {**spec, "environment_variables": _variables(planned)},
        "argv": argv(planned),
        "environment_ready": planned.environment_ready,
        "snapshot": {
            "files": snapshot.files,
            "size_bytes": snapshot.size_bytes,
            "largest": [{"name": name, "size_bytes": size} for name, size in snapshot.largest],
            "skipped": list(snapshot.skipped),
            "warnings": list(snapshot.warnings),
        },
        "notices": list(planned.notices),
        "warnings": list(planned.warnings),
    }


def argv(planned: Plan) -> list[str]:
    """The command line of the script's process; ``$NAME`` in it is expanded at launch."""
    return command_line(planned.spec.to_dict(), _python(planned))


def _python(planned: Plan) -> str:
    environment = planned.spec.environment
    if environment.kind == "user_managed":
        return environment.interpreter
    if environment.image is None:
        return f"{cache.prefix(environment.key)}/bin/python"
    if environment.kind == "venv":
        return image_venv.PYTHON
    return f"{cache.prefix(environment.image.prefix_key)}/bin/python"


def _variables(planned: Plan) -> dict[str, str]:
    hidden = dict.fromkeys(planned.spec.secret_variables, secrets.HIDDEN)
    return {**planned.spec.environment_variables, **hidden}


def show(planned: Plan, workspace: str) -> None:
    """Print the plan to stdout, what deserves a look to stderr."""
    spec, snapshot = planned.spec, planned.snapshot
    table.show_pairs(
        [
            ("experiment", f"{planned.experiment}, in {workspace}"),
            ("source", spec.source_directory),
            (
                "copied",
                f"{formats.count(snapshot.files, 'file')}, {formats.size(snapshot.size_bytes)}",
            ),
            *_rows("largest", [f"{name}  {formats.size(n)}" for name, n in snapshot.largest]),
            *_rows("left out", list(snapshot.skipped)),
            *_environment(planned),
            ("command", shlex.join(argv(planned))),
            *_rows("variables", [f"{k}={v}" for k, v in sorted(_variables(planned).items())], 0),
            *_rows("data", data_lines.lines(spec.to_dict()), 0),
            ("target", f"{spec.target}, {formats.count(spec.node_count, 'node')}"),
            *_rows("processes", rank_view.planned(spec, _python(planned))),
            *_resources(spec),
            ("time limit", _limit(spec.max_run_duration_s)),
            *_rows("restarts", [f"{spec.max_restarts} if it is lost"] if spec.max_restarts else []),
        ]
    )
    for warning in snapshot.warnings:
        output.warning(warning)
    for warning in planned.warnings:
        output.warning(output.one_line(warning))
    for notice in planned.notices:
        output.notice(f"note: {notice}")
    output.notice("Nothing was done. The same without --plan starts the run.")


def _environment(planned: Plan) -> list[tuple[str, object]]:
    environment = planned.spec.environment
    if environment.kind == "user_managed" and environment.image is None:
        return [
            ("environment", "none is built: the interpreter is used as it is"),
            ("interpreter", _interpreter(environment)),
        ]
    state = "built already" if planned.environment_ready else "to be built"
    return [
        ("environment", f"{environment.key}, {state}"),
        *_container(planned.spec),
        _origin(environment),
        *_rows("conda packages", list(environment.conda_packages), 0),
        *_base(environment),
        *_rows("packages", list(environment.requirements), 0),
        *_rows("constraints", list(environment.constraints), 0),
        *_rows("pip options", list(environment.options), 0),
    ]


def _base(environment: EnvironmentSpec) -> list[tuple[str, object]]:
    base = environment.base
    if base is None:
        return []
    state = "to be built" if cache.built(base.key) is None else "built already"
    return [("based on", f"{base.key} ({base.name}), {state}")]


def _origin(environment: EnvironmentSpec) -> tuple[str, object]:
    """Where Python comes from."""
    if environment.kind == "conda":
        return "channels", ", ".join(environment.channels)
    if environment.image is None:
        return "interpreter", _interpreter(environment)
    if environment.kind == "user_managed":
        return "interpreter", f"{environment.interpreter} of the image, with the packages it has"
    asked = environment.python
    return "interpreter", f"Python {asked}, of the image if it has it" if asked else "of the image"


def _interpreter(environment: EnvironmentSpec) -> str:
    return f"{environment.interpreter} (Python {environment.python_version})"


def _container(spec: JobSpec) -> list[tuple[str, object]]:
    image = spec.environment.image
    if image is None or spec.container is None:
        return []
    named = image.name or image.context or "of a Dockerfile"
    options = [f"--shm-size={spec.container.shm_size}", *spec.container.arguments]
    return [("image", named), ("container", shlex.join(options))]


def _resources(spec: JobSpec) -> list[tuple[str, object]]:
    """What is asked of the target, where anything is."""
    from runyard.computes.machine_sizes import gib

    asked, parts = spec.resources, []
    if asked is not None and asked.cpus is not None:
        memory = gib(asked.memory_bytes or 0)
        parts = [formats.count(asked.cpus, "vCPU"), f"{memory} of memory"]
    if asked is not None and asked.gpus:
        parts.append(formats.count(asked.gpus, "GPU"))
    if spec.vm_size:
        parts.append(f"as {spec.vm_size}")
    return [
        *([("asks for", ", ".join(parts))] if parts else []),
        *([("priority", spec.vm_priority)] if spec.vm_priority else []),
    ]


def _rows(name: str, lines: list[str], shown: int = _SHOWN) -> list[tuple[str, object]]:
    """One row with a line for each; ``shown`` 0: all of them."""
    if not lines:
        return []
    kept = [output.one_line(line) for line in (lines[:shown] if shown else lines)]
    if len(lines) > len(kept):
        kept.append(f"… and {len(lines) - len(kept)} more (all: --json)")
    return [(name, "\n".join(kept))]


def _limit(seconds: float | None) -> str:
    return "none" if seconds is None else formats.duration(seconds)
