"""After a failed resolution or source build: which Pythons have what was asked for as a wheel,
and what this one has.

uv is asked, with all settings of the build, for one package alone and one Python at a time. It
builds nothing for that, so packages without wheels are not spoken of.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from runyard.environments import uv_program
from runyard.environments.build_failure import BuildFailure
from runyard.environments.names import package_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IN_SHORT = "In short: "
IS_THERE = " is there for Python "

_MINORS = tuple(f"3.{number}" for number in range(6, 15))
_TIME_LIMIT_S = 20.0
_BUILD_FAILED = "build_failed"
_PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?P<wanted>[^;@]*)(?:;.*)?$")


def explained(
    failure: BuildFailure,
    requirements: Sequence[str],
    version: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    *,
    by_default: bool = False,
) -> BuildFailure:
    """Return the failure with what there is instead, where a package has no version that fits.

    ``version``: of the environment's Python, such as '3.8.18'; ``arguments`` and ``variables``:
    those uv is given for the build; ``by_default``: whether the setting ``default_python`` decides
    which Python it is. The failure is returned as it is where that is not its cause.
    """
    line = _at_fault(failure, requirements)
    if line is None or not version:
        return failure
    name = failure.package or ""
    minor = ".".join(version.split(".")[:2])
    questions = {"alone": (line, minor), "newest": (name, minor), "of all": (name, _MINORS[-1])}
    questions |= {other: (line, other) for other in _MINORS if other != minor}
    found = _asked(questions, arguments, variables)
    if found["alone"]:  # a conflict with another package
        return failure
    if failure.type == _BUILD_FAILED and not any(found.get(other) for other in _MINORS):
        return failure  # which Pythons it can be built for is not known
    return _told(failure, line, minor, found, by_default)


def _told(
    failure: BuildFailure, line: str, minor: str, found: Mapping[str, str], by_default: bool
) -> BuildFailure:
    having = [other for other in _MINORS if found.get(other)]
    newest, of_all = found["newest"], found["of all"]
    facts = []
    if having:
        facts.append(f"{line}{IS_THERE}{_listed(having)}")
    elif newest or of_all:
        facts.append(f"no Python has {line}")
    if newest:
        facts.append(f"the newest for Python {minor} is {newest}")
    elif of_all:
        facts.append(f"there is none for Python {minor}")
    if of_all and of_all != newest and not having:
        facts.append(f"the newest of all is {of_all}")
    if not facts:
        return failure
    advice = [f"Ask for {newest}"] if newest else []
    if having:
        setting = f" (RUNYARD_DEFAULT_PYTHON={having[-1]} gives it to all that name none)"
        advice.append(f"ask for Python {having[-1]}{setting if by_default else ''}")
    hint = ", or ".join(advice) or failure.hint
    return BuildFailure(
        failure.type,
        f"{failure.message.rstrip('.')}. {IN_SHORT}{'; '.join(facts)}",
        failure.package,
        hint[:1].upper() + hint[1:],
    )


def _at_fault(failure: BuildFailure, requirements: Sequence[str]) -> str | None:
    """The user's line for the package, where it asks an index for versions."""
    if failure.type not in ("unresolvable", _BUILD_FAILED) or failure.package is None:
        return None
    for line in requirements:
        match = _PLAIN.match(line)
        if match and package_name(line) == failure.package:
            return f"{failure.package}{match['wanted'].replace(' ', '')}"
    return None


def _asked(
    questions: Mapping[str, tuple[str, str]], arguments: Sequence[str], variables: Mapping[str, str]
) -> dict[str, str]:
    """The answers, such as 'numpy==1.24.4', '' where nothing fits; all are asked at once."""
    started = {
        key: (line, _start([*arguments, "--python-version", minor], variables))
        for key, (line, minor) in questions.items()
    }
    deadline = time.monotonic() + _TIME_LIMIT_S
    try:
        return {key: _answer(process, line, deadline) for key, (line, process) in started.items()}
    finally:
        for _, process in started.values():
            process.kill()


def _start(arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[str]:
    options = ["--no-deps", "--no-build", "--no-header", "--no-annotate", "--quiet"]
    # Any interpreter will do to ask for another version.
    options += ["--python", sys.executable]
    return subprocess.Popen(
        [uv_program.find_uv(), "pip", "compile", "-", *options, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(variables),
        cwd="/",
        errors="replace",
        text=True,
    )


def _answer(process: subprocess.Popen[str], line: str, deadline: float) -> str:
    try:
        said, _ = process.communicate(line, timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return ""
    lines = [text.strip() for text in said.splitlines() if "==" in text]
    return lines[0].split()[0] if lines and process.returncode == 0 else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
