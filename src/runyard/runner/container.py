"""A run's script in a container: how it is started, watched, ended and judged."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time

from runyard.computes import processes
from runyard.containers import arguments, finding, gpus, words
from runyard.containers.command import Mount, run_command
from runyard.containers.errors import EngineError
from runyard.environments.secret_names import REGISTRY_PASSWORD
from runyard.job import context
from runyard.record import creation, jsonl, keyvault
from runyard.record.states import Reason
from runyard.runner import launch, said
from runyard.runner.supervision import end_of, reap_orphans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.protocol import NodeChannel
    from runyard.containers.details import ContainerState
    from runyard.containers.engine import Engine
    from runyard.data.places import Place
    from runyard.launchers.plan import Process
    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Outcome

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_JOB = "/opt/runyard-job/runyard"
"""Where the container sees this package; nothing else of where it is installed."""

_INHERITED = (
    *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"),
    "CUDA_VISIBLE_DEVICES",
)
"""What of the submitter's variables means the same in a container."""

_PATIENCE_S = 30.0
"""For an engine that is busy to start a container, so that it can be stopped."""

_LAST_GRACE_S = 2.0
_KILLED = 137
_UNSTARTED = (125, 126, 127)
"""What the engine's client, and container.sh, end with when they could not start the script."""
_SIGNALLED = range(129, 160)
"""What a shell ends with after a signal."""


def start(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    channel: NodeChannel,
    process: Process,
    *,
    data: Sequence[Place] = (),
) -> Contained:
    """Start a process of the run in a container of the environment's image.

    Raises OSError or EngineError when that is not possible.
    """
    spec = record["spec"]
    engine = prefix.get("engine") or finding.find()
    name = f"runyard-{re.sub('[^A-Za-z0-9_.-]', '_', run.id)}-{creation.random_hex(4)}"
    log = run.join("user_logs", process.log)
    own_env = {**process.env, **launch.data_variables(data)}
    env = variables(run, record, prefix, own_env)
    command = run_command(
        engine,
        prefix["image"]["id"],
        ["sh", f"{_JOB}/runner/container.sh", log, run.work, *launch.expand(process.argv, env)],
        name=name,
        workdir=run.work,
        mounts=[
            Mount(run.workspace.path, run.workspace.path),
            Mount(_PACKAGE, _JOB, read_only=True),
            *(Mount(*shown) for shown in launch.data_mounts(data)),
            *_secrets(run),
        ],
        variables={context.RUN_DIRECTORY: run.path},
        shm_size=spec["container"]["shm_size"],
        user_arguments=spec["container"]["arguments"],
        gpus=_has_gpus(run, engine, spec["container"]["arguments"]),
        labels={"io.runyard.run": run.path},
        interactive=True,
    )
    place = {"engine": engine.name, "program": engine.program, "container": name}
    jsonl.write_once(run.container_json, place, sync=False)
    open(log, "ab").close()  # made here, so that it belongs to whoever submitted the run
    user = str(record.get("user") or os.getuid())
    folders = launch.folders_of(run, process.python_path)
    given = _in_memory(exports(env, prefix["python"], user, folders))
    folder, own = os.path.dirname(run.container_log), _of_client(spec["secret_variables"])
    with open(run.container_log, "ab") as messages:
        try:
            client = channel.start(
                process.node, command, own, folder, messages.fileno(), stdin_fd=given
            )
        finally:
            os.close(given)
    return Contained(engine, name, client, run)


def _secrets(run: RunDirectory) -> list[Mount]:
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


def _of_client(secret: Sequence[str]) -> dict[str, str]:
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
    folders = shlex.quote(os.pathsep.join((f"{_JOB}/job/path", *python_path)))
    lines.append(f"export PYTHONPATH={folders}${{PYTHONPATH:+:$PYTHONPATH}}")
    name = shlex.quote(user)
    lines.append(f"export USER=${{USER:-{name}}} LOGNAME=${{LOGNAME:-{name}}}")
    return "\n".join(lines) + "\n"


def _in_memory(text: str) -> int:
    """A file of no disk that holds the text, for a process to read from its beginning."""
    descriptor = os.memfd_create("variables")
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(os.fsencode(text))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Contained:
    """What a supervisor watches of a run in a container: the engine's client, attached to it."""

    def __init__(
        self, engine: Engine, name: str, client: subprocess.Popen[bytes], run: RunDirectory
    ) -> None:
        self.pid = client.pid
        self._engine = engine
        self._name = name
        self._client = client
        self._run = run
        self._messages = run.container_log
        self._ended = end_of(client)

    def wait(self, patience_ms: int) -> bool:
        """Wait so many milliseconds for the client, which is attached while the script runs."""
        return self._ended(patience_ms)

    def look(self) -> None:
        """The engine watches the memory."""
        reap_orphans(self.pid)

    def end(self, grace_s: float) -> int:
        """Stop the container, unless it has ended; 1 if it had to be killed."""
        if self._client.poll() is not None:
            return 0
        give_up = time.monotonic() + grace_s + _PATIENCE_S
        # Again and again: one that is only being started now cannot be stopped yet.
        while not self._detached(0.2):
            self._stop(grace_s)
            if time.monotonic() > give_up:
                self._client.kill()
        state = self._state()
        return int(state is not None and state.exit_code == _KILLED)

    def _detached(self, patience_s: float) -> bool:
        try:
            self._client.wait(patience_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def judge(self, outcome: Outcome) -> None:
        """By what the engine says of the container, which is removed then."""
        outcome.code = self._client.wait()
        try:
            state = self._engine.state(self._name, os.path.dirname(self._messages))
        except EngineError as error:
            self._judge_without_engine(outcome, error)
            return
        if state is not None and state.running:
            outcome.reason = Reason.NODE_LOST
            message = "its client has ended, and the container had not"
            outcome.error = {"message": f"{self._engine.name} lost sight of the script: {message}"}
        elif state is not None and state.started:
            outcome.code = state.exit_code
            outcome.out_of_memory = state.out_of_memory
        said_by_client = self._said()
        if outcome.code in _UNSTARTED and (said_by_client or state is None or not state.started):
            text = said_by_client or (state.error if state else "")
            why = words.explain(self._engine.name, text, outcome.code)
            outcome.reason = Reason.LAUNCH_FAILED
            outcome.error = {"type": why.kind, "message": why.message, "hint": why.hint}
        elif outcome.code in _SIGNALLED:
            outcome.code = 128 - outcome.code
        self._remove()

    def _judge_without_engine(self, outcome: Outcome, error: EngineError) -> None:
        """The engine has ended, or hangs; a script it has started may go on without it."""
        processes.end(lambda: processes.of_run(self._run.path), grace_s=_LAST_GRACE_S)
        outcome.reason = Reason.NODE_LOST
        outcome.error = {
            "type": error.kind,
            "message": f"the engine was lost while the script was running: {error.message}",
            "hint": error.hint,
        }

    def _state(self) -> ContainerState | None:
        try:
            return self._engine.state(self._name)
        except EngineError as error:
            said.say(f"nothing is known of container {self._name}: {error.message}")
            return None

    def _stop(self, grace_s: float) -> None:
        try:
            self._engine.stop(self._name, grace_s)
        except EngineError as error:
            said.say(f"container {self._name} could not be stopped: {error.message}")

    def _said(self) -> str:
        """What the client wrote: nothing, when all is well."""
        with open(self._messages, encoding="utf-8", errors="backslashreplace") as stream:
            return stream.read().strip()

    def _remove(self) -> None:
        try:
            self._engine.remove(self._name)
        except EngineError as error:
            said.say(f"container {self._name} was not removed: {error.message}")
