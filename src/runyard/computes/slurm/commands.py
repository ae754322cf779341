"""The programs of Slurm: argument lists, time limits, and what their errors mean."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import subprocess
import time
from typing import NamedTuple

from runyard.errors import ComputeTargetException
from runyard.record import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUERY_S = 8.0
"""How long a question may take; a controller that is busy for longer does not answer."""
SUBMIT_S = 60.0
"""How long sbatch may take: plug-ins of a site may look at each job."""

_TIMES = {"SLURM_TIME_FORMAT": "%s"}
"""Seconds, which no time zone and no site's own format can change."""
_OF_THE_SITE = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_CONF_SERVER", "SLURM_JWT")
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "PMI_", "PMIX_")
_OF_A_USER = ("SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SBATCH_WAIT", "SBATCH_ARRAY_INX")
"""Filters that somebody has set for his own look at the queue: what they hide would seem gone."""

_NOT_ANSWERING = (
    "Unable to contact slurm controller",
    "Connection refused",
    "Socket timed out",
    "Zero Bytes were transmitted",
    "Slurm backup controller in standby mode",
    "Unable to establish controller",
    "Slurmctld restarting",
)

_HINTS = {
    "invalid partition": "see the partitions there are: sinfo --summarize; attach it with another",
    "invalid account": "see yours: sacctmgr show assoc user=$USER; attach it with that --account",
    "invalid qos": "see yours: sacctmgr show assoc user=$USER; attach it with that --qos",
    "invalid feature": (
        "see what nodes have: sinfo --format='%N %f'; attach it with that --constraint"
    ),
    "memory specification": (
        "use a smaller vm_size (runyard compute sizes), or attach with --no-memory"
    ),
    "node configuration is not available": "no node has so much: use a smaller vm_size",
    "partition not available": "an administrator has closed it: sinfo --summarize",
}
"""By what sbatch says of a job that it refuses: what to do."""


