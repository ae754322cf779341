"""A run's script in a container: how it is started. ``contained`` watches it."""

from __future__ import annotations

import contextlib
import os
import shlex

from runyard.computes import channels
from runyard.containers import arguments, finding, gpus, run_names
from runyard.containers.command import Mount, run_command
from runyard.containers.engine import OOM
from runyard.environments.secret_names import REGISTRY_PASSWORD
from runyard.job import context
from runyard.record import creation, jsonl, keyvault
from runyard.runner import launch, said
from runyard.runner.contained import Contained

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.protocol import NodeChannel
    from runyard.containers.engine import Engine
    from runyard.data.places import Place
    from runyard.launchers.plan import Process
    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Watched

ALL = "runyard_all=yes\n"
"""The last of what container.sh reads: it starts nothing when that is missing."""
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOB = "/opt/runyard-job/runyard"
"""Where the container sees this package; nothing else of where it is installed."""

_INHERITED = (
    *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"),
    "CUDA_VISIBLE_DEVICES",
)
"""What of the submitter's variables means the same in a container."""


def start(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    channel: NodeChannel,
    process: Process,
    *,
    data: Sequence[Place] = (),
) -> Watched:
    """Start a process of the run in a container of the environment's image.

    Raises OSError or EngineError when that is not possible.
    """
    env = variables(run, record, prefix, {**process.env, **launch.data_variables(data)})
    begun = begin(run, record, prefix, channel, data=data)
    started: Watched = begun.start(
        process.node,
        launch.expand(process.argv, env),
        env,
        run.join("user_logs", process.log),
        python_path=process.python_path,
    )
    return started


def begin(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    channel: NodeChannel,
    *,
    data: Sequence[Place] = (),
    count: int = 1,
) -> Any:
    """What starts the containers of a run, ``count`` of them: an engine here, or a cluster."""
    if not channels.containers():
        return Begun(run, record, prefix, channel, data=data, count=count)
    from runyard.runner import entered

    return entered.Begun(run, record, prefix, channel, data=data)


class Begun:
    """The containers of a run, of which there are ``count``, one on each node.

    Where they are found is written down before the first is started.
    """

    def __init__(
        self,
        run: RunDirectory,
        record: Mapping[str, Any],
        prefix: Mapping[str, Any],
        channel: NodeChannel,
        *,
        data: Sequence[Place] = (),
        count: int = 1,
    ) -> None:
        self._run = run
        self._record = record
        self._prefix = prefix
        self._channel = channel
        self._data = data
        self._engine: Engine = prefix.get("engine") or finding.find()
        own = run_names.beginning(run)
        self._names = [f"{own}-{creation.random_hex(4)}" for _ in range(count)]
        place = {"engine": self._engine.name, "program": self._engine.program}
        several = {"containers": self._names} if count > 1 else {}
        body = {**place, "container": self._names[0], **several}
        jsonl.write_once(run.container_json, body, sync=False)
        self._oom = os.path.join(os.path.dirname(run.container_log), OOM)
        with contextlib.suppress(FileNotFoundError):  # of an attempt before this one
            os.unlink(self._oom)

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        log: str,
        *,
        python_path: Sequence[str] = (),
        functions: str = "",
    ) -> Contained:
        """Start the next one on a node: ``argv``, with its output in the file ``log``.

        ``functions``: of the shell, by one of which ``argv`` may begin.
        """
        run, name = self._run, self._names.pop(0)
        command = self._command(name, ["sh", f"{JOB}/runner/container.sh", log, run.work, *argv])
        open(log, "ab").close()  # made here, so that it belongs to whoever submitted the run
        user = str(self._record.get("user") or os.getuid())
        folders = launch.folders_of(run, python_path)
        text = exports(env, self._prefix["python"], user, folders)
        oom = f"runyard_oom={shlex.quote(self._oom)}\n"
        given = in_memory(text + functions + oom + ALL)
        folder = os.path.dirname(run.container_log)
        own = of_client(self._record["spec"]["secret_variables"])
        with open(run.container_log, "ab") as messages:
            try:
                client = self._channel.start(
                    node, command, own, folder, messages.fileno(), stdin_fd=given
                )
            finally:
                os.close(given)
        return Contained(self._engine, name, client, run)

    def _command(self, name: str, argv: Sequence[str]) -> list[str]:
        run, section = self._run, self._record["spec"]["container"]
        return run_command(
            self._engine,
            self._prefix["image"]["id"],
            argv,
            name=name,
            workdir=run.work,
            mounts=[
                Mount(run.workspace.path, run.workspace.path),
                Mount(PACKAGE, JOB, read_only=True),
                *(Mount(*shown) for shown in launch.data_mounts(self._data)),
                *secrets_of(run),
            ],
            variables={context.RUN_DIRECTORY: run.path},
            shm_size=section["shm_size"],
            user_arguments=section["arguments"],
            gpus=_has_gpus(run, self._engine, section["arguments"]),
            labels={"io.runyard.run": run.path},
            interactive=True,
        )


