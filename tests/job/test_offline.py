import os
import re
import uuid
from pathlib import Path

import pytest

from runyard.errors import ExperimentExecutionException, UserErrorException
from runyard.job.datasets.api import Dataset
from runyard.job.offline import OfflineRun
from runyard.job.run import Run
from tests.job.conftest import Script

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def run() -> OfflineRun:
    found = Run.get_context()
    assert isinstance(found, OfflineRun)
    return found


def test_the_id_says_that_the_run_is_offline(run: OfflineRun) -> None:
    assert run.id.startswith("OfflineRun_")
    assert uuid.UUID(run.id[len("OfflineRun_") :]).version == 4
    assert run.id != Run.get_context().id
    assert run.status == "Running"


def test_nothing_is_written_before_it_is_needed(script: Script, tmp_path: Path) -> None:
    code = "from azureml.core import Run; run = Run.get_context(); run.id; run.status"
    count = "import glob, tempfile; print(len(glob.glob(tempfile.gettempdir() + '/runyard-off*')))"
    assert script(f"{code}\n{count}").stdout == "0\n"
    done = script(f"{code}\nrun.tags\n{count}")
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert list(tmp_path.glob("runyard-offline-*")) == []


def test_metrics_are_printed_and_can_be_read_back(run: OfflineRun, capsys: Printed) -> None:
    run.log("loss", 0.5, step=1)
    run.log_list("l", (n for n in range(2)))
    run.log_row("r", a=1)
    run.log_table("t", {"x": [1]})
    run.log_residuals("res", {"a": 1})
    run.log_confusion_matrix("cm", "{}")
    assert capsys.readouterr().out.splitlines() == [
        "Attempted to log scalar metric loss:",
        "0.5",
        "Attempted to log list metric l:",
        "[0, 1]",
        "Attempted to log row metric r:",
        "{'a': 1}",
        "Attempted to log table metric t:",
        "{'x': [1]}",
        "Attempted to log residual metric res:",
        "{'a': 1}",
        "Attempted to log confusion_matrix metric cm:",
        "{}",
    ]
    found = run.get_metrics()
    assert found["loss"] == 0.5
    assert found["l"] == [0, 1]
    assert list(found) == ["loss", "l", "r", "t", "res", "cm"]


def test_other_calls_are_printed(run: OfflineRun, capsys: Printed) -> None:
    Path("f").touch()
    run.tag("a", 1)
    run.set_tags({"b": 2})
    run.add_properties({"p": 3})
    run.upload_file("x", "f")
    run.upload_files(["y"], ["f"])
    run.upload_folder("z", ".")
    run.flush()
    run.fail("no data")
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 8
    assert all(line.startswith("Attempted to ") for line in out)
    assert out[-1] == "Attempted to fail the run: 'no data' (code UserError)"
    assert (run.tags, run.properties) == ({"a": "1", "b": "2"}, {"p": "3"})
    assert run.get_file_names() == ["x", "y", "z/f"]
    assert run.status == "Failed"


def test_it_cannot_wait_for_itself(run: OfflineRun) -> None:
    with pytest.raises(ExperimentExecutionException, match="a run cannot wait for itself"):
        run.wait_for_completion()
    run.complete()
    assert run.wait_for_completion()["status"] == "Completed"


