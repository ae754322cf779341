"""The environment of an old run, rebuilt from its lock."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

import pytest

from runyard.environments import Environment, resolve
from runyard.environments.locking import locked
from runyard.errors import UserErrorException
from runyard.history.run import Run
from runyard.record.layout import WorkspaceDirectory

VENV = {"ok": True, "kind": "venv", "python_version": "3.9.1", "lock": ["numpy==1.2", "six==1.0"]}


def a_run(folder: Path, built: "dict[str, Any] | None", spec: "dict[str, Any] | None") -> Run:
    directory = WorkspaceDirectory(str(folder / ".runyard")).run("exp", "exp_1")
    Path(directory.path).mkdir(parents=True)
    record = {
        "type": "azureml.scriptrun",
        "spec": None if spec is None else {"environment": spec},
        "run_configuration": {
            "environment": {"environmentVariables": {"A": "1", "HF_TOKEN": "***"}}
        },
    }
    Path(directory.run_json).write_text(json.dumps(record))
    if built is not None:
        Path(directory.environment_json).write_text(json.dumps(built))
    return Run(directory)


def test_every_package_at_its_version() -> None:
    lock = ["numpy==1.2", "mine @ https://***@host/mine.whl"]
    environment = locked({**VENV, "lock": lock}, name="old", options=["--pre"])
    dependencies = environment.python.conda_dependencies
    assert environment.name == "old"
    assert dependencies.get_python_version() == "3.9.1"
    assert dependencies.pip_lines == ("--pre", "numpy==1.2", "mine @ https://host/mine.whl")


def test_of_a_run(tmp_path: Path) -> None:
    run = a_run(tmp_path, VENV, {"name": "train", "options": ["--pre"]})
    environment = Environment.from_run(run)
    assert environment.name == "train"
    assert environment.environment_variables == {"A": "1"}
    assert environment.python.conda_dependencies.pip_lines == ("--pre", "numpy==1.2", "six==1.0")


def test_an_interpreter_of_the_users() -> None:
    environment = locked({"kind": "user_managed", "python": "/usr/bin/python3"})
    assert environment.python.user_managed_dependencies
    assert environment.python.interpreter_path == "/usr/bin/python3"


_SPEC: dict[str, Any] = {"name": "train", "options": []}
_IMAGE = {
    **dict.fromkeys(("name", "dockerfile", "context", "dockerfile_path"), ""),
    **dict.fromkeys(("registry", "username", "platform"), ""),
}


def test_an_environment_in_an_image(tmp_path: Path) -> None:
    image = {**_IMAGE, "name": "r/base:1", "registry": "r", "username": "me"}
    built = {**VENV, "image": {"base": {"digests": ["r/base@sha256:0"]}}}
    found = Environment.from_run(a_run(tmp_path, built, {**_SPEC, "image": image}))
    assert found.docker.base_image == "r/base@sha256:0"
    assert found.docker.base_image_registry.username == "me"
    assert found.python.conda_dependencies.pip_lines == ("numpy==1.2", "six==1.0")


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ({"name": "base:1", "platform": "linux/arm64"}, {"base_image": "base:1"}),
        ({"dockerfile": "FROM base:1"}, {"base_dockerfile": "FROM base:1"}),
    ],
)
def test_an_image_that_no_registry_has(
    tmp_path: Path, image: dict[str, str], named: dict[str, str]
) -> None:
    built = {"kind": "user_managed", "python": "/usr/bin/python3", "image": {"base": {}}}
    spec = {**_SPEC, "image": {**_IMAGE, **image}}
    found = Environment.from_run(a_run(tmp_path, built, spec))
    assert found.docker.images() == named
    assert found.python.interpreter_path == "/usr/bin/python3"
    assert (found.docker.platform.architecture == "arm64") is ("platform" in image)


def test_a_build_context(tmp_path: Path) -> None:
    image = {**_IMAGE, "context": "/context", "dockerfile_path": "File"}
    found = Environment.from_run(a_run(tmp_path, VENV, {**_SPEC, "image": image}))
    context = found.docker.build_context
    assert context is not None
    assert (context.location, context.dockerfile_path) == ("/context", "File")


@pytest.mark.parametrize(
    ("built", "spec", "text"),
    [
        (None, _SPEC, "run exp_1 has no environment yet: it was not built"),
        (VENV, None, "run exp_1 was not submitted (it is of type 'azureml.scriptrun')"),
        (
            {"ok": False, "error": {"message": "No such package"}},
            _SPEC,
            "run exp_1 has no environment to rebuild: No such package; see ",
        ),
        ({"kind": "odd"}, _SPEC, "run exp_1 is of kind 'odd' and has no list of pip packages"),
    ],
)
def test_what_cannot_be_rebuilt(
    tmp_path: Path, built: "dict[str, Any] | None", spec: "dict[str, Any] | None", text: str
) -> None:
    run = a_run(tmp_path, built, spec)
    with pytest.raises(UserErrorException, match=re.escape(text)):
        Environment.from_run(run)


@pytest.fixture
def _signals() -> Iterator[None]:
    """A build takes those that end it, for a process of its own."""
    former = {number: signal.getsignal(number) for number in (SIGTERM, SIGINT, SIGHUP)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.integration
@pytest.mark.usefixtures("_signals")
def test_a_rebuilt_environment_has_the_same_lock(tmp_path: Path) -> None:
    from runyard.environments.build import Build
    from tests.wheelhouse import Wheelhouse

    wheels = Wheelhouse(tmp_path / "wheels")
    wheels.add("lib", "1.0")
    environment = Environment("train")
    environment.python.conda_dependencies.add_pip_package("lib")
    first = Build(resolve(environment, source_directory=tmp_path)).run()
    wheels.add("lib", "2.0")
    again = Build(resolve(locked(first), source_directory=tmp_path)).run()
    assert first["ok"], first
    assert again["lock"] == first["lock"] == ["lib==1.0"]
    assert again["python_version"] == first["python_version"]
