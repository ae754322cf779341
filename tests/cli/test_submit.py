from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runyard.computes.amlcompute import AmlCompute
from runyard.history.workspace import Workspace
from runyard.record import jsonl, owner
from tests.cli.fixtures import Invoke, run_directory, tree
from tests.cli.processes import wait_for


def _script(folder: Path, text: str = "print('hello')\n", name: str = "train.py") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _spec(project: Path, invoke: Invoke, *words: object) -> dict[str, object]:
    found: dict[str, object] = invoke("submit", "--plan", "--json", *words).json["spec"]
    return found


def test_submit_prints_the_id_and_what_to_type_next(project: Path, invoke: Invoke) -> None:
    # Other commands are named once it has ended.
    _script(project, "import time; time.sleep(60)")
    said = invoke("submit", "--user-managed", "train.py")
    run_id = said.out.strip()
    assert run_id.startswith("project_")
    assert f"runyard logs -f {run_id}" in said.err
    assert f"runyard cancel {run_id}" in said.err
    assert f"made the workspace 'project' in {project}/.runyard" in said.err
    assert said.code == 0
    invoke("cancel", run_id)


def test_options_behind_the_script_belong_to_it(project: Path, invoke: Invoke) -> None:
    _script(project)
    words = ("--lr", "0.1", "-f", "--plan", "--", "--help", "-e", "x y")
    assert _spec(project, invoke, "--user-managed", "train.py", *words)["arguments"] == [*words]


def test_an_unknown_option_before_the_script_is_refused(project: Path, invoke: Invoke) -> None:
    _script(project)
    said = invoke("submit", "--folow", "train.py")
    assert "No such option" in said.err
    assert said.code == 2
    assert not (project / ".runyard").exists()


def test_the_source_is_the_current_directory_if_the_script_lies_below(
    project: Path, invoke: Invoke
) -> None:
    _script(project, name="code/train.py")
    spec = _spec(project, invoke, "--user-managed", "code/train.py")
    assert (spec["source_directory"], spec["script"]) == (str(project), "code/train.py")


def test_the_source_is_the_folder_of_a_script_elsewhere(project: Path, invoke: Invoke) -> None:
    _script(project.parent / "other")
    spec = _spec(project, invoke, "--user-managed", "../other/train.py")
    assert (spec["source_directory"], spec["script"]) == (f"{project.parent}/other", "train.py")


@pytest.mark.parametrize("script", ["code/train.py", "train.py"])
def test_the_source_can_be_named(project: Path, invoke: Invoke, script: str) -> None:
    _script(project, name="code/train.py")
    spec = _spec(project, invoke, "--user-managed", "--source", "code", script)
    assert (spec["source_directory"], spec["script"]) == (f"{project}/code", "train.py")


