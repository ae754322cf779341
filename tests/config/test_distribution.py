"""From the words of SDK v1 to the processes of a run (spec 2.2, 4, 5)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runyard.config import distribution
from runyard.config.distribution import Distribution
from runyard.config.jobspec import DistributionSpec
from runyard.config.planning import plan
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.errors import RunConfigurationException, UserErrorException
from tests.config.targets import FakeTarget


def _configured(**given: Any) -> RunConfiguration:
    """A configuration with attributes; ``section__name`` is one of a section."""
    made = RunConfiguration()
    for name, value in given.items():
        section, _, key = name.partition("__")
        setattr(getattr(made, section) if key else made, key or name, value)
    return made


def _spec(count: int, **changes: Any) -> DistributionSpec:
    return DistributionSpec(process_count=count, **changes)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, Distribution("single", 1)),
        ({"framework": "tensorflow"}, Distribution("single", 1)),
        ({"communicator": "IntelMpi"}, Distribution("single", 1)),
        (
            {"communicator": "IntelMpi", "node_count": 2},
            Distribution("mpi", 2, 1, _spec(2)),
        ),
        (
            {"communicator": "OpenMpi", "mpi__process_count_per_node": 4, "node_count": 3},
            Distribution("mpi", 3, 4, _spec(12)),
        ),
        (
            {"framework": "python", "communicator": "Mpi", "mpi__process_count_per_node": 2},
            Distribution("mpi", 1, 2, _spec(2)),
        ),
        (
            {"framework": "PyTorch", "communicator": "openmpi", "node_count": 2},
            Distribution("mpi", 2, 1, _spec(2)),
        ),
        # One process a node unless a total is given; one alone still has a rendezvous.
        (
            {"framework": "pytorch", "communicator": "Nccl"},
            Distribution("pytorch", 1, 1, _spec(1, backend="nccl")),
        ),
        (
            {"framework": "PyTorch", "communicator": "gloo", "node_count": 3},
            Distribution("pytorch", 3, 1, _spec(3, backend="gloo")),
        ),
        (
            {"communicator": "GLOO", "node_count": 2, "pytorch__process_count": 8},
            Distribution("pytorch", 2, 4, _spec(8, backend="gloo")),
        ),
        (
            {"framework": "tensorflow", "communicator": "ParameterServer"},
            Distribution("tensorflow", 1, 2, _spec(2, parameter_servers=1)),
        ),
        (
            {
                "communicator": "parameterserver",
                "node_count": 2,
                "tensorflow__worker_count": 4,
                "tensorflow__parameter_server_count": 0,
            },
            Distribution("tensorflow", 2, 2, _spec(4)),
        ),
        (
            {"communicator": "ParameterServer", "node_count": 2, "tensorflow__worker_count": 2},
            Distribution("tensorflow", 2, 2, _spec(3, parameter_servers=1)),
        ),
        (
            {"communicator": "ParallelTask", "node_count": 2},
            Distribution("parallel", 2, 1, _spec(2)),
        ),
        (
            {
                "communicator": "ParallelTask",
                "paralleltask__worker_count_per_node": 3,
                "paralleltask__max_retries_per_worker": 2,
                "paralleltask__terminal_exit_codes": [1, 137],
            },
            Distribution("parallel", 1, 3, _spec(3, max_retries=2, terminal_exit_codes=(1, 137))),
        ),
    ],
)
def test_what_the_words_make(given: dict[str, Any], made: Distribution) -> None:
    assert distribution.resolved(_configured(**given)) == made


@pytest.mark.parametrize(
    ("job", "made"),
    [
        (MpiConfiguration(2, 3), Distribution("mpi", 3, 2, _spec(6))),
        (MpiConfiguration(), Distribution("single", 1)),
        (
            PyTorchConfiguration("Gloo", 4, 2),
            Distribution("pytorch", 2, 2, _spec(4, backend="gloo")),
        ),
        (
            PyTorchConfiguration(node_count=2),
            Distribution("pytorch", 2, 1, _spec(2, backend="nccl")),
        ),
        (
            TensorflowConfiguration(2, 1),
            Distribution("tensorflow", 2, 2, _spec(3, parameter_servers=1)),
        ),
    ],
)
def test_what_a_distributed_job_config_makes(job: Any, made: Distribution) -> None:
    config = ScriptRunConfig(".", "train.py", distributed_job_config=job)
    assert distribution.resolved(config.run_config) == made


def test_the_nodes_of_a_section_are_not_forgotten() -> None:
    """In SDK v1 the run had one node then, without a word (azure-sdk-for-python#25215)."""
    given = _configured(communicator="IntelMpi", mpi=MpiConfiguration(4, 2))
    made = distribution.resolved(given)
    assert (made.node_count, made.processes_per_node) == (2, 4)
    assert made.notices == ("mpi.node_count=2 counts; node_count=1 of the configuration does not",)
    assert given.node_count == 1
    given.node_count = 2
    assert distribution.resolved(given).notices == ()


def test_a_section_that_the_communicator_does_not_use_is_said() -> None:
    given = _configured(
        communicator="Gloo", mpi__process_count_per_node=4, tensorflow__worker_count=2
    )
    made = distribution.resolved(given)
    assert made.launcher == "pytorch"
    assert made.notices == (
        "mpi.process_count_per_node=4 has no effect: the communicator is 'Gloo'",
        "tensorflow.worker_count=2 has no effect: the communicator is 'Gloo'",
    )


_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"communicator": "smoke"},
        "communicator='smoke' is not known; give one of None, Mpi, IntelMpi, OpenMpi, Gloo, Nccl, "
        "ParameterServer, ParallelTask",
    ),
    (
        {"framework": "CNTK"},
        "framework='CNTK' is not built yet in this version; available now: Python, PyTorch, Tenso",
    ),
    (
        {"framework": "TensorFlow", "communicator": "Nccl"},
        "framework='TensorFlow' and communicator='Nccl' do not go together: ParameterServer is for "
        "TensorFlow, Gloo and Nccl are for PyTorch",
    ),
    (
        {"framework": "PyTorch", "communicator": "ParameterServer"},
        "framework='PyTorch' and communicator='ParameterServer' do not go together",
    ),
    (
        {"node_count": 2},
        "node_count=2 needs a communicator, which says how the processes find each other; set "
        "communicator to 'IntelMpi', 'Nccl', 'Gloo' or 'ParameterServer', give "
        "distributed_job_config, such as MpiConfiguration(), or leave node_count at 1",
    ),
    (
        {"mpi__process_count_per_node": 4},
        "mpi.process_count_per_node=4 asks for nothing while communicator is 'None'; set "
        "communicator to 'IntelMpi', or leave mpi as it is",
    ),
    (
        {"pytorch__process_count": 2},
        "pytorch.process_count=2 asks for nothing while communicator is 'None'; set communicator "
        "to 'Nccl' (GPUs) or 'Gloo' (CPUs), or leave pytorch as it is",
    ),
    (
        {"tensorflow__parameter_server_count": 2},
        "tensorflow.parameter_server_count=2 asks for nothing while communicator is 'None'; set "
        "communicator to 'ParameterServer'",
    ),
    (
        {"paralleltask__worker_count_per_node": 2},
        "paralleltask.worker_count_per_node=2 asks for nothing while communicator is 'None'; set "
        "communicator to 'ParallelTask'",
    ),
    (
        {"communicator": "Mpi", "node_count": 2, "mpi__node_count": 3},
        "node_count=2 and mpi.node_count=3 are both given and say different things; set "
        "mpi.node_count to 2, or node_count to 3",
    ),
    (
        {"communicator": "Gloo", "pytorch__node_count": 0},
        "pytorch.node_count=0 is not a whole number of at least 1",
    ),
    (
        {"communicator": "Mpi", "mpi__process_count_per_node": "4"},
        "mpi.process_count_per_node='4' is not a whole number of at least 1",
    ),
    (
        {"communicator": "Nccl", "pytorch__communication_backend": "gloo"},
        "communicator='nccl' and pytorch.communication_backend='gloo' say different things; set "
        "both to 'nccl' (GPUs) or 'gloo' (CPUs)",
    ),
    (
        {"communicator": "Gloo", "pytorch__process_count": 3, "node_count": 2},
        "pytorch.process_count=3 is the number of processes on all nodes together, and cannot be "
        "divided by node_count=2; give 2 or 4, or another number of nodes",
    ),
    (
        {"communicator": "Gloo", "pytorch__process_count": 1, "node_count": 2},
        "cannot be divided by node_count=2; give 2, or another number of nodes",
    ),
    (
        {"communicator": "Gloo", "pytorch__process_count": True},
        "pytorch.process_count=True is not a whole number of at least 1",
    ),
    (
        {"communicator": "ParameterServer", "node_count": 3},
        "node_count=3 is more than the 2 processes of tensorflow.worker_count=1 and "
        "tensorflow.parameter_server_count=1; a node would have nothing to do. Give node_count=2",
    ),
    (
        {"communicator": "ParameterServer", "tensorflow__parameter_server_count": -1},
        "tensorflow.parameter_server_count=-1 is not a whole number of at least 0",
    ),
    (
        {"communicator": "ParallelTask", "paralleltask__terminal_exit_codes": 2},
        "paralleltask.terminal_exit_codes=2 is no list; give one of exit codes, such as [2], or N",
    ),
    (
        {"communicator": "ParallelTask", "paralleltask__terminal_exit_codes": ["x"]},
        "paralleltask.terminal_exit_codes='x' is not a whole number of at least 0",
    ),
]


