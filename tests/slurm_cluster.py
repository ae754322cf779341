"""A real Slurm for tests: munged, slurmctld and three nodes on this machine, gone at the end.

A test that takes the fixture ``slurm`` gets a ``SlurmCluster`` without accounting, one that takes
``slurmdbd`` another with it, and one that takes ``slurm_of_cgroups`` one that tracks processes as
most sites do; ``SLURM_CONF`` leads every Slurm command there. Each worker has its own: folder,
ports, munge key. Jobs that a test leaves are cancelled after it, and nodes that it killed are
started. Where Slurm is not installed, the test is skipped (``tests/requirements.py``).
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.daemons import answers, folder_of, free_port, listens, needs_root, program_of, service
from tests.requirements import missing

NODES = ("n1", "n2", "n3")
CPUS = 8
"""Of each node, whatever this machine has."""
MEMORY_MB = 16000
"""Of each node."""

_SUBREAPER = str(Path(__file__).with_name("subreaper.py"))
_APART = ("unshare", "--uts", "--mount")
_AS_NODE = 'hostname "$0" && mount --bind "$1/hosts" /etc/hosts && shift && exec "$@"'
"""A node has a host name of its own, and knows the others by theirs."""
_PASSWORD = secrets.token_hex(8)
_START_S = 60.0
_CREDENTIAL_S = 15
"""So long a credential is good. A node that a busy machine lets answer later than that starts no
step, and what is queued again waits for so long."""
_RESENT_S = 200.0
"""Where one was too late all the same slurmctld asks again, in 1 or 2 min."""

_SETTINGS = {
    "AuthType": "auth/munge",
    "CredType": "cred/munge",
    "CryptoType": "crypto/munge",
    "SlurmUser": "root",
    "SlurmdUser": "root",
    "ProctrackType": "proctrack/linuxproc",
    "TaskPlugin": "task/none",
    "MpiDefault": "none",
    "ReturnToService": "2",
    "SlurmdParameters": "config_overrides",  # nodes are larger than this machine
    "SelectType": "select/cons_tres",
    "SelectTypeParameters": "CR_CPU_Memory",
    "DefMemPerCPU": "1000",
    "JobAcctGatherType": "jobacct_gather/linux",
    "JobAcctGatherFrequency": "task=2",
    "JobAcctGatherParams": "OverMemoryKill",
    "PreemptType": "preempt/partition_prio",
    "PreemptMode": "REQUEUE",
    "SchedulerParameters": "batch_sched_delay=0,sched_interval=2,bf_interval=2",
    "SlurmdTimeout": "15",  # until a node that does not answer is DOWN
    "KillWait": "5",
    "MinJobAge": "300",
    "InactiveLimit": "0",
    "Waittime": "0",
    "GresTypes": "gpu",
}
_OF_CGROUPS = {
    "ProctrackType": "proctrack/cgroup",
    # The groups of another cluster of this machine are beside these.
    "FirstJobId": str(1 + secrets.randbelow(10**7)),
}
_CGROUPS = Path("/sys/fs/cgroup")


class SlurmCluster:
    """One cluster. ``conf``: its slurm.conf; ``accounting``: whether sacct knows its jobs;
    ``named_nodes``: whether each node has a host name and an address of its own.

    Partitions: ``normal`` (default), ``low`` (preempted by the others, its jobs are queued again)
    and ``short`` (one minute at most). Node n3 has two GPUs that are none.
    """

    def __init__(self, folder: Path, accounting: bool, cgroups: bool = False) -> None:
        self.folder = folder
        self._cgroups = cgroups
        self.accounting = accounting
        self.conf = folder / "slurm.conf"
        self.environment = {"SLURM_CONF": str(self.conf)}
        self._munge_socket = f"{folder}/munge.socket"
        self._job_state = folder / "state" / "job_state"
        self._settings = {**_SETTINGS, **(_OF_CGROUPS if cgroups else {})}
        apart = subprocess.run([*_APART, "true"], capture_output=True, check=False)
        self.named_nodes = apart.returncode == 0
        self._ports = {name: free_port() for name in ("slurmctld", "slurmdbd", "mariadbd", *NODES)}
        self._daemons: dict[str, ExitStack] = {}

    @contextmanager
    def running(self) -> Iterator[SlurmCluster]:
        """Start it; end all of it, and all that its jobs started, with the block."""
        try:
            self._start_munged()
            if self.accounting:
                self._start_accounting()
            self._write_conf()
            self.start_controller()
            for node in NODES:
                self._start_slurmd(node)
            self.wait_until(self._all_idle, "every node is idle", _RESENT_S)
            yield self
        finally:
            for name in (*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"):
                self._kill(name)

    def ask(self, *argv: str) -> str:
        """What a Slurm command says: ``ask("squeue", "--noheader")``."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def state(self, job: str) -> str:
        """The state of a job that slurmctld still knows, as ``RUNNING``."""
        fields = self.ask("scontrol", "show", "job", job, "--oneliner").split()
        return next(f for f in fields if f.startswith("JobState=")).partition("=")[2]

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float = _START_S) -> None:
        """Wait until it holds, at most so long."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}\n{self.log()}"
            time.sleep(0.1)

    def kill_node(self, node: str) -> None:
        """A node fails: its slurmd and all processes of its jobs are killed."""
        self._kill(node)

    def start_node(self, node: str) -> None:
        """It is there again."""
        self._start_slurmd(node)

    def kill_controller(self) -> None:
        """Nobody answers sbatch, squeue and scontrol any more; jobs go on.

        By SIGTERM: after SIGKILL it would have forgotten the last seconds.
        """
        self._kill("slurmctld")

    def crash_controller(self, known: bytes | None = None) -> None:
        """slurmctld by SIGKILL, and again: it has forgotten the last seconds.

        ``known``: and all that it has written down since it had written this, ``jobs_saved``.

        It gives no number of a job that it has forgotten to another one: a node that still knows
        the first would have the second cancelled.
        """
        os.kill(self._pid("slurmctld"), signal.SIGKILL)
        self._kill("slurmctld")
        first = int(self._settings.get("FirstJobId", "1"))
        self._settings["FirstJobId"] = str(first + 1000)
        self._write_conf()
        if known is not None:
            self._job_state.write_bytes(known)
        self.start_controller()

    def state_saved(self) -> float:
        """When slurmctld has last written down its jobs, seconds since 1970; 0: never."""
        return self._job_state.stat().st_mtime if self._job_state.exists() else 0.0

    def jobs_saved(self) -> bytes:
        """What it has written down of its jobs."""
        return self._job_state.read_bytes()

    def crash_slurmd(self, node: str) -> None:
        """The slurmd of a node by SIGKILL; its jobs go on, and it is started again at once."""
        os.kill(self._pid(node), signal.SIGKILL)

    @contextmanager
    def stopped(self, node: str) -> Iterator[None]:
        """The slurmd of a node stands still; its jobs go on."""
        pid = self._pid(node)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _pid(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text())

    def start_controller(self) -> None:
        """Start slurmctld; what it knew, it reads from its files."""
        argv = [program_of("slurmctld", "slurm"), "-D", "-f", str(self.conf)]
        ping = [program_of("scontrol", "slurm"), "ping"]
        self._start("slurmctld", argv, self._answers(ping))

    @contextmanager
    def configured(self, **settings: str) -> Iterator[None]:
        """Other settings of slurm.conf for a while: ``configured(MinJobAge="2")``."""
        before = dict(self._settings)
        try:
            self._settings.update(settings)
            self._write_conf()
            self.ask("scontrol", "reconfigure")
            yield
        finally:
            self._settings = before
            self._write_conf()
            self.ask("scontrol", "reconfigure")

    def clear(self) -> None:
        """End the jobs of a test, and bring back what it has killed."""
        if "slurmctld" not in self._daemons:
            self.start_controller()
        for node in NODES:
            if node not in self._daemons:
                self._start_slurmd(node)
        if jobs := {line.split()[0] for line in self._jobs()}:
            subprocess.run(["scancel", *jobs], env={**os.environ, **self.environment}, check=False)
        self.wait_until(lambda: not self._jobs(), "no job is left", _RESENT_S)
        self.wait_until(self._all_idle, "every node is idle again")

    def is_idle(self) -> bool:
        """Whether it has no job, and all its nodes wait for one; one that is down is resumed."""
        return not self._jobs() and self._all_idle()

    def log(self) -> str:
        """The last lines of its logs, and where its jobs are."""
        squeue = "\n".join(self._jobs()) if "slurmctld" in self._daemons else "no slurmctld"
        logs = [(path.name, path.read_text()[-1500:]) for path in self.folder.glob("*.log")]
        return "\n".join([squeue, *(f"--- {name}\n{text}" for name, text in sorted(logs))])

    def _jobs(self) -> list[str]:
        return self.ask("squeue", "--noheader", "--format=%i %T %r %N").splitlines()

    def _all_idle(self) -> bool:
        said = self.ask("sinfo", "--noheader", "--Node", "--partition=normal", "--format=%N %T")
        states = dict(line.split() for line in said.splitlines())
        for node, state in states.items():
            if "down" in state or "drain" in state:  # a node that comes back may be quicker
                resume = ["scontrol", "update", f"nodename={node}", "state=resume"]
                self._answers(resume)()
        return list(states.values()) == ["idle"] * len(NODES)

    def _start(self, name: str, argv: list[str], ready: Callable[[], bool]) -> None:
        stack = ExitStack()
        argv = ["env", f"SLURM_CONF={self.conf}", *argv]
        if name in NODES:  # its jobs go with it
            own = [*_APART, "sh", "-c", _AS_NODE, name, str(self.folder)]
            argv = [*(own if self.named_nodes else []), sys.executable, _SUBREAPER, *argv]
        stack.enter_context(service(argv, self.folder / f"{name}.out.log", ready, "slurm"))
        self._daemons[name] = stack

    def _kill(self, name: str) -> None:
        stack = self._daemons.pop(name, None)
        if stack is not None:
            stack.close()

    def _start_munged(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        names = ("socket", "pid-file", "log-file", "seed-file")
        options = [f"--{name}={self.folder}/munge.{name}" for name in names]
        options.append(f"--key-file={key}")
        argv = [program_of("munged", "slurm"), "--foreground", "--force", *options]
        self._start("munged", argv, Path(self._munge_socket).exists)

    def _start_slurmd(self, node: str) -> None:
        argv = [program_of("slurmd", "slurm"), "-D", "-N", node, "-f", str(self.conf)]
        self._start(node, argv, lambda: True)

    def _start_accounting(self) -> None:
        data = self.folder / "mariadb"
        install = [program_of("mariadb-install-db", "slurmdbd"), "--no-defaults", "--user=root"]
        install += [f"--datadir={data}", "--skip-test-db", "--skip-name-resolve"]
        done = subprocess.run(install, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-1000:]
        first = self.folder / "first.sql"
        first.write_text(
            f"CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}';\n"
            "GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';\n"
        )
        port = self._ports["mariadbd"]
        argv = [program_of("mariadbd", "slurmdbd"), "--no-defaults", "--user=root"]
        argv += [f"--datadir={data}", f"--socket={self.folder}/mariadb.socket", f"--port={port}"]
        argv += ["--bind-address=127.0.0.1", "--skip-name-resolve", f"--init-file={first}"]
        argv += ["--innodb-flush-log-at-trx-commit=0", f"--pid-file={self.folder}/mariadb.pid"]
        self._start("mariadbd", argv, listens(f"127.0.0.1:{port}"))
        conf = self.folder / "slurmdbd.conf"
        conf.write_text(self._dbd_conf())
        conf.chmod(0o600)
        program = program_of("slurmdbd", "slurmdbd")
        self._write_conf()
        self._start("slurmdbd", [program, "-D"], listens(f"127.0.0.1:{self._ports['slurmdbd']}"))
        add = ["sacctmgr", "--immediate", "add", "cluster", "tests"]
        self.wait_until(self._answers(add), "the cluster is in the data base")

    def _answers(self, argv: list[str]) -> Callable[[], bool]:
        return answers(["env", f"SLURM_CONF={self.conf}", *argv])

    def _write_conf(self) -> None:
        host = socket.gethostname()
        settings = {
            "ClusterName": "tests",
            "SlurmctldHost": f"{host}(127.0.0.1)",
            "SlurmctldPort": str(self._ports["slurmctld"]),
            "AuthInfo": f"socket={self._munge_socket},cred_expire={_CREDENTIAL_S}",
            "StateSaveLocation": f"{self.folder}/state",
            "SlurmdSpoolDir": f"{self.folder}/%n",
            "SlurmctldPidFile": f"{self.folder}/slurmctld.pid",
            "SlurmdPidFile": f"{self.folder}/%n.pid",
            "SlurmctldLogFile": f"{self.folder}/slurmctld.log",
            "SlurmdLogFile": f"{self.folder}/%n.log",
            **self._settings,
            **self._accounting_settings(),
        }
        lines = [f"{name}={value}" for name, value in settings.items()]
        lines += [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={self._ports[node]}"
            f" CPUs={CPUS} RealMemory={MEMORY_MB}{' Gres=gpu:2' if node == 'n3' else ''}"
            for node in NODES
        ]
        nodes = ",".join(NODES)
        lines += [
            f"PartitionName=normal Nodes={nodes} Default=YES PriorityTier=10 PreemptMode=OFF",
            f"PartitionName=low Nodes={nodes} PriorityTier=1 PreemptMode=REQUEUE",
            f"PartitionName=short Nodes={nodes} PriorityTier=10 PreemptMode=OFF MaxTime=1",
        ]
        self.conf.write_text("\n".join(lines) + "\n")
        known = Path("/etc/hosts").read_text()
        # An address for each: MPI takes those that share one for one node.
        nodes_known = "".join(f"127.0.0.1{node[1:]} {node}\n" for node in NODES)
        (self.folder / "hosts").write_text(f"{known}\n127.0.0.1 {host}\n{nodes_known}")
        devices = "/dev/null", "/dev/zero"
        gpus = [f"NodeName=n3 Name=gpu File={device}\n" for device in devices]
        (self.folder / "gres.conf").write_text("".join(gpus))
        plugin = f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={_CGROUPS}\n" if self._cgroups else ""
        (self.folder / "cgroup.conf").write_text(f"CgroupAutomount=no\n{plugin}")

    def _accounting_settings(self) -> dict[str, str]:
        if not self.accounting:
            return {"AccountingStorageType": "accounting_storage/none"}
        return {
            "AccountingStorageType": "accounting_storage/slurmdbd",
            "AccountingStorageHost": "127.0.0.1",
            "AccountingStoragePort": str(self._ports["slurmdbd"]),
            "AccountingStoragePass": self._munge_socket,
        }

    def _dbd_conf(self) -> str:
        return (
            "AuthType=auth/munge\n"
            f"AuthInfo=socket={self._munge_socket}\n"
            f"DbdHost={socket.gethostname()}\nDbdAddr=127.0.0.1\n"
            f"DbdPort={self._ports['slurmdbd']}\n"
            "SlurmUser=root\n"
            f"LogFile={self.folder}/slurmdbd.log\nPidFile={self.folder}/slurmdbd.pid\n"
            "StorageType=accounting_storage/mysql\nStorageHost=127.0.0.1\n"
            f"StoragePort={self._ports['mariadbd']}\n"
            f"StorageUser=slurm\nStoragePass={_PASSWORD}\nStorageLoc=slurm_acct_db\n"
        )


@contextmanager
def cluster(accounting: bool = False, cgroups: bool = False) -> Iterator[SlurmCluster]:
    """A cluster of the tests' own for the block. ``cgroups``: it tracks processes by them."""
    program_of("slurmctld", "slurm")
    program_of("munged", "slurm")
    if accounting:
        program_of("slurmdbd")
        program_of("mariadbd", "slurmdbd")
    needs_root("slurm")
    if cgroups and not os.access(_CGROUPS / "freezer" / "release_agent", os.W_OK):
        missing("slurm-cgroups", "there are no cgroups (v1) that Slurm may make groups in")
    with folder_of("slurm") as folder:
        folder.chmod(0o755)  # jobs of other users reach the socket of munged
        with SlurmCluster(folder, accounting, cgroups).running() as running:
            yield running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a cluster run on one worker: that is what xdist's --dist loadgroup does."""
    for item in items:
        if {"slurm", "slurmdbd", "slurm_of_cgroups"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("slurm"))
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def _slurm() -> Iterator[SlurmCluster]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def _slurmdbd() -> Iterator[SlurmCluster]:
    with cluster(accounting=True) as running:
        yield running


@pytest.fixture(scope="session")
def _slurm_of_cgroups() -> Iterator[SlurmCluster]:
    with cluster(cgroups=True) as running:
        yield running


@pytest.fixture
def slurm(_slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    monkeypatch.setenv("SLURM_CONF", str(_slurm.conf))
    yield _slurm
    _slurm.clear()


@pytest.fixture
def slurmdbd(_slurmdbd: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    monkeypatch.setenv("SLURM_CONF", str(_slurmdbd.conf))
    yield _slurmdbd
    _slurmdbd.clear()


@pytest.fixture
def slurm_of_cgroups(
    _slurm_of_cgroups: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SlurmCluster]:
    monkeypatch.setenv("SLURM_CONF", str(_slurm_of_cgroups.conf))
    yield _slurm_of_cgroups
    _slurm_of_cgroups.clear()