def test_the_experiment_is_named_after_the_source(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "_my tests (é)"
    _script(folder)
    monkeypatch.chdir(folder)
    planned = invoke("submit", "--plan", "--json", "--user-managed", "train.py").json
    assert planned["experiment"] == "my-tests"
    planned = invoke("submit", "--plan", "--json", "--user-managed", "-e", "x", "train.py").json
    assert planned["experiment"] == "x"


def test_a_bad_experiment_name_is_refused(project: Path, invoke: Invoke) -> None:
    _script(project)
    said = invoke("submit", "--user-managed", "-e", "-bad", "train.py")
    assert said.err.startswith("error: experiment name '-bad' is not valid")
    assert said.code == 2


def test_what_was_asked_for_is_recorded(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "from the shell")
    monkeypatch.setenv("MY_TOKEN", "hidden-value")
    script = "import os; print(os.environ['MY_TOKEN'], os.environ['HERE'], os.environ['A'])"
    _script(project, script)
    words = ["--env", "A=1=2", "--env", "HERE", "--env", "MY_TOKEN", "--max-seconds", "99.5"]
    said = invoke(
        *("submit", "-f", "--json", "--user-managed", "--tag", "a=b=c", "--tag", "bare"),
        *("--name", "a name", *words, "train.py", "x"),
    )
    run = run_directory(project, said.json["run_id"])
    record = jsonl.read_json(run.run_json)
    assert record["tags"] == {"a": "b=c", "bare": ""}
    assert record["spec"]["environment_variables"] == {"A": "1=2", "HERE": "from the shell"}
    assert record["spec"]["secret_variables"] == ["MY_TOKEN"]
    assert record["spec"]["max_run_duration_s"] == 99.5
    assert record["spec"]["arguments"] == ["x"]
    assert "hidden-value" not in Path(run.run_json).read_text()
    assert said.json["display_name"] == "a name"
    assert "hidden-value from the shell 1=2" in said.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--env", "NOT_SET_HERE"], "--env 'NOT_SET_HERE' takes its value from this shell"),
        (["--env", "=x"], "--env '=x' has no name; give --env NAME=VALUE"),
        (["--tag", "=x"], "--tag '=x' has no name"),
        (["--requirements", "nope.txt"], "/project/nope.txt' does not exist"),
        (["--user-managed", "--pip", "numpy"], "so pip packages cannot be asked for"),
        (["--user-managed", "--python", "3.8"], "so a Python version cannot be asked for"),
        (["--pip", "nump y==1"], "nump y==1"),
        (["--python", "3.99"], "Python 3.99 is not on this machine. Found were:"),
        (["--target", "moon"], "compute_target='moon' cannot be used"),
        (["--max-seconds", "-1"], "max_run_duration_seconds=-1.0"),
        (["--source", "nowhere"], "source_directory='"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    project: Path, invoke: Invoke, words: list[str], text: str
) -> None:
    _script(project)
    said = invoke("submit", *words, "train.py")
    assert said.err.startswith("error: ")
    assert text in said.words
    assert (said.code, said.out) == (2, "")
    assert not (project / ".runyard").exists()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("trian.py", "did you mean 'train.py'?"),
        ("folder", "give a file, such as"),
        ("book.ipynb", "is no notebook: it has no cells"),
    ],
)
def test_a_script_that_cannot_run_is_refused(
    project: Path, invoke: Invoke, script: str, text: str
) -> None:
    _script(project)
    (project / "folder").mkdir()
    (project / "book.ipynb").write_text("{}")
    said = invoke("submit", "--user-managed", script)
    assert text in said.words
    assert said.code == 2


def test_without_a_script_the_usage_is_shown(project: Path, invoke: Invoke) -> None:
    said = invoke("submit")
    assert "SCRIPT is missing" in said.err
    assert said.code == 2


def test_a_command_instead_of_a_script(project: Path, invoke: Invoke) -> None:
    words = ["--user-managed", "--command", "python", "-c", "print(1)"]
    assert _spec(project, invoke, *words)["command"] == ["python", "-c", "print(1)"]
    line = "echo a && echo b"
    said = invoke("submit", "-f", "--user-managed", "--command", line)
    assert said.out == "a\nb\n"


def test_json_has_the_end_and_the_log_goes_to_stderr(project: Path, invoke: Invoke) -> None:
    _script(project, "print('log line')\nraise KeyError('k')\n")
    said = invoke("submit", "-f", "--json", "--user-managed", "train.py")
    assert "log line" in said.err
    assert said.json["reason"] == "script_exception"
    assert said.json["error"]["location"]["line"] == 2
    assert said.json["exit_code"] == said.code == 1


def test_a_plan_changes_nothing(project: Path, invoke: Invoke) -> None:
    _script(project)
    assert invoke("submit", "--plan", "--user-managed", "train.py").code == 0
    assert sorted(os.listdir(project)) == ["train.py"]
    said = invoke("submit", "-f", "--json", "--user-managed", "train.py")
    lock = run_directory(project, said.json["run_id"]).lock
    wait_for(lambda: not owner.is_held(lock))
    before = tree(project)
    assert invoke("submit", "--plan", "--user-managed", "train.py").code == 0
    assert invoke("submit", "--plan", "--pip", "numpy", "train.py").code == 0
    assert tree(project) == before


def test_a_plan_says_what_the_run_asks_for(project: Path, invoke: Invoke) -> None:
    _script(project)
    invoke("init")
    workspace = Workspace.from_config()
    described = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_NC6", vm_priority="lowpriority", max_nodes=1
    )
    AmlCompute.create(workspace, "pool", described)
    words = ("submit", "--plan", "--user-managed", "--target", "pool", "train.py")
    rows = dict(line.split("  ", 1) for line in invoke(*words).out.splitlines() if "  " in line)
    assert rows["asks for"].strip() == "6 vCPUs, 56 GiB of memory, as Standard_NC6"
    assert rows["priority"].strip() == "lowpriority"
    assert "vm_size='Standard_NC6' is a machine of 6 vCPUs" in invoke(*words).words
    alone = invoke("submit", "--plan", "--user-managed", "train.py").out
    assert "asks for" not in alone
    assert "priority" not in alone


