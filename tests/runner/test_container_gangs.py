"""Runs of several processes in a container of the real docker and podman."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.local import LocalTarget
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import (
    DockerConfiguration,
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.containers.engine import Engine
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.run import Run
from runyard.history.workspace import Workspace
from runyard.record import events, owner, ranks
from runyard.record.states import Reason
from runyard.testing import runs
from tests.container_engines import BASE
from tests.killing import runner_of
from tests.requirements import missing


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    workspace: Any = Workspace.create("tests", path=str(tmp_path / "workspace"))
    return Experiment(workspace, "in-containers")


def submit(experiment: Experiment, script: str, job: Any, *arguments: object, **docker: Any) -> Run:
    source = Path(experiment.workspace.directory.path).parent / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(script)
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    config = ScriptRunConfig(
        source,
        "train.py",
        list(arguments),
        environment=environment,
        distributed_job_config=job if isinstance(job, PyTorchConfiguration) else None,
        docker_runtime_config=DockerConfiguration(**docker),
    )
    config.run_config.environment_variables = {"HF_TOKEN": "hunter2"}
    if isinstance(job, TensorflowConfiguration):
        config.run_config.communicator, config.run_config.tensorflow = "ParameterServer", job
    if isinstance(job, ParallelTaskConfiguration):
        config.run_config.communicator, config.run_config.paralleltask = "ParallelTask", job
    return config.submit_to(experiment)


def finish(run: Run) -> events.State:
    return runs.finish(run.directory, timeout_s=60)


def log_of(run: Run, rank: int) -> list[str]:
    path = Path(run.directory.rank_log(rank))
    return path.read_text().splitlines() if path.exists() else []


def started(run: Run, count: int = 3) -> None:
    runs.wait_for(lambda: all("ready" in log_of(run, rank) for rank in range(count)), 60)


def containers(engine: Engine) -> list[str]:
    return engine.ask("ps", "--all", "--format", "{{.Names}}").split()


THREE = PyTorchConfiguration("Gloo", process_count=3)


def test_all_processes_of_a_node_run_in_one_container(
    experiment: Experiment, engine: Engine
) -> None:
    script = """
