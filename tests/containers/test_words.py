"""What engines say when they fail, and what becomes of it.

Sentences of docker 20.10 (classic builder), 23 to 29 (buildx) and of podman 4 and 5. Those of
docker 20.10, the docker client 28 and podman 4.3 were seen with the real ones.
"""

from __future__ import annotations

import pytest

from runyard.containers import words

IMAGE = "127.0.0.1:5000/team/base:1"
PODMAN = "RUNYARD_CONTAINER_ENGINE=podman"
DENIED = "permission denied while trying to connect to the"
CANNOT = "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?"
AGAIN = (
    'time="2026-01-01T00:00:00Z" level=warning msg="Failed, retrying in 1s ... (1/3). Error: '
    'unauthorized"'
)


def explained(text: str, engine: str = "docker", subject: str = IMAGE) -> tuple[str, str, str]:
    failure = words.explain(engine, text, 1, subject)
    return failure.kind, failure.message, failure.hint


@pytest.mark.parametrize(
    "text",
    [
        CANNOT,
        f"ERROR: {CANNOT}\nerrors pretty printing info",
        f"docker: {CANNOT}\n\nRun 'docker run --help' for more information",
        "failed to connect to the docker API at unix:///x.sock; check if the path is correct and "
        "if the daemon is running: dial unix /x.sock: connect: no such file or directory",
    ],
)
def test_the_daemon_does_not_run(text: str) -> None:
    assert explained(text) == (
        "engine",
        "docker's daemon does not answer at unix:///x.sock",
        "Start it: sudo systemctl start docker; say where it listens with DOCKER_HOST; or use the "
        f"other engine: {PODMAN}",
    )


@pytest.mark.parametrize(
    "text",
    [
        f"Got {DENIED} Docker daemon socket at unix:///x.sock: Get "
        '"http://%2Fx.sock/v1.24/info": dial unix /x.sock: connect: permission denied',
        f"{DENIED} docker API at unix:///x.sock",
    ],
)
def test_the_user_may_not_use_docker(text: str) -> None:
    assert explained(text) == (
        "engine",
        "docker's daemon does not let this user in: no permission to use unix:///x.sock",
        "Join its group and log in again: sudo usermod -aG docker $USER; or use the other engine: "
        f"{PODMAN}",
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "Cannot connect to Podman. Please verify your connection to the Linux system using "
            "`podman system connection list`, or try `podman machine init`",
            "podman's service does not answer",
            "podman machine start",
        ),
        (
            'Error: cannot set up namespace using "/usr/bin/newuidmap": exit status 1',
            "podman cannot give this user a range of user ids: cannot set up namespace",
            "usermod --add-subuids",
        ),
        (
            'Error: default OCI runtime "crun" not found: invalid argument',
            'starts containers with: default OCI runtime "crun" not found',
            'runtime = "runc"',
        ),
        (
            "Error: OCI runtime error: runc: runc create failed: unable to start container "
            "process: error setting rlimits for ready process: operation not permitted",
            "podman may not raise the limits of a container",
            'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
        ),
        (
            "cannot clone: Operation not permitted\nError: cannot re-exec process",
            "podman may not make user namespaces here",
            "user.max_user_namespaces",
        ),
        (
            "ERROR: BuildKit is enabled but the buildx component is missing or broken.",
            "docker has no buildx, and DOCKER_BUILDKIT=1 asks for it",
            "unset DOCKER_BUILDKIT",
        ),
    ],
)
def test_an_engine_that_is_set_up_wrongly(text: str, message: str, hint: str) -> None:
    kind, said, to_do = explained(text, "docker" if "BuildKit" in text else "podman", "")
    assert (kind, message in said, hint in to_do) == ("engine", True, True), (said, to_do)


@pytest.mark.parametrize(
    "text",
    [
        'Error response from daemon: Get "http://127.0.0.1:5000/v2/": unauthorized: '
        "incorrect username or password",
        "Error response from daemon: login attempt to http://127.0.0.1:5000/v2/ failed with "
        "status: 401 Unauthorized",
        'Error: logging into "127.0.0.1:5000": invalid username/password',
        "Error: unable to retrieve auth token: invalid username/password: unauthorized: denied",
    ],
)
def test_a_login_is_refused(text: str) -> None:
    assert explained(text) == (
        "login",
        "The registry 127.0.0.1:5000 refuses the user name or the password that was given",
        "Correct docker.base_image_registry of the environment: username and password",
    )


ASKED = (
    "login",
    f"The registry 127.0.0.1:5000 asks for a login before it gives {IMAGE}",
    "Give user and password with docker.base_image_registry of the environment, or log in "
    "yourself: podman login 127.0.0.1:5000",
)


