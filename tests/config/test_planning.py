from __future__ import annotations

import copy
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.computes.protocol import Problem
from runyard.config.jobspec import JobSpec
from runyard.config.planning import Plan, plan
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.errors import (
    ComputeTargetException,
    ExperimentExecutionException,
    RunConfigurationException,
    UserErrorException,
)
from tests.config.targets import FakeTarget, content_of, write

pytestmark = pytest.mark.usefixtures("target")


def _plan(workspace: Any, source: object, script: Any = "train.py", **parameters: Any) -> Plan:
    where: Any = source
    config = ScriptRunConfig(where, script, **parameters)
    return plan(config, workspace, experiment="exp")


def test_the_spec_of_a_script(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py", ["--lr", 0.1, "$HOME"], compute_target="fake")
    config.run_config.environment.environment_variables = {"A": "1", "B": "1"}
    config.run_config.environment_variables = {"B": "2", "C": 3}
    planned = plan(config, workspace, experiment="exp")
    assert isinstance(planned.spec, JobSpec)
    spec = planned.spec.to_dict()
    environment = spec.pop("environment")
    assert environment["kind"] == "venv"
    assert spec == {
        "source_directory": str(project),
        "script": "train.py",
        "arguments": ("--lr", "0.1", "$HOME"),
        "command": None,
        "target": "fake",
        "environment_variables": {"A": "1", "B": "2", "C": "3"},
        "secret_variables": (),
        "max_run_duration_s": 2592000.0,
        "grace_period_s": 10.0,
        "node_count": 1,
        "processes_per_node": 1,
        "launcher": "single",
        "distribution": None,
        "entry": {"kind": "python", "module": "", "interpreter": (), "python_path": ()},
        "container": None,
        "framework": "Python",
        "communicator": "None",
        "vm_size": None,
        "vm_priority": None,
        "resources": None,
        "use_gpu": False,
        "data": (),
        "datasets": (),
        "outputs": (),
        "relay": None,
        "max_restarts": 0,
    }
    assert planned.experiment == "exp"
    assert planned.snapshot.files == 2
    assert planned.environment_ready is False


def test_planning_changes_nothing(project: Path, workspace: Any, tmp_path: Path) -> None:
    config = ScriptRunConfig(project, "train.py", ["-v"])
    config.run_config.environment_variables = {"HF_TOKEN": "hunter2"}
    before, shown = content_of(tmp_path), copy.deepcopy(config.run_config.to_dict())
    plan(config, workspace, experiment="exp")
    assert content_of(tmp_path) == before
    assert config.run_config.to_dict() == shown
    assert config.run_config.environment_variables == {"HF_TOKEN": "hunter2"}


def test_secrets_are_kept_apart(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py")
    config.run_config.environment_variables = {"HF_TOKEN": "hunter2", "LEVEL": "1"}
    config.run_config.environment.environment_variables = {"DB_PASSWORD": "hunter2"}
    planned = plan(config, workspace, experiment="exp")
    assert planned.secrets == {"HF_TOKEN": "hunter2", "DB_PASSWORD": "hunter2"}
    assert planned.spec.secret_variables == ("DB_PASSWORD", "HF_TOKEN")
    assert planned.spec.environment_variables == {"LEVEL": "1"}
    assert "hunter2" not in repr(planned)
    assert "hunter2" not in json.dumps([planned.spec.to_dict(), planned.run_configuration])


def test_a_command(project: Path, workspace: Any) -> None:
    planned = _plan(workspace, project, None, command=["python", "train.py", "--lr", 0.1])
    assert planned.spec.command == ("python", "train.py", "--lr", "0.1")
    assert (planned.spec.script, planned.spec.arguments) == (None, ())
    assert planned.run_configuration["command"] == ["python", "train.py", "--lr", 0.1]
    assert planned.run_configuration["script"] is None


def test_the_run_definition_holds_what_runs(project: Path, workspace: Any) -> None:
    run_config = RunConfiguration(arguments=["-q"])
    planned = _plan(workspace, project, "./lib/../train.py", run_config=run_config)
    assert planned.spec.script == "train.py"
    assert planned.run_configuration["script"] == "train.py"
    assert planned.run_configuration["arguments"] == ["-q"]


def test_the_current_folder(project: Path, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert _plan(workspace, None).spec.source_directory == str(project)


def test_an_interpreter_of_the_users_is_ready(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py")
    config.run_config.environment.python.user_managed_dependencies = True
    config.run_config.environment.python.interpreter_path = sys.executable
    assert plan(config, workspace, experiment="exp").environment_ready is True


def test_a_built_environment_is_ready(
    project: Path, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.environments.cache.built", lambda key: {"key": key})
    assert _plan(workspace, project).environment_ready is True


def test_settings_without_effect_are_said(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py")
    assert plan(config, workspace, experiment="exp").notices == ()
    config.run_config.docker.use_docker = True
    config.run_config.history.output_collection = False
    config.run_config.history.snapshot_project = False
    config.run_config.history.directories_to_watch = ["logs", "tb"]
    assert plan(config, workspace, experiment="exp").notices == (
        "use_docker is True but no image is named: no container is used",
        "history.output_collection=False has no effect: outputs are always kept",
        "history.snapshot_project=False has no effect: the source is always kept",
        "history.directories_to_watch=['logs', 'tb'] has no effect: ./logs is watched",
    )


def test_warnings_of_the_snapshot_are_notices(project: Path, workspace: Any) -> None:
    (project / "dangling").symlink_to("nowhere")
    assert "symlink leads nowhere: dangling -> nowhere" in _plan(workspace, project).notices


def test_a_script_behind_links_runs(project: Path, workspace: Any, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/shared.py")
    (project / "inner.py").symlink_to("lib/util.py")
    (project / "outer.py").symlink_to(tmp_path / "elsewhere" / "shared.py")
    for name in ("inner.py", "outer.py"):
        assert _plan(workspace, project, name).spec.script == name


# What is refused: script, what to do to the project first, type, text


def _nothing(project: Path) -> None: ...


def _ignored(*lines: str) -> Callable[[Path], Any]:
    return lambda project: (project / ".amlignore").write_text("\n".join(lines))


def _link_to_ignored(project: Path) -> None:
    (project / ".gitignore").write_text("lib/\n")
    (project / "main.py").symlink_to("lib/util.py")


_SCRIPTS: list[tuple[Any, Callable[[Path], Any], type[Exception], str]] = [
    ("missing.py", _nothing, ExperimentExecutionException, "the script path does not exist"),
    (
        "missing.py",
        _nothing,
        ExperimentExecutionException,
        "script='missing.py' must lie inside the project folder",
    ),
    ("trian.py", _nothing, ExperimentExecutionException, "; did you mean 'train.py'?"),
    ("project/train.py", _nothing, ExperimentExecutionException, "; did you mean 'train.py'?"),
    (
        "x/lib/util.py",
        _nothing,
        ExperimentExecutionException,
        "; did you mean 'lib/util.py'?",
    ),
    (
        "../train.py",
        _nothing,
        ExperimentExecutionException,
        "script='../train.py' leads outside the project folder",
    ),
    (
        "lib/../../project2/a.py",
        _nothing,
        ExperimentExecutionException,
        "only that folder is copied for the run; copy it in, or give a source_directory",
    ),
    ("lib", _nothing, ExperimentExecutionException, "script='lib' is not a file in"),
    (
        "train.py",
        _ignored("*.py"),
        ExperimentExecutionException,
        "script='train.py' is left out of the snapshot by the ignore rules",
    ),
    (
        "lib/util.py",
        _ignored("lib"),
        ExperimentExecutionException,
        "take it out of .amlignore or .gitignore, or add the line '!/lib/util.py' there",
    ),
    (
        "main.py",
        _link_to_ignored,
        ExperimentExecutionException,
        "script='main.py' is left out of the snapshot",
    ),
    (None, _nothing, ExperimentExecutionException, "there is nothing to run: give script"),
    ("", _nothing, ExperimentExecutionException, "there is nothing to run: give script"),
    (3, _nothing, UserErrorException, "script is 3; give a path inside the source folder"),
    ("a\0.py", _nothing, UserErrorException, "give a path inside the source folder"),
]


@pytest.mark.parametrize(("script", "prepare", "kind", "text"), _SCRIPTS)
def test_scripts_that_cannot_run(
    project: Path,
    workspace: Any,
    *,
    script: Any,
    prepare: Callable[[Path], Any],
    kind: type[Exception],
    text: str,
) -> None:
    prepare(project)
    with pytest.raises(kind, match=re.escape(text)):
        _plan(workspace, project, script)


def test_an_absolute_script_is_told_its_name_inside(project: Path, workspace: Any) -> None:
    with pytest.raises(
        ExperimentExecutionException, match=r"give its path inside the folder: 'train\.py'"
    ):
        _plan(workspace, project, str(project / "train.py"))
    with pytest.raises(ExperimentExecutionException, match="copy it in, or give"):
        _plan(workspace, project, "/etc/passwd")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("nowhere", r"source_directory='.*nowhere' does not exist; give"),
        ("../nowhere", r"\.\./nowhere' does not exist \(looked at '.*nowhere'\); give"),
        ("train.py", r"source_directory='.*train\.py' is a file; give the folder it lies in"),
        (3, "source_directory is 3 of type int; give the path of the folder"),
    ],
)
def test_source_folders_that_are_none(
    project: Path, workspace: Any, source: Any, text: str
) -> None:
    given = source if isinstance(source, int) else project / source
    with pytest.raises(UserErrorException, match=text):
        _plan(workspace, given)


@pytest.mark.parametrize("name", ["outputs", "logs"])
def test_result_folders_may_not_be_files(project: Path, workspace: Any, name: str) -> None:
    write(project, name)
    with pytest.raises(UserErrorException, match=f"{name}' is a file, and a run keeps its results"):
        _plan(workspace, project)
    (project / ".amlignore").write_text(f"/{name}\n")
    assert _plan(workspace, project).spec.script == "train.py"


def test_result_folders_may_be_there(project: Path, workspace: Any) -> None:
    write(project, "outputs/model.pkl", "logs/old.txt")
    assert _plan(workspace, project).snapshot.files == 4


_SETTINGS: list[tuple[str, Any, type[Exception], str]] = [
    ("arguments", "--lr 1", UserErrorException, "arguments is '--lr 1' of type str; give a list"),
    ("arguments", ["a\0"], UserErrorException, "a NUL character cannot be passed"),
    ("max_run_duration_seconds", 0, UserErrorException, "=0 is not above zero and finite"),
    ("max_run_duration_seconds", -5, UserErrorException, "give a number of seconds such as 3600"),
    ("max_run_duration_seconds", math.nan, UserErrorException, "=nan is not above zero"),
    ("max_run_duration_seconds", math.inf, UserErrorException, "=inf is not above zero"),
    ("max_run_duration_seconds", "60", UserErrorException, "is '60' of type str; give a number"),
    ("max_run_duration_seconds", True, UserErrorException, "is True of type bool; give a number"),
    ("environment_variables", ["A"], UserErrorException, "is ['A'] of type list; give a dict"),
    ("environment_variables", {"A=B": "1"}, UserErrorException, "'A=B' cannot be the name of a"),
    ("environment_variables", {"A\0": "1"}, UserErrorException, "cannot be the name of a variable"),
    ("environment_variables", {"A B": "1"}, UserErrorException, "cannot be the name of a variable"),
    ("environment_variables", {"": "1"}, UserErrorException, "'' cannot be the name of a variable"),
    ("environment_variables", {1: "1"}, UserErrorException, "1 cannot be the name of a variable"),
    ("environment_variables", {"A": None}, UserErrorException, "['A'] is None; leave it out"),
    ("environment_variables", {"A": "x\0"}, UserErrorException, "['A'] holds a NUL character"),
    ("max_restarts", -1, UserErrorException, "max_restarts=-1 is not a whole number of at least 0"),
    ("max_restarts", 1.5, UserErrorException, "how often a run that was lost is to be started"),
    ("max_restarts", True, UserErrorException, "max_restarts=True is not a whole number"),
    (
        "max_restarts",
        1,
        RunConfigurationException,
        "starts no lost run again, as 'local', Slurm and",
    ),
    ("node_count", 0, UserErrorException, "node_count=0 is not a whole number of at least 1"),
    ("node_count", "2", UserErrorException, "node_count='2' is not a whole number"),
    (
        "framework",
        "PySpark",
        RunConfigurationException,
        "framework='PySpark' is not built yet in this version; available now: Python, PyTorch",
    ),
    (
        "target",
        "cluster",
        RunConfigurationException,
        "compute_target='cluster' cannot be used: no compute target named 'cluster'",
    ),
    ("target", "cluster", RunConfigurationException, "known here: fake, local"),
    ("target", "", ExperimentExecutionException, "has no compute target; give compute_target="),
]


@pytest.mark.parametrize(("name", "value", "kind", "text"), _SETTINGS)
def test_settings_that_cannot_be_used(
    project: Path, workspace: Any, *, name: str, value: Any, kind: type[Exception], text: str
) -> None:
    config = ScriptRunConfig(project, "train.py")
    setattr(config.run_config, name, value)
    with pytest.raises(kind, match=re.escape(text)):
        plan(config, workspace, experiment="exp")


@pytest.mark.parametrize(("given", "expected"), [(None, None), (60, 60.0), (0.5, 0.5)])
def test_time_limits(project: Path, workspace: Any, given: Any, expected: Any) -> None:
    planned = _plan(workspace, project, max_run_duration_seconds=given)
    assert planned.spec.max_run_duration_s == expected


def test_no_variables_at_all(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py")
    config.run_config.environment_variables = None  # type: ignore[assignment]
    assert plan(config, workspace, experiment="exp").spec.environment_variables == {}


def test_a_bad_value_of_a_variable_is_not_shown(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py")
    config.run_config.environment_variables = {"HF_TOKEN": "hunter2\0"}
    with pytest.raises(UserErrorException) as caught:
        plan(config, workspace, experiment="exp")
    assert "hunter2" not in str(caught.value)


def test_script_and_command_set_later(project: Path, workspace: Any) -> None:
    config = ScriptRunConfig(project, "train.py")
    config.run_config.command = "ls"
    with pytest.raises(UserErrorException, match=r"script='train\.py' and command='ls' are both"):
        plan(config, workspace, experiment="exp")


def test_what_the_target_cannot_do_is_listed(
    project: Path, workspace: Any, target: FakeTarget
) -> None:
    target.problems = [Problem("node_count", "2 nodes: one machine"), Problem("shm_size", "no")]
    with pytest.raises(
        ComputeTargetException,
        match="compute target 'local' cannot run this: node_count: 2 nodes: one machine; "
        "shm_size: no",
    ):
        _plan(workspace, project)
