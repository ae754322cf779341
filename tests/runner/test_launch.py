from pathlib import Path

import pytest

from runyard.runner import launch
from runyard.testing import runs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$RANK", "3"),
        ("${RANK}/x", "3/x"),
        ("a$RANK-b$HOST", "a3-bnode"),
        ("$MISSING and ${ALSO}", "$MISSING and ${ALSO}"),
        ("costs $5", "costs $5"),
        ("$", "$"),
    ],
)
def test_arguments_expand_known_variables_only(text: str, expected: str) -> None:
    assert launch.expand(("python", text), {"RANK": "3", "HOST": "node"}) == ["python", expected]


def test_the_shell_expands_for_itself() -> None:
    argv = ("bash", "-c", "echo $HOME '$HOME'")
    assert launch.expand(argv, {"HOME": "/h"}) == list(argv)


def test_the_submitters_python_settings_stay_out(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    environment = {**runs.spec()["environment"], "kind": "venv"}
    record = {"spec": runs.spec(environment=environment, environment_variables={"A": "1"})}
    prefix = {"python": "/env/bin/python", "prefix": "/env", "submitter_python": "/x"}
    inherited = {"PYTHONPATH": "/leak", "VIRTUAL_ENV": "/old", "PYTHONHOME": "/h", "PATH": "/bin"}
    env = launch.variables(run, record, prefix, inherited)
    assert env["PATH"] == "/env/bin:/bin"
    assert env["VIRTUAL_ENV"] == "/env"
    assert env["PYTHONPATH"].endswith("job/path")
    assert "PYTHONHOME" not in env
    assert env["A"] == "1"


def test_data_of_the_run_that_submits_is_not_that_of_its_child(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    record = {"spec": runs.spec(environment_variables={"AZUREML_DATAREFERENCE_own": "/mine"})}
    prefix = {"python": "/env/bin/python", "prefix": "/env", "submitter_python": "/x"}
    inherited = {
        "AZUREML_DATAREFERENCE_photos": "/parents",
        "AZUREML_DATASET_ENVIRONMENT_VARS": "photos:mount,table:direct",
        "AZUREML_DATASET_FILE_OUTPUTS": "left;PATH",
        "photos": "/parents",
        "table": "id",
        "left": "/parents",
        "other": "stays",
        "PATH": "/bin",
    }
    env = launch.variables(run, record, prefix, inherited)
    assert not {"photos", "table", "left"} & set(env)
    assert not [name for name in env if name.startswith("AZUREML_DATASET_")]
    references = [name for name in env if name.startswith("AZUREML_DATAREFERENCE_")]
    assert references == ["AZUREML_DATAREFERENCE_own"]
    assert env["AZUREML_DATAREFERENCE_own"] == "/mine"
    assert (env["other"], env["PATH"]) == ("stays", "/env/bin:/bin")


def test_the_users_path_comes_behind_the_environments(tmp_path: Path) -> None:
    """So that `python` in a command is the environment's, whatever PATH the user gave."""
    run = runs.make_run(runs.workspace(tmp_path))
    mine = {"PATH": "/mine", "PYTHONPATH": "/lib", "PYTHONUNBUFFERED": ""}
    record = {"spec": runs.spec(environment_variables=mine)}
    prefix = {"python": "/env/bin/python", "prefix": "/env", "submitter_python": "/x"}
    env = launch.variables(run, record, prefix, {"PATH": "/bin"})
    assert env["PATH"] == "/env/bin:/mine"
    assert env["PYTHONPATH"].endswith("job/path:/lib")
    assert env["PYTHONUNBUFFERED"] == ""


def test_a_conda_environment_is_activated(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    environment = {**runs.spec()["environment"], "kind": "conda"}
    record = {"spec": runs.spec(environment=environment, environment_variables={"A": "1"})}
    prefix = {
        "python": "/env/bin/python",
        "prefix": "/env",
        "submitter_python": "/x",
        "variables": {"A": "0", "DATA_OF_TOOL": "/env/share"},
    }
    inherited = {"CONDA_PREFIX": "/base", "CONDA_DEFAULT_ENV": "base", "PATH": "/bin"}
    env = launch.variables(run, record, prefix, inherited)
    assert env["PATH"] == "/env/bin:/bin"
    assert (env["CONDA_PREFIX"], env["CONDA_DEFAULT_ENV"]) == ("/env", "/env")
    assert (env["DATA_OF_TOOL"], env["A"]) == ("/env/share", "1")
    assert "VIRTUAL_ENV" not in env


def test_the_rank_of_the_submitter_is_not_that_of_every_process(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    record = {"spec": runs.spec(environment_variables={"MASTER_PORT": "1"})}
    prefix = {"python": "/env/bin/python", "prefix": "/env", "submitter_python": "/x"}
    names = ("RANK", "TF_CONFIG", "PMIX_NAMESPACE", "HYDRA_BSTRAP_UPSTREAM_FD", "OMPI_MCA_btl")
    more = ("AZ_BATCH_MASTER_NODE", "GLOO_SOCKET_IFNAME", "RUNYARD_SCRATCH", "TMPDIR")
    of_a_rank = dict.fromkeys((*names, *more), "x")
    for is_a_rank in ("RUNYARD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"):
        inherited = {**of_a_rank, is_a_rank: "3", "TMP": "stays", "MASTER_PORT": "2"}
        env = launch.variables(run, record, prefix, inherited)
        assert not {*of_a_rank, is_a_rank} & set(env)
        assert (env["TMP"], env["MASTER_PORT"]) == ("stays", "1")
    env = launch.variables(run, record, prefix, of_a_rank)
    assert {"OMPI_MCA_btl", "RANK", "TMPDIR"} < set(env)
