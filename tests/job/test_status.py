import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runyard.errors import ActivityFailedException, UserErrorException
from runyard.job import interactive
from runyard.job.run import Run
from runyard.record import creation, jsonl, owner
from runyard.record.events import EventLog, read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason


def test_a_with_block_completes_or_fails(workspace: WorkspaceDirectory) -> None:
    with Run(interactive.start(workspace, "exp")[0]) as good:
        assert good.status == "Running"
    failing = Run(interactive.start(workspace, "exp")[0])
    with pytest.raises(KeyError), failing:
        raise KeyError("layer")
    leaving = Run(interactive.start(workspace, "exp")[0])
    with pytest.raises(SystemExit), leaving:
        sys.exit(0)
    assert [run.status for run in (good, failing, leaving)] == ["Completed", "Failed", "Completed"]
    error = failing.get_details()["error"]["error"]
    assert error["code"] == "UserError"
    assert error["message"] == "User program failed with KeyError: 'layer'"
    assert (error["type"], error["reason"]) == ("KeyError", "script_exception")
    assert 'raise KeyError("layer")' in error["debugInfo"]["stackTrace"]
    assert not owner.is_held(failing.directory.lock)


def test_an_end_is_final(interactive_run: Run) -> None:
    interactive_run.fail("no data", "DataError")
    interactive_run.complete()
    interactive_run.cancel()
    assert interactive_run.get_status() == "Failed"
    assert interactive_run.get_detailed_status()["details"]["error"]["message"] == "no data"
    error = interactive_run.get_details()["error"]["error"]
    assert (error["code"], error["message"]) == ("DataError", "no data")
    assert len(jsonl.read(interactive_run.directory.events)) == 2


def test_fail_takes_a_text_or_an_exception(interactive_run: Run) -> None:
    with pytest.raises(TypeError, match="must be a text or an exception, not an int"):
        interactive_run.fail(3)  # type: ignore[arg-type]
    interactive_run.fail(_set_status=False, error_details=ValueError("x"))
    interactive_run.complete(_set_status=False)
    assert interactive_run.status == "Running"
    interactive_run.fail()
    assert interactive_run.get_details()["error"]["error"]["message"] == (
        "User program failed with ValueError: x"
    )


