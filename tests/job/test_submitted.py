import os
import signal
from pathlib import Path

import pytest

from runyard.errors import ExperimentExecutionException, RunEnvironmentException, UserErrorException
from runyard.job import context
from runyard.job.run import Run
from runyard.record import jsonl, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.metrics import read_metrics
from runyard.record.states import Reason
from tests.job.conftest import Script


def test_the_context_is_one_object_per_run(submitted_run: Run) -> None:
    assert Run.get_context() is submitted_run
    assert submitted_run.type == "azureml.scriptrun"
    assert Run.get_submitted_run() is submitted_run


def test_outside_a_run_there_is_none() -> None:
    with pytest.raises(RunEnvironmentException, match="RUNYARD_RUN_DIRECTORY is not set"):
        Run.get_context(allow_offline=False)
    with pytest.raises(RunEnvironmentException):
        Run.get_submitted_run()


def test_the_script_cannot_end_its_run(submitted_run: Run) -> None:
    before = jsonl.read(submitted_run.directory.events)
    submitted_run.start()
    submitted_run.complete()
    submitted_run.fail(ValueError("x"))
    with pytest.warns(UserWarning, match="a script cannot cancel its own run"):
        submitted_run.cancel()
    with pytest.raises(KeyError), submitted_run:
        raise KeyError
    with submitted_run:
        pass
    assert jsonl.read(submitted_run.directory.events) == before
    assert os.listdir(submitted_run.directory.requests) == []
    assert submitted_run.status == "Running"
    assert owner.is_held(submitted_run.directory.lock)


def test_what_the_script_told_is_the_error_of_a_failed_run(submitted_run: Run) -> None:
    submitted_run.fail("the data has no labels", "DataError")
    assert "error" not in submitted_run.get_details()
    end = {"error": {"message": "the script ended with exit code 3"}, "exit_code": 3}
    EventLog(submitted_run.directory).end(Reason.SCRIPT_EXIT_CODE, **end)
    error = submitted_run.get_details()["error"]["error"]
    assert (error["code"], error["message"]) == ("DataError", "the data has no labels")
    assert error["exit_code"] == 3


def test_secrets_come_from_the_environment(
    submitted_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_KEY", "s3")
    monkeypatch.setenv("exact-name", "s4")
    assert submitted_run.get_secret("db-key") == "s3"
    assert submitted_run.get_secrets(["db-key", "exact-name", "none"]) == {
        "db-key": "s3",
        "exact-name": "s4",
        "none": None,
    }
    with pytest.raises(UserErrorException, match=r"no secret 'none'; .* variable NONE where"):
        submitted_run.get_secret("none")


def test_a_run_cannot_wait_for_itself(
    submitted_run: Run, submitted_directory: RunDirectory
) -> None:
    for run in (submitted_run, Run(submitted_directory)):
        with pytest.raises(ExperimentExecutionException, match="a run cannot wait for itself"):
            run.wait_for_completion(show_output=True)


def test_variables_lead_back_to_the_run(submitted_directory: RunDirectory) -> None:
    spec = {"framework": "PyTorch", "communicator": "Nccl", "node_count": 2, "target": "cluster"}
    found = context.variables(submitted_directory, spec, "my-ws", "/usr/bin/python3")
    assert all(isinstance(value, str) for value in found.values())
    directory = context.current(found)
    assert directory is not None
    assert directory.path == submitted_directory.path
    assert context.current({}) is None
    assert found["RUNYARD_PYTHON"] == "/usr/bin/python3"
    assert found["RUNYARD_WORKSPACE"] == submitted_directory.workspace.path
    assert found["AZUREML_RUN_ID"] == found["RUNYARD_RUN_ID"] == submitted_directory.id
    assert found["AZUREML_ARM_PROJECT_NAME"] == found["RUNYARD_EXPERIMENT"] == "exp"
    assert found["AZUREML_ARM_WORKSPACE_NAME"] == "my-ws"
    assert found["AZUREML_OUTPUT_DIRECTORY"] == os.path.join(submitted_directory.work, "outputs")
    assert found["AZUREML_COMMUNICATOR"] == "Nccl"
    assert found["AZUREML_NODE_COUNT"] == "2"
    assert found["AZUREML_TARGET_TYPE"] == "cluster"


def test_written_before_said(script: Script, submitted_directory: RunDirectory) -> None:
    code = """
import os
from azureml.core import Run
run = Run.get_context()
for step in range(100):
    run.log("loss", 1 / (step + 1), step=step)
run.log_row("row", a=1)
run.tag("best", 1)
os.kill(os.getpid(), 9)
"""
    done = script(code, directory=submitted_directory)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = read_metrics(submitted_directory)
    assert found == {"loss": [1 / (step + 1) for step in range(100)], "row": {"a": 1}}
    assert Run(submitted_directory).tags == {"best": "1"}


FORKS = """
import multiprocessing, threading
from azureml.core import Run
run = Run.get_context()
run.log("parent", 0)
def work(number):
    threads = [threading.Thread(target=run.log, args=("child", number)) for _ in range(5)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    run.tag("child %d" % number, number)
multiprocessing.set_start_method("fork")
workers = [multiprocessing.Process(target=work, args=(number,)) for number in range(3)]
for worker in workers: worker.start()
for worker in workers: worker.join()
run.log("parent", 1)
"""


def test_one_writer_per_file(script: Script, submitted_directory: RunDirectory) -> None:
    done = script(FORKS, directory=submitted_directory)
    assert done.returncode == 0, done.stderr
    found = read_metrics(submitted_directory)
    assert found["parent"] == [0, 1]
    assert sorted(found["child"]) == [0] * 5 + [1] * 5 + [2] * 5
    for path in Path(submitted_directory.metrics).iterdir():
        lines = jsonl.read(str(path))
        assert len({(line["n"], line["n"] == "child" and line["v"]) for line in lines}) <= 1
    assert len(list(Path(submitted_directory.notes).iterdir())) == 3
