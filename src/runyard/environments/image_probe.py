"""Asking the Python inside an image what it is and what it has."""

from __future__ import annotations

import ast

from runyard.environments.build_failure import BuildFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from runyard.containers.engine import Engine

# Runs under Python 3.6, and without its standard library; Python 2 refuses -I.
_QUESTION = """
import os, sys
found = {}
for folder in sys.path:
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        for end in ('.dist-info', '.egg-info'):
            if name.endswith(end) and '-' in name:
                package, version = name[:-len(end)].split('-')[:2]
                key = package.lower().replace('_', '-').replace('.', '-')
                found.setdefault(key, key + '==' + version)
print('runyard:' + ascii(['%d.%d.%d' % sys.version_info[:3], sys.executable, sys.prefix,
    sorted(found.values())]))
"""
_MARK = "runyard:"
_OLDEST = (3, 6)
_NOT_THERE = (126, 127)


class Answer:
    """``version``; ``python``: its path; ``prefix``: its ``sys.prefix``; ``lock``: packages."""

    def __init__(self, version: str, python: str, prefix: str, lock: list[str]) -> None:
        self.version = version
        self.python = python
        self.prefix = prefix
        self.lock = lock


def ask(
    engine: Engine,
    image: str,
    interpreter: str,
    shown: str,
    *,
    name: str,
    labels: Mapping[str, str],
) -> Answer:
    """Start the interpreter in a container of the image and return what it says.

    The default name ``python`` is ``python3`` where the image has no other. ``shown``: the image
    as the user knows it; ``name``: of the container. Raises BuildFailure('interpreter').
    """
    names = ("python", "python3") if interpreter == "python" else (interpreter,)
    for number, path in enumerate(names):
        output: list[str] = []
        ended = engine.run(
            image,
            [path, "-I", "-c", _QUESTION],
            output.append,
            name=f"{name}-{number}",
            labels=labels,
        )
        if ended.exit_code not in _NOT_THERE:
            return _read(output, ended.exit_code, path, shown)
    raise BuildFailure(
        "interpreter",
        f"There is no {' and no '.join(names)} in the image {shown}",
        hint="Name the interpreter with python.interpreter_path; or let runyard install Python and "
        "the packages: python.user_managed_dependencies = False",
    )


def _read(output: list[str], exit_code: int, path: str, shown: str) -> Answer:
    said = [line for line in output if line.startswith(_MARK)]
    if exit_code != 0 or not said:
        last = next((line for line in reversed(output) if line.strip()), "no message")
        raise BuildFailure(
            "interpreter",
            f"{path} in the image {shown} is no Python 3.6 or later: it ended with exit code "
            f"{exit_code}: {last}",
            hint="Name another interpreter of the image with python.interpreter_path",
        )
    answer = Answer(*ast.literal_eval(said[-1][len(_MARK) :]))
    if tuple(map(int, answer.version.split(".")[:2])) < _OLDEST:
        raise BuildFailure(
            "interpreter",
            f"{answer.python} in the image {shown} is Python {answer.version}, and scripts need "
            "3.6 or later",
            hint="Name another interpreter of the image with python.interpreter_path",
        )
    return answer
