"""Registered environments: versions, labels, many at once, damage."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments import Environment, definition, registry
from runyard.errors import UserErrorException
from runyard.history.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "ws", show_output=False)


def described(name: str, *packages: str) -> Environment:
    environment = Environment(name)
    for package in packages:
        environment.python.conda_dependencies.add_pip_package(package)
    return environment


def packages_of(environment: Environment) -> list[str]:
    return list(environment.python.conda_dependencies.pip_packages)


def test_versions_are_counted_and_the_latest_is_found(workspace: Workspace) -> None:
    given = described("train", "numpy")
    first = given.register(workspace)
    second = described("train", "scipy").register(workspace)
    assert (given.version, first.version, second.version) == (None, "1", "2")
    assert packages_of(Environment.get(workspace, "train")) == ["scipy"]
    assert packages_of(Environment.get(workspace, "train", version="1")) == ["numpy"]
    path = Path(workspace.path, "environments", "train", "1.json")
    assert json.loads(path.read_text())["definition"]["version"] == "1"


def test_the_same_content_has_one_version(workspace: Workspace) -> None:
    for packages in (["numpy"], ["scipy"], ["numpy"]):
        made = described("train", *packages).register(workspace)
    assert made.version == "1"
    clone = Environment.get(workspace, "train").clone("copy")
    assert clone.version is None
    assert definition.digest(clone) == definition.digest(described("other", "scipy"))
    assert definition.digest(clone) != definition.digest(described("other", "scipy", "numpy"))


def test_every_part_is_stored(workspace: Workspace) -> None:
    environment = described("train", "numpy")
    environment.python.conda_dependencies.set_python_version("3.8")
    environment.environment_variables = {"my_Name": "1"}
    environment.docker.base_dockerfile = "FROM scratch\nRUN true"
    environment.docker.platform.architecture = "arm64"
    environment.spark.repositories = ["here"]
    environment.register(workspace)
    found = Environment.get(workspace, "train")
    found.version = None
    assert repr(found) == repr(environment)
    assert found.environment_variables == {"my_Name": "1"}
    assert found.docker.images() == {"base_dockerfile": "FROM scratch\nRUN true"}


def test_a_version_that_is_set_is_used(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    environment = described("train", "numpy")
    environment.version = "beta.1"
    with caplog.at_level(logging.WARNING):
        assert environment.register(workspace).version == "beta.1"
    assert "version 'beta.1' is used as it is set" in caplog.text
    assert environment.register(workspace).version == "beta.1"
    other = described("train", "scipy")
    other.version = "beta.1"
    with pytest.raises(UserErrorException, match=r"has a version 'beta\.1' with another content"):
        other.register(workspace)
    other.version = None
    assert other.register(workspace).version == "1"


def test_secrets_are_not_stored(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    environment = described("train", "numpy")
    environment.environment_variables = {"HF_TOKEN": "hunter2", "LEVEL": "1"}
    environment.docker.base_image_registry.password = "hunter2"
    environment.docker.base_image_registry.username = "me"
    environment.python.conda_dependencies.set_pip_option("--index-url https://me:hunter2@h/s")
    with caplog.at_level(logging.WARNING):
        found = environment.register(workspace)
    assert "secrets are not written: HF_TOKEN, password, the user and password of" in caplog.text
    assert "hunter2" not in Path(workspace.path, "environments", "train", "1.json").read_text()
    assert "hunter2" not in repr(environment)
    assert found.environment_variables == {"LEVEL": "1"}
    assert found.docker.base_image_registry.username == "me"
    assert found.docker.base_image_registry.password is None


def test_labels(workspace: Workspace) -> None:
    for package in ("numpy", "scipy"):
        described("train", package).register(workspace)
    Environment.label(workspace, "train", "1", ["stable", "old"])
    assert Environment.get(workspace, "train", label="stable").version == "1"
    Environment.label(workspace, "train", "2", ["stable"])
    assert Environment.get(workspace, "train", label="stable").version == "2"
    assert Environment.get(workspace, "train", label="old").version == "1"
    assert Environment.get(workspace, "train", label="latest").version == "2"


_REFUSED: list[tuple[Callable[[Workspace], object], str]] = [
    (
        lambda ws: Environment.get(ws, "train", version="1", label="stable"),
        "version='1' and label='stable' are both given; give one of them",
    ),
    (lambda ws: Environment.get(ws, "train", "7"), "has no version '7'; it has 1"),
    (lambda ws: Environment.get(ws, "train", label="x"), "has no label 'x'; it has none"),
    (lambda ws: Environment.get(ws, "trian"), "no environment 'trian'; did you mean 'train'?"),
    (lambda ws: Environment.get(ws, "zzz"), "no environment 'zzz'; registered are: train"),
    (lambda ws: Environment.get(ws, "../x"), "environment name '../x' cannot be registered; give"),
    (lambda ws: Environment("a/b").register(ws), "environment name 'a/b' cannot be registered"),
    (
        lambda ws: Environment("AzureML-Mine").register(ws),
        "names beginning with AzureML- or Microsoft are those of curated environments; give it "
        "another name with clone('my-env')",
    ),
    (lambda ws: Environment.label(ws, "train", "7", ["x"]), "has no version '7'; it has 1"),
    (lambda ws: Environment.label(ws, "train", "1", ["latest"]), "label 'latest' cannot be used"),
    (lambda ws: Environment.label(ws, "train", "1", [3]), "label 3 cannot be used"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("act", "text"), _REFUSED)
def test_what_is_refused(
    workspace: Workspace, act: Callable[[Workspace], object], text: str
) -> None:
    described("train", "numpy").register(workspace)
    with pytest.raises(UserErrorException, match=re.escape(text)):
        act(workspace)


def test_a_version_must_be_a_file_name(workspace: Workspace) -> None:
    environment = described("train", "numpy")
    environment.version = "../1"
    with pytest.raises(UserErrorException, match=r"version='\.\./1' cannot be used; give letters"):
        environment.register(workspace)


def test_the_list_holds_the_latest_and_the_curated(workspace: Workspace) -> None:
    for package in ("numpy", "scipy"):
        described("train", package).register(workspace)
    found = workspace.environments
    assert found["train"].version == "2"
    assert "AzureML-Minimal" in found
    assert set(Environment.list(workspace)) == set(found)


def test_a_damaged_version_is_named_and_left_out(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    described("train", "numpy").register(workspace)
    described("train", "scipy").register(workspace)
    Path(workspace.path, "environments", "train", "2.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert Environment.get(workspace, "train").version == "1"
    assert "2.json is left out: it cannot be read" in caplog.text


def test_a_newer_format_is_refused(workspace: Workspace) -> None:
    described("train", "numpy").register(workspace)
    path = Path(workspace.path, "environments", "train", "1.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": registry.FORMAT + 1}))
    with pytest.raises(UserErrorException, match=r"newer runyard \(format 2; this one reads up to"):
        Environment.get(workspace, "train")


_REGISTER = """
import sys
from runyard import Environment
from runyard.history.workspace import Workspace
workspace = Workspace.at(sys.argv[1])
sys.stdin.readline()
for package in sys.argv[2:]:
    environment = Environment('train')
    environment.python.conda_dependencies.add_pip_package(package)
    print(package, environment.register(workspace).version, flush=True)
"""


def _registering(workspace: Workspace, *packages: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _REGISTER, workspace.path, *packages],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(processes: "list[subprocess.Popen[str]]") -> list[tuple[str, str]]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    words: list[tuple[str, str]] = []
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        words += [(line.split()[0], line.split()[1]) for line in out.splitlines()]
    return words


def test_processes_registering_at_once_lose_nothing(workspace: Workspace) -> None:
    own = [[f"p{process}-{n}" for n in range(8)] for process in range(3)]
    said = _said([_registering(workspace, *packages) for packages in own])
    assert sorted(int(version) for _, version in said) == list(range(1, 25))
    for package, version in said:
        assert packages_of(Environment.get(workspace, "train", version)) == [package]


def test_processes_registering_the_same_get_one_version(workspace: Workspace) -> None:
    packages = [f"p{n}" for n in range(8)]
    said = _said([_registering(workspace, *packages) for _ in range(3)])
    assert len({version for _, version in said}) == 8
    assert len(set(said)) == 8