@pytest.mark.parametrize(("given", "text"), _BAD)
def test_what_cannot_be(given: dict[str, Any], text: str) -> None:
    with pytest.raises(RunConfigurationException, match=re.escape(text)):
        distribution.resolved(_configured(**given))


def test_node_counts_are_whole_numbers() -> None:
    with pytest.raises(UserErrorException, match="node_count=0 is not a whole number"):
        distribution.resolved(_configured(node_count=0, communicator="Mpi"))


def test_the_plan_has_it(project: Path, workspace: Any, target: FakeTarget) -> None:
    job = PyTorchConfiguration("gloo", 4, 2)
    config = ScriptRunConfig(project, "train.py", distributed_job_config=job)
    config.run_config.mpi.process_count_per_node = 3
    planned = plan(config, workspace, experiment="exp")
    spec = planned.spec
    assert (spec.launcher, spec.node_count, spec.processes_per_node) == ("pytorch", 2, 2)
    assert spec.distribution == _spec(4, backend="gloo")
    assert (spec.framework, spec.communicator) == ("PyTorch", "gloo")
    assert "mpi.process_count_per_node=3 has no effect: the communicator is 'gloo'" in (
        planned.notices
    )


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            "framework: Python\ncommunicator: IntelMpi\nnodeCount: 2\n"
            "mpi:\n  processCountPerNode: 3\n  nodeCount: 1\n",
            Distribution("mpi", 2, 3, _spec(6)),
        ),
        (
            "framework: PyTorch\ncommunicator: Nccl\nnodeCount: 2\n"
            "pytorch:\n  communicationBackend: nccl\n  processCount: 4\n",
            Distribution("pytorch", 2, 2, _spec(4, backend="nccl")),
        ),
        (
            "Framework: TensorFlow\nCommunicator: ParameterServer\n"
            "TensorFlow: {WorkerCount: 2, ParameterServerCount: 1}\n",
            Distribution("tensorflow", 1, 3, _spec(3, parameter_servers=1)),
        ),
        (
            "communicator: ParallelTask\nparalleltask: {workerCountPerNode: 2, "
            "maxRetriesPerWorker: 1, terminalExitCodes: [3]}\n",
            Distribution("parallel", 1, 2, _spec(2, max_retries=1, terminal_exit_codes=(3,))),
        ),
    ],
)
def test_runconfig_files(tmp_path: Path, text: str, made: Distribution) -> None:
    (tmp_path / "job.runconfig").write_text(text)
    loaded = RunConfiguration.load(tmp_path / "job.runconfig")
    assert distribution.resolved(loaded) == made


