from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.fixtures import Invoke

SPEC = """
experiment: from-file
source_directory: ../code
script: train.py
arguments:
  --lr: 0.1
  --flag: ''
  --layers: [64, 32]
pip_packages: [demo==1.0]
pip_requirements_file: requirements.txt
environment_variables: {A: 1, B: true}
tags: {stage: first, n: 3}
display_name: a name
max_run_duration_seconds: 60
target: local
"""


@pytest.fixture
def spec(project: Path) -> Path:
    (project / "code").mkdir()
    (project / "code/train.py").write_text("print('from code')\n")
    (project / "jobs").mkdir()
    (project / "jobs/requirements.txt").write_text("other==2.0\n")
    path = project / "jobs/job.yml"
    path.write_text(SPEC)
    return path


def test_a_spec_says_all_that_options_can(spec: Path, invoke: Invoke, project: Path) -> None:
    planned = invoke("submit", "--plan", "--json", "jobs/job.yml").json
    found = planned["spec"]
    assert planned["experiment"] == "from-file"
    assert found["source_directory"] == f"{project}/code"
    assert found["arguments"] == ["--lr", "0.1", "--flag", "--layers", "64", "32"]
    assert found["environment"]["requirements"] == ["other==2.0", "demo==1.0"]
    assert found["environment_variables"] == {"A": "1", "B": "true"}
    assert found["max_run_duration_s"] == 60


def test_options_win_over_the_spec_and_arguments_are_added(spec: Path, invoke: Invoke) -> None:
    options = ["-e", "mine", "--env", "A=2", "--pip", "third", "--max-seconds", 5]
    planned = invoke("submit", "--plan", "--json", *options, spec, "--lr", 1).json
    assert planned["experiment"] == "mine"
    assert planned["spec"]["arguments"][-2:] == ["--lr", "1"]
    assert planned["spec"]["environment_variables"] == {"A": "2", "B": "true"}
    assert "third" in planned["spec"]["environment"]["requirements"]
    assert planned["spec"]["max_run_duration_s"] == 5


def test_a_spec_is_run(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("import sys; print(sys.argv[1:])")
    text = "script: train.py\nuser_managed: true\narguments: [1, two]\ntags: {a: b}\n"
    (project / "job.yaml").write_text(text)
    said = invoke("submit", "-f", "job.yaml")
    assert said.out == "['1', 'two']\n"
    assert invoke("show", "last", "--json").json["tags"] == {"a": "b"}


def test_a_spec_with_a_command(project: Path, invoke: Invoke) -> None:
    (project / "job.yml").write_text("command: echo hi\nuser_managed: true\n")
    assert invoke("submit", "-f", "job.yml").out == "hi\n"
    assert "ARGS belong to a script" in invoke("submit", "job.yml", "more").err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "scripts: train.py",
            "job.yml: unknown key 'scripts'; did you mean 'script'? Allowed are: experiment, ",
        ),
        ("zzz: 1", "job.yml: unknown key 'zzz'. Allowed are: experiment, source_directory, "),
        ("script: [a]", "job.yml: script is ['a']; give text"),
        ("arguments: 5", "job.yml: arguments is 5; give a list or a mapping"),
        ("max_run_duration_seconds: true", "max_run_duration_seconds is True; give a number"),
        ("user_managed: 'yes'", "user_managed is 'yes'; give true or false"),
        ("pip_packages: [1.0]", "pip_packages holds 1.0; write it as text: '1.0'"),
        ("python: 3.10", "python is the number 3.1; write it in quotes, such as python: '3.10'"),
        ("tags: {a: [1]}", "tags: a is [1]; give text or a number"),
        ("- a", "job.yml holds no mapping; write lines such as 'script: train.py'"),
        ("a: [", "job.yml' is not a YAML file, see line 1: while parsing"),
        ("", "job.yml holds no mapping"),
        ("script: nope.py", "script path does not exist"),
        ("experiment: x", "there is nothing to run"),
    ],
)
def test_what_is_wrong_in_a_spec_is_named(
    project: Path, invoke: Invoke, text: str, said: str
) -> None:
    (project / "job.yml").write_text(text)
    result = invoke("submit", "--user-managed", "job.yml")
    assert result.err.startswith("error: ")
    assert said in result.words
    assert result.code == 2


def test_a_missing_spec_is_named(project: Path, invoke: Invoke) -> None:
    said = invoke("submit", "nope.yml")
    assert said.err.startswith(
        f"error: there is no file 'nope.yml' (looked at '{project}/nope.yml'"
    )
