"""From the words of an engine that failed to an error in the user's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runyard.containers.details import registry_of
from runyard.containers.errors import EngineError

if TYPE_CHECKING:
    from runyard.containers.meanings import Meaning

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LOG_LINE = re.compile(r'^time="[^"]*" level=(?P<level>\w+) msg="(?P<text>.*)"$')
_PREFIX = re.compile(r"(?:docker: |ERROR: |Error: |Error response from daemon: )")
_PREFIX_OF_ALL = re.compile(
    r"^(?:docker: |ERROR: |Error: )?(?:Error response from daemon: |failed to (?:build|solve): )*"
)
# What buildx and the old builder put between the lines of a step.
_OF_BUILDER = re.compile(r"#\d+ \[| ---> |Step \d+/|STEP \d+/|-{5,}")
_BUILDX_TIME = re.compile(r"^#\d+ (?:[\d.]+ )?")
_IMAGES = (
    r"failed to resolve source metadata for (?P<name>\S+): ",
    r"manifest for (?P<name>\S+) not found",
    r"reading manifest (?P<tag>\S+) in (?P<name>\S+): ",
    r"pull access denied for (?P<name>[^\s,]+)",
    r"failed to resolve reference \"(?P<name>[^\"]+)\"",
    r"https?://(?P<host>[^/\"]+)/v2/(?P<name>[^\"]+)/manifests/(?P<tag>[^\"]+)\"",
    r"initializing source docker://(?P<name>\S+): ",
)
_NO_WORDS = ("Run 'docker ", "See 'docker ", "See 'podman ", "Usage:")
# Said of every build by a docker without buildx.
_NOISE = (
    "DEPRECATED: The legacy builder",
    "Install the buildx component",
    "https://docs.docker.com/go/buildx/",
)


def explain(engine: str, text: str, exit_code: int, subject: str = "") -> EngineError:
    """The error behind what an engine printed.

    ``engine``: docker or podman; ``subject``: the name of the image in question, '' for none.
    """
    # Read and compiled when something failed: the table costs the start of a run nothing.
    from runyard.containers.meanings import DISK_FULL, MEANINGS

    words = plain(text)
    # First in what was said last: before it may stand anything that a step of a build printed.
    for start in (_last_error(words), 0):
        for meaning in MEANINGS:
            pattern = re.compile(meaning.pattern, re.IGNORECASE | re.MULTILINE)
            found = pattern.search(words, start)
            if found is None:
                continue
            last = _printed_before(pattern, words)
            if meaning.kind == "image_build" and re.search(DISK_FULL, last, re.IGNORECASE):
                return explain(engine, last, exit_code)
            return _error(meaning, found, last, engine, subject)
    said = _line_at(words, _last_error(words)) or f"exit code {exit_code}"
    about = f" ({subject})" if subject and subject not in said else ""
    return EngineError("failed", f"{engine} failed{about}: {said}")


def plain(text: str) -> str:
    """The text without colours, and with the messages of log lines in place of the lines."""
    lines = []
    for line in _ANSI.sub("", text).replace("\r", "\n").splitlines():
        logged = _LOG_LINE.match(line)
        # podman tells of every attempt; only the last says how it ended.
        if (logged and logged["level"] == "warning") or line.strip().startswith(_NOISE):
            continue
        lines.append(logged["text"].replace('\\"', '"') if logged else line)
    return "\n".join(lines)


def _last_error(text: str) -> int:
    """Where the last line begins that the engine calls an error, else the last that tells."""
    start, telling, error = 0, 0, -1
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith(_NO_WORDS):
            telling = start
            error = start if _PREFIX.match(line.strip()) else error
        start += len(line)
    return telling if error < 0 else error


def _error(
    meaning: Meaning, found: re.Match[str], last: str, engine: str, subject: str
) -> EngineError:
    said = _line_at(found.string, found.start())
    groups = {name: value for name, value in found.groupdict().items() if value}
    image = subject or groups.get("image") or _image_in(said) or _image_in(found.string)
    known = {
        "engine": engine,
        "other": "podman" if engine == "docker" else "docker",
        "said": said,
        "image": image or "of that name",
        "registry": registry_of(image),
        "address": _first(groups, "address", "api", "url") or "its socket",
        "host": groups.get("host") or registry_of(image),
        "reason": _first(groups, "reason", "dial") or said,
        "step": _first(groups, "step", "podman_step", "buildx_step"),
        "code": _first(groups, "code", "podman_code", "buildx_code"),
        "last": last,
    }
    return EngineError(
        meaning.kind, meaning.message.format(**known).rstrip(": "), meaning.hint.format(**known)
    )


def _image_in(text: str) -> str:
    """The name of the image that an error is about, '' where there is none."""
    for pattern in _IMAGES:
        found = re.search(pattern, text)
        if found is not None:
            parts = {"host": "", "tag": "", **found.groupdict()}
            host = f"{parts['host']}/" if parts["host"] else ""
            return host + parts["name"] + (f":{parts['tag']}" if parts["tag"] else "")
    return ""


def _first(groups: dict[str, str], *names: str) -> str:
    return next((groups[name] for name in names if name in groups), "")


def _line_at(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return _PREFIX_OF_ALL.sub("", text[start : len(text) if end < 0 else end].strip())


def _printed_before(pattern: re.Pattern[str], text: str) -> str:
    """What the failed step of a build printed last, '' for a step that printed nothing."""
    found = pattern.search(text)
    before = text[: text.rfind("\n", 0, found.start() if found else 0) + 1]
    line = next((line for line in reversed(before.splitlines()) if line.strip()), "")
    return "" if _OF_BUILDER.match(line) else _BUILDX_TIME.sub("", line).strip()


def refused(registry: str) -> tuple[str, str]:
    """Message and hint for a user name or a password that a registry does not take."""
    from runyard.containers.meanings import MEANINGS

    meaning = next(meaning for meaning in MEANINGS if "refuses the user name" in meaning.message)
    return meaning.message.format(registry=registry), meaning.hint
