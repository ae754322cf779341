"""Building environments in images of a real engine, for several test files."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runyard.containers.engine import Engine
from runyard.environments import Environment, EnvironmentSpec, cache
from tests.wheelhouse import GatedProject, Worker

ImagePlan = Callable[..., EnvironmentSpec]


def user_managed(environment: Environment) -> None:
    """Use the image's own Python."""
    environment.python.user_managed_dependencies = True


def in_image(engine: Engine, result: dict[str, Any], *command: str, user: str = "54321") -> str:
    """What a command prints in a container of a built image, as somebody without a name there."""
    said: list[str] = []
    ended = engine.run(
        result["image"]["id"],
        [result["python"], *command],
        said.append,
        name=f"runyard-test-{os.getpid()}",
        user_arguments=["--user", user] if user else [],
    )
    assert ended.exit_code == 0, said
    return "\n".join(said)


def refused(spec: EnvironmentSpec, folder: Path, **environ: str) -> dict[str, Any]:
    """The error of a build that leaves nothing behind."""
    worker = Worker(spec, folder, environ)
    error: dict[str, Any] = worker.result(1)["error"]
    assert f"was not built: {error['message']}" in worker.log
    assert cache.built(spec.key) is None
    assert not Path(cache.prefix(spec.key)).exists()
    return error


def containers(engine: Engine) -> list[str]:
    return engine.ask("ps", "--all", "--quiet").split()


def names(engine: Engine) -> set[str]:
    """The names of all images of ours."""
    listed = engine.ask("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    return {name.removeprefix("localhost/") for name in listed if "runyard/" in name}


def copy_of(spec: EnvironmentSpec, seconds: float = 60) -> GatedProject:
    """The copy of the one project of a plan that is being built, once its build has begun."""
    end = time.monotonic() + seconds
    while not (found := [*Path(cache.prefix(spec.key)).glob("projects/*/began")]):
        assert time.monotonic() < end, "the build did not begin"
        time.sleep(0.05)
    return GatedProject(found[0].parent)
