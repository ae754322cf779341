"""What engines say when they fail, and what it means: a table, read by ``words``.

Looked through from the top; the first pattern that is found in the words counts. The sentences of
docker 20.10 to 29 (with the old builder and with buildx) and of podman 4 and 5 are in the tests.
"""

from __future__ import annotations

from typing import NamedTuple

DISK_FULL = r"no space left on device|disk quota exceeded"
_OTHER_ENGINE = "or use the other engine: RUNYARD_CONTAINER_ENGINE={other}"
_LOG_IN = (
    "Give user and password with docker.base_image_registry of the environment, or log in "
    "yourself: {engine} login {registry}"
)
_READ_LOG = "The output of the step is in the log above; correct the Dockerfile"


class Meaning(NamedTuple):
    """One thing that goes wrong.

    ``kind`` of the EngineError; ``pattern``, searched without regard to case; ``message`` and
    ``hint``, with the names that ``words`` fills in.
    """

    kind: str
    pattern: str
    message: str
    hint: str = ""


MEANINGS = (
    # Of the first process of a run's container.
    Meaning(
        "program",
        r"^the image has no program .",
        "{said}, which was to be started",
        "Use an image that has it, or install it in a Dockerfile of yours",
    ),
    Meaning(
        "engine",
        r"permission denied while trying to connect to the docker (?:daemon socket|API)"
        r"(?: at (?P<address>\w+://[^\s:]+))?",
        "docker's daemon does not let this user in: no permission to use {address}",
        "Join its group and log in again: sudo usermod -aG docker $USER; " + _OTHER_ENGINE,
    ),
    Meaning(
        "engine",
        r"Cannot connect to the Docker daemon at (?P<address>\S+?)\. Is the docker daemon running"
        r"|failed to connect to the docker API at (?P<api>[^\s;]+)"
        r"|error during connect: .*? \"(?P<url>[^\"]+)\"",
        "docker's daemon does not answer at {address}",
        "Start it: sudo systemctl start docker; say where it listens with DOCKER_HOST; "
        + _OTHER_ENGINE,
    ),
    Meaning(
        "engine",
        r"(?:unable|cannot|failed) (?:to )?connect to Podman[^:\n]*:? *(?P<reason>.*)",
        "podman's service does not answer: {reason}",
        "Start its machine: podman machine start; " + _OTHER_ENGINE,
    ),
    Meaning(
        "engine",
        r"no subuid ranges found for user (?P<who>\S+)|newuidmap\W|newgidmap\W"
        r"|potentially insufficient UIDs or GIDs available",
        "podman cannot give this user a range of user ids: {said}",
        "Install uidmap and give the user a range: sudo usermod --add-subuids 100000-165535 "
        "--add-subgids 100000-165535 $USER && podman system migrate",
    ),
    Meaning(
        "engine",
        r"default OCI runtime \"?(?P<runtime>[\w./-]+)\"? not found"
        r"|could not find a working conmon binary",
        "podman misses a program that it starts containers with: {said}",
        "Install crun (or runc) and conmon, or name the one that is there in "
        '~/.config/containers/containers.conf: [engine] runtime = "runc"',
    ),
    Meaning(
        "engine",
        r"error setting rlimits?\b|rlimit.*operation not permitted"
        r"|setrlimit.*operation not permitted",
        "{engine} may not raise the limits of a container: {said}",
        "Set limits that this user has in ~/.config/containers/containers.conf: [containers] "
        'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
    ),
    Meaning(
        "engine",
        r"cannot clone: (?:operation not permitted|invalid argument|no space left on device)"
        r"|user namespaces are not enabled|cannot re-exec process"
        r"|(?:failed to|error) (?:reexec|re-exec)",
        "{engine} may not make user namespaces here: {said}",
        "Allow them: sudo sysctl -w user.max_user_namespaces=15000; " + _OTHER_ENGINE,
    ),
    Meaning(
        "engine",
        r"BuildKit is enabled but the buildx component is missing or broken",
        "docker has no buildx, and DOCKER_BUILDKIT=1 asks for it",
        "Install docker-buildx, or unset DOCKER_BUILDKIT",
    ),
    Meaning(
        "disk_full",
        DISK_FULL,
        "There is no space left on a disk that {engine} needs: {said}",
        "Remove what is not used: {engine} system prune",
    ),
    Meaning(
        "image_build",
        r"^(?:.*\[0m)?The command '(?P<step>.*)' returned a non-zero code: (?P<code>\d+)"
        r"|building at STEP \"(?P<podman_step>.*)\": while running runtime: "
        r"exit status (?P<podman_code>\d+)"
        r"|process \"(?P<buildx_step>.*)\" did not complete successfully: "
        r"exit code: (?P<buildx_code>\d+)",
        "A step of the Dockerfile failed: {step} ended with exit code {code}: {last}",
        _READ_LOG,
    ),
    Meaning(
        "gpu",
        r"could not select device driver|unresolvable CDI devices|nvidia-container-cli"
        r"|CDI device injection failed|failed to discover GPU vendor|libnvidia-ml\.so"
        r"|nvidia\.com/gpu",
        "{engine} cannot give the container this machine's GPUs: {said}",
        "Install nvidia-container-toolkit and set it up: sudo nvidia-ctk runtime configure "
        "--runtime=docker && sudo systemctl restart docker (docker), sudo nvidia-ctk cdi generate "
        "--output=/etc/cdi/nvidia.yaml (podman)",
    ),
    Meaning(
        "login",
        r"toomanyrequests|pull rate limit",
        "The registry {registry} gives this address no more images for now: {said}",
        "Wait, or log in: {engine} login {registry}",
    ),
    Meaning(
        "login",
        r"incorrect username or password|invalid username/password|failed with status: 40[13]"
        r"|username and password incorrect|personal access token is invalid",
        "The registry {registry} refuses the user name or the password that was given",
        "Correct docker.base_image_registry of the environment: username and password",
    ),
    Meaning(
        "image_not_found",
        r"pull access denied|requested access to the resource is denied|insufficient_scope",
        "The registry {registry} gives no image {image}: there is none of that name, or it asks "
        "for a login",
        "Check the name. If the image is private: {engine} login {registry}, or set "
        "docker.base_image_registry of the environment",
    ),
    Meaning(
        "login",
        r"unauthorized|authentication required|no basic auth credentials"
        r"|\b40[13] \(?(?:Unauthorized|Forbidden)|\bdenied: ",
        "The registry {registry} asks for a login before it gives {image}",
        _LOG_IN,
    ),
    Meaning(
        "container_not_found",
        r"no such container|removal of container \S+ is already in progress",
        "{engine} has no container of that name: {said}",
    ),
    Meaning(
        "image_not_found",
        r"manifest for \S+ not found|manifest unknown|name unknown|repository name not known"
        r"|repository does not exist|No such image|image not known|(?<!\"): not found$",
        "There is no image {image}",
        "Check its name and tag; {engine} images lists those of this machine",
    ),
    Meaning(
        "image_not_found",
        r"short-name \"(?P<image>[^\"]+)\" did not resolve|short-name resolution enforced",
        "podman is set up with no registry for the image {image}",
        "Give its whole name, such as docker.io/library/{image}",
    ),
    Meaning(
        "image_not_found",
        r"invalid reference format|repository name must be lowercase|invalid image name",
        "{image!r} is no name of an image",
        "Give a name such as 'ubuntu:22.04' or 'registry.example.org/team/image:tag'",
    ),
    Meaning(
        "network",
        r"server gave HTTP response to HTTPS client",
        "The registry {registry} speaks HTTP where {engine} expects HTTPS",
        'Name it as insecure: "insecure-registries" in docker\'s /etc/docker/daemon.json, or '
        "insecure = true in podman's registries.conf",
    ),
    Meaning(
        "network",
        r"\"https?://(?P<host>[^/\"]+)[^\"]*\": (?P<reason>.*(?:dial tcp|x509|tls|EOF|timeout"
        r"|deadline exceeded|proxyconnect|connection reset).*?)\"?$"
        r"|(?P<dial>dial tcp.*(?:no such host|connection refused|timeout|unreachable).*)",
        "The registry {host} cannot be reached: {reason}",
        "Check the name of the image and the network; images that are on this machine already "
        "need no registry",
    ),
    Meaning(
        "image_build",
        r"unknown instruction:? *\"?(?P<instruction>\w+)|dockerfile parse error"
        r"|COPY failed|ADD failed|building at STEP|failed to solve|failed to compute cache key"
        r"|failed to read dockerfile|Dockerfile: no such file|no Containerfile or Dockerfile"
        r"|cannot be empty|no contents in|no build stage in current context"
        r"|file with no instructions",
        "The image cannot be built: {said}",
        "Correct the Dockerfile or its context",
    ),
)
