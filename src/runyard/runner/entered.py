"""A run's script in containers that the nodes of a cluster enter: started, watched and judged.

No engine keeps such a container: it is a program in the foreground, and ends with its processes.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time

from runyard.computes import processes
from runyard.computes.slurm import entering
from runyard.containers.command import Mount
from runyard.environments.secret_names import REGISTRY_PASSWORD
from runyard.record.states import Reason
from runyard.runner import container, launch
from runyard.runner.gang import Gang
from runyard.runner.supervision import reap_orphans
from runyard.runner.tree import ProcessTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.spawning import Started
    from runyard.data.places import Place
    from runyard.launchers.plan import LaunchPlan
    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Outcome

_OF_A_NODE = ("CUDA_VISIBLE_DEVICES",)
"""What each node says for itself."""
_SIGNALLED = range(129, 160)
"""What a shell ends with after a signal."""
_LEFT_S = 5.0
"""For what mounts an image, when nothing runs in it any more."""
_SAID_LINES = 5


class Begun:
    """The containers of a run, one on each node. ``channel``: one that can enter them."""

    def __init__(
        self,
        run: RunDirectory,
        record: Mapping[str, Any],
        prefix: Mapping[str, Any],
        channel: Any,
        *,
        data: Sequence[Place] = (),
    ) -> None:
        self._run = run
        self._record = record
        self._prefix = prefix
        self._channel = channel
        section = record["spec"]["container"]
        mounts = [
            (run.workspace.path, run.workspace.path, False),
            (container.PACKAGE, container.JOB, True),
            *(tuple(Mount(*shown)) for shown in launch.data_mounts(data)),
            *(tuple(mount) for mount in container.secrets_of(run)),
            *(entering.volumes(section["arguments"]) or ()),
        ]
        self._entry = entering.Entry(prefix["image"]["tag"], tuple(mounts), run.work)

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        log: str,
        *,
        python_path: Sequence[str] = (),
        functions: str = "",
    ) -> Entered:
        """Start the container of a node: ``argv``, with its output in the file ``log``.

        ``functions``: of the shell, by one of which ``argv`` may begin.
        """
        run, spec = self._run, self._record["spec"]
        os.makedirs(run.launch, exist_ok=True)
        begun = os.path.join(run.launch, f"begun-{spec.get('attempt', 0)}-{node}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(begun)
        user = str(self._record.get("user") or os.getuid())
        of_nodes = {*_OF_A_NODE} - {*spec["environment_variables"]}
        own = {name: value for name, value in env.items() if name not in of_nodes}
        folders = launch.folders_of(run, python_path)
        text = container.exports(own, self._prefix["python"], user, folders)
        given = container.in_memory(
            f"{text}{functions}runyard_begun={shlex.quote(begun)}\n{container.ALL}"
        )
        command = ["sh", f"{container.JOB}/runner/container.sh", log, run.work, *argv]
        open(log, "ab").close()
        with open(run.container_log, "ab") as messages:
            try:
                client = self._channel.enter(
                    node,
                    self._entry,
                    command,
                    self._of_client(),
                    messages.fileno(),
                    stdin_fd=given,
                )
            finally:
                os.close(given)
        return Entered(client, begun, run)

    def _of_client(self) -> dict[str, str]:
        """Variables of the program that enters: it may have to log in to a registry."""
        spec = self._record["spec"]
        found = container.of_client(spec["secret_variables"])
        user, password = spec["environment"]["image"]["username"], os.environ.get(REGISTRY_PASSWORD)
        if user and password:
            for program in ("APPTAINER", "SINGULARITY"):
                found[f"{program}_DOCKER_USERNAME"] = user
                found[f"{program}_DOCKER_PASSWORD"] = password
        return found


class Entered(ProcessTree):
    """What a supervisor watches of a run in such a container: the program that has entered it.

    ``begun``: a file that is there as soon as the script has been started.
    """

    def __init__(self, client: Started, begun: str, run: RunDirectory) -> None:
        super().__init__(client, run)
        self.client = client
        self.begun = begun

    def end(self, grace_s: float) -> int:
        """End what is in the container, or the program that has not entered it yet."""
        return end_all([self], self._run, grace_s, self._reap)

    def judge(self, outcome: Outcome) -> None:
        """By the exit code, which is that of the script once it was started."""
        super().judge(outcome)
        if outcome.code in _SIGNALLED:
            outcome.code = 128 - outcome.code
        if outcome.code and outcome.cause is None and not os.path.exists(self.begun):
            _not_entered(outcome, self._run)


class EnteredGang(Gang):
    """The containers of a distributed run; one that is not entered ends the others."""

    def __init__(
        self, entered: Sequence[Entered], plan: LaunchPlan, run: RunDirectory, log: str
    ) -> None:
        super().__init__([one.client for one in entered], plan, run, each=False, log=log)
        self._entered = entered

    def end(self, grace_s: float) -> int:
        """End what is in all of them."""
        self._ended = self._ended or time.time()
        return end_all(self._entered, self._run, grace_s, self._collect)

    def judge(self, outcome: Outcome) -> None:
        """By the ranks; where none says why, by what was said where one was not entered."""
        super().judge(outcome)
        entered = all(os.path.exists(one.begun) for one in self._entered)
        if not entered and outcome.cause is None:
            outcome.rank = None
            _not_entered(outcome, self._run)

    def _is_over(self) -> bool:
        if any(one.client.poll() for one in self._entered) and self._failed_at is None:
            self._failed_at = time.monotonic()
        return super()._is_over()


def end_all(entered: Sequence[Entered], run: RunDirectory, grace_s: float, reap: Any) -> int:
    """TERM, ``grace_s``, KILL to what is in the containers; how many processes were killed.

    What mounts their images is left alone meanwhile: the script needs it to end.
    """
    for one in entered:
        if one.client.poll() is None and not os.path.exists(one.begun):
            _signal(one.client, signal.SIGTERM)  # it may be fetching the image
    killed = processes.end(lambda: _inside(run), grace_s, reap=reap)
    left = [one.client for one in entered if one.client.poll() is None]
    deadline = time.monotonic() + _LEFT_S
    for client in left:
        try:
            client.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal(client, signal.SIGKILL)
            client.wait()
            killed += 1
    reap_orphans()
    return killed


def _inside(run: RunDirectory) -> list[int]:
    """The processes of the run below this one that say so, which those that mount do not."""
    below = processes.descendants(os.getpid(), lambda _: False)
    return sorted(set(below) & set(processes.of_run(run.path)))


def _signal(client: Started, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(client.pid, number)


def _not_entered(outcome: Outcome, run: RunDirectory) -> None:
    with open(run.container_log, encoding="utf-8", errors="backslashreplace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    fatal = [line for line in lines if line.startswith(("FATAL", "ERROR", "slurmstepd: error"))]
    text = "; ".join((fatal or lines)[-_SAID_LINES:]) or f"exit code {outcome.code}"
    outcome.reason = Reason.LAUNCH_FAILED
    outcome.error = {
        "message": f"the script was not started in a container: {text}",
        "hint": "All of what was said is in system_logs/container.txt",
    }
