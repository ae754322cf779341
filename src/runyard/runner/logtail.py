"""Reading the end of a log: its last lines, and the traceback the script died of."""

from __future__ import annotations

import itertools
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TAIL_BYTES = 64 * 1024
_LINES = 30
_LINE_CHARS = 500

_HEAD = "Traceback (most recent call last):"
_RANKED_HEAD = re.compile(rf"(?P<prefix>\[rank\d+\]:) {re.escape(_HEAD)}")
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
_ERROR = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?\Z")


def read(path: str) -> str:
    """The last 64 KiB of a file as text; '' when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL_BYTES))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def last_lines(tail: str) -> list[str]:
    """The last 30 lines, each cut to 500 characters; of a progress bar its last state."""
    return [_shown(line)[:_LINE_CHARS] for line in tail.rstrip().split("\n")[-_LINES:]]


def _shown(line: str) -> str:
    """What a terminal shows of a line that is written over again and again."""
    return line.rstrip("\r").rpartition("\r")[2]


def last_traceback(tail: str, work: str = "") -> dict[str, Any] | None:
    """Type, message, location and text of the last Python traceback in a log.

    ``location`` is the innermost frame below the folder ``work``, the user's own code, or else
    the innermost of all: ``{'file', 'line', 'function'}``. A syntax error in the script has no
    head line; its ``File`` line is enough.
    """
    lines = _without_rank(tail.splitlines())
    start = _start(lines)
    if start is None:
        return None
    end = _error_line(lines, start)
    if end is None:
        return None
    match = _ERROR.match(lines[end].strip())
    assert match is not None
    frames = [frame for line in lines[start:end] if (frame := _FRAME.match(line))]
    message = _whole_message(lines, end, match.group("message") or "")
    kind = match.group("type")
    return {
        "type": kind,
        "message": message,
        "location": _location(_users(frames, work)) if frames else None,
        "traceback": "\n".join([*lines[start:end], f"{kind}: {message}" if message else kind]),
    }


def _without_rank(lines: list[str]) -> list[str]:
    """The last traceback alone where torch.distributed has put '[rank1]: ' before its lines."""
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].strip() == _HEAD:
            return lines
        match = _RANKED_HEAD.match(lines[number])
        if match:
            return _unprefixed(lines[number:], match["prefix"])
    return lines


def _unprefixed(lines: list[str], prefix: str) -> list[str]:
    same = itertools.takewhile(lambda line: line.startswith(prefix), lines)
    return [line[len(prefix) :].removeprefix(" ") for line in same]


def _users(frames: list[re.Match[str]], work: str) -> re.Match[str]:
    """The innermost frame of the user's own code; relative names are the script's as given."""
    own = [f for f in frames if f["file"].startswith(work + "/") or not f["file"].startswith("/")]
    return own[-1] if work and own else frames[-1]


def _start(lines: list[str]) -> int | None:
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].strip() == _HEAD:
            return number
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith('  File "') and _FRAME.match(lines[number]):
            return number
    return None


def _error_line(lines: list[str], start: int) -> int | None:
    """The first line after the frames that is not indented: ``Type: message``."""
    indent = len(lines[start]) - len(lines[start].lstrip()) if _HEAD in lines[start] else 0
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if line[indent : indent + 1] not in ("", " ") and _ERROR.match(line[indent:]):
            return number
    return None


def _whole_message(lines: list[str], number: int, first: str) -> str:
    """Messages may span lines; they end where the log goes on with something else, unknown where.

    Ten lines are taken at most.
    """
    rest = lines[number + 1 : number + 10]
    return "\n".join([first, *rest]).strip()


def _location(frame: re.Match[str]) -> dict[str, Any]:
    found = {"file": frame.group("file"), "line": int(frame.group("line"))}
    return {**found, "function": frame.group("function") or ""}
