"""Finding the Pythons of this machine (3.6 and later)."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from runyard.environments import probes
from runyard.environments.probes import Interpreter
from runyard.errors import UserErrorException

__all__ = ["Interpreter", "find", "found", "running", "user_managed", "without_build"]

_VERSION_TEXT = re.compile(r"^={0,2}\s*(?P<version>\d+(?:\.\d+){0,2})(?P<star>\.\*)?$")
_NAMED_VERSION = re.compile(r"^python(\d)(?:\.(\d+))?$")
OLDEST = (3, 6)


def running() -> Interpreter:
    """Return the interpreter that runs this program, outside its virtual environment.

    Known without starting anything, so that the usual environment costs nothing to plan.
    """
    base = getattr(sys, "_base_executable", None) or sys.executable
    return probes.of_this_process(os.path.realpath(base))


def found() -> list[Interpreter]:
    """Return every interpreter found, each once, in the order of the places searched.

    Each was really started (once: the answer is cached by path, inode and time of change).
    """
    return list(_matching(None))


def find(version: str | None) -> Interpreter:
    """Return the interpreter for a version text.

    None is the running one. ``3.6``, ``=3.6`` and ``==3.6.*`` are the newest 3.6; ``3.6.2`` is
    exactly that or else the newest 3.6; ``3`` or a range such as ``>=3.8,<3.11`` is the running one
    where it fits, else the newest that does. Raises UserErrorException with the list of what
    was found when nothing fits, or when the text is no version.
    """
    if version is None:
        return running()
    text = without_build(version)
    plain = _VERSION_TEXT.match(text)
    if plain is None:
        return _in_range(version, text)
    wanted = _numbers(plain["version"])
    if wanted == running().numbers[:1]:
        return running()
    minor = wanted[:2]
    fitting = [item for item in _matching(minor) if item.numbers[: len(minor)] == minor]
    if not fitting:
        raise _not_found(version)
    exact = [item for item in fitting if item.numbers[: len(wanted)] == wanted]
    return max(exact or fitting, key=lambda item: item.numbers)


def user_managed(interpreter_path: str, source_directory: Path) -> Interpreter:
    """Return the interpreter a user names: a path, or a name looked up on PATH.

    The default name ``python`` is the interpreter that runs this program, with its virtual
    environment: that is the one whose packages the user has at hand. Raises UserErrorException
    when it is missing or does not start.
    """
    path = _user_managed_path(interpreter_path, source_directory)
    if path == sys.executable:
        # Starting it again would cost 17 ms a submit.
        return probes.of_this_process(path)._replace(prefix=sys.prefix)
    answer = probes.start(path)
    if isinstance(answer, Interpreter):
        return answer
    raise UserErrorException(
        f"python.interpreter_path {interpreter_path!r}: {path} does not start: {answer}; "
        "give the path of a Python 3.6 or later that runs on this machine"
    )


def _user_managed_path(interpreter_path: str, source_directory: Path) -> str:
    if interpreter_path == "python":
        return sys.executable
    if os.sep not in interpreter_path:
        for folder in _path_folders():
            if probes.is_program(os.path.join(folder, interpreter_path)):
                return os.path.join(folder, interpreter_path)
        raise UserErrorException(
            f"python.interpreter_path {interpreter_path!r} is not on PATH "
            "(scripts such as the shims of pyenv do not count); give its absolute path"
        )
    path = os.path.join(source_directory, os.path.expanduser(interpreter_path))
    # Not resolved further: a virtual environment is known by the path of its link.
    if not os.path.isfile(path):
        raise UserErrorException(
            f"python.interpreter_path {interpreter_path!r}: there is no {os.path.abspath(path)!r}; "
            "give the path of an interpreter on this machine"
        )
    return os.path.abspath(path)


def _in_range(version: str, text: str) -> Interpreter:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        allowed = SpecifierSet(text)
    except InvalidSpecifier as error:
        raise UserErrorException(
            f"Python version {version!r} cannot be read; "
            "give a version such as '3.8' or '3.8.13', or a range such as '>=3.8,<3.11'"
        ) from error
    if allowed.contains(running().version, prereleases=True):
        return running()
    fitting = [item for item in found() if allowed.contains(item.version)]
    if not fitting:
        raise _not_found(version)
    return max(fitting, key=lambda item: item.numbers)


def _not_found(version: str) -> UserErrorException:
    listed = "".join(f"\n  {item.version}  {item.path}" for item in found())
    return UserErrorException(
        f"Python {version} is not on this machine. Found were:{listed}\n"
        "Ask for one of these (CondaDependencies.set_python_version), or install it, "
        f"for example with: uv python install {version.lstrip('= ')}\n"
        "Searched: the running interpreter, PATH, pyenv, uv, conda, /usr/bin, /usr/local/bin, /opt"
    )


def _matching(wanted: tuple[int, ...] | None) -> Iterator[Interpreter]:
    """Start every candidate whose file name does not rule it out; each interpreter once."""
    yield (this := running())
    seen = {this.path}
    store = probes.Store()
    for candidate in _candidates():
        if _ruled_out(candidate, wanted) or not probes.is_program(candidate):
            continue
        path = os.path.realpath(candidate)
        if path in seen:
            continue
        seen.add(path)
        answer = store.interpreter(path)
        if answer is not None and answer.numbers >= OLDEST:
            yield answer
    store.save()


def _candidates() -> Iterator[str]:
    for folder in (*_path_folders(), "/usr/local/bin", "/usr/bin"):
        yield from _pythons_in(folder)
    for pattern in _installations():
        for folder in sorted(glob.glob(os.path.join(pattern, "bin")), reverse=True):
            yield from _pythons_in(folder)


def _installations() -> Iterator[str]:
    environ = os.environ
    home = os.path.expanduser("~")
    yield os.path.join(environ.get("PYENV_ROOT") or f"{home}/.pyenv", "versions", "*")
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    yield os.path.join(environ.get("UV_PYTHON_INSTALL_DIR") or f"{data}/uv/python", "*")
    for conda in (environ.get("CONDA_PREFIX"), f"{home}/miniconda3", f"{home}/anaconda3"):
        if conda:
            yield conda
            yield os.path.join(conda, "envs", "*")
    yield "/opt/python*"
    yield "/opt/python*/*"


def _path_folders() -> list[str]:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [folder for folder in folders if os.path.isabs(folder)]


def _pythons_in(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    # The most telling name first: python3.11 before python3 before python.
    pythons = sorted((name for name in names if _is_python(name)), key=len, reverse=True)
    return [os.path.join(folder, name) for name in pythons]


def _is_python(name: str) -> bool:
    return name == "python" or _NAMED_VERSION.match(name) is not None


def _ruled_out(candidate: str, wanted: tuple[int, ...] | None) -> bool:
    match = _NAMED_VERSION.match(os.path.basename(candidate))
    if match is None:
        return False
    named = tuple(int(part) for part in match.groups() if part is not None)
    if named[0] < OLDEST[0]:
        return True
    shared = min(len(named), len(wanted)) if wanted else 0
    return wanted is not None and named[:shared] != wanted[:shared]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def without_build(version: str) -> str:
    """``3.8.13=h12debd9_0``, as ``conda env export`` writes it, is 3.8.13."""
    return re.sub(r"^(=?\s*\d[\d.]*)=\w+$", r"\1", version.strip())