@pytest.mark.parametrize(
    "text",
    [
        'Error response from daemon: Head "http://127.0.0.1:5000/v2/team/base/manifests/1": '
        "no basic auth credentials",
        f"Error: initializing source docker://{IMAGE}: reading manifest 1 in "
        "127.0.0.1:5000/team/base: unauthorized: authentication required",
        f"ERROR: failed to build: failed to solve: {IMAGE}: failed to resolve source metadata for "
        f"{IMAGE}: unexpected status from HEAD request to "
        "http://127.0.0.1:5000/v2/team/base/manifests/1: 401 Unauthorized",
        f'Error response from daemon: failed to resolve reference "{IMAGE}": unexpected status '
        "from HEAD request to http://127.0.0.1:5000/v2/team/base/manifests/1: 403 Forbidden",
    ],
)
@pytest.mark.parametrize("subject", [IMAGE, ""])
def test_a_registry_asks_for_a_login(text: str, subject: str) -> None:
    assert explained(text, "podman", subject) == ASKED


def test_a_registry_asks_for_a_login_without_a_name() -> None:
    text = "Error response from daemon: unauthorized: authentication required"
    assert explained(text, "podman") == ASKED


@pytest.mark.parametrize(
    "text",
    [
        "Error response from daemon: pull access denied for nosuch/thing, repository does not "
        "exist or may require 'docker login': denied: requested access to the resource is denied",
        "ERROR: failed to solve: nosuch/thing: failed to resolve source metadata for "
        "docker.io/nosuch/thing:latest: pull access denied, repository does not exist or may "
        "require authorization: server message: insufficient_scope: authorization failed",
        "Error: initializing source docker://nosuch/thing:latest: reading manifest latest in "
        "docker.io/nosuch/thing: requested access to the resource is denied",
    ],
)
def test_an_image_that_is_private_or_missing(text: str) -> None:
    assert explained(text, subject="nosuch/thing") == (
        "image_not_found",
        "The registry docker.io gives no image nosuch/thing: there is none of that name, or it "
        "asks for a login",
        "Check the name. If the image is private: docker login docker.io, or set "
        "docker.base_image_registry of the environment",
    )


@pytest.mark.parametrize(
    "text",
    [
        f"Error response from daemon: manifest for {IMAGE} not found: manifest unknown: manifest "
        "unknown",
        f"ERROR: failed to solve: {IMAGE}: failed to resolve source metadata for {IMAGE}: {IMAGE}: "
        "not found",
        f"Error: creating build container: initializing source docker://{IMAGE}: reading manifest "
        "1 in 127.0.0.1:5000/team/base: manifest unknown: manifest unknown",
        f"Error: unable to copy from source docker://{IMAGE}: initializing source "
        f"docker://{IMAGE}: reading manifest 1 in 127.0.0.1:5000/team/base: name unknown: "
        "repository name not known to registry",
    ],
)
@pytest.mark.parametrize("subject", [IMAGE, ""])
def test_an_image_that_is_not_in_its_registry(text: str, subject: str) -> None:
    assert explained(text, "docker", subject) == (
        "image_not_found",
        f"There is no image {IMAGE}",
        "Check its name and tag; docker images lists those of this machine",
    )


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("docker", "docker: Error response from daemon: No such image: thing:1"),
        ("docker", "Error response from daemon: no such image: thing:1: No such image: thing:1"),
        ("podman", "Error: inspecting object: thing:1: image not known"),
        ("podman", "Error: thing:1: image not known"),
    ],
)
def test_an_image_that_is_not_on_this_machine(engine: str, text: str) -> None:
    assert explained(text, engine, "thing:1")[:2] == (
        "image_not_found",
        "There is no image thing:1",
    )


@pytest.mark.parametrize(
    "text",
    [
        "invalid reference format: repository name (library/Bad Name) must be lowercase",
        "invalid reference format: repository name must be lowercase",
        "Error: invalid reference format",
    ],
)
def test_what_is_no_name_of_an_image(text: str) -> None:
    assert explained(text, subject="Bad Name") == (
        "image_not_found",
        "'Bad Name' is no name of an image",
        "Give a name such as 'ubuntu:22.04' or 'registry.example.org/team/image:tag'",
    )


def test_podman_knows_no_registry_for_a_short_name() -> None:
    text = (
        'Error: creating build container: short-name "thing:1" did not resolve to an alias and no '
        'unqualified-search registries are defined in "/etc/containers/registries.conf"'
    )
    assert explained(text, "podman", "") == (
        "image_not_found",
        "podman is set up with no registry for the image thing:1",
        "Give its whole name, such as docker.io/library/thing:1",
    )