def test_what_sdk_v1_lacked_works(run: OfflineRun) -> None:
    assert run.experiment.name == "offline"
    assert run.experiment.workspace.name == "offline"
    assert run.input_datasets == run.output_datasets == {}
    with pytest.raises(KeyError) as caught:
        run.input_datasets["x"]
    assert f"{caught.value}" == (
        "run.input_datasets: there is no dataset 'x'; it has none. Give it to the run: "
        "dataset.as_named_input('x'), with .as_mount() for a path, as an argument or in inputs"
    )
    with pytest.raises(UserErrorException) as refused:
        run.output_datasets["x"]
    assert refused.value.message == (
        "run.output_datasets: there is no dataset 'x'; it has none. Give it to the run: "
        "OutputFileDatasetConfig('x'), as an argument"
    )
    assert run.output_datasets.get("x") is None
    with pytest.raises(
        UserErrorException, match=r"take those of Workspace\.from_config\(\)"
    ) as empty:
        Dataset.get_by_name(run.experiment.workspace, "x")
    assert empty.value.message.startswith("there is no dataset 'x': a script that is started by ha")
    assert run.parent is None
    assert run.get_details()["status"] == "Running"
    run.display_name = "mine"
    assert run.display_name == "mine"
    Path("m").write_text("m")
    run.upload_file("m", "m")
    run.download_file("m", "copy")
    assert run.register_model("m").version >= 1
    run.complete()
    run.complete()
    assert run.status == "Completed"


def put(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_files_in_outputs_and_logs_are_the_runs(run: OfflineRun, tmp_path: Path) -> None:
    put("outputs/sub/model.json", "here")
    put("logs/train.log", "line")
    put("files/other", "")
    assert run.get_file_names() == ["logs/train.log", "outputs/sub/model.json"]
    run.download_file("outputs/sub/model.json", "copy")
    assert Path("copy").read_text() == "here"
    run.upload_file("outputs/sub/model.json", "outputs/sub/model.json")  # it lies there already
    model = run.register_model("m", model_path="outputs/sub/model.json")
    assert Path(model.download(str(tmp_path / "m"))).read_text() == "here"
    assert run.get_all_logs("got") == ["got/logs/train.log"]
    assert list(run.get_details()["logFiles"]) == ["logs/train.log"]
    assert run.child_run("c").get_file_names() == []
    os.chdir(tmp_path)
    assert len(run.get_file_names()) == 2


def test_what_is_uploaded_hides_what_an_earlier_run_left(run: OfflineRun, tmp_path: Path) -> None:
    put("outputs/model.json", "old")
    put("outputs/more", "more")
    put("new", "new")
    run.upload_file("outputs/model.json", "new")
    assert Path("outputs/model.json").read_text() == "old"
    run.download_file("outputs/model.json", "copy")
    assert Path("copy").read_text() == "new"
    assert run.get_file_names() == ["outputs/model.json", "outputs/more"]
    folder = Path(run.register_model("m", "outputs").download(str(tmp_path / "m")))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "model.json": "new",
        "more": "more",
    }


def test_children_are_offline_runs(run: OfflineRun, capsys: Printed) -> None:
    child = run.child_run("fold 1/2")
    assert child.id == f"{run.id}.fold 1_2"
    assert isinstance(child, OfflineRun)
    assert child.parent == run
    assert re.fullmatch(re.escape(run.id) + r"\.[0-9a-f]{8}", run.child_run().id)
    assert run.child_run(run_id="own").id == "own"
    assert len(list(run.get_children())) == 3
    assert all(isinstance(each, OfflineRun) for each in run.get_children())
    created = run.create_children(count=2)
    assert [each.status for each in created] == ["NotStarted"] * 2


def test_with_prints_start_and_stop(run: OfflineRun, capsys: Printed) -> None:
    with run as inner:
        assert inner is run
    assert capsys.readouterr().out == f"[START] {run.id}\n[STOP] {run.id}\n"
    assert run.status == "Completed"
    failing = Run.get_context()
    with pytest.raises(KeyError), failing:
        raise KeyError
    assert failing.status == "Failed"


def test_a_fork_leaves_the_files_to_its_parent(script: Script) -> None:
    done = script(
        "import os\n"
        "from azureml.core import Run\n"
        "run = Run.get_context()\n"
        "run.log('a', 1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    run.log('a', 2)\n"
        "    raise SystemExit\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert run.get_metrics() == {'a': [1, 2]}, run.get_metrics()\n"
        "assert run.status == 'Running'\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
