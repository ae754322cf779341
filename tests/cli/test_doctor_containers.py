"""``runyard doctor`` on container engines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from runyard.cli.doctor.containers import containers
from runyard.cli.doctor.finding import Finding
from runyard.containers.engine import Engine
from runyard.containers.finding import Probed
from tests.cli.fixtures import Invoke

DOCKER = Probed("docker", "/usr/bin/docker", True, "docker 28.2.2", "rootless, control groups v2")
PODMAN = Probed("podman", "/usr/bin/podman", True, "podman 5.4.0", "rootless, control groups v2")
DOWN = DOCKER._replace(works=False, why="docker does not answer", hint="start it")
MISSING = Probed("docker", "", False, why="docker is not installed", hint="install docker")
NO_PODMAN = Probed("podman", "", False, why="podman is not installed", hint="install podman")


def found(*probed: Probed) -> list[Finding]:
    return list(containers(lambda: probed))


def findings(*lines: tuple[str, ...]) -> Iterable[Finding]:
    return [Finding(line[0], "containers", *line[1:]) for line in lines]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNYARD_CONTAINER_ENGINE", raising=False)


def test_both_work() -> None:
    assert found(DOCKER, PODMAN) == findings(
        ("ok", "docker 28.2.2 (rootless, control groups v2)  /usr/bin/docker, used for runs"),
        ("ok", "podman 5.4.0 (rootless, control groups v2)  /usr/bin/podman"),
    )


def test_the_second_is_used() -> None:
    used = ("ok", "podman 5.4.0 (rootless, control groups v2)  /usr/bin/podman, used for runs")
    assert found(DOWN, PODMAN) == findings(("warning", "docker does not answer", "start it"), used)
    assert found(MISSING, PODMAN) == findings(
        ("ok", "docker is not installed, and not needed"), used
    )


def test_none_works() -> None:
    assert found(DOWN, NO_PODMAN) == findings(
        ("warning", "docker does not answer", "start it"),
        ("warning", "podman is not installed", "install podman"),
    )


def test_none_is_installed() -> None:
    assert found(MISSING, NO_PODMAN) == findings(
        (
            "warning",
            "docker and podman are not installed: environments with an image cannot be used",
            "sudo apt-get install docker.io, or podman",
        )
    )


def test_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", "docker")
    where = "the variable RUNYARD_CONTAINER_ENGINE is 'docker': "
    assert found(DOWN) == findings(("error", f"{where}docker does not answer", "start it"))
    assert found(MISSING) == findings(
        ("error", f"{where}docker is not installed", "install docker")
    )
    [only] = found(DOCKER)
    assert only.level == "ok"


def test_the_real_engine(
    engine: Engine, project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.cli.doctor.CHECKS", (containers,))
    [line] = invoke("doctor").out.splitlines()
    assert line.startswith(f"ok       containers  {engine.name} ")
    assert "(with root's rights, storage driver " in line
    assert line.endswith(f"{engine.program}, used for runs")


def test_a_real_docker_without_its_daemon(
    docker: Engine, project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.cli.doctor.CHECKS", (containers,))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    said = invoke("doctor")
    assert said.code == 1
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines == [
        "error    containers  the variable RUNYARD_CONTAINER_ENGINE is 'docker': docker's daemon "
        "does not answer at unix:///nowhere/docker.sock",
        "→ Start it: sudo systemctl start docker; say where it listens with DOCKER_HOST; or use "
        "the other engine: RUNYARD_CONTAINER_ENGINE=podman",
    ]