def test_what_is_saved_is_what_is_read_again(tmp_path: Path) -> None:
    made = _configured(framework="Python", node_count=2)
    distribution.configure(made, _tasks())
    made.save(tmp_path, "job")
    assert distribution.resolved(RunConfiguration.load(tmp_path, "job")) == Distribution(
        "parallel", 2, 3, _spec(6, terminal_exit_codes=(4,))
    )


def _tasks() -> ParallelTaskConfiguration:
    made = ParallelTaskConfiguration()
    made.worker_count_per_node, made.terminal_exit_codes = 3, [4]
    return made


# The same script, several times


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('compiling')\n", True),
        ("from mpi4py import MPI\n", False),
        ("import helper\n", False),  # which does
        ("import os\nrank = int(os.environ['OMPI_COMM_WORLD_RANK'])\n", False),
        ("def broken(:\n", True),
        ("import chainermn\n", False),
    ],
)
def test_processes_that_do_not_know_of_each_other_are_said(
    project: Path, workspace: Any, target: FakeTarget, *, script: str, said: bool
) -> None:
    (project / "train.py").write_text(script)
    (project / "helper.py").write_text("import horovod.torch\n")
    for job, launched in ((MpiConfiguration(4), True), (PyTorchConfiguration("gloo", 4), False)):
        config = ScriptRunConfig(project, "train.py", distributed_job_config=job)
        notices = plan(config, workspace, experiment="exp").notices
        text = (
            "nothing in train.py speaks of MPI or of a rank: each of the 4 processes runs all of "
            "it on all of the data. To share the work, use mpi4py, horovod or ChainerMN, or go by "
            "$OMPI_COMM_WORLD_RANK and $OMPI_COMM_WORLD_SIZE"
        )
        assert (text in notices) is (said and launched)


def test_a_rank_among_the_arguments_is_known(
    project: Path, workspace: Any, target: FakeTarget
) -> None:
    config = ScriptRunConfig(
        project,
        "train.py",
        ["--shard", "$OMPI_COMM_WORLD_RANK"],
        distributed_job_config=MpiConfiguration(2),
    )
    notices = plan(config, workspace, experiment="exp").notices
    assert not any("speaks of MPI" in text for text in notices)
