from __future__ import annotations

import pytest

from runyard.containers import words

SUBJECT = "127.0.0.1:5000/team/base:1"


def said(text: str, engine: str = "docker", subject: str = SUBJECT) -> tuple[str, str, str]:
    failure = words.explain(engine, text, 1, subject)
    return failure.kind, failure.message, failure.hint


@pytest.mark.parametrize(
    "text",
    [
        "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
        "ERROR: Cannot connect to the Docker daemon at unix:///x.sock. "
        "Is the docker daemon running?\nerrors pretty printing info",
        "failed to connect to the docker API at unix:///x.sock; check if the path is correct and "
        "if the daemon is running: dial unix /x.sock: connect: no such file or directory",
    ],
)
def test_a_daemon_that_does_not_run(text: str) -> None:
    assert said(text) == (
        "engine",
        "docker's daemon does not answer at unix:///x.sock",
        "Start it: sudo systemctl start docker; say where it listens with DOCKER_HOST; or use the "
        "other engine: RUNYARD_CONTAINER_ENGINE=podman",
    )
