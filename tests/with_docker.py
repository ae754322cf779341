"""Run a command beside a dockerd that has the base image by the names of official ones.

    python -m tests.with_docker COMMAND...

For the pages of docs/ that run containers: nothing is pulled.
"""

import os
import subprocess
import sys

from tests.daemons import dockerd

IMAGES = ("python:3.11-slim", "debian:bookworm-slim")


def main(command: list[str]) -> int:
    with dockerd(*IMAGES) as (address, _):
        variables = {**os.environ, "DOCKER_HOST": address, "RUNYARD_CONTAINER_ENGINE": "docker"}
        return subprocess.run(command, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
