"""Logging in to a registry without the password in a command line or the user's own files."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from runyard.containers import client, words
from runyard.containers.errors import EngineError

_MEMORY = "/dev/shm"
_PREFIX = "runyard-login-"
_NOT_COPIED = ("auths", "credsStore", "credHelpers")
_LOGIN_TIMEOUT_S = 60.0


class Login(NamedTuple):
    """``registry`` ('registry.example.org:5000', '' for Docker Hub), ``username``, ``password``."""

    registry: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login(registry={self.registry!r}, username={self.username!r})"


class Options(NamedTuple):
    """What a command of a logged-in engine carries: ``first`` before the verb, ``after`` it."""

    first: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@contextmanager
def logged_in(engine: str, program: str, login: Login | None) -> Iterator[Options]:
    """Log in for the time of a ``with`` block; yields the options that make use of it.

    The password goes to the engine's standard input. What the engine keeps of it lies in a
    folder of its own, readable by this user alone and in memory where there is /dev/shm, which
    is removed at the end of the block. Only this login counts in the block, none that the user
    made himself. Raises EngineError: login, network, engine.
    """
    if login is None:
        yield Options()
        return
    with _private_folder() as folder:
        options = _docker(folder) if engine == "docker" else _podman(folder)
        _log_in(engine, program, options, login)
        yield options


def _log_in(engine: str, program: str, options: Options, login: Login) -> None:
    registry = login.registry or ("" if engine == "docker" else "docker.io")
    user = ("--username", login.username, "--password-stdin")
    argv = [program, *options.first, "login", *options.after, *user]
    done = client.ask(
        [*argv, *([registry] if registry else [])],
        input=login.password,
        timeout_s=_LOGIN_TIMEOUT_S,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).replace(login.password or "\0", "***")
        failure = words.explain(engine, said, done.returncode, f"{registry or 'docker.io'}/")
        if failure.kind == "image_not_found" or "asks for a login" in failure.message:
            raise EngineError("login", *words.refused(registry or "docker.io"))
        raise failure


def _docker(folder: str) -> Options:
    """The user's configuration without its logins, so that none is used and none is changed."""
    own = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    content = {name: value for name, value in _read(own).items() if name not in _NOT_COPIED}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as stream:
        json.dump(content, stream)
    # Contexts, plug-ins (buildx) and builders lie beside it.
    for name in os.listdir(own) if os.path.isdir(own) else ():
        if name != "config.json":
            os.symlink(os.path.join(os.path.abspath(own), name), os.path.join(folder, name))
    return Options(first=("--config", folder))


def _read(folder: str) -> Mapping[str, Any]:
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _podman(folder: str) -> Options:
    return Options(after=("--authfile", os.path.join(folder, "auth.json")))


@contextmanager
def _private_folder() -> Iterator[str]:
    """A folder that is locked as long as its owner lives, so that the next one can clear up."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else tempfile.gettempdir()
    _remove_left_behind(parent)
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_left_behind(parent: str) -> None:
    """Remove the folders of this user's processes that were killed."""
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(_PREFIX):
            continue
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # another user's, or just gone
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # in use
            pass
        finally:
            os.close(lock)