def test_a_plan_says_what_would_be_done(project: Path, invoke: Invoke) -> None:
    _script(project)
    (project / "big.bin").write_bytes(b"x" * 2_500_000)
    (project / ".gitignore").write_text("data/\n")
    (project / "data").mkdir()
    (project / "data" / "a").write_text("a")
    words = ["--pip", "runyard-demo==1.0", "--env", "API_KEY=s3cret", "--env", "A=1"]
    said = invoke("submit", "--plan", *words, "train.py", "--text", "two words")
    shown = [line.rstrip() for line in said.out.splitlines()]
    assert f"experiment   project, in {project}/.runyard" in shown
    assert f"source       {project}" in shown
    assert "copied       3 files, 2.5 MB" in shown
    assert "largest      big.bin  2.5 MB" in shown
    assert "left out     data/" in shown
    assert any(
        line.startswith("environment  ") and line.endswith(", to be built") for line in shown
    )
    assert "packages     runyard-demo==1.0" in shown
    assert any(line.endswith("/bin/python train.py --text 'two words'") for line in shown)
    assert "variables    A=1" in shown
    assert "             API_KEY=***" in shown
    assert "target       local, 1 node" in shown
    assert "s3cret" not in said.out + said.err
    assert said.err == "Nothing was done. The same without --plan starts the run.\n"


def test_a_plan_as_json(project: Path, invoke: Invoke) -> None:
    _script(project)
    planned = invoke("submit", "--plan", "--json", "--pip", "demo", "train.py", "1").json
    assert planned["argv"][1:] == ["train.py", "1"]
    assert planned["environment_ready"] is False
    assert planned["snapshot"]["largest"] == [{"name": "train.py", "size_bytes": 15}]
    assert planned["spec"]["environment"]["requirements"] == ["demo"]


def test_a_plan_fails_as_submitting_would(project: Path, invoke: Invoke) -> None:
    _script(project)
    for more in ([], ["--plan"]):
        said = invoke("submit", *more, "--user-managed", "--target", "moon", "train.py")
        assert "compute_target='moon' cannot be used" in said.err
        assert said.code == 2


def test_outputs_of_the_plan_are_those_of_the_run(project: Path, invoke: Invoke) -> None:
    _script(project)
    planned = invoke("submit", "--plan", "--json", "--user-managed", "train.py", "1").json
    run_id = invoke("submit", "--user-managed", "--json", "train.py", "1").json["run_id"]
    record = json.loads(Path(run_directory(project, run_id).run_json).read_text())
    assert record["spec"] == planned["spec"]


def test_a_plan_warns_of_what_the_script_lacks(project: Path, invoke: Invoke) -> None:
    _script(project, "import no_such\nprint(nothing)\n")
    said = invoke("submit", "--plan", "--user-managed", "train.py")
    expected = [
        "train.py:2: undefined name 'nothing'",
        "train.py:1: 'no_such' (of the package no-such) is not in the environment",
    ]
    assert [line for line in said.err.splitlines() if line.startswith("warning:")] == [
        f"warning: {text}" for text in expected
    ]
    assert said.code == 0
    said = invoke("submit", "--plan", "--json", "--user-managed", "train.py")
    assert said.json["warnings"] == expected


def test_a_variable_with_white_space_in_its_name_is_refused(project: Path, invoke: Invoke) -> None:
    (project / "train.py").touch()
    said = invoke("submit", "--env", "A B=1", "train.py")
    assert said.code == 2
    assert "--env 'A B=1': the name of a variable has no white space" in said.err


def test_a_missing_python_is_told_in_words_of_the_command(project: Path, invoke: Invoke) -> None:
    (project / "train.py").touch()
    said = invoke("submit", "--python", "3.5", "train.py")
    assert said.code == 2
    assert "Ask for one of these with --python, or install it" in said.err
    assert "uv python install 3.5 (if uv has it)\n" in said.err
    assert "CondaDependencies" not in said.err


def test_a_literal_dollar_can_be_kept(project: Path, invoke: Invoke) -> None:
    (project / "show.py").write_text("import sys; print(sys.argv[1:])")
    submit = ("submit", "-f", "--user-managed")
    said = invoke(*submit, "--env", "TEXT=$HOME", "--env", "HOME=/h", "show.py", "$HOME", "$TEXT")
    assert said.out == "['/h', '$HOME']\n"
    assert invoke(*submit, "--command", "python show.py '$HOME'").out == "['$HOME']\n"
