from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from runyard.containers import finding
from runyard.containers.engine import Engine
from runyard.containers.errors import EngineError

START = "Start it: sudo systemctl start docker; say where it listens with DOCKER_HOST; "
OTHER = "or use the other engine: RUNYARD_CONTAINER_ENGINE="


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("RUNYARD_CONTAINER_ENGINE", raising=False)
    return folder


def put(folder: Path, name: str, version: str, does: str) -> Path:
    """A program that says its version, and does the rest of a line of shell."""
    program = folder / name
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version}"; exit; fi\n{does}\n'
    )
    program.chmod(0o755)
    return program


def test_nothing_is_installed(programs: Path) -> None:
    with pytest.raises(EngineError) as raised:
        finding.find()
    assert raised.value.kind == "engine"
    assert str(raised.value) == (
        "No container engine works here. docker: docker is not installed; podman: podman is not "
        "installed. docker: Install it: sudo apt-get install docker.io; podman: Install it: sudo "
        "apt-get install podman"
    )
    assert [probed.works for probed in finding.probe()] == [False, False]
    assert [probed.program for probed in finding.probe()] == ["", ""]


def test_podman_is_used_where_docker_does_not_answer(programs: Path) -> None:
    # As docker 20.10 does it: exit code 0, and the failure among what was asked for.
    said = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"
    down = json.dumps({"ServerErrors": [said]})
    put(programs, "docker", "Docker version 20.10.24", f"echo '{down}'")
    podman = put(programs, "podman", "podman version 5.4.0", "exit 0")
    assert finding.find() == Engine("podman", str(podman), os.geteuid() != 0)
    assert finding.probe()[0] == finding.Probed(
        "docker",
        str(programs / "docker"),
        False,
        why="docker's daemon does not answer at unix:///x",
        hint=START + OTHER + "podman",
    )
    assert finding.probe()[1].why == f"podman failed: {podman} info is no JSON: ''"
    assert finding.probe()[1].hint == "See: podman info"


def test_docker_is_used_where_both_answer(programs: Path) -> None:
    docker = put(programs, "docker", "Docker version 28.2.2, build e6534b4", "echo '{}'")
    put(programs, "podman", "podman version 5.4.0", "exit 0")
    assert finding.find() == Engine("docker", str(docker))


def test_the_one_that_is_asked_for(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = json.dumps(
        {
            "ServerVersion": "28.2.2",
            "Driver": "overlay2",
            "CgroupVersion": "2",
            "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
        }
    )
    put(programs, "docker", "Docker version 28.2.2, build e6534b4", "exit 1")
    path = put(programs, "docker-28", "Docker version 28.2.2, build e6534b4", f"echo '{info}'")
    monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", str(path))
    assert finding.find() == Engine("docker", str(path), rootless=True)
    assert finding.probe() == [
        finding.Probed(
            str(path),
            str(path),
            True,
            "docker 28.2.2",
            "rootless, storage driver overlay2, control groups v2",
        )
    ]


def test_a_docker_that_is_podman(programs: Path) -> None:
    path = put(programs, "docker", "podman version 4.9.3", "exit 0")
    assert finding.find() == Engine("podman", str(path), os.geteuid() != 0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("lxc", "lxc is no engine"),
        ("/nowhere/docker", "there is no program /nowhere/docker"),
        ("podman", "podman is not installed"),
    ],
)
def test_one_that_is_not_there_is_asked_for(
    programs: Path, monkeypatch: pytest.MonkeyPatch, asked: str, message: str
) -> None:
    put(programs, "docker", "Docker version 28.2.2, build e6534b4", "echo '{}'")
    monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", asked)
    with pytest.raises(EngineError) as raised:
        finding.find()
    where = "the variable RUNYARD_CONTAINER_ENGINE"
    assert raised.value.message == f"{where} is {asked!r}: {message}"
    assert raised.value.hint == (
        "Install it: sudo apt-get install podman"
        if asked == "podman"
        else "Give docker, podman or the path of one"
    )


def test_the_one_in_the_settings_file(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('container_engine = "podman"\n')
    monkeypatch.setenv("RUNYARD_CONFIG", str(file))
    put(programs, "docker", "Docker version 28.2.2, build e6534b4", "echo '{}'")
    with pytest.raises(EngineError) as raised:
        finding.find()
    assert raised.value.message == (
        f"{file}, line 1: container_engine is 'podman': podman is not installed"
    )
    put(programs, "podman", "podman version 5.4.0", "exit 0")
    assert finding.find().name == "podman"


def test_a_program_that_is_no_engine(programs: Path) -> None:
    path = put(programs, "docker", "A dock for your windows, version 1", "exit 0")
    assert finding.probe()[0].why == (
        f"{path} is neither docker nor podman: it says 'a dock for your windows, version 1'"
    )


def test_a_program_that_does_not_start(programs: Path) -> None:
    path = programs / "docker"
    path.write_text("#!/nowhere/sh\n")
    path.chmod(0o755)
    assert finding.probe()[0].why == f"{path} cannot be started: No such file or directory"


def test_one_that_does_not_answer(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = shutil.which("sleep", path=os.defpath)
    put(programs, "docker", "Docker version 28.2.2, build e6534b4", f"exec {sleep} 60")
    monkeypatch.setattr(finding, "_ANSWER_S", 3.0)  # it does say its version in time
    assert finding.probe()[0].why == "docker did not answer within 3 s to: docker info --format"
    assert finding.probe()[0].hint == "See whether it works at all: docker info"


def test_the_real_ones_are_found(engine: Engine) -> None:
    assert finding.find() == engine
    [probed] = finding.probe()
    assert probed.works, probed.why
    assert probed.program == engine.program
    assert probed.version.startswith(f"{engine.name} ")
    assert probed.detail.startswith("with root's rights, storage driver ")
    assert ", control groups v" in probed.detail


def test_the_socket_of_a_daemon_that_is_gone(
    docker: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(EngineError) as raised:
        finding.find()
    assert raised.value.message == (
        "the variable RUNYARD_CONTAINER_ENGINE is 'docker': docker's daemon does not answer at "
        "unix:///nowhere/docker.sock"
    )
    assert raised.value.hint == START + OTHER + "podman"
    with pytest.raises(EngineError, match="docker's daemon does not answer at") as raised:
        docker.image_id("thing")
    assert raised.value.kind == "engine"


def test_a_user_who_may_not_use_docker(docker: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client as another user, at a socket that only its owner may open."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as server:
        folder = Path(name)
        folder.chmod(0o755)
        server.bind(f"{folder}/socket")
        server.listen()
        (folder / "socket").chmod(0o600)
        program = folder / "docker"
        other = "setpriv --reuid=65534 --regid=65534 --clear-groups"
        program.write_text(f'#!/bin/sh\nexec {other} {docker.program} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/socket")
        monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")
        monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", str(program))
        [probed] = finding.probe()
        assert probed.why == (
            "docker's daemon does not let this user in: no permission to use "
            f"unix://{folder}/socket"
        )
        assert probed.hint == (
            "Join its group and log in again: sudo usermod -aG docker $USER; " + OTHER + "podman"
        )
