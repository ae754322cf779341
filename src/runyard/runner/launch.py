"""Starting the script: its variables, its arguments, its log."""

from __future__ import annotations

import os

from runyard import _lending, launchers
from runyard.computes import channels
from runyard.errors import ExperimentExecutionException
from runyard.job import context
from runyard.launchers.plan import Places
from runyard.record import keyvault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.data.places import Place, Shown
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.supervision import Watched

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_JOB_PATH = os.path.join(_PACKAGE, "job", "path")

_NOT_INHERITED = (
    _lending.VARIABLE,
    channels.VARIABLE,
    channels.CONTAINERS,
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
    "RUNYARD_DATASTORE_SECRETS",
)
"""Of the submitter's own Python, which would lead the script to the wrong packages, and what only
the runner is to know."""

_IS_A_RANK = ("RUNYARD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
"""What a submitter has that is itself a process of a distributed run, or of MPI."""

_OF_A_RANK = (
    *("RUNYARD_RANK", "RUNYARD_WORLD_SIZE", "RUNYARD_NODE_INDEX"),
    *("RUNYARD_LOCAL_RANK", "RUNYARD_LOCAL_SIZE", "RUNYARD_SCRATCH", "RUNYARD_REHEARSAL"),
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "TF_CONFIG"),
    *("MASTER_ADDR", "MASTER_PORT", "AZ_BATCH_", "AZ_BATCHAI_", "MPI_LOCALRANKID"),
    *("GLOO_SOCKET_IFNAME", "MPI_LOCALNRANKS", "HYDI_", "HYDRA_", "I_MPI_", "OMPI_"),
    *("OPAL_", "PMI_", "PMIX_", "PRTE_"),
)
"""Its place, by which every process of another run would take itself for that one, and how those
that started it are reached; what ends in '_' is the beginning of names."""


def start(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    ownership: Ownership,
    data: Sequence[Place] = (),
) -> Watched:
    """Start the run's process, here or in a container; ``data``: what was staged for it.

    Raises OSError, or a RunyardError, when that is not possible.
    """
    spec = record["spec"]
    channel = channels.open_channel(spec, run)
    if spec["launcher"] != "single":
        from runyard.runner import distributed

        try:
            gang = distributed.start(run, record, prefix, channel, data)
        except BaseException:
            channel.close()
            raise
        gang.closing = channel.close
        return gang
    places = Places(channel.nodes, channel.addresses)
    plan = launchers.load(spec["launcher"]).plan(spec, places, prefix["python"])
    process = plan.processes[0]
    if spec.get("container") is not None:
        from runyard.record import script as started
        from runyard.runner import container

        noted = started.begin(run, container=True)
        begun = container.start(run, record, prefix, channel, process, data=data)
        started.note_processes(noted, [begun.pid])
        return begun
    from runyard.runner import witness

    own = {**process.env, **data_variables(data)}
    env = {**variables(run, record, prefix, os.environ, process.python_path), **own}
    log = os.open(run.join("user_logs", process.log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        argv = expand(process.argv, env)
        script = witness.start(
            run, ownership, lambda: channel.start(process.node, argv, env, run.work, log)
        )
        return witness.Watched(script, run)
    except FileNotFoundError as error:
        if error.filename != argv[0]:
            raise
        raise no_program(argv[0]) from error
    finally:
        os.close(log)


def no_program(name: str) -> ExperimentExecutionException:
    """The error of a program that is not there."""
    where = "" if "/" in name else " on the PATH of the run"
    return ExperimentExecutionException(
        f"there is no program {name!r}{where}: install it on this machine, or use an environment "
        "or an image that has it"
    )


def _data_of_another_run(inherited: Mapping[str, str]) -> set[str]:
    if not any(name.startswith("AZUREML_DATA") for name in inherited):
        return set()
    from runyard.data import places

    return places.of_another_run(inherited)


def _of_another_rank(inherited: Mapping[str, str]) -> set[str]:
    if not any(name in inherited for name in _IS_A_RANK):
        return set()
    beginnings = tuple(name for name in _OF_A_RANK if name.endswith("_"))
    found = {name for name in inherited if name in _OF_A_RANK or name.startswith(beginnings)}
    # The folder of a rehearsed node is removed with its run.
    return found | ({"TMPDIR"} if "RUNYARD_SCRATCH" in inherited else set())


def data_variables(data: Sequence[Place]) -> dict[str, str]:
    """The variables by which the script finds its data."""
    if not data:
        return {}
    from runyard.data import places

    return places.variables(data)


def data_mounts(data: Sequence[Place]) -> list[Shown]:
    """What of the data a container must be shown."""
    if not data:
        return []
    from runyard.data import places

    return places.mounts(data)


def variables(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    inherited: Mapping[str, str],
    python_path: Sequence[str] = (),
) -> dict[str, str]:
    """The environment of the run's processes.

    The submitter's environment without its Python settings, data and rank, the environment's
    ``bin`` first on PATH, what its conda packages set, unbuffered output so that lines of stdout
    and stderr reach the log in order, the user's variables, and last what the script's ``Run``
    needs.
    ``python_path``: folders of the working directory where the script's modules are.
    """
    spec = record["spec"]
    left_out = {
        *_NOT_INHERITED,
        *_of_another_rank(inherited),
        *_data_of_another_run(inherited),
    }
    env = {name: value for name, value in inherited.items() if name not in left_out}
    env["PYTHONUNBUFFERED"] = "1"
    kind = spec["environment"]["kind"]
    env.update(activation(kind, prefix))
    if kind == "user_managed" and "PYTHONPATH" in inherited:
        env["PYTHONPATH"] = inherited["PYTHONPATH"]
    env.update(spec["environment_variables"])
    # Before the user's own PATH too: `python` in the script is the environment's.
    env["PATH"] = os.path.dirname(prefix["python"]) + os.pathsep + env.get("PATH", os.defpath)
    folders = (_JOB_PATH, *folders_of(run, python_path), env.get("PYTHONPATH", ""))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
    env.update(
        context.variables(run, spec, record.get("workspace", ""), prefix["submitter_python"])
    )
    env[keyvault.VARIABLE] = keyvault.where()
    return env


def folders_of(run: RunDirectory, python_path: Sequence[str]) -> list[str]:
    """Folders of the working directory by their full paths."""
    return [os.path.normpath(os.path.join(run.work, folder)) for folder in python_path]


def activation(kind: str, prefix: Mapping[str, Any]) -> dict[str, str]:
    """What activating the environment would set; conda's scripts were run when it was built."""
    place = prefix["prefix"]
    if kind == "venv":
        return {"VIRTUAL_ENV": place}
    if kind != "conda":
        return {}
    return {**prefix.get("variables", {}), "CONDA_PREFIX": place, "CONDA_DEFAULT_ENV": place}


def expand(argv: tuple[str, ...], env: Mapping[str, str]) -> list[str]:
    """Replace ``$NAME`` and ``${NAME}`` by variables of the process; unknown ones stay as text.

    This is what SDK v1 did just before it called the script (spec 19, Appendix A). The program
    itself and the text behind ``bash -c`` are left alone: the shell expands for itself.
    """
    if tuple(argv[:2]) == ("bash", "-c"):
        return list(argv)
    return [_expand(part, env) for part in argv]


def _expand(text: str, env: Mapping[str, str]) -> str:
    if "$" not in text:
        return text
    import re

    def value(match: re.Match[str]) -> str:
        return env.get(match.group(1) or match.group(2), match.group(0))

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)
