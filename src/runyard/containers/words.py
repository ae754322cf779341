"""What engines say when they fail, and what it means.

Looked through from the top; the first that is found in the words counts. The sentences of docker
20.10 to 28 (with the old builder and with buildx) and of podman 4 and 5 are in the tests.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runyard.containers.details import registry_of
from runyard.containers.errors import EngineError

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LOG_LINE = re.compile(r'^time="[^"]*" level=(?P<level>\w+) msg="(?P<text>.*)"$')
_PREFIX = re.compile(
    r"^(?:docker: |ERROR: |Error: )?(?:Error response from daemon: |failed to solve: )?"
)
_NO_WORDS = ("Run 'docker ", "See 'docker ", "See 'podman ", "Usage:")
# Said of every build by a docker without buildx.
_NOISE = (
    "DEPRECATED: The legacy builder",
    "Install the buildx component",
    "https://docs.docker.com/go/buildx/",
)
_OTHER_ENGINE = "or use the other engine: RUNYARD_CONTAINER_ENGINE={other}"
_LOG_IN = (
    "Give user and password with docker.base_image_registry of the environment, or log in "
    "yourself: {engine} login {registry}"
)
_READ_LOG = "The output of the step is in the log above; correct the Dockerfile"


class Meaning(NamedTuple):
    """``message`` and ``hint`` may name the groups of ``pattern``, and what ``explain`` knows."""

    kind: str
    pattern: re.Pattern[str]
    message: str
    hint: str = ""


def _means(kind: str, pattern: str, message: str, hint: str = "") -> Meaning:
    return Meaning(kind, re.compile(pattern, re.IGNORECASE | re.MULTILINE), message, hint)


MEANINGS = (
    _means(
        "engine",
        r"permission denied while trying to connect to the docker (?:daemon socket|API)"
        r"(?: at (?P<address>\S+?):? )?",
        "docker's daemon does not let this user in: no permission to use {address}",
        "Join its group and log in again: sudo usermod -aG docker $USER; " + _OTHER_ENGINE,
    ),
    _means(
        "engine",
        r"Cannot connect to the Docker daemon at (?P<address>\S+?)\. Is the docker daemon running"
        r"|failed to connect to the docker API at (?P<api>[^\s;]+)"
        r"|error during connect: .*? \"(?P<url>[^\"]+)\"",
        "docker's daemon does not answer at {address}",
        "Start it: sudo systemctl start docker; say where it listens with DOCKER_HOST; "
        + _OTHER_ENGINE,
    ),
    _means(
        "engine",
        r"(?:unable|cannot|failed) (?:to )?connect to Podman[^:\n]*:? *(?P<reason>.*)",
        "podman's service does not answer: {reason}",
        "Start its machine: podman machine start; " + _OTHER_ENGINE,
    ),
    _means(
        "engine",
        r"no subuid ranges found for user (?P<who>\S+)|newuidmap\W|newgidmap\W"
        r"|potentially insufficient UIDs or GIDs available",
        "podman cannot give this user a range of user ids: {said}",
        "Install uidmap and give the user a range: sudo usermod --add-subuids 100000-165535 "
        "--add-subgids 100000-165535 $USER && podman system migrate",
    ),
    _means(
        "engine",
        r"default OCI runtime \"?(?P<runtime>[\w./-]+)\"? not found"
        r"|could not find a working conmon binary",
        "podman misses a program that it starts containers with: {said}",
        "Install crun (or runc) and conmon, or name the one that is there in "
        '~/.config/containers/containers.conf: [engine] runtime = "runc"',
    ),
    _means(
        "engine",
        r"error setting rlimits?\b|rlimit.*operation not permitted"
        r"|setrlimit.*operation not permitted",
        "{engine} may not raise the limits of a container: {said}",
        "Set limits that this user has in ~/.config/containers/containers.conf: [containers] "
        'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
    ),
    _means(
        "engine",
        r"cannot clone: (?:operation not permitted|invalid argument|no space left on device)"
        r"|user namespaces are not enabled|cannot re-exec process"
        r"|(?:failed to|error) (?:reexec|re-exec)",
        "{engine} may not make user namespaces here: {said}",
        "Allow them: sudo sysctl -w user.max_user_namespaces=15000; " + _OTHER_ENGINE,
    ),
    _means(
        "engine",
        r"BuildKit is enabled but the buildx component is missing or broken",
        "docker has no buildx, and DOCKER_BUILDKIT=1 asks for it",
        "Install docker-buildx, or unset DOCKER_BUILDKIT",
    ),
    _means(
        "disk_full",
        r"no space left on device|disk quota exceeded",
        "There is no space left on a disk that {engine} needs: {said}",
        "Remove what is not used: {engine} system prune",
    ),
    _means(
        "image_build",
        r"^(?:.*\[0m)?The command '(?P<step>.*)' returned a non-zero code: (?P<code>\d+)"
        r"|building at STEP \"(?P<podman_step>.*)\": while running runtime: "
        r"exit status (?P<podman_code>\d+)"
        r"|process \"(?P<buildx_step>.*)\" did not complete successfully: "
        r"exit code: (?P<buildx_code>\d+)",
        "A step of the Dockerfile failed: {step} ended with exit code {code}: {last}",
        _READ_LOG,
    ),
    _means(
        "gpu",
        r"could not select device driver|unresolvable CDI devices|nvidia-container-cli"
        r"|CDI device injection failed|failed to discover GPU vendor|libnvidia-ml\.so"
        r"|nvidia\.com/gpu",
        "{engine} cannot give the container this machine's GPUs: {said}",
        "Install nvidia-container-toolkit and set it up: sudo nvidia-ctk runtime configure "
        "--runtime=docker && sudo systemctl restart docker (docker), sudo nvidia-ctk cdi generate "
        "--output=/etc/cdi/nvidia.yaml (podman)",
    ),
    _means(
        "login",
        r"toomanyrequests|pull rate limit",
        "The registry {registry} gives this address no more images for now: {said}",
        "Wait, or log in: {engine} login {registry}",
    ),
    _means(
        "login",
        r"incorrect username or password|invalid username/password|failed with status: 40[13]"
        r"|username and password incorrect|personal access token is invalid",
        "The registry {registry} refuses the user name or the password that was given",
        "Correct docker.base_image_registry of the environment: username and password",
    ),
    _means(
        "image_not_found",
        r"pull access denied for (?P<image>[^\s,]+)"
        r"|requested access to the resource is denied|insufficient_scope",
        "The registry {registry} gives no image {image}: there is none of that name, or it asks "
        "for a login",
        "Check the name. If the image is private: {engine} login {registry}, or set "
        "docker.base_image_registry of the environment",
    ),
    _means(
        "login",
        r"unauthorized|authentication required|no basic auth credentials"
        r"|\b40[13] \(?(?:Unauthorized|Forbidden)|\bdenied: ",
        "The registry {registry} asks for a login before it gives {image}",
        _LOG_IN,
    ),
    _means(
        "container_not_found",
        r"no such container",
        "{engine} has no container of that name: {said}",
    ),
    _means(
        "image_not_found",
        r"manifest for (?P<image>\S+) not found"
        r"|reading manifest (?P<tag>\S+) in (?P<repository>\S+): "
        r"|(?P<resolved>[^\s:]\S*): failed to resolve source metadata"
        r"|manifest unknown|name unknown|repository name not known|repository does not exist"
        r"|No such image|image not known|: not found$",
        "There is no image {image}",
        "Check its name and tag; {engine} images lists those of this machine",
    ),
    _means(
        "image_not_found",
        r"short-name \"(?P<image>[^\"]+)\" did not resolve|short-name resolution enforced",
        "podman is set up with no registry for the image {image}",
        "Give its whole name, such as docker.io/library/{image}",
    ),
    _means(
        "image_not_found",
        r"invalid reference format|repository name must be lowercase|invalid image name",
        "{image!r} is no name of an image",
        "Give a name such as 'ubuntu:22.04' or 'registry.example.org/team/image:tag'",
    ),
    _means(
        "network",
        r"server gave HTTP response to HTTPS client",
        "The registry {registry} speaks HTTP where {engine} expects HTTPS",
        'Name it as insecure: "insecure-registries" in docker\'s /etc/docker/daemon.json, or '
        "insecure = true in podman's registries.conf",
    ),
    _means(
        "network",
        r"\"https?://(?P<host>[^/\"]+)[^\"]*\": (?P<reason>.*(?:dial tcp|x509|tls|EOF|timeout"
        r"|deadline exceeded|proxyconnect|connection reset).*?)\"?$"
        r"|(?P<dial>dial tcp.*(?:no such host|connection refused|timeout|unreachable).*)",
        "The registry {host} cannot be reached: {reason}",
        "Check the name of the image and the network; images that are on this machine already "
        "need no registry",
    ),
    _means(
        "image_build",
        r"unknown instruction:? *\"?(?P<instruction>\w+)|dockerfile parse error"
        r"|COPY failed|ADD failed|building at STEP|failed to solve|failed to compute cache key"
        r"|failed to read dockerfile|Dockerfile(?:: no such file| not found)"
        r"|cannot be empty|no contents in|no build stage in current context"
        r"|file with no instructions",
        "The image cannot be built: {said}",
        "Correct the Dockerfile or its context",
    ),
)


def explain(engine: str, text: str, exit_code: int, subject: str = "") -> EngineError:
    """The error behind what an engine printed.

    ``engine``: docker or podman; ``subject``: the name of the image in question, '' for none.
    """
    words = plain(text)
    for meaning in MEANINGS:
        found = meaning.pattern.search(words)
        if found is not None:
            return _error(meaning, found, words, engine, subject)
    said = last_words(words) or f"exit code {exit_code}"
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


def last_words(text: str) -> str:
    """The last line that says something, without 'Error response from daemon' in front."""
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if line and not line.startswith(_NO_WORDS)]
    errors = [line for line in telling if _PREFIX.match(line)[0]]  # type: ignore[index]
    line = (errors or telling or [""])[-1]
    return _PREFIX.sub("", line)


def _error(
    meaning: Meaning, found: re.Match[str], text: str, engine: str, subject: str
) -> EngineError:
    groups = {name: value for name, value in found.groupdict().items() if value}
    image = _first(groups, "image", "resolved")
    if not image and "repository" in groups:
        image = f"{groups['repository']}:{groups['tag']}"
    image = image or subject
    registry = registry_of(subject or image)
    known = {
        "engine": engine,
        "other": "podman" if engine == "docker" else "docker",
        "said": _line_around(found, text),
        "image": subject or image or "of that name",
        "registry": registry,
        "address": _first(groups, "address", "api", "url") or "its socket",
        "host": groups.get("host") or registry,
        "reason": _first(groups, "reason", "dial") or _line_around(found, text),
        "step": _first(groups, "step", "podman_step", "buildx_step"),
        "code": _first(groups, "code", "podman_code", "buildx_code"),
        "last": _line_before(found, text),
    }
    return EngineError(
        meaning.kind, meaning.message.format(**known).rstrip(": "), meaning.hint.format(**known)
    )


def _first(groups: dict[str, str], *names: str) -> str:
    return next((groups[name] for name in names if name in groups), "")


def _line_around(found: re.Match[str], text: str) -> str:
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return _PREFIX.sub("", text[start : len(text) if end < 0 else end].strip())


def _line_before(found: re.Match[str], text: str) -> str:
    """What the failed step printed last."""
    start = text.rfind("\n", 0, found.start()) + 1
    lines = [line.strip() for line in text[:start].splitlines()]
    return next((line for line in reversed(lines) if line), "")


def refused(registry: str) -> tuple[str, str]:
    """Message and hint for a user name or a password that a registry does not take."""
    meaning = next(meaning for meaning in MEANINGS if "refuses the user name" in meaning.message)
    return meaning.message.format(registry=registry), meaning.hint