@pytest.mark.parametrize(
    ("text", "host", "reason"),
    [
        (
            'Error response from daemon: Get "https://example.org/v2/": dial tcp: lookup '
            "example.org on 192.0.2.1:53: no such host",
            "example.org",
            "dial tcp: lookup example.org on 192.0.2.1:53: no such host",
        ),
        (
            "Error: initializing source docker://127.0.0.1:5000/team/base:1: pinging container "
            'registry 127.0.0.1:5000: Get "http://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: '
            "connect: connection refused",
            "127.0.0.1:5000",
            "dial tcp 127.0.0.1:5000: connect: connection refused",
        ),
        (
            "ERROR: failed to solve: example.org/thing: failed to resolve source metadata for "
            "example.org/thing:latest: failed to do request: Head "
            '"https://example.org/v2/thing/manifests/latest": dial tcp 192.0.2.1:443: i/o timeout',
            "example.org",
            "dial tcp 192.0.2.1:443: i/o timeout",
        ),
        (
            'Error response from daemon: Get "https://example.org/v2/": x509: certificate signed '
            "by unknown authority",
            "example.org",
            "x509: certificate signed by unknown authority",
        ),
        (
            'Error response from daemon: Get "https://example.org/v2/": net/http: request canceled '
            "while waiting for connection (Client.Timeout exceeded while awaiting headers)",
            "example.org",
            "net/http: request canceled while waiting for connection (Client.Timeout exceeded "
            "while awaiting headers)",
        ),
    ],
)
def test_a_registry_out_of_reach(text: str, host: str, reason: str) -> None:
    assert explained(text, subject=f"{host}/thing") == (
        "network",
        f"The registry {host} cannot be reached: {reason}",
        "Check the name of the image and the network; images that are on this machine already "
        "need no registry",
    )


def test_a_registry_without_encryption() -> None:
    text = (
        'Error response from daemon: Get "https://example.org:5000/v2/": http: server gave HTTP '
        "response to HTTPS client"
    )
    kind, message, hint = explained(text, subject="example.org:5000/thing")
    assert (kind, message) == (
        "network",
        "The registry example.org:5000 speaks HTTP where docker expects HTTPS",
    )
    assert "insecure-registries" in hint


def test_a_limit_of_a_registry() -> None:
    text = (
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit. You "
        "may increase the limit by authenticating"
    )
    kind, message, hint = explained(text, subject="ubuntu")
    assert (kind, hint) == ("login", "Wait, or log in: docker login docker.io")
    assert message.startswith("The registry docker.io gives this address no more images for now: ")


CLASSIC = """\
Step 2/2 : RUN ./configure
 ---> Running in f58763e2ad13
checking for cc... no
\x1b[91munauthorized: no compiler
\x1b[0mThe command '/bin/sh -c ./configure' returned a non-zero code: 3
"""
BUILDX = """\
#5 [2/2] RUN ./configure
#5 0.151 checking for cc... no
#5 0.152 unauthorized: no compiler
#5 ERROR: process "/bin/sh -c ./configure" did not complete successfully: exit code: 3
------
 > [2/2] RUN ./configure:
0.151 checking for cc... no
0.152 unauthorized: no compiler
------
Dockerfile:2
--------------------
   1 |     FROM base
   2 | >>> RUN ./configure
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c ./configure" did not complete \
successfully: exit code: 3
"""
BUILDAH = """\
STEP 2/2: RUN ./configure
checking for cc... no
unauthorized: no compiler
Error: building at STEP "RUN ./configure": while running runtime: exit status 3
"""


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (CLASSIC, "/bin/sh -c ./configure"),
        (BUILDX, "/bin/sh -c ./configure"),
        (BUILDAH, "RUN ./configure"),
    ],
)
def test_a_step_that_fails(text: str, step: str) -> None:
    assert explained(text, subject="") == (
        "image_build",
        f"A step of the Dockerfile failed: {step} ended with exit code 3: "
        "unauthorized: no compiler",
        "The output of the step is in the log above; correct the Dockerfile",
    )


@pytest.mark.parametrize("text", [CLASSIC, BUILDX, BUILDAH])
def test_a_step_that_fails_without_a_word(text: str) -> None:
    silent = [line for line in text.splitlines() if "checking" not in line]
    silent = [line.replace("\x1b[0m", "") for line in silent if "unauthorized" not in line]
    assert explained("\n".join(silent), subject="")[1].endswith("ended with exit code 3")


