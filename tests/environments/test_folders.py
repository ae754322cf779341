"""Environments as folders of files."""

import json
import logging
from pathlib import Path

import pytest

from runyard.environments import Environment
from runyard.environments.container_sections import DockerBuildContext
from runyard.errors import UserErrorException


def described() -> Environment:
    environment = Environment("train")
    environment.python.conda_dependencies.set_python_version("3.8")
    environment.python.conda_dependencies.add_pip_package("numpy")
    environment.environment_variables = {"A_b": "1"}
    return environment


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    environment = described()
    environment.docker.base_dockerfile = "FROM image\n"
    environment.save_to_directory(tmp_path / "env")
    assert sorted(path.name for path in (tmp_path / "env").iterdir()) == [
        "BaseDockerfile",
        "azureml_environment.json",
        "conda_dependencies.yml",
    ]
    content = json.loads((tmp_path / "env" / "azureml_environment.json").read_text())
    assert "condaDependencies" not in content["python"]
    assert "baseDockerfile" not in content["docker"]
    assert content["environmentVariables"] == {"A_b": "1"}
    assert repr(Environment.load_from_directory(tmp_path / "env")) == repr(environment)


def test_a_build_context_is_loaded(tmp_path: Path) -> None:
    environment = Environment.from_docker_build_context(
        "train", DockerBuildContext("git", "url", "D")
    )
    environment.save_to_directory(tmp_path / "env")
    found = Environment.load_from_directory(tmp_path / "env").docker.build_context
    assert repr(found) == repr(environment.docker.build_context)


def test_a_folder_is_not_written_over_unasked(tmp_path: Path) -> None:
    environment = described()
    environment.docker.base_dockerfile = "FROM image\n"
    environment.save_to_directory(tmp_path / "env")
    with pytest.raises(FileExistsError, match="exists already; pass overwrite=True"):
        environment.save_to_directory(tmp_path / "env")
    environment.docker.base_image = "image"
    environment.save_to_directory(tmp_path / "env", overwrite=True)
    assert not (tmp_path / "env" / "BaseDockerfile").exists()


def test_what_cannot_be_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no azureml_environment\.json in"):
        Environment.load_from_directory(tmp_path)
    file = tmp_path / "azureml_environment.json"
    for text, message in (
        ("{", "is not JSON"),
        ("[]", "must be keys and values, not"),
        ("{}", "needs the key 'name'"),
        ('{"name": "a", "python": 3}', "python must be keys and values, not 3"),
        ('{"name": "a", "python": {"condaDependencies": []}}', "must hold a conda specification"),
    ):
        file.write_text(text)
        with pytest.raises(UserErrorException, match=message):
            Environment.load_from_directory(tmp_path)
    file.write_text('{"name": "a", "python": {"InterpreterPath": "/p", "fancy": 1}}')
    with caplog.at_level(logging.WARNING):
        assert Environment.load_from_directory(tmp_path).python.interpreter_path == "/p"
    assert "not known and not used: python.fancy" in caplog.text
