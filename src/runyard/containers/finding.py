"""Which engine this machine has, and why another does not work."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runyard import settings
from runyard.containers import client, words
from runyard.containers.engine import Engine
from runyard.containers.errors import EngineError

SETTING = "container_engine"
ENGINES = ("docker", "podman")
_ANSWER_S = 20.0
_GIVE = "Give docker, podman or the path of one"
_INSTALL = {
    "docker": "Install it: sudo apt-get install docker.io",
    "podman": "Install it: sudo apt-get install podman",
}


class Probed(NamedTuple):
    """An engine that was looked at.

    ``program`` ('' where it is not installed), ``version``, ``detail`` (rootless, storage driver,
    control groups) of one that works; ``why`` and ``hint`` of one that does not.
    """

    name: str
    program: str
    works: bool
    version: str = ""
    detail: str = ""
    why: str = ""
    hint: str = ""


def find() -> Engine:
    """Return the engine that runs use.

    The setting ``container_engine`` (docker, podman or the path of one; the variable
    RUNYARD_CONTAINER_ENGINE) if it is set, else docker if it answers, else podman if it answers.
    Raises EngineError('engine') that lists every engine looked at, why it does not work and what
    to do; UserErrorException for a settings file that cannot be used.
    """
    failures: dict[str, EngineError] = {}
    for name in _asked():
        try:
            return _answering(name)
        except EngineError as failure:
            failures[name] = failure
    raise _none_works(failures)


def _none_works(failures: Mapping[str, EngineError]) -> EngineError:
    asked = settings.get(SETTING)
    if asked is not None:
        [only] = failures.values()
        return EngineError("engine", f"{asked.where} is {asked.value!r}: {only.message}", only.hint)
    why = "; ".join(f"{name}: {failure.message}" for name, failure in failures.items())
    hints = "; ".join(f"{name}: {failure.hint}" for name, failure in failures.items())
    return EngineError("engine", f"No container engine works here. {why}", hints)


def named(name: str) -> Engine:
    """Return the engine of that name, 'docker' or 'podman', whichever runs use.

    Raises EngineError('engine') when it is not there or does not answer.
    """
    for path in set(_asked()) - set(ENGINES):
        engine = _answering(path)
        if engine.name == name:
            return engine
    return _answering(name)


def probe() -> list[Probed]:
    """Look at every engine, or at the one that is asked for, and say how it is."""
    return [_probed(name) for name in _asked()]


def _asked() -> Sequence[str]:
    asked = settings.get(SETTING)
    return [asked.value] if asked else ENGINES


def _program(name: str) -> str:
    """The absolute path of an engine; raises EngineError('engine') when there is none."""
    path = shutil.which(os.path.expanduser(name))
    if path is not None:
        return os.path.abspath(path)
    if os.sep in name:
        raise EngineError("engine", f"there is no program {name}", _GIVE)
    if name not in ENGINES:
        raise EngineError("engine", f"{name} is no engine", _GIVE)
    raise EngineError("engine", f"{name} is not installed", _INSTALL[name])


def _kind(program: str) -> str:
    """'docker' or 'podman': a program called docker may be podman."""
    done = client.ask([program, "--version"], timeout_s=_ANSWER_S)
    version = done.stdout.lower()
    for name in reversed(ENGINES):
        if version.startswith(name):
            return name
    raise EngineError(
        "engine",
        f"{program} is neither docker nor podman: it says {version.strip()[:80]!r}",
        _GIVE,
    )


def _answering(name: str) -> Engine:
    program = _program(name)
    kind = _kind(program)
    return _ANSWERING[kind](program)


def _docker(program: str) -> Engine:
    info = _info("docker", program)
    return Engine("docker", program, _is_rootless(info))


def _podman(program: str) -> Engine:
    # Opens the storage, and is ten times as fast as `podman info`.
    _ask("podman", program, "ps", "--quiet")
    return Engine("podman", program, os.geteuid() != 0)


_ANSWERING: dict[str, Callable[[str], Engine]] = {"docker": _docker, "podman": _podman}


def _info(name: str, program: str) -> dict[str, Any]:
    text = _ask(name, program, "info", "--format", "{{json .}}")
    try:
        info: dict[str, Any] = json.loads(text)
    except ValueError:
        raise _failure(name, f"{program} info is no JSON: {text.strip()[:80]!r}", 0) from None
    # Clients before docker 23 end well when there is no daemon.
    if info.get("ServerErrors"):
        raise _failure(name, "\n".join(info["ServerErrors"]), 1)
    return info


def _ask(name: str, program: str, *arguments: str) -> str:
    done = client.ask([program, *arguments], timeout_s=_ANSWER_S)
    if done.returncode == 0:
        return done.stdout
    raise _failure(name, done.stderr or done.stdout, done.returncode)


def _failure(name: str, text: str, exit_code: int) -> EngineError:
    failure = words.explain(name, text, exit_code)
    return EngineError("engine", failure.message, failure.hint or f"See: {name} info")


def _probed(name: str) -> Probed:
    program = ""
    try:
        program = _program(name)
        kind = _kind(program)
        info = _info(kind, program)
    except EngineError as failure:
        return Probed(name, program, False, why=failure.message, hint=failure.hint)
    read = _of_docker if kind == "docker" else _of_podman
    version, detail = read(info)
    return Probed(name, program, True, f"{kind} {version}", ", ".join(detail))


def _of_docker(info: dict[str, Any]) -> tuple[str, Iterator[str]]:
    return info["ServerVersion"], _detail(
        _is_rootless(info), info.get("Driver"), info.get("CgroupVersion") or "1"
    )


def _is_rootless(docker_info: dict[str, Any]) -> bool:
    return any("name=rootless" in option for option in docker_info.get("SecurityOptions") or ())


def _of_podman(info: dict[str, Any]) -> tuple[str, Iterator[str]]:
    host = info["host"]
    rootless = bool(host.get("security", {}).get("rootless"))
    version = str(host.get("cgroupVersion") or "?").removeprefix("v")
    return info["version"]["Version"], _detail(
        rootless, info["store"].get("graphDriverName"), version
    )


def _detail(rootless: bool, driver: object, cgroups: str) -> Iterator[str]:
    yield "rootless" if rootless else "with root's rights"
    yield f"storage driver {driver}"
    yield f"control groups v{cgroups}"
