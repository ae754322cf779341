"""The password of a registry is on no command line, and in no file that stays."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runyard.containers import login as module
from runyard.containers.engine import Engine
from runyard.containers.errors import EngineError
from runyard.containers.login import Login, logged_in
from tests.container_engines import BASE, Registry


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A part of the memory, of this test alone, for logins to be kept in."""
    with tempfile.TemporaryDirectory(dir=module._MEMORY) as folder:
        monkeypatch.setattr(module, "_MEMORY", folder)
        yield Path(folder)


def is_login(line: bytes) -> bool:
    return b"--password-stdin" in line and b"login" in line


def waiting_to_be_seen(engine: Engine, folder: Path) -> Engine:
    """The engine, whose client waits at a login until somebody has seen its command line."""
    program = folder / engine.name
    program.write_text(
        f"""#!/bin/sh
case " $* " in *" login "*) while [ ! -e {folder}/seen ]; do sleep 0.01; done ;; esac
exec {engine.program} "$@"
"""
    )
    program.chmod(0o755)
    return engine._replace(program=str(program))


@contextmanager
def watched_command_lines(folder: Path) -> Iterator[set[bytes]]:
    """The command lines of all processes of this machine, sampled as often as can be.

    The file ``seen`` in the folder is there when that of a login was.
    """
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    try:
                        seen.add(Path(f"/proc/{entry}/cmdline").read_bytes())
                    except OSError:
                        continue
            if any(map(is_login, seen)):
                (folder / "seen").touch()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_the_password_is_nowhere(
    engine: Engine,
    registry: Registry,
    memory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "home"
    own = home / ".docker"
    (own / "contexts").mkdir(parents=True)
    (own / "config.json").write_text('{"auths": {"example.org": {"auth": "eDp5"}}, "proxies": {}}')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    before = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    said: list[str] = []
    engine = waiting_to_be_seen(engine, tmp_path)
    with watched_command_lines(tmp_path) as command_lines:
        reference = registry.push(engine, BASE, "team/secret:1")
        engine.pull(reference, said.append, registry.login)
        engine.build(said.append, dockerfile=f"FROM {reference}\n", login=registry.login)
    # It looked at the right time, at the right processes.
    assert any(map(is_login, command_lines))
    assert not [line for line in command_lines if registry.password.encode() in line]
    assert {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    assert registry.password not in "\n".join(said)
    assert list(memory.iterdir()) == []
    # Whoever comes after has to log in again.
    engine.remove_image(reference)
    with pytest.raises(EngineError, match="asks for a login"):
        engine.pull(reference, said.append)


def test_the_folder_of_a_login_is_private_and_goes(
    engine: Engine,
    registry: Registry,
    memory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path / "own"
    (own / "cli-plugins").mkdir(parents=True)
    logins = {"auths": {"example.org": {}}, "credsStore": "nosuch", "credHelpers": {"a": "b"}}
    content = {**logins, "HttpHeaders": {"X": "kept"}}
    (own / "config.json").write_text(json.dumps(content))
    monkeypatch.setenv("DOCKER_CONFIG", str(own))
    with logged_in(engine.name, engine.program, registry.login):
        [folder] = memory.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        file = "config.json" if engine.name == "docker" else "auth.json"
        kept = json.loads((folder / file).read_text())
        assert list(kept["auths"]) == [registry.address]
        if engine.name == "docker":
            assert kept["HttpHeaders"] == {"X": "kept"}
            assert not {"credsStore", "credHelpers"} & set(kept)
            assert (folder / "cli-plugins").resolve() == own / "cli-plugins"
    assert list(memory.iterdir()) == []
    assert json.loads((own / "config.json").read_text()) == content


def test_the_folder_of_a_login_goes_whatever_ends_the_block(
    engine: Engine, registry: Registry, memory: Path
) -> None:
    reference = registry.push(engine, BASE, "team/left:1")

    def say(line: str) -> None:
        assert len(list(memory.iterdir())) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.pull(reference, say, registry.login)
    assert list(memory.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MEMORY", str(tmp_path))
    code = (
        "import sys, time; from runyard.containers import login; "
        f"login._MEMORY = {str(tmp_path)!r}\n"
        "with login._private_folder() as folder:\n"
        "    print(folder, flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = process.stdout.readline().strip()
    with module._private_folder() as other:
        assert sorted(os.listdir(tmp_path)) == sorted(map(os.path.basename, (folder, other)))
    process.kill()
    process.wait()
    process.stdout.close()
    assert os.listdir(tmp_path) == [os.path.basename(folder)]
    with module._private_folder() as other:
        assert os.listdir(tmp_path) == [os.path.basename(other)]
    assert os.listdir(tmp_path) == []


def test_a_login_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(module, "_LOGIN_TIMEOUT_S", 0.2)
    started = time.monotonic()
    login = Login("example.org", "alice", "open sesame")
    with (
        pytest.raises(
            EngineError, match=r"docker did not answer within 0.2 s to: docker"
        ) as raised,
        logged_in("docker", str(program), login),
    ):
        pass
    assert raised.value.kind == "engine"
    assert "sesame" not in str(raised.value)
    assert time.monotonic() - started < 40


def test_a_login_does_not_show_its_password() -> None:
    login = Login("example.org", "alice", "open sesame")
    assert f"{login!r} {login}" == " ".join(["Login(registry='example.org', username='alice')"] * 2)


def test_words_of_an_engine_do_not_show_the_password(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\necho "cannot use $(cat)" >&2; exit 1\n')
    program.chmod(0o755)
    login = Login("example.org", "alice", "open sesame")
    with (
        pytest.raises(EngineError, match=r"cannot use \*\*\*") as raised,
        logged_in("docker", str(program), login),
    ):
        pass
    assert "sesame" not in str(raised.value)
