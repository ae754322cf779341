"""``Engine`` against the real docker and podman."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runyard.containers.command import Mount
from runyard.containers.engine import Engine
from runyard.containers.errors import EngineError
from tests.container_engines import BASE, PYTHON, Registry

NAME = "runyard-test-container"


def silent(line: str) -> None:
    """Progress that no test looks at."""


def sh(engine: Engine, script: str, *, arguments: tuple[str, ...] = ()) -> tuple[int, str]:
    command = ["/bin/sh", "-c", script]
    done = engine.run(BASE, command, silent, name=NAME, user_arguments=arguments)
    return done.exit_code, done.output


def test_images_of_this_machine(engine: Engine) -> None:
    image = engine.image(BASE)
    assert image is not None
    assert image.id == engine.image_id(BASE)
    assert image.id.startswith("sha256:")
    assert 10_000_000 < image.size_bytes < 200_000_000
    assert (image.user, image.entrypoint, image.labels) == ("", (), {})
    assert engine.image_id("runyard-tests/none:1") is None
    assert engine.image_id(image.id) == image.id


def test_an_image_of_a_dockerfile(engine: Engine) -> None:
    lines: list[str] = []
    text = f"""
        FROM {BASE}
        SHELL ["/bin/sh", "-ec"]
        RUN echo built by $0 and nothing else
        ENV GREETING="hello there"
        USER 1234
        ENTRYPOINT ["/bin/echo", "swallowed"]
    """
    built = engine.build(
        lines.append, dockerfile=text, tag="runyard-tests/built:1", labels={"k": "a b"}
    )
    image = engine.image("runyard-tests/built:1")
    assert image is not None
    assert image.id == built
    assert image.environment["GREETING"] == "hello there"
    assert (image.user, image.entrypoint) == ("1234", ("/bin/echo", "swallowed"))
    assert image.labels["k"] == "a b"
    assert "built by /bin/sh and nothing else" in "\n".join(lines)
    assert "DEPRECATED" not in "\n".join(lines)
    # Neither the image's user nor its entrypoint comes between runyard and the command.
    done = engine.run(built, ["/bin/sh", "-c", 'id -u; echo "$GREETING"'], silent, name=NAME)
    assert done == (0, f"{os.getuid()}\nhello there")


def test_an_image_of_a_context(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "data.txt").write_text("from the context")
    (tmp_path / "docker/Own").write_text(f"FROM {BASE}\nCOPY data.txt /data.txt\n")
    (tmp_path / "Dockerfile").write_text("FROM nothing-of-that-name\n")
    built = engine.build(silent, context=str(tmp_path), dockerfile_path="docker/Own")
    done = engine.run(built, ["/bin/cat", "/data.txt"], silent, name=NAME)
    assert done.output == "from the context"
    # The text of a Dockerfile counts before the one in the folder.
    text = f"FROM {BASE}\nCOPY data.txt /elsewhere\n"
    built = engine.build(silent, dockerfile=text, context=str(tmp_path))
    done = engine.run(built, ["/bin/cat", "/elsewhere"], silent, name=NAME)
    assert done.output == "from the context"


def test_an_image_of_a_git_repository(engine: Engine, git_server: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "data.txt").write_text("from the repository")
    (repository / "Own").write_text(f"FROM {BASE}\nCOPY data.txt /data.txt\n")
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=one"]):
        subprocess.run(["git", "-C", str(repository), *arguments], check=True)
    url = f"{git_server}/repository/.git"
    built = engine.build(silent, context=url, dockerfile_path="Own", platform="linux/amd64")
    assert engine.run(built, ["/bin/cat", "/data.txt"], silent, name=NAME).output == (
        "from the repository"
    )


@pytest.mark.parametrize(
    ("last", "kind", "message"),
    [
        ("RUN echo first; echo oops; exit 7", "image_build", "exit 7 ended with exit code 7: oops"),
        ("RUNN echo", "image_build", "The image cannot be built: .*(?i:unknown instruction).*RUNN"),
        ("COPY nosuch /", "image_build", "The image cannot be built: .*nosuch"),
    ],
)
def test_a_dockerfile_that_fails(engine: Engine, last: str, kind: str, message: str) -> None:
    with pytest.raises(EngineError, match=message) as raised:
        engine.build(silent, dockerfile=f"FROM {BASE}\n{last}\n")
    assert raised.value.kind == kind


def test_a_build_that_is_left_ends(engine: Engine, tmp_path: Path) -> None:
    """What ends a build is an exception in ``say``, such as a signal handler raises."""
    seen: list[str] = []

    def say(line: str) -> None:
        seen.append(line)
        if line.strip() == "begun":
            raise KeyboardInterrupt

    # No other process of this machine sleeps as long.
    nap = f"60.{os.getpid()}"
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.build(say, dockerfile=f"FROM {BASE}\nRUN echo begun; sleep {nap}\n")
    # podman lists what a build works in with --external; both clear up a little later.
    external = ["--external"] if engine.name == "podman" else []
    while engine.ask("ps", "--all", "--quiet", *external) or asleep(nap):
        assert time.monotonic() - started < 40
        time.sleep(0.05)


def asleep(nap: str) -> bool:
    return f"sleep\0{nap}\0" in "".join(command_lines())


def command_lines() -> Iterator[str]:
    for entry in os.listdir("/proc"):
        with suppress(OSError):
            yield Path("/proc", entry, "cmdline").read_text(errors="replace")


def test_images_of_a_registry(engine: Engine, registry: Registry) -> None:
    reference = registry.push(engine, BASE, "team/base:1")
    assert engine.image_id(reference) is None
    lines: list[str] = []
    pulled = engine.pull(reference, lines.append, registry.login)
    image = engine.image(reference)
    assert image is not None
    assert image.id == pulled
    assert any(
        digest.startswith(f"{registry.address}/team/base@sha256:") for digest in image.repo_digests
    )
    assert lines
    assert engine.remove_image(reference)
    assert not engine.remove_image(reference)


def test_images_that_a_registry_does_not_give(engine: Engine, registry: Registry) -> None:
    reference = registry.push(engine, BASE, "team/base:1")
    cases = (
        (reference, None, "login", "asks for a login before it gives " + reference),
        (reference, registry.login._replace(password="wrong one"), "login", "refuses the user"),
        (reference, registry.login._replace(username="bob"), "login", "refuses the user"),
        (reference + "0", registry.login, "image_not_found", f"There is no image {reference}0"),
        (f"{registry.address}/no/such", registry.login, "image_not_found", "There is no image"),
        ("127.0.0.1:1/x", None, "network", "127.0.0.1:1 cannot be reached: dial tcp"),
        ("Bad Name", None, "image_not_found", "'Bad Name' is no name of an image"),
    )
    for name, login, kind, message in cases:
        with pytest.raises(EngineError, match=message) as raised:
            engine.pull(name, silent, login)
        assert raised.value.kind == kind, name
    assert engine.image_id(reference) is None


def test_a_private_image_is_built_upon(engine: Engine, registry: Registry) -> None:
    reference = registry.push(engine, BASE, "team/base:2")
    text = f"FROM {reference}\nRUN true\n"
    with pytest.raises(EngineError, match="asks for a login before it gives") as raised:
        engine.build(silent, dockerfile=text)
    assert raised.value.kind == "login"
    assert engine.build(silent, dockerfile=text, login=registry.login).startswith("sha256:")
    assert engine.remove_image(reference)


def test_podman_looks_up_a_name_without_a_registry_on_docker_hub(
    podman: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No server of the tests plays Docker Hub: a proxy that is not there keeps all on loopback.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    lines: list[str] = []
    with pytest.raises(EngineError, match=r"registry-1.docker.io cannot be reached") as raised:
        podman.pull("nosuch", lines.append)
    assert raised.value.kind == "network"
    assert "Trying to pull docker.io/library/nosuch:latest..." in lines


def test_a_command_in_a_container(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / 'odd, "name"').mkdir()
    script = (
        "import os, sys; print(os.getcwd(), os.environ['PLAIN'], os.environ['SECRET'], "
        "sys.stdin.read()); open('made', 'w'); "
        "print(os.access('/read-only/x', os.W_OK), len(os.listdir('/read-only')))"
    )
    (tmp_path / "source").mkdir()
    (tmp_path / "source/x").write_text("")
    lines: list[str] = []
    done = engine.run(
        BASE,
        [PYTHON, "-c", script],
        lines.append,
        name=NAME,
        workdir="/work",
        mounts=[
            Mount(str(tmp_path / 'odd, "name"'), "/work"),
            Mount(str(tmp_path / "source"), "/read-only", read_only=True),
        ],
        variables={"PLAIN": "two words"},
        secrets={"SECRET": "s3cret"},
        input="from stdin",
    )
    assert done == (0, "/work two words s3cret from stdin\nFalse 1")
    assert "\n".join(lines) == done.output
    made = (tmp_path / 'odd, "name"' / "made").stat()
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())
    assert engine.state(NAME) is None


@pytest.mark.parametrize("code", [0, 1, 125, 126, 127, 255])
def test_exit_codes(engine: Engine, code: int) -> None:
    assert sh(engine, f"echo said; exit {code}") == (code, "said")


def test_output_of_a_command_is_passed_on_as_it_is(engine: Engine) -> None:
    text = 'time="now" level=warning msg="mine"'
    assert sh(engine, f"echo '{text}'; printf '\\033[1mbold\\033[0m'") == (
        0,
        f"{text}\n\x1b[1mbold\x1b[0m",
    )


def test_a_program_that_is_not_there(engine: Engine) -> None:
    done = engine.run(BASE, ["nosuch"], silent, name=NAME)
    assert done.exit_code == 127
    assert "nosuch" in done.output


def test_what_cannot_be_started(engine: Engine) -> None:
    with pytest.raises(EngineError, match="There is no image runyard-tests/none:1") as raised:
        engine.run("runyard-tests/none:1", ["/bin/true"], silent, name=NAME)
    assert raised.value.kind == "image_not_found"
    with pytest.raises(EngineError, match=r"failed .*unknown flag: --nosuch") as raised:
        sh(engine, "true", arguments=("--nosuch",))
    assert raised.value.kind == "failed"
    gpus = "--gpus=all" if engine.name == "docker" else "--device=nvidia.com/gpu=all"
    if not os.path.exists("/dev/nvidiactl"):
        with pytest.raises(EngineError, match="cannot give the container this machine's GPUs"):
            sh(engine, "true", arguments=(gpus,))


def test_out_of_memory_leaves_no_file(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill = f'{PYTHON} -c "bytearray(200 << 20)"'
    for script, code in ((f"exec {fill}", 137), (f"{fill}; exit 3", 3)):
        done = engine.run(
            BASE, ["/bin/sh", "-c", script], silent, name=NAME, user_arguments=["-m", "64m"]
        )
        assert done.exit_code == code
    assert list(tmp_path.iterdir()) == []


def running(engine: Engine, script: str, said: str) -> threading.Thread:
    """A container that has said something, and the thread that waits for its end."""
    heard = threading.Event()

    def say(line: str) -> None:
        if line == said:
            heard.set()

    def run() -> None:
        engine.run(BASE, ["/bin/sh", "-c", script], say, name=NAME)

    thread = threading.Thread(target=run)
    thread.start()
    assert heard.wait(30)
    return thread


def test_a_container_that_is_left_ends(engine: Engine) -> None:
    nap = f"61.{os.getpid()}"

    def say(line: str) -> None:
        raise KeyboardInterrupt

    script = f"trap '' TERM INT; echo begun; sleep {nap}"
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.run(BASE, ["/bin/sh", "-c", script], say, name=NAME)
    assert time.monotonic() - started < 40
    assert engine.state(NAME) is None
    assert f"sleep\0{nap}\0" not in "".join(command_lines())


@pytest.mark.parametrize("ignores", [False, True])
def test_a_container_is_stopped(engine: Engine, ignores: bool) -> None:
    trap = "trap '' TERM" if ignores else "trap 'exit 9' TERM"
    thread = running(engine, f"{trap}; echo begun; while :; do sleep 0.05; done", "begun")
    state = engine.state(NAME)
    assert state is not None
    assert (state.running, state.started, state.error) == (True, True, "")
    started = time.monotonic()
    engine.stop(NAME, 0.6)
    taken = time.monotonic() - started
    # The grace is in whole seconds: 0.6 is 1.
    assert taken >= 1 if ignores else taken < 10
    thread.join(30)
    assert engine.state(NAME) is None


def test_what_is_gone_can_be_stopped_and_removed(engine: Engine) -> None:
    engine.stop("runyard-test-none", 5)
    engine.remove("runyard-test-none")
    assert engine.state("runyard-test-none") is None


def test_a_container_in_use_keeps_its_image(engine: Engine) -> None:
    built = engine.build(
        silent, dockerfile=f"FROM {BASE}\nLABEL only=here\n", tag="runyard-tests/used:1"
    )
    engine.tag(built, "runyard-tests/used:2")
    engine.ask("create", "--name", NAME, "--network=host", built, "/bin/true")
    state = engine.state(NAME)
    assert state is not None
    assert (state.running, state.started) == (False, False)
    assert not engine.remove_image(built)
    engine.remove(NAME)
    assert engine.remove_image("runyard-tests/used:2")
    assert engine.image_id("runyard-tests/used:1") == built


def test_a_name_that_is_taken(engine: Engine) -> None:
    engine.ask("create", "--name", NAME, "--network=host", BASE, "/bin/true")
    with pytest.raises(EngineError, match="already in use"):
        sh(engine, "true")
    assert engine.state(NAME) is not None
