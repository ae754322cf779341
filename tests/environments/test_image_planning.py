"""Which image an environment names, and what decides the key; no engine is asked."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.environments import Environment, EnvironmentSpec, cache, image_planning, resolve
from runyard.environments.container_sections import ContainerRegistry, DockerBuildContext
from runyard.errors import RunConfigurationException, UserErrorException
from tests.environments.conftest import Plan

_DEFAULT = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1"


def _in_image(*packages: str, image: str = "base:1") -> Environment:
    environment = Environment("train")
    environment.docker.base_image = image
    for package in packages:
        environment.python.conda_dependencies.add_pip_package(package)
    return environment


def _key(environment: Environment, source: Path) -> str:
    return resolve(environment, source_directory=source).key


def test_packages_in_an_image(source: Path) -> None:
    spec = resolve(_in_image("numpy"), source_directory=source)
    assert spec.image is not None
    assert (spec.image.name, spec.image.dockerfile, spec.image.context) == ("base:1", "", "")
    assert (spec.kind, spec.python, spec.interpreter, spec.python_version) == ("venv", None, "", "")
    assert spec.requirements == ("numpy",)
    assert spec.tools == ()  # the folder of wheels has none of them
    assert spec.notices == ()
    assert len(spec.key) == 32


def test_a_plan_survives_json(source: Path) -> None:
    spec = resolve(_in_image("numpy"), source_directory=source)
    text = msgspec.json.encode(spec)
    assert msgspec.json.decode(text, type=EnvironmentSpec) == spec


def test_the_image_is_part_of_the_key(source: Path, plan: Plan) -> None:
    key = _key(_in_image("numpy"), source)
    assert key == _key(_in_image("numpy"), source)
    assert key not in {_key(_in_image("numpy", image="base:2"), source), plan("numpy").key}
    assert key != _key(_in_image("scipy"), source)
    other_python = _in_image("numpy")
    other_python.python.conda_dependencies.set_python_version("3.8")
    assert key != _key(other_python, source)
    other_platform = _in_image("numpy")
    other_platform.docker.platform.architecture = "arm64"
    assert key != _key(other_platform, source)


@pytest.mark.parametrize(
    ("asked", "version"), [("3.8", "3.8"), ("=3.8.13=h12_0", "3.8.13"), (">=3.8,<3.11", "")]
)
def test_the_python_that_is_asked_for(source: Path, asked: str, version: str) -> None:
    environment = _in_image("numpy")
    environment.python.conda_dependencies.set_python_version(asked)
    assert resolve(environment, source_directory=source).python_version == version


def test_a_python_that_is_none(source: Path) -> None:
    environment = _in_image()
    environment.python.conda_dependencies.set_python_version("new")
    with pytest.raises(UserErrorException, match="Python version 'new' cannot be read; give a ver"):
        resolve(environment, source_directory=source)


def test_the_images_own_python(source: Path) -> None:
    environment = Environment.from_docker_image("train", "base:1")
    environment.python.conda_dependencies.add_pip_package("numpy")
    spec = resolve(environment, source_directory=source)
    assert (spec.kind, spec.interpreter, spec.requirements) == ("user_managed", "python", ())
    assert "the pip packages are not installed" in spec.notices[0]
    environment.python.interpreter_path = "/opt/conda/bin/python"
    other = resolve(environment, source_directory=source)
    assert other.interpreter == "/opt/conda/bin/python"
    assert len({spec.key, other.key, ""}) == 3


@pytest.mark.parametrize("path", ["bin/python", "-c"])
def test_an_interpreter_that_cannot_be_in_an_image(source: Path, path: str) -> None:
    environment = Environment.from_docker_image("train", "base:1")
    environment.python.interpreter_path = path
    with pytest.raises(UserErrorException, match=f"interpreter_path '{path}': in an image give an"):
        resolve(environment, source_directory=source)


def test_no_packages_in_an_image_is_said(source: Path) -> None:
    (notice,) = resolve(_in_image(), source_directory=source).notices
    assert notice == (
        "the script gets a Python without packages: those of the image itself are seen with "
        "python.user_managed_dependencies=True"
    )


def test_a_conda_environment_in_an_image(source: Path) -> None:
    environment = Environment("train")
    environment.python.conda_dependencies.add_conda_package("scipy")
    here = resolve(environment, source_directory=source)
    environment.docker.base_image = "base:1"
    spec = resolve(environment, source_directory=source)
    assert (spec.kind, spec.conda_packages) == ("conda", here.conda_packages)
    assert spec.image is not None
    assert spec.image.prefix_key == here.key != spec.key


def test_editable_projects_are_installed_as_copies(source: Path) -> None:
    project = source / "lib"
    project.mkdir()
    (project / "pyproject.toml").write_text("")
    environment = _in_image()
    environment.python.conda_dependencies.set_pip_requirements(["-e ./lib[all]"])
    spec = resolve(environment, source_directory=source)
    assert spec.requirements == (f"{project}[all]",)
    assert spec.notices == (f"in an image not editable, installed as a copy: {project}[all]",)
    (project / "module.py").write_text("changed")
    assert _key(environment, source) != spec.key


def test_a_dockerfile(source: Path) -> None:
    environment = Environment.from_dockerfile("train", "FROM base:1\nRUN true\n")
    spec = resolve(environment, source_directory=source)
    assert spec.image is not None
    assert (spec.image.name, spec.image.dockerfile) == ("", "FROM base:1\nRUN true\n")
    environment.docker.base_dockerfile = "FROM base:1\nRUN false\n"
    assert _key(environment, source) != spec.key


def test_a_password_in_a_dockerfile_is_said(source: Path) -> None:
    text = "FROM base:1\nRUN pip install -i https://me:hunter2@h/simple x\n"
    environment = Environment.from_dockerfile("train", text)
    (notice,) = resolve(environment, source_directory=source).notices
    assert notice.startswith("the Dockerfile holds an address with a password: it is stored with")
    assert "hunter2" not in notice


# Build contexts


def _context(source: Path) -> Path:
    folder = source / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM base:1\nCOPY . /data\n")
    (folder / "data.txt").write_text("one")
    return folder


def _of_context(location: str, kind: str | None = "Local", file: str = "Dockerfile") -> Environment:
    context = DockerBuildContext(kind, location, file)
    return Environment.from_docker_build_context("train", context)


def test_a_build_context(source: Path) -> None:
    folder = _context(source)
    spec = resolve(_of_context("context"), source_directory=source)
    assert spec.image is not None
    assert (spec.image.context, spec.image.dockerfile_path) == (str(folder), "Dockerfile")
    assert spec.kind == "user_managed"
    assert spec.key == _key(_of_context(str(folder), None), source)


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (_write("data.txt", "two"), True),
        (_write("more.txt", ""), True),
        (_write("build", ""), True),
        (lambda folder: (folder / "data.txt").chmod(0o755), True),
        (lambda folder: (folder / "link").symlink_to("data.txt"), True),
        (lambda folder: (folder / "empty").mkdir(), False),
        (lambda folder: ((folder / ".runyard").mkdir(), (folder / ".runyard/x").touch()), False),
        (lambda folder: os.utime(folder / "data.txt", (1, 1)), False),
    ],
)
def test_what_of_a_context_counts(
    source: Path, change: Callable[[Path], object], counts: bool
) -> None:
    folder = _context(source)
    before = _key(_of_context("context"), source)
    change(folder)
    assert (_key(_of_context("context"), source) != before) is counts


@pytest.mark.parametrize(
    ("lines", "name", "counts"),
    [
        ("*.log", "a.log", False),
        ("*.log", "sub/a.log", True),
        ("**/*.log", "sub/a.log", False),
        ("sub", "sub/a.log", False),
        ("sub/", "sub/deep/a.log", False),
        ("./sub", "sub/a.log", False),
        ("sub\n!sub/a.log", "sub/a.log", True),
        ("*\n!data.txt", "sub/a.log", False),
        ("# sub", "sub/a.log", True),
        ("*", "Dockerfile", True),
    ],
)
def test_what_dockerignore_leaves_out(source: Path, lines: str, name: str, counts: bool) -> None:
    folder = _context(source)
    (folder / ".dockerignore").write_text(lines + "\n")
    before = _key(_of_context("context"), source)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("FROM other:1\n")
    assert (_key(_of_context("context"), source) != before) is counts


def test_a_context_of_git(source: Path) -> None:
    url = "https://host.example/team/repository.git#main:folder"
    spec = resolve(_of_context(url, "git", "docker/Dockerfile"), source_directory=source)
    assert spec.image is not None
    assert (spec.image.context, spec.image.dockerfile_path) == (url, "docker/Dockerfile")
    assert spec.key == _key(_of_context(url, None, "docker/Dockerfile"), source)


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (_of_context("nowhere"), "build_context.location is 'nowhere': there is no folder"),
        (_of_context(""), "docker.build_context.location is '': there is no folder"),
        (_of_context(".", file="File"), "dockerfile_path is 'File': there is no such file in"),
        (_of_context(".", "s3"), "location_type is 's3'; give 'Local' or 'Git'"),
        (_of_context("folder", "git"), "'folder', which is no address of a git repository; give"),
        (
            _of_context("https://me:hunter2@h/r.git"),
            "there is no folder",
        ),
        (
            _of_context("https://me:hunter2@h/r.git", "Git"),
            "location 'https://h/r.git' holds a password, which would be stored with the run",
        ),
    ],
)
def test_contexts_that_cannot_be_used(source: Path, environment: Environment, text: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        resolve(environment, source_directory=source)


# Registries


def _registry(address: str | None, username: str | None = None) -> ContainerRegistry:
    registry = ContainerRegistry()
    registry.address, registry.username = address, username
    return registry


@pytest.mark.parametrize(
    ("image", "address", "name"),
    [
        ("team/base:1", "r.example", "r.example/team/base:1"),
        ("base", "https://localhost:5000/", "localhost:5000/base"),
        ("r.example/base", "r.example", "r.example/base"),
        ("base", "https://index.docker.io/v1/", "base"),
        ("docker.io/team/base", "docker.io", "docker.io/team/base"),
        ("base@sha256:0123", None, "base@sha256:0123"),
    ],
)
def test_the_registry_is_put_in_front(
    source: Path, image: str, address: str | None, name: str
) -> None:
    environment = Environment.from_docker_image("train", image, _registry(address))
    spec = resolve(environment, source_directory=source)
    assert spec.image is not None
    assert (spec.image.name, spec.image.registry, spec.image.username) == (name, "", "")


def test_the_login(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment.from_docker_image("t", "base", _registry("r.example", "me"))
    environment.docker.base_image_registry.password = "hunter2"
    spec = resolve(environment, source_directory=source)
    assert spec.image is not None
    assert (spec.image.registry, spec.image.username) == ("r.example", "me")
    assert "hunter2" not in repr(spec)
    assert image_planning.secrets(environment) == {"RUNYARD_REGISTRY_PASSWORD": "hunter2"}
    environment.docker.base_image_registry.password = None
    assert image_planning.secrets(environment) == {}
    monkeypatch.setenv("RUNYARD_REGISTRY_PASSWORD", "of the shell")
    assert image_planning.secrets(environment) == {"RUNYARD_REGISTRY_PASSWORD": "of the shell"}
    assert image_planning.secrets(_in_image()) == {}


def test_another_user_or_password_is_the_same_image(source: Path) -> None:
    first = Environment.from_docker_image("t", "base", _registry("r.example", "me"))
    second = Environment.from_docker_image("t", "r.example/base")
    assert _key(first, source) == _key(second, source)


def _with(change: Callable[[Environment], object]) -> Environment:
    environment = _in_image("numpy")
    change(environment)
    return environment


def _set(section: str, name: str, value: Any) -> Environment:
    return _with(lambda environment: setattr(getattr(environment.docker, section), name, value))


_REFUSED: list[tuple[Environment, type[Exception], str]] = [
    (
        _in_image(image="--privileged"),
        UserErrorException,
        "base_image '--privileged' is no name of",
    ),
    (_in_image(image="a b"), UserErrorException, "base_image 'a b' is no name of an image; give"),
    (
        Environment.from_docker_image("t", "one.example/base", _registry("two.example")),
        UserErrorException,
        "'one.example/base' names the registry 'one.example', but "
        "docker.base_image_registry.address is 'two.example'; leave one of them out",
    ),
    (
        _set("base_image_registry", "address", "--x"),
        UserErrorException,
        "address '--x' is no address of a registry; give its host, such as 'myregistry",
    ),
    (
        _set("base_image_registry", "password", "hunter2"),
        UserErrorException,
        "base_image_registry has a password and no username; set username too",
    ),
    (
        _set("base_image_registry", "registry_identity", "x"),
        RunConfigurationException,
        "registry_identity is not built yet in this version; give username and password",
    ),
    (
        _set("platform", "os", "Windows"),
        RunConfigurationException,
        "docker.platform os='Windows', architecture='amd64': only Linux images can be used",
    ),
]


@pytest.mark.parametrize(("environment", "kind", "text"), _REFUSED)
def test_refused(source: Path, environment: Environment, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)) as raised:
        resolve(environment, source_directory=source)
    assert "hunter2" not in str(raised.value)


# The default images of SDK v1


@pytest.mark.parametrize(
    "image",
    [
        _DEFAULT,
        "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04",
        "mcr.microsoft.com/azureml/base-gpu",
        "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04",
    ],
)
def test_a_default_image_of_the_original_is_none_without_docker(
    source: Path, plan: Plan, image: str
) -> None:
    environment = _in_image("numpy", image=image)
    spec = resolve(environment, source_directory=source)
    assert spec.image is None
    assert spec.key == plan("numpy").key
    assert spec.notices == (
        f"docker.base_image {image!r} is not used: it is a default of SDK v1 and no container is "
        "asked for; docker.use_docker=True uses it",
    )


def test_a_default_image_that_is_named_by_from_docker_image_counts_no_more(source: Path) -> None:
    environment = Environment.from_docker_image("train", _DEFAULT)
    spec = resolve(environment, source_directory=source)
    assert (spec.image, spec.kind, spec.interpreter) == (None, "user_managed", sys.executable)
    assert spec.notices == (
        f"docker.base_image {_DEFAULT!r} is not used: it is a default of SDK v1 and no container "
        "is asked for; docker.use_docker=True uses it",
    )
    spec = resolve(environment, source_directory=source, use_docker=True)
    assert spec.image is not None
    assert (spec.image.name, spec.interpreter) == (_DEFAULT, "python")


def test_a_default_image_of_the_original_counts_with_docker(source: Path) -> None:
    environment = _in_image("numpy", image=_DEFAULT)
    spec = resolve(environment, source_directory=source, use_docker=True)
    assert spec.image is not None
    assert spec.image.name == _DEFAULT
    environment.docker.enabled = True
    assert resolve(environment, source_directory=source).key == spec.key


def test_other_images_of_the_same_place_always_count(source: Path) -> None:
    environment = _in_image(image="mcr.microsoft.com/azureml/curated/sklearn-0.24:1")
    assert resolve(environment, source_directory=source).image is not None


def test_planning_an_image_asks_no_engine(source: Path) -> None:
    code = (
        "import sys, pathlib; from runyard.environments import Environment, resolve; "
        "e = Environment.from_docker_image('x', 'base:1'); "
        f"resolve(e, source_directory=pathlib.Path({str(source)!r})); "
        "print([n for n in sys.modules if n.startswith('runyard.containers')])"
    )
    environ = {**os.environ, "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert not Path(cache.cache_dir()).exists()