def seen_there(path: str) -> str:
    """What a container sees of a file of this package; other text as it is."""
    return JOB + path[len(PACKAGE) :] if path.startswith(PACKAGE + os.sep) else path


def secrets_of(run: RunDirectory) -> list[Mount]:
    """The workspace's secrets, where they lie here: its folder, so that new files are seen."""
    if keyvault.where() == keyvault.KEYRING:
        return []
    folder = keyvault.folder_of(run.workspace)
    try:
        keyvault.make_folder(folder)
    except OSError as error:
        said.say(f"the run has no secrets: {folder}: {error.strerror}")
        return []
    return [Mount(folder, folder)]


def _has_gpus(run: RunDirectory, engine: Engine, given: Sequence[str]) -> bool:
    """Whether to ask for GPUs; where they are and cannot be had, the run's first log says why."""
    if not gpus.are_here() or arguments.gives(given, "--gpus"):
        return False
    obstacle = gpus.obstacle(engine.name)
    if obstacle:
        with open(run.environment_log, "a", encoding="utf-8") as log:
            log.write(f"note: {obstacle}\n")
    return not obstacle


def variables(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    own: Mapping[str, str],
) -> dict[str, str]:
    """What the script finds beside the variables of its image; ``own``: those of its process."""
    spec = record["spec"]
    names = (*_INHERITED, *spec["secret_variables"])
    return {
        "PYTHONUNBUFFERED": "1",
        **{name: os.environ[name] for name in names if name in os.environ},
        **launch.activation(spec["environment"]["kind"], prefix),
        **spec["environment_variables"],
        **own,
        **context.variables(run, spec, record.get("workspace", ""), prefix["submitter_python"]),
        keyvault.VARIABLE: keyvault.where(),
    }


def of_client(secret: Sequence[str]) -> dict[str, str]:
    """What the engine's client gets of this process's variables: no secrets, it needs none."""
    hidden = {REGISTRY_PASSWORD, *secret}
    return {name: value for name, value in os.environ.items() if name not in hidden}


def exports(env: Mapping[str, str], python: str, user: str, python_path: Sequence[str] = ()) -> str:
    """The variables as text for a shell; folders of ours come first in the lists of the image.

    ``python_path``: folders of the script's modules. ``user``: a name for programs that ask for
    that of a user whom the image does not know.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    folder = os.path.dirname(python)
    if folder:
        lines.append(f"export PATH={shlex.quote(folder)}${{PATH:+:$PATH}}")
    folders = shlex.quote(os.pathsep.join((f"{JOB}/job/path", *python_path)))
    lines.append(f"export PYTHONPATH={folders}${{PYTHONPATH:+:$PYTHONPATH}}")
    name = shlex.quote(user)
    lines.append(f"export USER=${{USER:-{name}}} LOGNAME=${{LOGNAME:-{name}}}")
    return "\n".join(lines) + "\n"


def in_memory(text: str) -> int:
    """A file of no disk that holds the text, for a process to read from its beginning."""
    descriptor = os.memfd_create("variables")
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(os.fsencode(text))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