def test_details(interactive_run: Run) -> None:
    details = interactive_run.get_details()
    assert list(details) == [
        "runId",
        "target",
        "status",
        "startTimeUtc",
        "services",
        "warnings",
        "properties",
        "inputDatasets",
        "outputDatasets",
        "runDefinition",
        "logFiles",
        "submittedBy",
    ]
    interactive_run.complete()
    ended = interactive_run.get_details()
    assert ended["startTimeUtc"] <= ended["endTimeUtc"]
    assert time.strptime(ended["endTimeUtc"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert ended["status"] == "Completed"
    assert json.loads(json.dumps(ended)) == ended


def submitted(workspace: WorkspaceDirectory, **record: object) -> RunDirectory:
    from runyard.record.creation import create_run

    spec = {"target": "local"}
    return create_run(workspace, "exp", {"type": "azureml.scriptrun", "spec": spec, **record})


def test_details_of_a_failed_script(workspace: WorkspaceDirectory) -> None:
    git = {"azureml.git.branch": "main"}
    directory = submitted(workspace, snapshot="abc", git=git, notices=["no Docker"], user="me")
    EventLog(directory).end(
        Reason.SCRIPT_EXCEPTION,
        exit_code=1,
        error={"type": "ValueError", "message": "bad", "location": "train.py:3", "log_tail": ["x"]},
    )
    details = Run(directory).get_details()
    assert details["properties"] == {"ContentSnapshotId": "abc", "azureml.git.branch": "main"}
    assert details["warnings"] == [{"source": "runyard", "message": "no Docker"}]
    assert details["submittedBy"] == "me"
    assert details["error"]["error"] == {
        "code": "UserError",
        "message": "User program failed with ValueError: bad",
        "reason": "script_exception",
        "type": "ValueError",
        "location": "train.py:3",
        "log_tail": ["x"],
        "exit_code": 1,
        "hint": Reason.SCRIPT_EXCEPTION.hint,
    }


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_details(workspace: WorkspaceDirectory, reason: Reason) -> None:
    directory = submitted(workspace)
    EventLog(directory).end(reason)
    details = Run(directory).get_details()
    assert details["status"] == reason.status.value
    assert ("error" in details) == (reason.status.value == "Failed")
    if "error" in details:
        assert details["error"]["error"]["reason"] == reason.value
        assert details["error"]["error"]["message"].startswith("the run ended: ")


def test_wait_for_completion(
    workspace: WorkspaceDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = submitted(workspace)
    Path(directory.std_log).write_text("epoch 1\n")
    ender = threading.Timer(0.1, lambda: EventLog(directory).end(Reason.NODE_LOST))
    ender.start()
    with pytest.raises(ActivityFailedException, match="node_lost") as caught:
        Run(directory).wait_for_completion(show_output=True)
    ender.join()
    assert caught.value.error_details["error"]["reason"] == "node_lost"
    assert "epoch 1" in capsys.readouterr().out
    details = Run(directory).wait_for_completion(raise_on_error=False)
    assert details["status"] == "Failed"


def test_clean_keeps_outputs_and_logs(submitted_directory: RunDirectory) -> None:
    run = Run(submitted_directory)
    work = Path(submitted_directory.work)
    (work / "data").mkdir()
    (work / "data" / "x").write_text("x")
    (work / "link").symlink_to("data")
    (work / "outputs" / "m").write_text("m")
    with pytest.raises(UserErrorException, match="has not ended; cancel it"):
        run.clean()
    EventLog(submitted_directory).end(Reason.COMPLETED)
    run.clean()
    assert sorted(os.listdir(work)) == ["logs", "outputs"]
    assert run.get_file_names() == ["outputs/m"]


OTHER = """
import sys
from runyard.job.run import Run
from runyard.record.layout import RunDirectory
run = Run(RunDirectory(sys.argv[1]))
getattr(run, sys.argv[2])()
print(run.status)
"""


def in_another_process(directory: RunDirectory, method: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OTHER, directory.path, method], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_only_the_runner_ends_a_run(interactive_run: Run) -> None:
    directory = interactive_run.directory
    assert in_another_process(directory, "complete") == "Running"
    assert in_another_process(directory, "fail") == "Running"
    assert in_another_process(directory, "cancel") == "CancelRequested"
    requests = sorted(name.split("-")[0] for name in os.listdir(directory.requests))
    assert requests == ["cancel", "complete", "fail"]
    assert len(jsonl.read(directory.events)) == 1


@pytest.mark.parametrize(
    ("method", "status"), [("complete", "Completed"), ("fail", "Failed"), ("cancel", "Canceled")]
)
def test_a_run_that_nobody_runs_is_ended_by_whoever_asks(
    workspace: WorkspaceDirectory, method: str, status: str
) -> None:
    directory, _ = interactive.start(workspace, "exp")
    interactive._forget()
    assert in_another_process(directory, method) == status
    assert not owner.is_held(directory.lock)


def test_a_submitted_run_or_one_of_another_machine_is_only_asked_to_end(
    workspace: WorkspaceDirectory,
) -> None:
    directory, ownership = interactive.start(workspace, "exp")
    owner.sign(ownership, dict(owner.identity(), host="elsewhere"))
    interactive._forget()
    queued = [submitted(workspace, spec={"target": name}) for name in ("cluster", "local")]
    for run in (directory, *queued):
        Run(run).cancel()
        assert not read_state(run).status.ended
        assert Run(run).status == "CancelRequested"


AT_EXIT = """
import os, sys
from runyard.job import interactive
from runyard.job.run import Run
from runyard.record.layout import WorkspaceDirectory
directory, _ = interactive.start(WorkspaceDirectory(sys.argv[1]), "exp", outputs="results")
run = Run(directory)
print(directory.path)
"""


def start_script(folder: str, rest: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT + rest, folder], stdout=subprocess.PIPE, text=True
    )
    return Run(RunDirectory(done.stdout.strip()))


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("pass", "Completed"),
        ("raise ValueError('bad')", "Failed"),
        ("from runyard.record import events; events.request(directory, 'cancel')", "Canceled"),
        ("run.cancel()", "Canceled"),
        ("child = os.fork()\nif child: os.waitpid(child, 0); run.cancel()", "Canceled"),
        ("os._exit(0)", "Running"),
    ],
)
def test_a_run_ends_with_its_process(
    workspace: WorkspaceDirectory, rest: str, status: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = start_script(workspace.path, rest)
    assert run.status == status
    assert not owner.is_held(run.directory.lock)
    if status == "Failed":
        assert run.get_details()["error"]["error"]["message"] == (
            "User program failed with ValueError: bad"
        )
    assert "Exception ignored" not in capfd.readouterr().err


def test_new_files_of_the_outputs_folder_are_kept(workspace: WorkspaceDirectory) -> None:
    os.mkdir("results")
    Path("results/old").write_text("old")
    os.utime("results/old", (1, 1))
    code = "os.makedirs('results/sub')\nopen('results/sub/new', 'w').close()\n"
    code += "run.upload_file('outputs/up', 'results/old')"
    assert start_script(workspace.path, code).get_file_names() == ["outputs/sub/new", "outputs/up"]


@pytest.mark.parametrize(
    ("error", "message", "reason"),
    [
        (ValueError("oops"), "User program failed with ValueError: oops", "ValueError: oops"),
        (KeyboardInterrupt(), "User program failed with KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_an_exception_is_named_once(
    interactive_run: Run, error: BaseException, message: str, reason: str
) -> None:
    with pytest.raises(type(error)), interactive_run:
        raise error
    assert interactive_run.get_details()["error"]["error"]["message"] == message
    assert f"<td>script exception: {reason}</td>" in interactive_run._repr_html_()


def test_the_reason_of_a_script_reads_the_same(interactive_run: Run) -> None:
    directory = creation.create_run(interactive_run.directory.workspace, "exp", {"created": 1.0})
    log = EventLog(directory)
    log.end(Reason.SCRIPT_EXCEPTION, error={"type": "ValueError", "message": "oops"})
    assert "<td>script exception: ValueError: oops</td>" in Run(directory)._repr_html_()


def test_text_of_a_run(interactive_run: Run) -> None:
    interactive_run.fail("<b>\nlast & line")
    assert repr(interactive_run) == (
        f"Run(Experiment: exp,\nId: {interactive_run.id},\nType: interactive,\nStatus: Failed)"
    )
    html = interactive_run._repr_html_()
    assert "<td>script exception: last &amp; line</td>" in html
    assert "<td>exp</td>" in html
    assert interactive_run.get_portal_url() == "file://" + interactive_run.directory.path
