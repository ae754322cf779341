"""Environments in images of real engines, on wheels made here."""

import json
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest

from runyard.containers.engine import Engine
from runyard.environments import Environment, cache, image_planning
from runyard.environments.container_sections import DockerBuildContext
from tests import file_server
from tests.conda_channel import VERSION, CondaChannel, Program
from tests.container_engines import BASE, PYTHON, Registry
from tests.environments.image_worker import (
    ImagePlan,
    containers,
    copy_of,
    in_image,
    names,
    refused,
    user_managed,
)
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

pytestmark = pytest.mark.integration


def test_packages_in_an_image(
    engine: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base", "1.0")
    wheelhouse.add("base", "2.0")
    wheelhouse.add("top", requires=["base<2"])
    spec = image_plan("top")
    before = names(engine)
    mask = os.umask(0o077)
    try:
        worker = Worker(spec, tmp_path / "run")
    finally:
        os.umask(mask)
    result = worker.result()
    image = engine.image(result["image"]["id"])
    assert image is not None
    assert result.pop("seconds") > 0
    assert result == {
        "ok": True,
        "kind": "venv",
        "key": spec.key,
        "prefix": "/opt/runyard/environment",
        "python": "/opt/runyard/environment/bin/python",
        "python_version": result["python_version"],
        "lock": ["base==1.0", "top==1.0"],
        "reused": False,
        "image": {
            "id": image.id,
            "tag": f"runyard/demo-1:{spec.key}",
            "engine": engine.name,
            "size_bytes": image.size_bytes,
            "base": result["image"]["base"],
        },
    }
    assert result["image"]["base"]["name"] == BASE
    assert result["image"]["base"]["id"] == engine.image_id(BASE)
    # Whoever the script runs as can read it, and import what was installed.
    code = "import sys, top, base; print('%d.%d.%d' % sys.version_info[:3], base.version)"
    assert in_image(engine, result, "-c", code) == f"{result['python_version']} 1.0"
    assert names(engine) - before == {f"runyard/demo-1:{spec.key}"}
    assert containers(engine) == []
    assert os.listdir(cache.prefix(spec.key)) == ["runyard.json"]
    lines = worker.log.splitlines()
    assert lines[:4] == [
        f"Building environment 'Demo 1', key {spec.key}",
        f"  image: {BASE}",
        "  Python: that of the image",
        "  packages: top",
    ]
    assert f"The base image is {engine.image_id(BASE)}" in lines
    assert f"  Python {result['python_version']} (/usr/bin)" in lines
    assert " + base==1.0" in lines
    assert "Adding a layer with /opt/runyard" in lines
    assert lines[-1].startswith("Built in ")
    assert f" s: 2 packages in the image runyard/demo-1:{spec.key} of {engine.name} (" in lines[-1]


def test_a_build_leaves_other_images_alone(
    engine: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    for name in ("base", "other"):
        wheelhouse.add(name)
    first = Worker(image_plan("base"), tmp_path / "one").result()
    Worker(image_plan("other"), tmp_path / "two").result()
    assert engine.image_id(first["image"]["tag"]) == first["image"]["id"]


def test_a_second_build_reuses_the_first(
    engine: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    first = Worker(image_plan("base"), tmp_path / "run").result()
    worker = Worker(image_plan("base"), tmp_path / "run2", {"RUNYARD_UV": "/nowhere/uv"})
    second = worker.result()
    assert second.pop("reused")
    assert not first.pop("reused")
    assert second.pop("seconds") < first.pop("seconds")
    assert second == first
    place = f"the image {first['image']['tag']} of {engine.name} ("
    assert worker.log.startswith(f"Environment 'Demo 1' is ready: {place}")
    assert len(worker.log.splitlines()) == 1


def test_the_images_own_python(engine: Engine, image_plan: ImagePlan, tmp_path: Path) -> None:
    worker = Worker(image_plan(edit=user_managed), tmp_path / "run")
    result = worker.result()
    assert (result["kind"], result["python"], result["prefix"]) == ("user_managed", PYTHON, "/usr")
    assert result["image"]["id"] == engine.image_id(BASE) == engine.image_id(result["image"]["tag"])
    version = in_image(engine, result, "--version").removeprefix("Python ")
    assert result["python_version"] == version
    assert f"Python {version} ({PYTHON}); nothing is installed" in worker.log
    assert containers(engine) == []


def test_a_dockerfile_and_packages_on_it(
    engine: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    text = f"FROM {BASE}\nENV GREETING=hello\nRUN echo made > /made.txt\n"
    worker = Worker(image_plan("base", dockerfile=text), tmp_path / "run")
    result = worker.result()
    code = "import os, base; print(os.environ['GREETING'], open('/made.txt').read())"
    assert in_image(engine, result, "-c", code).split() == ["hello", "made"]
    assert "Building the image of the Dockerfile" in worker.log
    assert result["image"]["base"]["built"]
    assert result["image"]["base"]["name"] in names(engine)


def test_a_build_context(
    engine: Engine, image_plan: ImagePlan, source: Path, tmp_path: Path
) -> None:
    folder = source / "context"
    folder.mkdir()
    (folder / "data.txt").write_text("of the context")
    (folder / "Dockerfile.run").write_text(f"FROM {BASE}\nCOPY data.txt /data.txt\n")

    def edit(environment: Environment) -> None:
        user_managed(environment)
        context = DockerBuildContext.from_local_directory(None, folder, "Dockerfile.run")
        environment.docker.build_context = context

    spec = image_plan(edit=edit)
    result = Worker(spec, tmp_path / "run").result()
    assert in_image(engine, result, "-c", "print(open('/data.txt').read())") == "of the context"
    (folder / "data.txt").write_text("changed")
    assert image_plan(edit=edit).key != spec.key


def test_local_wheels_projects_and_folders_of_wheels(
    docker: Engine, image_plan: ImagePlan, source: Path, tmp_path: Path
) -> None:
    Wheelhouse(source / "more").add("extra")
    Wheelhouse(source).add("local", requires=["extra"])
    project = GatedProject.make(source / "gated")
    project.open()
    lines = ("./local-1.0-py3-none-any.whl", "-f more")

    def edit(environment: Environment) -> None:
        environment.python.conda_dependencies.set_pip_requirements([*lines, "-e ./gated"])

    worker = Worker(image_plan(edit=edit), tmp_path / "run")
    result = worker.result()
    assert [line.split(" @ ")[0] for line in result["lock"]] == ["extra==1.0", "gated", "local"]
    code = "import gated, local, extra; print(gated.__file__)"
    assert in_image(docker, result, "-c", code).startswith("/opt/runyard/environment/lib/")
    assert f"note: in an image not editable, installed as a copy: {source}/gated" in worker.log
    assert not (project.folder / "began").exists()


def test_what_is_built_from_source_is_kept_apart(
    docker: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    wheelhouse.add_source("made", "1.0", "1")
    Worker(image_plan("base", "made"), tmp_path / "run").result()
    (system,) = (tmp_path / "cache/runyard/image-caches").iterdir()
    assert system.name.endswith(platform.machine())
    assert list(system.glob("sdists-v*/*"))
    assert not (tmp_path / "cache/uv").exists()


def test_a_conda_environment(docker: Engine, image_plan: ImagePlan, tmp_path: Path) -> None:
    channel = CondaChannel(tmp_path / "channel")
    channel.add(
        "python", VERSION, files={"bin/python": Program(f'#!/bin/sh\nexec {PYTHON} "$@"\n')}
    )
    channel.add("tool", files={"bin/tool": Program("#!/bin/sh\necho tool of $PREFIX\n")})
    channel.index()

    def edit(environment: Environment) -> None:
        dependencies = environment.python.conda_dependencies
        dependencies.add_channel(channel.url)
        dependencies.add_conda_package("tool")

    spec = image_plan(edit=edit)
    assert spec.image is not None
    prefix = cache.prefix(spec.image.prefix_key)
    worker = Worker(spec, tmp_path / "run")
    result = worker.result()
    assert (result["prefix"], result["python"]) == (prefix, f"{prefix}/bin/python")
    code = f"import subprocess; print(subprocess.check_output('{prefix}/bin/tool').decode())"
    assert in_image(docker, result, "-c", code, user="").strip() == f"tool of {prefix}"
    assert cache.built(spec.image.prefix_key) is not None
    assert f"Adding a layer with {prefix}" in worker.log


def test_a_refresh_installs_the_newest_and_leaves_the_old_build(
    docker: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base", "1.0")
    first = Worker(image_plan("base"), tmp_path / "run").result()
    wheelhouse.add("base", "2.0")
    assert Worker(image_plan("base"), tmp_path / "again").result()["lock"] == ["base==1.0"]
    worker = Worker(image_plan("base", refresh=True), tmp_path / "new")
    second = worker.result()
    assert second["lock"] == ["base==2.0"]
    assert second["image"]["id"] != first["image"]["id"]
    assert docker.image_id(first["image"]["id"]) is not None
    assert f"Pulling {BASE}" in worker.log
    assert "note: it cannot be pulled again, the one here is used: " in worker.log
    assert Worker(image_plan("base"), tmp_path / "after").result()["lock"] == ["base==2.0"]


# Registries


def _with_login(registry: Registry, password: str, name: str = "team/base:1") -> object:
    def edit(environment: Environment) -> None:
        user_managed(environment)
        environment.docker.base_image = name
        environment.docker.base_image_registry.address = registry.address
        environment.docker.base_image_registry.username = registry.username
        environment.docker.base_image_registry.password = password

    return edit


def _secrets(edit: object) -> dict[str, str]:
    environment = Environment("x")
    assert callable(edit)
    edit(environment)
    return image_planning.secrets(environment)


def test_an_image_of_a_private_registry(
    engine: Engine, registry: Registry, image_plan: ImagePlan, tmp_path: Path
) -> None:
    reference = registry.push(engine, BASE, "team/base:1")
    edit = _with_login(registry, registry.password)
    worker = Worker(image_plan(edit=edit), tmp_path / "run", _secrets(edit))
    result = worker.result()
    assert result["image"]["base"]["name"] == reference
    assert result["image"]["base"]["digests"][0].startswith(f"{registry.address}/team/base@sha256:")
    assert f"Pulling {reference}" in worker.log
    assert registry.password not in worker.log
    assert registry.password not in (tmp_path / "run/result.json").read_text()
    engine.remove_image(reference)


def test_the_registry_refuses_the_login(
    engine: Engine, registry: Registry, image_plan: ImagePlan, tmp_path: Path
) -> None:
    edit = _with_login(registry, "wrong password")
    error = refused(image_plan(edit=edit), tmp_path / "run", **_secrets(edit))
    assert error["type"] == "login"
    assert registry.address in error["message"]
    assert "wrong password" not in json.dumps(error)
    assert "docker.base_image_registry" in error["hint"]


def test_a_login_without_a_password(
    docker: Engine, registry: Registry, image_plan: ImagePlan, tmp_path: Path
) -> None:
    error = refused(image_plan(edit=_with_login(registry, "")), tmp_path / "run")
    assert error == {
        "type": "login",
        "message": f"The registry {registry.address} is to be used as 'alice', but there is no "
        "password",
        "package": None,
        "hint": "Set docker.base_image_registry.password of the environment, or the variable "
        "RUNYARD_REGISTRY_PASSWORD",
    }


def test_an_image_that_is_not_there(
    engine: Engine, registry: Registry, image_plan: ImagePlan, tmp_path: Path
) -> None:
    edit = _with_login(registry, registry.password, "team/none:7")
    error = refused(image_plan(edit=edit), tmp_path / "run", **_secrets(edit))
    assert error["type"] == "image_not_found"
    assert f"{registry.address}/team/none:7" in error["message"]


# Faults


def test_an_engine_that_is_not_running(image_plan: ImagePlan, tmp_path: Path) -> None:
    broken = {"RUNYARD_CONTAINER_ENGINE": "docker", "DOCKER_HOST": f"unix://{tmp_path}/none"}
    error = refused(image_plan(), tmp_path / "run", **broken)
    assert error["type"] == "engine"
    assert "docker" in error["message"]
    assert error["hint"]


_NO_PYTHON = f"FROM {BASE}\nRUN rm /usr/bin/python3*\n"


def test_an_image_without_python(docker: Engine, image_plan: ImagePlan, tmp_path: Path) -> None:
    error = refused(image_plan(dockerfile=_NO_PYTHON, edit=user_managed), tmp_path / "run")
    assert error["type"] == "interpreter"
    assert error["message"].startswith("There is no python and no python3 in the image sha256:")
    assert error["hint"] == (
        "Name the interpreter with python.interpreter_path; or let runyard install Python and "
        "the packages: python.user_managed_dependencies = False"
    )
    error = refused(image_plan(dockerfile=_NO_PYTHON), tmp_path / "run2")
    assert error["type"] == "interpreter"
    assert "There is no Python 3.6 or later in the image" in error["message"]
    assert error["message"].endswith("In the image: none")


def test_a_program_that_is_no_python(docker: Engine, image_plan: ImagePlan, tmp_path: Path) -> None:
    def edit(environment: Environment) -> None:
        user_managed(environment)
        environment.python.interpreter_path = "/bin/cat"

    error = refused(image_plan(edit=edit), tmp_path / "run")
    assert error["type"] == "interpreter"
    assert f"/bin/cat in the image {BASE} is no Python 3.6 or later: it" in error["message"]


def test_another_python_than_the_image_has(
    docker: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    error = refused(image_plan(python="3.6"), tmp_path / "run")
    assert error["type"] == "interpreter"
    said = f"There is no Python 3.6 in the image {BASE}, and uv cannot fetch it: "
    assert error["message"].startswith(said)
    assert f"({PYTHON}." in error["message"]
    assert "set_python_version" in error["hint"]


def test_another_patch_of_the_images_python_will_do(
    docker: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    own = Worker(image_plan(), tmp_path / "run").result()["python_version"]
    asked = own.rpartition(".")[0] + ".99"
    result = Worker(image_plan(python=asked), tmp_path / "run2").result()
    assert result["python_version"] == own


def test_an_image_without_a_shell(docker: Engine, image_plan: ImagePlan, tmp_path: Path) -> None:
    error = refused(image_plan(dockerfile=f'FROM {BASE}\nRUN ["rm", "/bin/sh"]\n'), tmp_path)
    assert error["type"] == "interpreter"
    assert "cannot start /bin/sh" in error["message"]
    assert error["hint"] == (
        "Packages can only be installed in an image with a shell; use another base image"
    )


def test_a_uv_that_does_not_start_there(
    docker: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    program = tmp_path / "uv"
    program.write_text("#!/nowhere/loader\n")
    program.chmod(0o755)
    error = refused(image_plan(), tmp_path / "run", RUNYARD_UV=str(program))
    assert error["type"] == "interpreter"
    assert error["message"].startswith(f"uv does not start in the image {BASE}: ")
    assert "give its path with RUNYARD_UV" in error["hint"]


def test_a_package_that_is_not_there(engine: Engine, image_plan: ImagePlan, tmp_path: Path) -> None:
    error = refused(image_plan("nosuch"), tmp_path / "run")
    assert (error["type"], error["package"]) == ("unresolvable", "nosuch")
    assert containers(engine) == []


def test_a_step_of_a_dockerfile_that_fails(
    engine: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    text = f"FROM {BASE}\nRUN echo what went wrong >&2; exit 3\n"
    error = refused(image_plan(dockerfile=text), tmp_path / "run")
    assert error["type"] == "image_build"
    assert "exit 3" in error["message"]


# Credentials


def test_credentials_of_an_index_are_nowhere(
    engine: Engine,
    image_plan: ImagePlan,
    wheelhouse: Wheelhouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    password = "correct-horse-battery"
    index = tmp_path / "index/simple/base"
    index.mkdir(parents=True)
    wheel = wheelhouse.add("base")
    wheel.rename(index / wheel.name)
    for name in ("pip", "setuptools", "wheel"):
        wheelhouse.add(name)
    GatedProject.make(tmp_path / "source/gated")
    with file_server.served(tmp_path / "index", password) as url:
        monkeypatch.delenv("PIP_NO_INDEX")
        address = url.replace("://", f"://me:{password}@")
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        spec = image_plan("base", "./gated")
        worker = Worker(spec, tmp_path / "run")
        copy = copy_of(spec)
        (running,) = containers(engine)
        assert password not in engine.ask("container", "inspect", running)
        processes = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True)
        assert "uv pip install" in processes.stdout
        assert password not in processes.stdout
        copy.open()
        result = worker.result()
    image = result["image"]["id"]
    assert password not in worker.log
    assert password not in Path(cache.prefix(spec.key), cache.MARKER_NAME).read_text()
    assert password not in engine.ask("image", "inspect", image)
    assert password not in engine.ask("history", "--no-trunc", image)
    saved = tmp_path / "image.tar"
    engine.ask("save", "--output", str(saved), image)
    assert _found_in(saved, b"base-1.0.dist-info")
    assert not _found_in(saved, password.encode())


def _found_in(archive: Path, text: bytes) -> bool:
    """Whether any file of an image, or of a layer in it, holds the text."""
    with tarfile.open(archive) as outer:
        for member in outer:
            file = outer.extractfile(member)
            if file is not None and text in file.read():
                return True
    return False
