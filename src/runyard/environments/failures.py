"""Why uv failed, in the user's words: read from what it printed."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from runyard.environments.build_failure import BuildFailure, disk_full
from runyard.environments.names import canonical_name, package_name
from runyard.environments.redaction import host_of, redact

_FULL = re.compile(r"No space left on device|Disk quota exceeded|\(os error (?:28|122|27)\)")
_NO_NETWORK = re.compile(
    r"error sending request|client error \(Connect\)|dns error|tcp connect error|timed out"
)
_OFFLINE = re.compile(r"network (?:connectivity is|was) disabled")
_REFUSED = re.compile(r"valid authentication credentials|\(40[13] (?:Unauthorized|Forbidden)\)")
_URL = re.compile(r"(?:Failed to fetch:? `?|for url \()(?P<url>\S+?)[`)]?(?:\s|$)")
_NOT_BUILT = re.compile(r"Failed to (?:download and )?build:? `(?P<what>[^`]+)`")
_BACKEND = re.compile(r"build backend returned an error|Failed to build|Build backend failed")
_HEADER = re.compile(r"fatal error: (?P<name>\S+\.(?:h|hh|hpp|hxx|inc)): No such file or directory")
_PROGRAM = re.compile(
    r"unable to execute '?(?P<name>[^\s':]+)'?: No such file"
    r"|command '?(?P<failed>[^\s':]+)'? failed: No such file"
    r"|FileNotFoundError: \[Errno 2\] No such file or directory: '(?P<called>[^\s'/]+)'"
)
_COMPILER = re.compile(r"(?:^|-)(?:gcc|g\+\+|cc|c\+\+|make)$")
_BECAUSE = re.compile(r"Because (?P<reason>.*?)(?:\n\s*\n|\n\s*hint:|\Z)", re.DOTALL)
_REQUIRED = re.compile(r"you require ([A-Za-z0-9][A-Za-z0-9._-]*)")
_NO_SOLUTION = r",? ?(?:and |so |)?we can conclude that your requirements are unsatisfiable\.?$"
_HINT = re.compile(r"^\s*hint: (?P<hint>.*?)(?:\n\s*\n|\Z)", re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r"^\s*\[std(?:err|out)\]\s*$", re.MULTILINE)


def of_output(output: str, exit_code: int, requirements: Sequence[str], place: str) -> BuildFailure:
    """Return the failure behind uv's output.

    ``requirements`` are the user's lines, to say which one is at fault; ``place`` is the folder
    that was written to.
    """
    text = redact(output)
    # A file beyond the limit that ulimit -f sets ends the writer by a signal.
    if _FULL.search(text) or exit_code == -signal.SIGXFSZ:
        return disk_full(place)
    if exit_code < 0:
        return _killed(-exit_code)
    for pattern, explain in (
        (_REFUSED, _unauthorized),
        (_OFFLINE, _offline),
        (_NO_NETWORK, _network),
        (_BECAUSE, _unresolvable),
        (_BACKEND, _not_built),
    ):
        if pattern.search(text):
            return explain(text, requirements)
    return BuildFailure("failed", _error_lines(text), _package(text, requirements), _hint(text))


def _killed(number: int) -> BuildFailure:
    name = signal.Signals(number).name
    hint = "The machine may have run out of memory" if number == signal.SIGKILL else ""
    return BuildFailure("killed", f"uv was ended by {name} in the middle of the build", hint=hint)


def _unauthorized(text: str, requirements: Sequence[str]) -> BuildFailure:
    match = re.search(r"(?:index URL \(|for url \(|fetch:? `?)(?P<url>[^\s)`]+)", text)
    host = host_of(match["url"]) if match else "the package index"
    return BuildFailure(
        "unauthorized",
        f"The package index {host} refuses access: {_line_with(_REFUSED, text)}",
        _package(text, requirements),
        "Give its user and password in pip.conf, in ~/.netrc, or as variables in the address",
    )


def _offline(text: str, requirements: Sequence[str]) -> BuildFailure:
    package = _package(text, requirements)
    return BuildFailure(
        "network",
        f"uv is set to work offline (UV_OFFLINE) and {package or 'a package'} is not in its cache",
        package,
        "Unset UV_OFFLINE, or name a folder with the wheels: PIP_FIND_LINKS=/path",
    )


def _network(text: str, requirements: Sequence[str]) -> BuildFailure:
    match = _URL.search(text)
    host = host_of(match["url"]) if match else "the package index"
    causes = re.findall(r"(?:cause:|╰─▶|├─▶|Caused by:)\s*(.+)", text)
    reason = causes[-1].strip() if causes else _error_lines(text)
    return BuildFailure(
        "network",
        f"{host} cannot be reached: {reason}",
        _package(text, requirements) or _package_in_url(match["url"] if match else ""),
        "Check the network and the index address (pip config list), or work from a folder of "
        "wheels: PIP_NO_INDEX=1 PIP_FIND_LINKS=/path",
    )


def _unresolvable(text: str, requirements: Sequence[str]) -> BuildFailure:
    match = _BECAUSE.search(text)
    reason = re.sub(r"\s+", " ", match["reason"] if match else text).strip()
    # uv's end says again that there is no solution, and only sometimes something new before that.
    said, _, last = reason.rpartition(" And because you require ")
    wanted = re.sub(_NO_SOLUTION, "", last)
    if said and not wanted.count(" "):
        reason = said if wanted in said else f"{said.rstrip('.')}; and you require {wanted}"
    reason = re.sub(_NO_SOLUTION, "", reason)
    return BuildFailure(
        "unresolvable",
        f"No set of packages fits the requirements: {reason}",
        _package(text, requirements),
        _hint(text) or "Loosen or correct the requirement, or ask for another Python version",
    )


def _not_built(text: str, requirements: Sequence[str]) -> BuildFailure:
    match = _NOT_BUILT.search(text)
    package = package_name(match["what"]) if match else _package(text, requirements)
    return BuildFailure(
        "build_failed",
        f"{package or 'A package'} could not be built from source: {_backend_reason(text)}",
        package,
        f"{_missing(text)}The compiler's output is in the log above; install what it misses, or "
        "ask for a version or a Python that has a ready wheel",
    )


def _missing(text: str) -> str:
    """A sentence that names the header or the program that the build did not find, or ''."""
    header = _HEADER.search(text)
    if header:
        name = header["name"]
        return f"The header {name} is missing (on Debian: apt-file search {name}). "
    program = _PROGRAM.search(text)
    if program:
        name = program["name"] or program["failed"] or program["called"]
        package = "build-essential" if _COMPILER.search(name) else name
        return f"The program {name} is missing (on Debian: apt install {package}). "
    return ""


def _backend_reason(text: str) -> str:
    """The last line that speaks of an error, past those that only say that a command failed."""
    output = _SECTION.split(text)[-1].split("\nhint:")[0] if _SECTION.search(text) else ""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    missing = [line for line in lines if _HEADER.search(line) or _PROGRAM.search(line)]
    if missing:
        return missing[-1]
    telling = [line for line in lines if "rror" in line and "non-zero exit status" not in line]
    return next(reversed(telling or lines), _error_lines(text))


def _package(text: str, requirements: Sequence[str]) -> str | None:
    """The user's requirement that the text speaks of, else the first package it names."""
    own = {package_name(line) for line in requirements}
    named = [canonical_name(name) for name in _REQUIRED.findall(text)]
    first = re.search(r"Because (?:only )?([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    if first and first[1] not in ("you", "there", "the", "all"):
        named.append(package_name(first[1]))
    return next((name for name in named if name in own), named[0] if named else None)


def _package_in_url(url: str) -> str | None:
    match = re.search(r"/simple/([^/]+)/?$", url)
    return match[1] if match else None


def _hint(text: str) -> str:
    return " ".join(re.sub(r"\s+", " ", match["hint"]).strip() for match in _HINT.finditer(text))


def _line_with(pattern: re.Pattern[str], text: str) -> str:
    lines = (line.strip() for line in text.splitlines() if pattern.search(line))
    return next(lines, "").removeprefix("hint: ")


def _error_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((n for n, line in enumerate(lines) if line.startswith("error:")), -3)
    return " ".join(lines[start:][:4]).removeprefix("error: ") or "uv failed without a message"