@pytest.mark.parametrize("text", [CLASSIC, BUILDX, BUILDAH])
def test_a_step_that_fills_the_disk(text: str) -> None:
    text = text.replace(
        "unauthorized: no compiler", "cp: error writing 'x': No space left on device"
    )
    assert explained(text, subject="") == (
        "disk_full",
        "There is no space left on a disk that docker needs: cp: error writing 'x': No space left "
        "on device",
        "Remove what is not used: docker system prune",
    )


@pytest.mark.parametrize(
    "text",
    [
        "Error response from daemon: dockerfile parse error line 2: unknown instruction: RUNN",
        "ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did "
        "you mean RUN?)",
        "COPY failed: file not found in build context or excluded by .dockerignore: stat x: file "
        "does not exist",
        "ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref "
        'a::b: "/x": not found',
        'Error: building at STEP "COPY x /": checking on sources under "/c": copier: stat: "/x": '
        "no such file or directory",
        'Error: no contents in "/f/Dockerfile"',
        "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat "
        "/c/Dockerfile: no such file or directory",
        "Error: no Containerfile or Dockerfile specified or found in context directory, /c: no "
        "such file or directory",
    ],
)
def test_a_dockerfile_that_cannot_be_built(text: str) -> None:
    kind, message, hint = explained(f"unauthorized was printed before\n{text}", "podman", "")
    said = text.removeprefix("Error response from daemon: ").removeprefix(
        "ERROR: failed to solve: "
    )
    assert (kind, message) == (
        "image_build",
        f"The image cannot be built: {said.removeprefix('Error: ')}",
    )
    assert hint == "Correct the Dockerfile or its context"


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        (
            "docker",
            'docker: Error response from daemon: could not select device driver "" with '
            "capabilities: [[gpu]]\n\nRun 'docker run --help' for more information",
        ),
        ("podman", "Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all"),
        (
            "docker",
            "docker: Error response from daemon: failed to create task for container: failed to "
            "create shim task: OCI runtime create failed: runc create failed: nvidia-container-cli:"
            " initialization error: nvml error: driver not loaded: unknown",
        ),
    ],
)
def test_gpus_that_cannot_be_given(engine: str, text: str) -> None:
    kind, message, hint = explained(text, engine)
    assert kind == "gpu"
    assert message.startswith(f"{engine} cannot give the container this machine's GPUs: ")
    assert "nvidia-container-toolkit" in hint


def test_a_full_disk() -> None:
    text = "Error response from daemon: write /var/lib/docker/tmp/x: no space left on device"
    assert explained(text)[:2] == (
        "disk_full",
        "There is no space left on a disk that docker needs: write /var/lib/docker/tmp/x: no space "
        "left on device",
    )


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("docker", "Error response from daemon: No such container: c1"),
        ("podman", 'Error: no container with name or ID "c1" found: no such container'),
        ("podman", "Error: inspecting object: no such container c1"),
    ],
)
def test_a_container_that_is_gone(engine: str, text: str) -> None:
    assert words.explain(engine, text, 1).kind == "container_not_found"


@pytest.mark.parametrize(
    ("engine", "text", "said"),
    [
        (
            "docker",
            "unknown flag: --nosuch\n\nUsage:  docker run [OPTIONS] IMAGE\n\n"
            "Run 'docker run --help' for more information\n",
            "unknown flag: --nosuch",
        ),
        (
            "podman",
            "Error: unknown flag: --nosuch\nSee 'podman run --help'\n",
            "unknown flag: --nosuch",
        ),
        ("podman", "", "exit code 1"),
    ],
)
def test_other_words_are_the_message(engine: str, text: str, said: str) -> None:
    assert explained(text, engine, "") == ("failed", f"{engine} failed: {said}", "")
    assert explained(text, engine)[1] == f"{engine} failed ({IMAGE}): {said}"


def test_an_attempt_that_is_made_again_is_no_failure() -> None:
    assert explained(f"{AGAIN}\nError: the disk is on fire", "podman", "")[1] == (
        "podman failed: the disk is on fire"
    )


def test_lines_are_said_without_colours_and_without_advice_of_no_use() -> None:
    assert words.plain("\x1b[91moops\x1b[0m") == "oops"
    assert words.plain(AGAIN) == ""
    assert words.plain("            Install the buildx component to build images") == ""
    assert words.plain('time="2026" level=error msg="a \\"b\\" c"') == 'a "b" c'


def test_the_error_as_text_ends_with_what_to_do() -> None:
    failure = words.explain("docker", "no space left on device", 1)
    assert str(failure) == f"{failure.message}. {failure.hint}"
