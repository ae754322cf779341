"""Whole runs in containers of the real docker and podman."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.cli import facts
from runyard.computes import processes
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import DockerConfiguration
from runyard.containers.engine import Engine
from runyard.environments.environment import Environment
from runyard.errors import ComputeTargetException
from runyard.history.experiment import Experiment
from runyard.history.run import Run
from runyard.history.workspace import Workspace
from runyard.record import events, jsonl, owner, script
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.container_engines import BASE
from tests.killing import runner_of


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    workspace: Any = Workspace.create("tests", path=str(tmp_path / "workspace"))
    return Experiment(workspace, "in-containers")


def submit(experiment: Experiment, script: str, *arguments: object, **settings: Any) -> Run:
    """A run of the script with the Python of the image BASE; ``settings``: of the run's docker."""
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
        docker_runtime_config=DockerConfiguration(**settings),
    )
    config.run_config.environment_variables = {"LEVEL": "it's 1", "HF_TOKEN": "hunter2"}
    return config.submit_to(experiment)


def finish(run: Run) -> events.State:
    return runs.finish(run.directory, timeout_s=60)


def containers(engine: Engine) -> list[str]:
    return engine.ask("ps", "--all", "--format", "{{.Names}}").split()


def started(run: Run, text: str = "ready\n") -> None:
    runs.wait_for(lambda: text in runs.log_of(run.directory), timeout_s=60)


SCRIPT = """
import os, sys
from azureml.core import Run
run = Run.get_context()
run.log("loss", 0.5)
run.tag("place", "container")
with run.child_run("inner") as child:
    child.log("x", 1)
os.makedirs("outputs/deep", exist_ok=True)
open("outputs/deep/model.txt", "w").write("weights")
print(sys.argv[1:], os.environ["LEVEL"], os.environ["HF_TOKEN"], os.getcwd())
print("end", file=sys.stderr)
"""


def test_a_script_finds_its_run_in_a_container(experiment: Experiment, engine: Engine) -> None:
    run = submit(experiment, SCRIPT, "--level", "$LEVEL")
    state = finish(run)
    assert state.reason is Reason.COMPLETED, runs.log_of(run.directory)
    work = run.directory.work
    assert runs.log_of(run.directory) == f"['--level', \"it's 1\"] it's 1 hunter2 {work}\nend\n"
    assert run.get_metrics() == {"loss": 0.5}
    assert run.tags["place"] == "container"
    assert [child.get_metrics() for child in run.get_children()] == [{"x": 1}]
    model = Path(run.directory.outputs, "deep", "model.txt")
    assert model.read_text() == "weights"
    assert (model.stat().st_uid, model.parent.stat().st_gid) == (os.getuid(), os.getgid())
    assert Path(run.directory.container_log).read_text() == ""
    assert facts.read(run.directory).image == f"{BASE}  {engine.image_id(BASE)}"
    assert containers(engine) == []


def test_no_secret_is_known_to_the_engine(experiment: Experiment, docker: Engine) -> None:
    run = submit(experiment, "print('ready', flush=True)\nimport time; time.sleep(60)")
    started(run)
    [name] = containers(docker)
    shown = docker.ask("container", "inspect", name)
    assert run.directory.path in shown
    assert "hunter2" not in shown
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    assert name in listed.stdout
    assert "hunter2" not in listed.stdout
    run.cancel()
    assert finish(run).reason is Reason.CANCELLED


