from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.containers import arguments, command
from runyard.containers.command import Mount, run_command
from runyard.containers.engine import Engine
from runyard.containers.errors import EngineError
from runyard.errors import UserErrorException

DOCKER = Engine("docker", "/usr/bin/docker")
PODMAN = Engine("podman", "/usr/bin/podman")
USER = f"{os.getuid()}:{os.getgid()}"


@pytest.fixture(autouse=True)
def _no_selinux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_SELINUX", "/nowhere")


def options(engine: Engine, *user: str, gpus: bool = False) -> list[str]:
    """What stands before the image, without what is always there."""
    argv = run_command(engine, "i", ["c"], name="n", user_arguments=user, gpus=gpus)
    assert argv[:4] == [engine.program, "run", "--name", "n"]
    assert argv[-3:] == ["--entrypoint", "c", "i"]
    return argv[4:-3]


def test_the_whole_command_line() -> None:
    assert run_command(
        DOCKER,
        "sha256:1",
        ["/bin/sh", "-c", "script"],
        name="runyard-1",
        workdir="/w",
        mounts=[Mount("/a", "/b"), Mount('/a,"b"', "/c", read_only=True)],
        variables={"A": "1 2", "HIDDEN": None},
        shm_size="2g",
        user_arguments=["-v", "/x:/y"],
        labels={"runyard.run": "r 1"},
        interactive=True,
    ) == [
        *("/usr/bin/docker", "run", "--name", "runyard-1", "--interactive"),
        *("--network=host", f"--user={USER}", "--shm-size=2g", "--workdir=/w"),
        *("--log-driver=none", "--pull=never"),
        *("--mount", "type=bind,src=/a,dst=/b"),
        *("--mount", 'type=bind,"src=/a,""b""",dst=/c,readonly'),
        *("--label", "runyard.run=r 1"),
        *("--env", "A=1 2", "--env", "HIDDEN"),
        *("-v", "/x:/y"),
        *("--entrypoint", "/bin/sh", "sha256:1", "-c", "script"),
    ]


@pytest.mark.parametrize(
    ("engine", "user"),
    [
        (DOCKER, [f"--user={USER}"]),
        (DOCKER._replace(rootless=True), ["--user=0:0"]),
        (PODMAN, [f"--user={USER}"]),
        (PODMAN._replace(rootless=True), ["--userns=keep-id", f"--user={USER}"]),
    ],
)
def test_files_belong_to_the_caller(engine: Engine, user: list[str]) -> None:
    assert options(engine)[1:-2] == user


def test_gpus() -> None:
    assert "--gpus=all" in options(DOCKER, gpus=True)
    assert "--device=nvidia.com/gpu=all" in options(PODMAN, gpus=True)
    assert not [option for option in options(DOCKER) if "gpu" in option]
    given = options(DOCKER, "--gpus", "device=0", gpus=True)
    assert [option for option in given if "gpus" in option] == ["--gpus"]


def test_selinux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--security-opt=label=disable" not in options(DOCKER)
    (tmp_path / "enforce").write_text("1")
    monkeypatch.setattr(command, "_SELINUX", str(tmp_path / "enforce"))
    assert "--security-opt=label=disable" in options(DOCKER)


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (["--network", "bridge"], "--network"),
        (["--net=none"], "--network"),
        (["-p", "80:80"], "--network"),
        (["-p80:80"], "--network"),
        (["--user=5"], "--user"),
        (["-u", "5:5"], "--user"),
        (["--workdir", "/x"], "--workdir"),
        (["-w/x"], "--workdir"),
        (["--shm-size=1g"], "--shm-size"),
        (["--ipc=host"], "--shm-size"),
        (["--log-driver=journald"], "--log-driver"),
        (["--pull", "always"], "--pull"),
    ],
)
def test_what_the_user_gives_counts(given: list[str], ours: str) -> None:
    def ours_in(user: list[str]) -> list[str]:
        argv = run_command(
            DOCKER, "i", ["c"], name="n", workdir="/w", shm_size="2g", user_arguments=user
        )
        return [part for part in argv if part.startswith(f"{ours}=") and part not in given]

    assert len(ours_in([])) == 1
    assert ours_in(given) == []


def test_arguments_that_a_run_does_without() -> None:
    given = ["--rm", "-it", "-d", "--detach=true", "--restart", "always", "-e", "A=1", "--tty"]
    checked = arguments.check(given)
    assert checked.arguments == ["-e", "A=1"]
    assert checked.notices == [
        "docker.arguments: '--rm' is left out: runyard removes the container itself, when it has "
        "read how it ended",
        "docker.arguments: '-it' is left out: the script has no terminal",
        "docker.arguments: '-d' is left out: runyard waits for the container",
        "docker.arguments: '--detach=true' is left out: runyard waits for the container",
        "docker.arguments: '--restart' is left out: a run is started once",
        "docker.arguments: '--tty' is left out: the script has no terminal",
    ]
    assert arguments.check(["--restart=always", "-dit"]).arguments == []
    assert options(DOCKER, *given)[-2:] == ["-e", "A=1"]


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("--name", "runyard finds the container by a name of its own"),
        ("--name=mine", "runyard finds the container by a name of its own"),
        ("--cidfile=x", "runyard finds the container by a name of its own"),
        ("--entrypoint=sh", "the command of a container is the script of the run"),
    ],
)
def test_arguments_that_a_run_cannot_have(argument: str, why: str) -> None:
    with pytest.raises(UserErrorException) as raised:
        arguments.check([argument, "x"])
    assert str(raised.value) == (
        f"docker.arguments: {argument!r} cannot be given: {why}. Remove it"
    )


@pytest.fixture
def killed_once(tmp_path: Path) -> Engine:
    """An engine whose client is killed when it is asked first, and then says that all is gone."""
    program, asked = tmp_path / "docker", tmp_path / "asked"
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{asked}\n[ "$(wc -l <{asked})" -gt 1 ] || kill -9 $$\n'
        'echo "No such container: one" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    return Engine("docker", str(program))


def test_a_container_is_removed_though_the_client_that_does_it_is_killed(
    killed_once: Engine, tmp_path: Path
) -> None:
    killed_once.remove("one")
    assert (tmp_path / "asked").read_text() == "rm --force --volumes one\n" * 2


def test_an_engine_is_not_lost_when_the_client_that_asks_it_is_killed(
    killed_once: Engine, tmp_path: Path
) -> None:
    assert killed_once.state("one") is None
    assert (tmp_path / "asked").read_text() == "container inspect one\n" * 2


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_container_that_ends_while_it_is_to_be_stopped_is_removed(
    tmp_path: Path, times: int
) -> None:
    """podman asks whether it runs, and then cannot kill it."""
    program, asked = tmp_path / "podman", tmp_path / "asked"
    said = (
        "Error: cannot remove container 1a as it could not be stopped: sending SIGKILL to "
        "container 1a: container state improper: stopped"
    )
    fails = f"echo '{said}' >&2; exit 125"
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{asked}\n[ "$(wc -l <{asked})" -gt {times} ] || {{ {fails}; }}\n'
    )
    program.chmod(0o755)
    engine = Engine("podman", str(program))
    if times < 3:
        engine.remove("one")
    else:
        with pytest.raises(EngineError, match="container state improper: stopped"):
            engine.remove("one")
    assert asked.read_text() == "rm --force --time 0 --volumes one\n" * min(times + 1, 3)


def test_a_container_that_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'driver failed to remove it' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(EngineError, match="docker failed: driver failed to remove it"):
        Engine("docker", str(program)).remove("one")
