"""Why a conda environment could not be solved or installed, in the user's words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from runyard.environments.build_failure import BuildFailure, disk_full
from runyard.environments.redaction import host_of, redact

_FULL = re.compile(r"No space left on device|Disk quota exceeded|\(os error (?:28|122|27)\)")
_NO_CANDIDATES = re.compile(
    r"(?:^|: )No candidates were found for (?P<spec>(?P<name>[^\s\[]+)[^\n]*?)\.?$", re.MULTILINE
)
_NEEDED = re.compile(r"(?P<spec>(?P<name>__\w+)[^\n,]*), for which no candidates were found")
_URL = re.compile(r"(?P<url>(?:https?|file|s3|oci)://[^\s'`)]+)")
_IN_CHANNEL = re.compile(r"\[channel=\"[^\"]*\"\]")
_EXACT = re.compile(r"^\S+ ==(?P<version>\S+) (?P<build>[^\s*]+)$")
_TREE = re.compile(r"^[\s│├└─]+")
_REFUSED = re.compile(r"\b40[13]\b|Unauthorized|Forbidden")
_NETWORK = re.compile(
    r"error sending request|client error|dns error|timed? ?out|connection|HTTP status|\b40[134]\b",
    re.IGNORECASE,
)
_SHOWN = 8


class NoCandidates:
    """The package that nothing fits: its ``name`` and the ``spec`` that was asked for."""

    def __init__(self, name: str, spec: str) -> None:
        self.name = name
        self.spec = spec


def no_candidates(text: str) -> NoCandidates | None:
    """Return the asked package without candidates that the solver speaks of, if it does."""
    match = _NO_CANDIDATES.search(text.strip())
    if match is None:
        return None
    spec = _IN_CHANNEL.sub("", match["spec"])
    return NoCandidates(match["name"], re.sub(r"\s+\*$", "", spec).strip())


def unknown_package(
    asked: NoCandidates, channels: Sequence[str], near: Sequence[str]
) -> BuildFailure:
    """The failure for a name that no channel has; ``near``: names much like it."""
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return BuildFailure(
        "unresolvable",
        f"There is no conda package {asked.name!r} for this machine in {_listed(channels)}",
        asked.name,
        f"{hint}Correct the name, add the channel that has it, or name it with pip_packages "
        "where it is a pip package",
    )


def no_version(asked: NoCandidates, versions: Mapping[str, str]) -> BuildFailure:
    """The failure for a version that no channel has; ``versions``: channel by version."""
    newest = list(versions)[:_SHOWN]
    shown = ", ".join(f"{version} ({versions[version]})" for version in newest)
    more = f" and {len(versions) - _SHOWN} more" if len(versions) > _SHOWN else ""
    exact = _EXACT.match(asked.spec)
    if exact:
        return BuildFailure(
            "unresolvable",
            f"The conda package {asked.name!r} {exact['version']}, build {exact['build']}, is not "
            f"(or no longer) there for this machine; there are {shown}{more}",
            asked.name,
            "Ask for one of these, or for another build of the same version: a channel may have "
            "replaced or removed it",
        )
    return BuildFailure(
        "unresolvable",
        f"No version of the conda package {asked.name!r} fits {asked.spec!r}; there are "
        f"{shown}{more}",
        asked.name,
        "Ask for one of these",
    )


def conflict(text: str, packages: Sequence[str]) -> BuildFailure:
    """The failure for packages that do not go together, in the solver's words."""
    reason = _plain(text)
    virtual = _NEEDED.search(text)
    if virtual:
        return BuildFailure(
            "unresolvable",
            f"This machine lacks what a package needs ({virtual['spec'].strip()}): {reason}",
            _first_named(reason, packages),
            _virtual_hint(virtual["name"]),
        )
    return BuildFailure(
        "unresolvable",
        f"No set of conda packages fits what is asked for: {reason}",
        _first_named(reason, packages),
        "Loosen or correct a version, or ask for another Python version",
    )


def not_set(channel: str, names: Sequence[str]) -> BuildFailure:
    """The failure for a channel whose variables have no values."""
    return BuildFailure(
        "unauthorized",
        f"The conda channel {channel} needs {' and '.join(names)}, which is not set here",
        hint=f"Set it where the run is submitted: export {names[0]}=…",
    )


def unreachable(text: str, channel: str, package: str | None = None) -> BuildFailure:
    """The failure for a channel that does not answer, or has no index."""
    text = redact(text)
    lines = [line.removeprefix("Caused by: ").strip() for line in text.splitlines() if line.strip()]
    # A server's answer may follow: it says less than the line above it.
    lines = lines[: lines.index("Body:")] if "Body:" in lines[1:] else lines
    if _REFUSED.search(text):
        return BuildFailure(
            "unauthorized",
            f"The conda channel {channel} refuses access: {lines[-1]}",
            package,
            "Give user and password as variables in its address, in ~/.netrc or in the file "
            "RATTLER_AUTH_FILE names",
        )
    match = _URL.search(text)
    host = host_of(match["url"]) if match else ""
    place = f" ({host})" if host and host not in channel and "file:" not in host else ""
    return BuildFailure(
        "network",
        f"The conda channel {channel}{place} cannot be reached: {lines[-1] if lines else text}",
        package,
        "Check the network and the channel's name or address; with RUNYARD_CONDA_BACKEND=pip "
        "conda packages that are Python packages come from the package index",
    )


def of_text(text: str, place: str, error: str) -> BuildFailure:
    """The failure behind any other error of the library."""
    if _FULL.search(text):
        return disk_full(place)
    lines = [line.strip() for line in redact(text).splitlines() if line.strip()]
    shown = ": ".join(line.removeprefix("Caused by: ") for line in lines[:4])
    return BuildFailure("failed", f"The conda packages were not installed ({error}): {shown}")


def offline(text: str, channel: str) -> BuildFailure:
    """The failure for work from the cache only, with something missing in it."""
    first = next((line.strip() for line in redact(text).splitlines() if line.strip()), text)
    return BuildFailure(
        "network",
        f"Only the cache may be used (CONDA_OFFLINE or UV_OFFLINE), and it lacks something of the "
        f"conda channel {channel}: {first}",
        hint="Unset the variable, or name a channel on this machine: ./channel or file:///channel",
    )


def is_network(text: str) -> bool:
    """Whether the text speaks of a place that could not be reached."""
    return _NETWORK.search(text) is not None


def is_full(text: str) -> bool:
    """Whether the text speaks of a disk or quota without room."""
    return _FULL.search(text) is not None


def _plain(text: str) -> str:
    """The solver's tree as one sentence."""
    text = text.strip().removeprefix("Cannot solve the request because of: ")
    lines = [_TREE.sub("", line).strip().rstrip(".") for line in text.splitlines()]
    return re.sub(r" \*(?= |$|,)", "", " ".join(line for line in lines if line))


def _first_named(reason: str, packages: Sequence[str]) -> str | None:
    words = re.findall(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", reason)
    return next((word for word in words if word in packages), None)


def _listed(channels: Sequence[str]) -> str:
    word = "the channel" if len(channels) == 1 else "the channels"
    return f"{word} {', '.join(channels)}"


def _virtual_hint(name: str) -> str:
    if name == "__cuda":
        return (
            "It needs an NVIDIA driver; ask for the package's CPU build, or set "
            "CONDA_OVERRIDE_CUDA (such as 11.8) to build it here all the same"
        )
    return f"Another version may work here; conda list calls this {name}"