import json, os, socket, sys, time
names = ['RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'RUNYARD_RANK', 'HF_TOKEN']
open('/tmp/of-%s' % os.environ['RANK'], 'w').close()  # seen by the others: one container
while len([n for n in os.listdir('/tmp') if n.startswith('of-')]) < 3: time.sleep(0.01)
print(json.dumps([sys.argv[1:], *(os.environ[name] for name in names)]))
print('end', file=sys.stderr)
"""
    run = submit(experiment, script, THREE, "--rank", "$AZ_BATCHAI_TASK_INDEX", "it's $RANK")
    state = finish(run)
    assert state.reason is Reason.COMPLETED, (state.detail, log_of(run, 0))
    assert state.detail["exit_codes"] == [0, 0, 0]
    for rank in range(3):
        header, line, end = log_of(run, rank)
        assert header.startswith(f"rank {rank} of 3 on ")
        place = [str(rank), "3", str(rank), "127.0.0.1", str(rank), "hunter2"]
        assert json.loads(line) == [["--rank", str(rank), f"it's {rank}"], *place]
        assert end == "end"
        assert os.stat(run.directory.rank_log(rank)).st_uid == os.getuid()
    assert [rank.code for rank in ranks.read(run.directory)] == [0, 0, 0]
    assert Path(run.directory.path, "system_logs", "launch.txt").read_text() == ""
    assert containers(engine) == []


def test_one_that_fails_ends_them_all(experiment: Experiment, engine: Engine) -> None:
    script = """
import os, time
if os.environ['RANK'] == '1':
    raise KeyError('lr')
time.sleep(60)
"""
    state = finish(submit(experiment, script, THREE))
    assert state.reason is Reason.SCRIPT_EXCEPTION
    assert (state.detail["rank"], state.detail["exit_codes"]) == (1, [143, 1, 143])
    assert state.detail["error"]["type"] == "KeyError"
    assert containers(engine) == []


def test_cancel_gives_every_process_the_time_to_save(
    experiment: Experiment, engine: Engine
) -> None:
    script = """
import signal, sys, time
def save(*_):
    print('told', flush=True); time.sleep(0.5); print('saved', flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('ready', flush=True)
time.sleep(60)
"""
    run = submit(experiment, script, THREE)
    started(run)
    run.cancel()
    state = finish(run)
    assert (state.reason, state.detail["exit_codes"]) == (Reason.CANCELLED, [0, 0, 0])
    for rank in range(3):
        assert log_of(run, rank)[1:] == ["ready", "told", "saved"]


def test_out_of_memory_is_told(experiment: Experiment, docker: Engine) -> None:
    script = """
import os, time
held = []
while os.environ['RANK'] == '2': held.append(bytearray(1_000_000))
time.sleep(60)
"""
    limits = ["--memory=128m", "--memory-swap=128m"]
    state = finish(submit(experiment, script, THREE, arguments=limits))
    assert state.reason is Reason.OUT_OF_MEMORY
    assert (state.detail["rank"], state.detail["exit_codes"][2]) == (2, 137)


def test_parameter_servers_are_ended_when_the_workers_are_done(
    experiment: Experiment, docker: Engine
) -> None:
    script = """
import json, os, time
if json.loads(os.environ['TF_CONFIG'])['task']['type'] == 'ps':
    time.sleep(60)
"""
    state = finish(submit(experiment, script, TensorflowConfiguration(worker_count=2)))
    assert state.reason is Reason.COMPLETED, state.detail
    assert state.detail["exit_codes"] == [0, 0, 143]


def test_parallel_tasks_are_tried_again(experiment: Experiment, docker: Engine) -> None:
    job = ParallelTaskConfiguration()
    job.worker_count_per_node, job.max_retries_per_worker = 2, 1
    script = """
import os, sys
name = 'tried-' + os.environ['AZ_BATCHAI_TASK_INDEX']
again = os.path.exists(name)
open(name, 'w').close()
sys.exit(0 if again else 4)
"""
    run = submit(experiment, script, job)
    assert finish(run).reason is Reason.COMPLETED
    assert log_of(run, 1)[1] == "rank 1 ended with exit code 4: started again (1 of 1)"


def test_a_program_that_the_image_does_not_have(
    experiment: Experiment, docker: Engine, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    config = ScriptRunConfig(
        source,
        command=["no-such-program"],
        environment=environment,
        distributed_job_config=THREE,
        docker_runtime_config=DockerConfiguration(),
    )
    run = config.submit_to(experiment)
    state = finish(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 127)
    assert "no-such-program" in state.detail["error"]["log_tail"][-1]


def test_a_runner_that_is_killed_leaves_nothing_behind(
    experiment: Experiment, engine: Engine
) -> None:
    run = submit(experiment, "import time; print('ready', flush=True); time.sleep(60)", THREE)
    started(run)
    os.kill(runner_of(run.directory), signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.directory.lock))
    LocalTarget().reap(run.directory)
    assert containers(engine) == []
    assert not processes.of_run(run.directory.path)


TWO_NODES = PyTorchConfiguration("Gloo", process_count=4, node_count=2)


def test_each_node_has_a_container(experiment: Experiment, engine: Engine) -> None:
    script = """
import os, time
open('/tmp/of-%s' % os.environ['RANK'], 'w').close()
open('begun-%s' % os.environ['RANK'], 'w').close()  # seen on both nodes
while len([name for name in os.listdir('.') if name.startswith('begun-')]) < 4: time.sleep(0.01)
print(os.environ['NODE_RANK'], os.environ['LOCAL_RANK'],
      sorted(name for name in os.listdir('/tmp') if name.startswith('of-')))
"""
    run = submit(experiment, script, TWO_NODES)
    state = finish(run)
    assert state.reason is Reason.COMPLETED, (state.detail, log_of(run, 0))
    assert [log_of(run, rank)[1] for rank in range(4)] == [
        "0 0 ['of-0', 'of-1']",
        "0 1 ['of-0', 'of-1']",
        "1 0 ['of-2', 'of-3']",
        "1 1 ['of-2', 'of-3']",
    ]
    assert containers(engine) == []


def test_one_that_fails_ends_the_containers_of_all_nodes(
    experiment: Experiment, engine: Engine
) -> None:
    script = """
import os, time
if os.environ['RANK'] == '3':
    raise KeyError('lr')
time.sleep(60)
"""
    state = finish(submit(experiment, script, TWO_NODES))
    assert (state.detail["rank"], state.detail["exit_codes"]) == (3, [143, 143, 143, 1])
    assert containers(engine) == []


def test_a_runner_that_is_killed_leaves_no_container_of_any_node(
    experiment: Experiment, docker: Engine
) -> None:
    run = submit(experiment, "import time; print('ready', flush=True); time.sleep(60)", TWO_NODES)
    started(run, 4)
    os.kill(runner_of(run.directory), signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.directory.lock))
    assert len(containers(docker)) == 2
    LocalTarget().reap(run.directory)
    assert containers(docker) == []


MPI = """
import os, sys
from mpi4py import MPI
world = MPI.COMM_WORLD
total = world.allreduce(world.rank + 1)
print(sys.argv[1], 'of', world.size, 'sum', total, os.path.exists('/.dockerenv'), flush=True)
if os.environ.get('FAIL') == str(world.rank):
    raise ValueError('a bad batch')
world.barrier()
"""


def with_mpi() -> Environment:
    environment = Environment.from_docker_image("with-mpi", BASE)
    environment.python.user_managed_dependencies = False
    for package in ("mpi4py", "mpich"):
        environment.python.conda_dependencies.add_pip_package(package)
    return environment


def submit_mpi(
    experiment: Experiment, tmp_path: Path, environment: Environment, **variables: str
) -> Run:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(MPI)
    config = ScriptRunConfig(
        source,
        "train.py",
        ["$OMPI_COMM_WORLD_RANK"],
        environment=environment,
        distributed_job_config=MpiConfiguration(process_count_per_node=2),
        docker_runtime_config=DockerConfiguration(use_docker=True),
    )
    config.run_config.environment_variables = variables
    return config.submit_to(experiment)


def finish_mpi(run: Run) -> events.State:
    state = runs.finish(run.directory, timeout_s=240)
    log = Path(run.directory.environment_log).read_text()
    if state.reason is Reason.ENVIRONMENT_FAILED and "cannot be reached" in log:
        missing("index", "no package index can be reached")
    return state


def test_mpi_starts_its_ranks_in_the_container(
    experiment: Experiment, docker: Engine, tmp_path: Path
) -> None:
    run = submit_mpi(experiment, tmp_path, with_mpi())
    state = finish_mpi(run)
    assert state.reason is Reason.COMPLETED, (state.detail, log_of(run, 0), log_of(run, 1))
    assert state.detail["exit_codes"] == [0, 0]
    said = ["0 of 2 sum 3 True", "1 of 2 sum 3 True"]
    assert [log_of(run, rank)[-1] for rank in (0, 1)] == said
    # An image that has all of it already, and is used as it is.
    made = json.loads(Path(run.directory.environment_json).read_text())
    own = Environment.from_docker_image("own", made["image"]["tag"])
    own.python.interpreter_path = made["python"]
    run = submit_mpi(experiment, tmp_path, own)
    state = finish_mpi(run)
    assert state.reason is Reason.COMPLETED, (state.detail, log_of(run, 0), log_of(run, 1))
    assert [log_of(run, rank)[-1] for rank in (0, 1)] == said


def test_an_image_without_mpi(experiment: Experiment, docker: Engine, tmp_path: Path) -> None:
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    state = finish(submit_mpi(experiment, tmp_path, environment))
    assert state.reason is Reason.LAUNCH_FAILED
    error = state.detail["error"]
    assert error["message"] == "no process was started: their starter ended with 127"
    assert error["log_tail"] == [
        "the image has no program mpiexec: install an MPI in it, or let runyard bring one "
        "(python.user_managed_dependencies = False)"
    ]


def test_a_rank_of_mpi_that_raises_ends_the_container(
    experiment: Experiment, docker: Engine, tmp_path: Path
) -> None:
    run = submit_mpi(experiment, tmp_path, with_mpi(), FAIL="1")
    state = finish_mpi(run)
    assert state.reason is Reason.SCRIPT_EXCEPTION
    assert (state.detail["rank"], state.detail["error"]["type"]) == (1, "ValueError")
    assert containers(docker) == []
