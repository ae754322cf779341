"""Several nodes rehearsed on this machine: each with a name and a folder of its own.

A script that opens a file in /tmp on every node, or calls itself the first rank of its host, shows
here what it does on a cluster.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

from runyard.computes import spawning
from runyard.computes.local_channel import LocalChannel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.spawning import Started
    from runyard.record.layout import RunDirectory

_NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rehearsed_node.sh")
_WAY = "RUNYARD_REHEARSAL"


class RehearsedChannel(LocalChannel):
    """Nodes ``node-0``, ``node-1``, … in one machine, all reached by its own address.

    Their temporary files lie in a folder that ``close`` removes. ``notes``: what of a rehearsal is
    not possible here, in sentences.
    """

    def __init__(self, spec: Mapping[str, Any], run: RunDirectory) -> None:
        """``spec``: the JobSpec as it stands in run.json."""
        super().__init__(spec, run)
        count = int(spec["node_count"])
        self.nodes = tuple(f"node-{number}" for number in range(count))
        self.addresses = ("127.0.0.1",) * count
        self._in_container = spec.get("container") is not None
        self._runtime = (spec.get("distribution") or {}).get("runtime", "")
        self._way = "none" if self._in_container else way_of_names()
        self._run = run
        remove_scratch(run)
        self._scratch = scratch_of(run)
        os.mkdir(self._scratch, 0o700)  # one of somebody else's is an error
        for node in self.nodes:
            os.mkdir(os.path.join(self._scratch, node), 0o700)
        if self._way == "none" and not self._in_container:
            self.notes = ("all nodes have the host name of this machine: it lets nobody change it",)

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        *,
        stdin_fd: int = spawning.DEVNULL,
    ) -> Started:
        """Start a command as on that node."""
        if not self._in_container:
            name = self.nodes[node]
            argv = ["sh", _NODE, name, os.path.join(self._scratch, name), *argv]
            # mpiexec hands the variables of its node to those of all nodes.
            env = {**self._own(), **env, _WAY: self._way, "RUNYARD_SCRATCH": self._scratch}
        return super().start(node, argv, env, cwd, log_fd, stdin_fd=stdin_fd)

    def _own(self) -> dict[str, str]:
        # UCX, below MPICH, sees one machine. It would share memory by /proc/PID/fd, or by reading
        # that of others, which nobody may do across namespaces of users.
        return {"UCX_POSIX_USE_PROC_LINK": "n", "UCX_TLS": "^cma"} if self._way == "user" else {}

    def agent(self, folder: str) -> str:
        """A program that starts a command as on a node of that name.

        '' in containers, where one has all ranks, and for Open MPI without host names of their
        own: two of its daemons that see the same name wait for each other for ever.
        """
        if self._in_container or (self._way == "none" and self._runtime == "openmpi"):
            one = "one daemon of MPI starts all ranks, so that they all see one node"
            self.notes = (*self.notes, one)
            return ""
        # Not in the folder of the run: Open MPI reads a space in this path as its end.
        path = os.path.join(self._scratch, "agent")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(_agent(self._scratch, self._way))
        os.chmod(path, 0o700)
        return path

    def close(self) -> None:
        """Remove the temporary files of all nodes."""
        remove_scratch(self._run)


def way_of_names() -> str:
    """How a node gets a host name of its own: root, user, or none."""
    try:
        done = subprocess.run(
            ["sh", _NODE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return "none"
    return done.stdout.decode().strip() or "none"


def scratch_of(run: RunDirectory) -> str:
    """Where the temporary files of a run's nodes lie.

    Short: programs put sockets there, and the path of one has 107 characters at most. Known by the
    run alone, so that whoever finds it lost can remove them.
    """
    import tempfile
    import zlib

    number = zlib.crc32(os.fsencode(run.path))
    return os.path.join(tempfile.gettempdir(), f"runyard-{os.geteuid()}-{number:08x}")


def remove_scratch(run: RunDirectory) -> None:
    """Remove them, if they are there; what somebody else has put in their place stays."""
    path = scratch_of(run)
    try:
        status = os.lstat(path)
    except OSError:
        return
    if status.st_uid == os.geteuid() and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)


def _agent(scratch: str, way: str) -> str:
    node, folder = shlex.quote(_NODE), shlex.quote(scratch)
    return f"""#!/bin/sh
# agent [OPTION]... HOST COMMAND...: as rsh does it, for a node that is rehearsed on this machine.
while :; do
    case $1 in
        -l) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
host=$1
shift
{_WAY}={way} exec sh {node} "$host" {folder}/"$host" sh -c "$*"
"""