@pytest.mark.parametrize(
    ("script", "reason", "detail"),
    [
        ("raise SystemExit(3)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 3}),
        ("raise SystemExit(125)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 125}),
        ("raise KeyError('lr')", Reason.SCRIPT_EXCEPTION, {"exit_code": 1}),
        ("import os; os.kill(os.getpid(), 11)", Reason.SIGNAL, {"signal": "SIGSEGV"}),
    ],
)
def test_every_end_has_one_typed_reason(
    experiment: Experiment, docker: Engine, script: str, reason: Reason, detail: dict[str, object]
) -> None:
    state = finish(submit(experiment, script))
    assert state.reason is reason
    assert detail.items() <= state.detail.items()


def test_out_of_memory_is_told(experiment: Experiment, engine: Engine) -> None:
    script = "held = []\nwhile True: held.append(bytearray(1_000_000))"
    run = submit(experiment, script, arguments=["--memory=64m", "--memory-swap=64m"])
    assert finish(run).reason is Reason.OUT_OF_MEMORY
    # Also where the engine has missed it, as dockerd does once in some hundred times.
    assert Path(run.directory.join("system_logs", "oom")).exists()


def test_a_kill_is_no_lack_of_memory(experiment: Experiment, engine: Engine) -> None:
    state = finish(submit(experiment, "import os; os.kill(os.getpid(), 9)"))
    assert (state.reason, state.detail["signal"]) == (Reason.SIGNAL, "SIGKILL")


OBEYS = """
import signal, sys, time
def stop(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""


def test_cancel_lets_the_script_save_its_work(experiment: Experiment, engine: Engine) -> None:
    run = submit(experiment, OBEYS)
    started(run)
    begun = time.monotonic()
    run.cancel()
    state = finish(run)
    assert time.monotonic() - begun < 40
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert runs.log_of(run.directory) == "ready\nsaved\n"
    assert containers(engine) == []


def test_the_time_limit_ends_what_does_not_listen(experiment: Experiment, docker: Engine) -> None:
    """Also a child that has left the script's group and session."""
    script = (
        "import os, signal, subprocess, time\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    source = Path(experiment.workspace.directory.path).parent / "source"
    source.mkdir()
    (source / "train.py").write_text(script)
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    config = ScriptRunConfig(
        source, "train.py", environment=environment, max_run_duration_seconds=8
    )
    state = finish(config.submit_to(experiment))
    assert state.reason is Reason.TIME_LIMIT
    assert state.detail["killed_processes"] == 1
    assert containers(docker) == []


def test_the_container_of_a_lost_run_is_removed(experiment: Experiment, engine: Engine) -> None:
    run = submit(experiment, "print('ready', flush=True)\nimport time; time.sleep(600)")
    started(run)
    who = jsonl.read_json(run.directory.lock)
    os.kill(who["pid"], signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.directory.lock))
    os.unlink(script.path_of(run.directory))  # else another runner goes on with it
    assert Run.get(experiment.workspace, run.id).get_status() == "Failed"
    assert events.read_state(run.directory).reason is Reason.RUNNER_LOST
    runs.wait_for(lambda: containers(engine) == [])


def test_arguments_and_sizes_reach_the_engine(experiment: Experiment, docker: Engine) -> None:
    script = "import os; print(os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize)\n"
    script += "print(open('/given/file').read())"
    folder = Path(experiment.workspace.directory.path).parent / "given"
    folder.mkdir()
    (folder / "file").write_text("mine")
    run = submit(experiment, script, shm_size="128m", arguments=["-v", f"{folder}:/given:ro"])
    assert finish(run).reason is Reason.COMPLETED
    assert runs.log_of(run.directory).split() == [str(128 << 20), "mine"]


def test_an_argument_the_engine_does_not_know(experiment: Experiment, docker: Engine) -> None:
    state = finish(submit(experiment, "", arguments=["--nonsense"]))
    assert state.reason is Reason.LAUNCH_FAILED
    assert "unknown flag: --nonsense" in state.detail["error"]["message"]
    assert containers(docker) == []


def test_no_engine_is_an_error_before_the_run(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    with pytest.raises(ComputeTargetException) as raised:
        submit(experiment, "")
    text = str(raised.value)
    assert "docker: docker is not installed" in text
    assert "podman: podman is not installed" in text
    assert list(experiment.get_runs()) == []


@pytest.mark.xdist_group("docker")
def test_an_engine_that_is_killed_loses_the_run(experiment: Experiment, mortal_docker: int) -> None:
    """What it had started is ended, and the run is not shown as running, nor as completed."""
    run = submit(experiment, "print('ready', flush=True)\nimport time; time.sleep(600)")
    started(run)
    left = processes.of_run(run.directory.path)
    assert left
    os.kill(mortal_docker, signal.SIGKILL)
    state = finish(run)
    assert state.reason is Reason.NODE_LOST
    assert "the engine was lost while the script was running" in state.detail["error"]["message"]
    assert [pid for pid in left if pid in processes.of_run(run.directory.path)] == []


def test_a_client_that_is_killed_loses_the_run(experiment: Experiment, docker: Engine) -> None:
    run = submit(experiment, "print('ready', flush=True)\nimport time; time.sleep(600)")
    started(run)
    runner_of(run.directory)  # it has said so
    os.kill(events.read_state(run.directory).detail["pid"], signal.SIGKILL)
    state = finish(run)
    assert state.reason is Reason.NODE_LOST
    assert "docker lost sight of the script" in state.detail["error"]["message"]
    assert containers(docker) == []


SECRETS = """
import os, time
from azureml.core import Run
run = Run.get_context()
vault = run.experiment.workspace.get_default_keyvault()
vault.set_secret("from-container", run.get_secret("db-key")[::-1])
print("ready")
while not os.path.exists("seen"): time.sleep(0.05)
"""


def test_a_container_reads_the_secrets_of_its_workspace_and_shows_none(
    experiment: Experiment, engine: Engine
) -> None:
    vault = experiment.workspace.get_default_keyvault()
    vault.set_secret("db-key", "hunter3-in-the-vault")
    run = submit(experiment, SECRETS)
    started(run)
    [name] = containers(engine)
    assert "hunter3" not in engine.ask("inspect", name)
    Path(run.directory.work, "seen").touch()
    assert finish(run).reason is Reason.COMPLETED
    assert vault.get_secret("from-container") == "hunter3-in-the-vault"[::-1]
    for path in Path(experiment.workspace.path).rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"hunter3" not in path.read_bytes(), path
