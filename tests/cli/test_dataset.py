from __future__ import annotations

from pathlib import Path

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.job.datasets.api import Dataset
from runyard.record.states import Reason
from runyard.testing import runs
from tests.cli.fixtures import History, Invoke


def test_the_way_of_a_dataset(history: History, invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("dataset", "list").err.startswith("no datasets yet; runyard dataset register")
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/a.txt").write_text("A")
    (tmp_path / "in/b.txt").write_text("B")
    invoke("datastore", "upload", "workspaceblobstore", str(tmp_path / "in"), "--to", "new")
    source = "workspaceblobstore:new"
    said = invoke("dataset", "register", "letters", source, "--tag", "k=v", "--description", "text")
    assert (said.code, said.err) == (0, "dataset 'letters' has version 1\n")
    again = invoke("dataset", "register", "letters", source)
    assert again.words.endswith("under name 'letters', version 1. Give --new-version as well")
    said = invoke("dataset", "register", "letters", f"{source}/*.txt", "--new-version")
    assert (said.code, said.err) == (0, "dataset 'letters' has version 2\n")
    rows = [line.split() for line in invoke("dataset", "list").out.splitlines()]
    assert rows == [
        ["DATASET", "VERSION", "TYPE", "CREATED", "SOURCE"],
        ["letters", "2", "file", "now", "workspaceblobstore:new/*.txt"],
    ]
    [listed] = invoke("dataset", "list", "--json").json
    assert (listed["name"], listed["version"], listed["definition"]["type"]) == (
        *("letters", 2),
        "file",
    )
    shown = invoke("dataset", "show", "letters:1", "--files").out
    for words in ("letters", "1", "text", "k=v", "workspaceblobstore:new", "b.txt", "deep/a.txt"):
        assert words in shown
    assert invoke("dataset", "show", "letters", "--files", "--json").json["files"] == ["b.txt"]
    assert invoke("dataset", "head", "letters:1", "-n", "1").out == "/b.txt\n"
    said = invoke("dataset", "download", "letters:1", "-o", str(tmp_path / "out"))
    assert (said.code, said.err) == (0, f"2 files in {tmp_path / 'out'}\n")
    assert (tmp_path / "out/deep/a.txt").read_text() == "A"
    assert invoke("dataset", "unregister", "letters").code == 0
    assert Workspace.from_config().datasets == {}


def test_what_goes_wrong_is_a_sentence(history: History, invoke: Invoke) -> None:
    for arguments, words in (
        (("show", "gone"), "Register one: runyard dataset register 'gone' DATASTORE:PATH"),
        (("head", "gone:2"), "there is no dataset 'gone' in"),
        (("unregister", "gone"), "there is no dataset 'gone' in"),
        (("register", "a", "gone:x"), "there is no datastore 'gone' in"),
        (("register", "a", "workspaceblobstore:x"), "there is no file at 'x' on datastore"),
    ):
        said = invoke("dataset", *arguments)
        assert (said.code, said.out) == (2, ""), arguments
        assert words in said.words


def test_datasets_of_a_run_are_shown(history: History, invoke: Invoke, tmp_path: Path) -> None:
    workspace = Workspace.from_config()
    store = workspace.get_default_datastore()
    (tmp_path / "a.txt").write_text("A")
    store.upload_files([str(tmp_path / "a.txt")], target_path="new", show_progress=False)
    letters = Dataset.File.from_files((store, "new"))
    registered = letters.register(workspace, "letters")
    left = OutputFileDatasetConfig("left", (store, "left/{run-id}")).register_on_complete("made")
    arguments = [
        registered.as_named_input("one").as_mount(),
        letters.as_named_input("two").as_download("here"),
        letters.as_named_input("three"),
        left,
    ]
    config = ScriptRunConfig(history.folder, command=["true", *arguments])
    config.run_config.environment.python.user_managed_dependencies = True
    run = Experiment(workspace, "exp").submit(config)
    assert runs.finish(run.directory).reason is Reason.COMPLETED
    shown = " ".join(invoke("show", run.id).out.split())
    for words in (
        "one: mount of letters version 1",
        "two: download of workspaceblobstore:new at here",
        "three: dataset workspaceblobstore:new",
        f"left: output to workspaceblobstore:left/{run.id}, registered as made",
    ):
        assert words in shown