class SlurmError(ComputeTargetException):
    """A program of Slurm that failed; ``silent``: because the controller does not answer."""

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class Slurm(NamedTuple):
    """The programs of one installation. ``conf``: its slurm.conf; '' for the one they find."""

    conf: str = ""

    def run(
        self,
        program: str,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        timeout_s: float = QUERY_S,
    ) -> str:
        """What the program printed. Raises SlurmError when it fails, or takes too long.

        ``variables``: its environment, that of this process if not given. Times are printed in
        seconds since 1970.
        """
        begun = self.begin(program, *arguments, variables=variables)
        return begun.finish(timeout_s=timeout_s)

    def begin(
        self, program: str, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> Begun:
        """Start the program, as ``run`` does; it may have to read before it ends."""
        argv = [self.find(program), *arguments]
        if self.conf and not os.path.exists(self.conf):  # which they would wait a minute for
            raise SlurmError(
                f"{self.conf} (slurm_conf of the compute target) is not on this machine: work on a "
                "login node of the cluster, or attach it with another slurm_conf"
            )
        self._refuse_anothers()
        if variables is None:
            env = {**self.variables(os.environ), **_TIMES}
        else:
            env = self.variables(variables)
        try:
            return Begun(program, argv, env)
        except OSError as error:
            raise SlurmError(f"{program} cannot be started: {error}") from error

    def _refuse_anothers(self) -> None:
        """Raise SlurmError for a slurm.conf of another user that this one has not named.

        The programs load the plug-ins that it names, and the record of a compute target is a file
        of the workspace, which may come from anywhere.
        """
        if not self.conf or self.conf == os.environ.get("SLURM_CONF"):
            return
        real = os.path.realpath(self.conf)
        if all(os.stat(path).st_uid in _trusted() for path in (real, os.path.dirname(real))):
            return
        raise SlurmError(
            f"{self.conf} (slurm_conf of the compute target), or the folder it lies in, is neither "
            "root's, nor Slurm's, nor yours, and what it says is run as you. If you trust it: "
            f"export SLURM_CONF={shlex.quote(self.conf)}"
        )

    def find(self, program: str) -> str:
        """The path of a program. Raises SlurmError where it is not installed."""
        found = shutil.which(program)
        if found is None:
            raise SlurmError(
                f"there is no program {program!r} on PATH: work on a login node of the cluster, or "
                "install Slurm's commands here (Debian: apt-get install slurm-client)"
            )
        return found

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Variables for the programs: nothing of a job that this process itself may be in."""
        kept = {
            name: value
            for name, value in given.items()
            if name in _OF_THE_SITE or not name.startswith((*_OF_A_JOB, *_OF_A_USER))
        }
        if self.conf:
            kept["SLURM_CONF"] = self.conf
        return kept


class Begun:
    """A program of Slurm that was started."""

    def __init__(self, program: str, argv: list[str], env: dict[str, str]) -> None:
        self._program = program
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env)

    def finish(
        self,
        text: str = "",
        *,
        timeout_s: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> str:
        """Give it ``text`` to read, and wait for what it prints; raises as ``Slurm.run`` does.

        ``meanwhile`` is called while it works.
        """
        # As subprocess.run, whose wait with a limit sleeps on for a millisecond behind the end.
        begun = time.monotonic()
        with self._process as process:
            try:
                _give(process, text.encode("utf-8", "surrogateescape"))
                meanwhile()
                said = _said(process, begun + timeout_s)
                done = subprocess.CompletedProcess(process.args, process.wait(), *said)
            except subprocess.TimeoutExpired:
                process.kill()
                text = (
                    f"{self._program} has not answered within {timeout_s:.0f} s; see: scontrol ping"
                )
                raise SlurmError(text, silent=True) from None
            except BaseException:
                process.kill()
                raise
        if done.returncode != 0:
            raise _failed(self._program, done)
        return done.stdout.decode(errors="replace")

    def end(self) -> None:
        """End it before it was given anything."""
        with self._process as process:
            process.kill()


def _give(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended: its exit code says why
        process.stdin.write(text)
        process.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdin = None


def _said(process: subprocess.Popen[bytes], until: float) -> tuple[bytes, bytes]:
    """What it has printed, once it has ended. Raises ``subprocess.TimeoutExpired``."""
    ended = pidfd.opened(process.pid)
    if ended is None:
        return process.communicate(timeout=max(0.0, until - time.monotonic()))
    assert process.stdout is not None
    assert process.stderr is not None
    found = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    poller = select.poll()
    waiting = {ended, *found}
    for number in waiting:
        poller.register(number, select.POLLIN)
    try:
        while waiting:
            left_s = until - time.monotonic()
            if left_s < 0:
                raise subprocess.TimeoutExpired(process.args, 0.0)
            for number, _ in poller.poll(left_s * 1000):
                text = os.read(number, 1 << 16) if number in found else b""
                if text:
                    found[number] += text
                else:
                    waiting.discard(number)
                    poller.unregister(number)
    finally:
        os.close(ended)
    out, err = found.values()
    return out, err


def _trusted() -> set[int]:
    """Users whose slurm.conf is taken: root, this one, and that of Slurm where it has its name."""
    import pwd

    users = {0, os.geteuid()}
    with contextlib.suppress(KeyError):
        users.add(pwd.getpwnam("slurm").pw_uid)
    return users


def _failed(program: str, done: subprocess.CompletedProcess[bytes]) -> SlurmError:
    lines = done.stderr.decode(errors="replace").splitlines()
    said = "; ".join(line.removeprefix(f"{program}: error: ").strip() for line in lines if line)
    text = f"{program} failed: {said or f'exit code {done.returncode}'}"
    for words, hint in _HINTS.items():
        if words.lower() in said.lower():
            return SlurmError(f"{text}; {hint}")
    if "configuration source" in said:
        return SlurmError(
            f"{program} finds no configuration of Slurm on this machine: give the target its "
            "slurm_conf, or set SLURM_CONF to it"
        )
    silent = any(word in said for word in _NOT_ANSWERING)
    return SlurmError(
        f"{text}; see whether it is up: scontrol ping" if silent else text, silent=silent
    )
